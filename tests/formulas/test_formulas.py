"""Every row of every case table: by hand, in symbols, by PyTorch's counter, in place."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._ops import OpOverload
from torch.utils.flop_counter import FlopCounterMode

from fxflops.errors import UnsizedError
from fxflops.registry import COMPLEX, FORMULAS, FREE, functional
from tests.formulas.harness import Case, every
from tests.versions import CANNOT_RUN

TABLES = sorted(Path(__file__).parent.glob("cases_*.py"))
CASES = [
    case
    for table in TABLES
    for case in every(getattr(import_module(f"tests.formulas.{table.stem}"), "CASES", ()))
]

RUNNABLE = [case for case in CASES if case.name not in CANNOT_RUN]

each_case = pytest.mark.parametrize("case", RUNNABLE, ids=str)


@each_case
def test_the_cost_is_the_count_by_hand(case: Case) -> None:
    assert case.cost() == case.by_hand


@each_case
def test_the_cost_in_symbols_is_the_count_by_hand(case: Case) -> None:
    if case.unsized:
        with pytest.raises(UnsizedError):
            case.symbolic_cost()
    else:
        assert case.symbolic_cost() == case.by_hand


@pytest.mark.parametrize("case", [case for case in RUNNABLE if case.out is None], ids=str)
def test_the_contraction_is_what_torch_counts(case: Case) -> None:
    with FlopCounterMode(display=False) as counter:
        case.run()
    expected = case.contraction if case.torch is None else case.torch
    assert counter.get_total_flops() == expected


@pytest.mark.parametrize("table", ["formulas", "complex"])
def test_every_operator_has_a_row(table: str) -> None:
    registered, numbers = (FORMULAS, False) if table == "formulas" else (COMPLEX, True)
    rows = {case.op for case in CASES if case.is_complex is numbers}
    assert set(registered) - rows == set()


def mutable_forms(op: OpOverload) -> list[OpOverload]:
    """The forms that take the arguments of ``op``, but work in place or write to ``out=``."""
    wanted = [(a.name, str(a.type)) for a in op._schema.arguments]
    name = op._schema.name.removeprefix("aten::")
    packets = [getattr(torch.ops.aten, n, None) for n in (name, name + "_")]
    forms = [getattr(p, overload) for p in packets if p for overload in p.overloads()]
    return [
        form
        for form in forms
        if form._schema.is_mutable
        and form not in FORMULAS
        and form not in FREE
        and [(a.name, str(a.type)) for a in form._schema.arguments if not a.is_out] == wanted
    ]


@pytest.mark.parametrize("table", [FORMULAS, COMPLEX, FREE], ids=["formulas", "complex", "free"])
def test_a_mutable_form_costs_what_its_functional_form_costs(table: dict[OpOverload, Any]) -> None:
    forms = [(form, op) for op in table if not op._schema.is_mutable for form in mutable_forms(op)]
    assert forms
    assert [(form, op) for form, op in forms if functional(form) is not op] == []
