"""Every operator that costs nothing is called once, does nothing that counts, and says why."""

from __future__ import annotations

import pytest
import torch
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from fxflops.capture.calls import aliases
from fxflops.registry import FREE, reason_free
from tests.formulas.cases_free import OTHERS, VIEWS
from tests.formulas.harness import Case, every, tensor

VIEW_CALLS, OTHER_CALLS = list(every(VIEWS)), list(every(OTHERS))


def test_every_free_operator_has_a_row() -> None:
    assert set(FREE) == {case.op for case in (*VIEW_CALLS, *OTHER_CALLS)}


@pytest.mark.parametrize("case", OTHER_CALLS, ids=str)
def test_a_free_operator_does_nothing_that_torch_counts(case: Case) -> None:
    assert reason_free(case.op)
    if case.out is None:
        with FlopCounterMode(display=False) as counter:
            case.run()
        assert counter.get_total_flops() == 0


@pytest.mark.parametrize("case", VIEW_CALLS, ids=str)
def test_a_view_shares_the_memory_of_its_input(case: Case) -> None:
    args, kwargs = case.operands(lambda t: tensor(t, case.device))
    results = tree_leaves(case.op(*args, **kwargs))
    inputs = [leaf for leaf in tree_leaves(args) if isinstance(leaf, torch.Tensor)]
    assert all(any(aliases(r, i) for i in inputs) for r in results)
    assert reason_free(case.op).startswith("metadata only: ")
