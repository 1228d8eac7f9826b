"""The small models of the operator matrix cost what they cost by hand."""

from __future__ import annotations

import pytest

import fxflops
from fxflops.cost import COUNTERS
from scripts.operator_matrix_cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_small_model_costs_what_it_costs_by_hand(case: Case) -> None:
    analysis = fxflops.analyze(case.model(), case.inputs)
    cost = analysis.at()
    assert analysis.complete
    assert {counter: getattr(cost, counter) for counter in COUNTERS} == case.counters
