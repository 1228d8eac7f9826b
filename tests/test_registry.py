"""What may be registered, what is refused and why, and which form of an operator is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._ops import OpOverload
from torch.utils.flop_counter import flop_registry, register_flop_formula

import fxflops
from fxflops import formulas
from fxflops.algebra import Symbol, evaluate
from fxflops.capture.calls import bind
from fxflops.cost import Cost
from fxflops.errors import FormulaError, UnsizedError
from fxflops.registry import (
    COMPLEX,
    FORMULAS,
    FREE,
    KINDS,
    cost_of,
    formula,
    free,
    functional,
    kind_of,
    reason_free,
    torch_cost_of,
)
from tests.formulas.harness import vision

formulas.load()

aten = torch.ops.aten


@torch.library.custom_op("fxflops_tests::pair", mutates_args=())
def pair(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x + y


pair.register_fake(lambda x, y: torch.empty_like(x))


@torch.library.custom_op("fxflops_tests::masked", mutates_args=())
def masked(x: torch.Tensor, is_causal: bool) -> torch.Tensor:
    return x + 1


masked.register_fake(lambda x, is_causal: torch.empty_like(x))


class Attends(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.fxflops_tests.masked(x, True)


MASKED: OpOverload = torch.ops.fxflops_tests.masked.default
PAIR: OpOverload = torch.ops.fxflops_tests.pair.default


@pytest.fixture(autouse=True)
def _tables_as_they_were() -> Iterator[None]:
    tables: tuple[dict[Any, Any], ...] = (FORMULAS, COMPLEX, FREE, flop_registry)
    before = [dict(table) for table in tables]
    yield
    for table, entries in zip(tables, before, strict=True):
        table.clear()
        table.update(entries)


def cost(op: OpOverload, *args: Any, out: Any, **kwargs: Any) -> Cost | None:
    return cost_of(op, bind(op, args, kwargs), out)


# Registration.


def test_a_formula_receives_what_it_asks_for_by_name() -> None:
    @formula(PAIR, counter="comparison")
    def count(y, *, out):
        return 100 * y[0] + out[0]

    assert cost(PAIR, (2,), (3,), out=(5,)) == Cost(comparison=305)


def test_a_formula_per_counter_adds_up() -> None:
    formula(PAIR, counter="elementwise")(lambda x: 2 * x[0])
    formula(PAIR, counter="comparison")(lambda y: 7 * y[0])
    assert cost(PAIR, (3,), (5,), out=(3,)) == Cost(elementwise=6, comparison=35)


def test_a_formula_that_does_not_know_this_call_leaves_it_uncounted() -> None:
    formula(PAIR, counter="elementwise")(lambda x: 2 * x[0])
    formula(PAIR, counter="comparison")(lambda: None)
    assert cost(PAIR, (3,), (5,), out=(3,)) is None


def test_a_whole_cost() -> None:
    formula(PAIR)(lambda x, y: Cost(elementwise=x[0], transcendental=y[0]))
    assert cost(PAIR, (3,), (5,), out=(3,)) == Cost(elementwise=3, transcendental=5)


def test_an_argument_that_the_schema_does_not_have() -> None:
    def count(weight):
        raise AssertionError

    with pytest.raises(FormulaError, match=r"count asks for 'weight', .* arguments: x, y\."):
        formula(PAIR)(count)
    assert PAIR not in FORMULAS


@pytest.mark.parametrize("operator", [aten.relu, "aten.relu.default"], ids=str)
def test_an_operator_that_is_no_overload(operator: Any) -> None:
    with pytest.raises(FormulaError, match=r"no operator overload: write torch\.ops"):
        formula(operator)(lambda: Cost.zero())


def test_a_counter_that_there_is_not() -> None:
    with pytest.raises(FormulaError, match="no counter 'flops'"):
        formula(PAIR, counter="flops")


@pytest.mark.parametrize("first", [None, "elementwise"])
@pytest.mark.parametrize("second", [None, "elementwise"])
def test_a_second_formula_for_the_same_counter(first: str | None, second: str | None) -> None:
    formula(PAIR, counter=first)(lambda: 0)
    with pytest.raises(FormulaError, match="has a cost already"):
        formula(PAIR, counter=second)(lambda: 0)


def test_free_and_not_free() -> None:
    free("copy", PAIR)
    with pytest.raises(FormulaError, match="has a cost already"):
        formula(PAIR, counter="elementwise")(lambda: 0)


def test_not_free_and_free() -> None:
    formula(PAIR, counter="elementwise")(lambda: 0)
    with pytest.raises(FormulaError, match="has a cost already"):
        free("copy", PAIR)


def test_free_twice() -> None:
    free("copy", PAIR)
    with pytest.raises(FormulaError, match="has a cost already"):
        free("cast", PAIR)


@pytest.mark.parametrize(
    "operator", [aten.relu, "aten.relu.default", torch.relu], ids=["packet", "text", "function"]
)
def test_free_takes_operator_overloads_alone(operator: Any) -> None:
    with pytest.raises(FormulaError, match=r"no operator overload: write torch\.ops"):
        free("copy", PAIR, operator)
    assert PAIR not in FREE


@pytest.mark.parametrize("reason", [PAIR, "", " ", None])
def test_free_takes_a_reason(reason: Any) -> None:
    with pytest.raises(FormulaError, match=r"free\(\) takes the reason first"):
        free(reason, PAIR)


def test_the_same_operator_twice_in_one_call() -> None:
    with pytest.raises(FormulaError, match="has a cost already"):
        free("copy", PAIR, PAIR)
    FREE.clear()
    with pytest.raises(FormulaError, match="has a cost already"):
        formula(PAIR, PAIR, counter="elementwise")(lambda: 0)


def test_nothing_is_registered_where_one_of_several_operators_is_refused() -> None:
    with pytest.raises(FormulaError, match="has a cost already"):
        formula(PAIR, aten.relu.default)(lambda: 0)
    assert PAIR not in FORMULAS
    with pytest.raises(FormulaError, match="has a cost already"):
        free("copy", PAIR, aten.relu.default)
    assert PAIR not in FREE


def test_a_kind_that_there_is_not() -> None:
    with pytest.raises(FormulaError, match=r"no kind 'conv' of operator\. Known: .*convolution"):
        formula(PAIR, kind="conv")


# What a formula returns.


def _raising(error: Exception) -> Any:
    def count(x: Any) -> Any:
        raise error

    return count


@pytest.mark.parametrize(
    ("counter", "function", "said"),
    [
        ("elementwise", lambda x: 1.5, "returned 1.5 for elementwise: it must return an integer"),
        ("elementwise", lambda x: "x", "returned 'x' for elementwise: it must return an integer"),
        ("elementwise", lambda x: True, "returned True for elementwise: it must return an integer"),
        ("elementwise", lambda x: x, r"returned \(5,\) for elementwise: it must return an integer"),
        ("comparison", lambda x: -5, "returned -5 for comparison: a count is never negative"),
        ("comparison", lambda x: -x[0], "returned -5 for comparison: a count is never negative"),
        ("contraction", lambda x: x[0] / 2, "returned 2.5 for contraction: it must return an int"),
        (None, lambda x: 7, r"returned 7: without a counter=… it must return a fxflops\.Cost"),
        (None, lambda x: Cost(elementwise=-1), "returned -1 for elementwise: a count is never neg"),
        (None, lambda x: Cost(transcendental=0.5), "returned 0.5 for transcendental: it must"),
        ("elementwise", lambda x: x[0] // 0, "failed: ZeroDivisionError: .*zero"),
        ("elementwise", lambda x: x[3], "failed: IndexError: tuple index out of range"),
        ("elementwise", _raising(ValueError("a\nb")), r"failed: ValueError: a b\. Repair"),
        ("elementwise", _raising(AssertionError()), r"failed: AssertionError\. Repair"),
    ],
)
def test_a_formula_that_returns_no_count(counter: str | None, function: Any, said: str) -> None:
    formula(PAIR, counter=counter)(function)
    name = re.escape(function.__name__)
    where = rf"The formula {name} of fxflops_tests\.pair\.default "
    with pytest.raises(FormulaError, match=where + said) as raised:
        cost(PAIR, (5,), (5,), out=(5,))
    assert "\n" not in str(raised.value)


def test_a_symbolic_count_that_is_never_positive() -> None:
    formula(PAIR, counter="elementwise")(lambda x: -x[0])
    with pytest.raises(FormulaError, match="a count is never negative"):
        cost(PAIR, (Symbol("L").size,), (5,), out=(5,))


def test_a_formula_that_asks_whether_a_symbolic_size_is_large() -> None:
    formula(PAIR, counter="elementwise")(lambda x: 1 if x[0] > 1 else 0)
    with pytest.raises(FormulaError, match=r"of fxflops_tests\.pair\.default failed: TypeError"):
        cost(PAIR, (Symbol("L").size,), (5,), out=(5,))


def test_a_formula_may_say_that_it_has_no_closed_form() -> None:
    formula(PAIR, counter="elementwise")(_raising(UnsizedError("fix the axis")))
    with pytest.raises(UnsizedError, match="fix the axis"):
        cost(PAIR, (5,), (5,), out=(5,))


def test_a_formula_of_pytorchs_registry_that_returns_no_count() -> None:
    register_flop_formula(torch.ops.fxflops_tests.pair)(lambda x, y, **kwargs: 0.5)
    arguments = bind(PAIR, ((3,), (3,)), {})
    with pytest.raises(FormulaError, match=r"of fxflops_tests\.pair\.default returned 0\.5"):
        torch_cost_of(PAIR, arguments, (3,))


class Pairs(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.fxflops_tests.pair(x, x)


@pytest.mark.parametrize("function", [lambda: 1.5, lambda: "x", lambda: -5, lambda: 1 // 0])
def test_an_analysis_says_whose_formula_is_wrong(function: Any) -> None:
    formula(PAIR, counter="elementwise")(function)
    with pytest.raises(FormulaError, match=r"The formula <lambda> of fxflops_tests\.pair\.default"):
        fxflops.analyze(Pairs(), "x: N 3")


def test_no_operator_is_both_free_and_not() -> None:
    assert set(FORMULAS) & set(FREE) == set()


# Complex numbers.


def test_complex_numbers_have_formulas_of_their_own() -> None:
    formula(PAIR, counter="elementwise")(lambda: 2)
    formula(PAIR, counter="elementwise", numbers="complex")(lambda: 7)
    assert cost_of(PAIR, {}, ()) == Cost(elementwise=2)
    assert cost_of(PAIR, {}, (), is_complex=True) == Cost(elementwise=7)


def test_a_formula_for_real_numbers_is_none_for_complex_ones() -> None:
    formula(PAIR, counter="elementwise")(lambda: 2)
    assert cost_of(PAIR, {}, (), is_complex=True) is None


def test_free_for_real_numbers_only() -> None:
    assert reason_free(aten.abs.default) == "sign flip or absolute value"
    assert reason_free(aten.abs.default, is_complex=True) is None
    assert reason_free(aten.view.default, is_complex=True) == "metadata only: a view"


# Forms that work in place or write to out=.


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (aten.relu_.default, aten.relu.default),
        (aten.add_.Tensor, aten.add.Tensor),
        (aten.add.out, aten.add.Tensor),
        (aten.clamp_.Tensor, aten.clamp.Tensor),
        (aten.clamp.out, aten.clamp.default),
        (aten.mm.out, aten.mm.default),
        (aten.copy_.default, aten.copy.default),
        (aten.masked_fill_.Scalar, aten.masked_fill.Scalar),
        (aten.max.dim_max, aten.max.dim),
        (aten.relu.default, aten.relu.default),
        # Neither has a form that takes the same arguments and changes none.
        (aten.polygamma_.default, aten.polygamma_.default),
        (PAIR, PAIR),
    ],
    ids=str,
)
def test_the_functional_form(form: OpOverload, expected: OpOverload) -> None:
    assert functional(form) is expected


def test_in_place_and_out_cost_what_the_functional_form_costs() -> None:
    shapes, out = ((3, 5), (3, 5)), (3, 5)
    expected = Cost(elementwise=2 * 15)
    assert cost(aten.add.Tensor, *shapes, alpha=7, out=out) == expected
    assert cost(aten.add_.Tensor, *shapes, alpha=7, out=out) == expected
    assert cost(aten.add.out, *shapes, alpha=7, out=out) == expected
    assert reason_free(aten.copy_.default) == "copy"


# What is known of an operator.


def test_an_operator_without_a_place_is_not_free_of_cost() -> None:
    assert cost(PAIR, (3,), (3,), out=(3,)) is None
    assert reason_free(PAIR) is None
    assert kind_of(PAIR) is None
    assert torch_cost_of(PAIR, bind(PAIR, ((3,), (3,)), {}), (3,)) is None


def test_the_kind_of_an_operator() -> None:
    assert kind_of(aten.conv2d.default) == "convolution"
    assert kind_of(aten.relu_.default) == kind_of(aten.relu.default) == "activation"
    assert kind_of(vision.deform_conv2d.default) == "deformable convolution"
    formula(PAIR, counter="elementwise", kind="attention")(lambda: 0)
    assert kind_of(PAIR) == "attention"


def test_every_formula_of_ours_says_its_kind() -> None:
    kinds = {f.kind for table in (FORMULAS, COMPLEX) for of in table.values() for f in of}
    assert kinds == {*KINDS} - {"other"}


def test_a_note_asks_for_the_kind_that_a_user_registers() -> None:
    formula(MASKED, kind="attention")(lambda: Cost.zero())
    [note] = fxflops.analyze(Attends(), "x: N 3").notes
    assert note.startswith("Causal and masked attention is charged in full")
    assert kind_of(aten.view.default) is None
    assert kind_of(torch.sym_max) is None


# The formulas of PyTorch's own registry.


def test_the_formula_that_pytorch_has_for_a_custom_operator() -> None:
    @register_flop_formula(torch.ops.fxflops_tests.pair)
    def count(x, y, *, out_shape, **kwargs):
        return 2 * x[0] * y[1] * out_shape[2]

    arguments = bind(PAIR, ((3, 5, 7), (3, 5, 7)), {})
    assert torch_cost_of(PAIR, arguments, (3, 5, 7)) == Cost(contraction=2 * 3 * 5 * 7)
    assert cost_of(PAIR, arguments, (3, 5, 7)) is None


def test_it_is_evaluated_in_symbols() -> None:
    register_flop_formula(torch.ops.fxflops_tests.pair)(
        lambda x, y, *, out_shape, **kwargs: 2 * x[0] * out_shape[1]
    )
    n, m = Symbol("N"), Symbol("M")
    shape = (n.size, m.size)
    found = torch_cost_of(PAIR, bind(PAIR, (shape, shape), {}), shape)
    assert found is not None
    assert evaluate(found.contraction, {n: 3, m: 5}) == 2 * 3 * 5


def test_a_formula_that_wants_tensors_is_not_used() -> None:
    register_flop_formula(torch.ops.fxflops_tests.pair, get_raw=True)(lambda *args, **kwargs: 7)
    assert torch_cost_of(PAIR, bind(PAIR, ((3,), (3,)), {}), (3,)) is None
