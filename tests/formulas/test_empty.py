"""Every formula at sizes of 0 and 1: never negative, and in symbols what it is in numbers.

Every row of every case table is called again with 0 or 1 in the place of each of its sizes, where
PyTorch runs it so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

import fxflops
from fxflops.algebra import Symbol, evaluate, settled
from fxflops.capture.calls import bind
from fxflops.cost import COUNTERS, Cost
from fxflops.errors import UnsizedError
from fxflops.formulas.shapes import Shape, reduction
from fxflops.registry import cost_of
from tests.formulas.harness import Case, Typed, _shapes, _tuples
from tests.formulas.test_formulas import RUNNABLE

aten = torch.ops.aten


def sizes_of(case: Case) -> list[int]:
    """The sizes above 1 of the tensors among the arguments."""
    return sorted({size for size in sizes_of_row(case) if size > 1})


def sizes_of_row(case: Case) -> list[int]:
    """All sizes of the tensors among the arguments."""
    found: list[int] = []
    case.operands(lambda of: found.extend(of.shape if isinstance(of, Typed) else of))
    return found


def resized(value: Any, change: Callable[[int], int], *, lists: bool) -> Any:
    """``value`` with the sizes of tensors changed, and those in lists of integers, too."""
    if isinstance(value, Typed):
        return replace(value, shape=tuple(map(change, value.shape)))
    if isinstance(value, tuple):
        return tuple(map(change, value))
    if isinstance(value, list) and lists and all(type(item) is int for item in value):
        return list(map(change, value))
    if isinstance(value, list):
        return [resized(item, change, lists=lists) for item in value]
    return value


def at_size(case: Case, size: int, n: int) -> Iterator[Case]:
    """The row with ``n`` in the place of ``size``: in lists as well, and in the tensors alone."""
    for lists in (True, False):
        args = resized(list(case.args), lambda s: n if s == size else s, lists=lists)
        kwargs = {
            name: resized(value, lambda s: n if s == size else s, lists=lists)
            for name, value in case.kwargs.items()
        }
        yield replace(case, args=tuple(args), kwargs=kwargs)


@cache
def small(case_index: int) -> tuple[tuple[Case, Any], ...]:
    """The row at sizes of 0 and 1, with the result's shapes; those that PyTorch runs."""
    case = RUNNABLE[case_index]
    found = []
    for size in sizes_of(case):
        for n in (0, 1):
            for row in at_size(case, size, n):
                try:
                    out = _shapes(row.run(), int)
                except Exception:
                    continue
                found.append((row, out))
                break
    return tuple(found)


def concrete_cost(row: Case, out: Any) -> Cost | None:
    args, kwargs = row.operands(lambda t: _shapes(t, int))
    arguments = bind(row.op, _tuples(args), _tuples(kwargs))
    return cost_of(row.op, arguments, out, is_complex=row.is_complex)


class Sizes:
    """A symbol for each size above 1 of the original row, and the value it has in a small row."""

    def __init__(self) -> None:
        self.values: dict[Symbol, int] = {}

    def paired(self, large: Any, little: Any) -> Any:
        """``large`` in symbols; raises LookupError where one symbol would have two values."""
        if isinstance(large, tuple) and isinstance(little, tuple):
            return tuple(self.paired(a, b) for a, b in zip(large, little, strict=True))
        if type(large) is int and type(little) is int and large > 1:
            symbol = Symbol(f"size_{large}", minimum=0)
            if self.values.setdefault(symbol, little) != little:
                raise LookupError
            return symbol.size
        return little


def symbolic_cost(case: Case, row: Case, out: Any) -> Cost | None:
    """The cost in symbols of which nothing is known, at the sizes of the small row."""
    sizes = Sizes()
    large, little = (
        (_tuples(args), _tuples(kwargs), shapes)
        for (args, kwargs), shapes in (
            (case.operands(lambda t: _shapes(t, int)), case.results(int)),
            (row.operands(lambda t: _shapes(t, int)), out),
        )
    )
    tensors, _ = case.operands(lambda t: True)
    args = tuple(
        sizes.paired(a, b) if has_tensor(of) else b
        for a, b, of in zip(large[0], little[0], tensors, strict=True)
    )
    arguments = bind(row.op, args, little[1])
    cost = cost_of(row.op, arguments, sizes.paired(large[2], little[2]), is_complex=row.is_complex)
    return cost and cost.map(lambda count: evaluate(count, sizes.values))


def has_tensor(value: Any) -> bool:
    return value is True or (isinstance(value, list) and any(map(has_tensor, value)))


CRASH = {aten.gru.input, aten.lstm.input}
"""Operators that end the process where weights have sizes that they do not expect."""

ONE_IS_ANOTHER = {aten.einsum.default, aten._trilinear.default}
"""Operators that do something else where a size is 1, which a capture with that size counts."""

ROWS = [
    i
    for i, case in enumerate(RUNNABLE)
    # Kernels that run on data may end the process, too.
    if case.out is None and case.device == "meta" and case.op not in CRASH
]


@pytest.mark.parametrize("index", ROWS, ids=lambda i: str(RUNNABLE[i]))
def test_no_count_is_negative_where_a_size_is_0_or_1(index: int) -> None:
    for row, out in small(index):
        cost = concrete_cost(row, out)
        if cost is not None:
            assert all(getattr(cost, counter) >= 0 for counter in COUNTERS), (row.args, out)


@pytest.mark.parametrize("index", ROWS, ids=lambda i: str(RUNNABLE[i]))
def test_the_count_in_symbols_holds_where_a_size_is_0_or_1(index: int) -> None:
    case = RUNNABLE[index]
    for row, out in small(index):
        if case.op in ONE_IS_ANOTHER and 1 in sizes_of_row(row):
            continue
        try:
            cost = symbolic_cost(case, row, out)
        except (LookupError, UnsizedError, ZeroDivisionError):
            continue
        assert cost == concrete_cost(row, out), (row.args, out)


def test_how_many_operators_run_at_sizes_of_0_or_1() -> None:
    ran = {RUNNABLE[index].op for index in ROWS if small(index)}
    empty = {
        RUNNABLE[index].op
        for index in ROWS
        if any(0 in shape for _, out in small(index) for shape in flat(out))
    }
    assert len(ran) >= 530
    assert len(empty) >= 470


# The helper.


@pytest.mark.parametrize("elements", range(4))
@pytest.mark.parametrize("results", range(4))
def test_a_reduction_is_never_negative(elements: int, results: int) -> None:
    assert reduction(elements, results) == max(elements - results, 0)


def test_a_maximum_that_the_sizes_settle_is_not_in_the_formula() -> None:
    n, length = Symbol("N", minimum=1).size, Symbol("L", minimum=1).size
    assert reduction(n * length, n) == n * length - n
    assert reduction(3 * length, 3) == 3 * length - 3
    assert reduction(n * length * 7, 1) == n * length * 7 - 1


@pytest.mark.parametrize("least", [0, 1])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("results", ["N", "3", "N*N", "K"])
def test_a_reduction_of_rows_that_may_be_empty(least: int, n: int, results: str) -> None:
    size = Symbol("N", minimum=least)
    length, other = Symbol("L", minimum=least), Symbol("K", minimum=least)
    count = {"N": size.size, "3": 3, "N*N": size.size**2, "K": other.size}[results]
    elements = (length.size - 1) * (3 if results == "3" else size.size**2)
    symbolic = reduction(elements, count)
    for l_ in range(1, 5):
        values = {size: max(n, least), length: l_, other: 2}
        expected = max(evaluate(elements, values) - evaluate(count, values), 0)
        assert evaluate(symbolic, values) == expected


# In a model, at every size of the domain, by formula and counted anew.


class Steps(nn.Module):
    """What a sequence of L has L - 1 of, which are none at 1."""

    def __init__(self, of: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.of(x)


F = nn.functional
STEPS: dict[str, Callable[[torch.Tensor], Any]] = {
    "differences": lambda x: (x[:, 1:] - x[:, :-1]).pow(2).sum(1),
    "nothing": lambda x: x[:, :0].softmax(1),
    "softmax": lambda x: x[:, 1:].softmax(1),
    "log_softmax": lambda x: x[:, 1:].log_softmax(1),
    "logsumexp": lambda x: x[:, 1:].logsumexp(1),
    "norm": lambda x: x[:, 1:].norm(dim=1),
    "norm of 1": lambda x: x[:, 1:].norm(p=1, dim=1),
    "mean": lambda x: x[:, 1:].mean(1),
    "var": lambda x: x[:, 1:].var(1),
    "cumsum": lambda x: x[:, 1:].cumsum(1),
    "cumprod": lambda x: x[:, 1:].cumprod(1),
    "prod": lambda x: x[:, 1:].prod(1),
    "sum of all": lambda x: x[:, 1:].sum(),
    "complex sum": lambda x: torch.complex(x[:, 1:], x[:, 1:]).sum(1),
    "attention over no keys": lambda x: F.scaled_dot_product_attention(x, x[:, 1:], x[:, 1:]),
    "cosine": lambda x: F.cosine_similarity(x[:, 1:], x[:, :-1], dim=1),
    "next token": lambda x: F.cross_entropy(
        x[:, :-1].flatten(0, 1), torch.zeros_like(x[:, 1:, 0].flatten().long()), reduction="sum"
    ),
    "sum of losses": lambda x: F.mse_loss(x[:, 1:], x[:, :-1], reduction="sum"),
    "einsum": lambda x: torch.einsum("nld->n", x[:, 1:]),
    "sort": lambda x: x[:, 1:, :3].sort(2).values,
    "convolution": lambda x: F.conv1d(x[:, 1:, :3].transpose(1, 2)[:, :, :0], x[:3, :3, :0]),
}


@pytest.mark.parametrize("steps", STEPS)
def test_a_model_with_an_empty_step_counts_nothing_below_0(steps: str) -> None:
    model = Steps(STEPS[steps])
    try:
        analysis = fxflops.analyze(model, "x: 3 L 5")
    except fxflops.FxflopsError:
        pytest.skip("outside of what can be captured")
    compared = 0
    for length in (1, 2, 3, 7):
        try:
            cost = analysis.at(L=length)
        except fxflops.DomainError:
            continue
        assert all(getattr(cost, counter) >= 0 for counter in COUNTERS)
        fixed = fxflops.analyze(Steps(STEPS[steps]), f"x: 3 {length} 5").at()
        assert all(getattr(cost, c) == getattr(fixed, c) for c in COUNTERS), length
        compared += 1
    assert compared >= 2


def flat(out: Any) -> Iterator[Shape]:
    if isinstance(out, tuple) and all(type(n) is int for n in out):
        yield out
    elif isinstance(out, tuple):
        for item in out:
            yield from flat(item)


# What the domain's least sizes settle is not left in the formula.


class Convolved(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convolution(x).sum((2, 3))


def test_a_maximum_that_the_domain_settles_is_not_in_the_formula() -> None:
    """A result of a convolution has an element at least, where the domain has H >= 3."""
    analysis = fxflops.analyze(Convolved(), "x: N 3 H W")
    assert analysis.domain.texts() == ("H >= 3", "W >= 3")
    assert "Max" not in str(analysis.formula("elementwise"))
    for sizes in ({"N": 1, "H": 3, "W": 3}, {"N": 2, "H": 3, "W": 7}, {"N": 3, "H": 8, "W": 5}):
        n, h, w = sizes["N"], sizes["H"] - 2, sizes["W"] - 2
        assert analysis.at(**sizes).elementwise == n * 5 * (h * w + h * w - 1)


def test_settling_an_extremum_changes_no_value() -> None:
    n, length = Symbol("N", minimum=1), Symbol("L", minimum=1)
    atom = reduction((length.size - 2) * n.size, n.size)
    value = 3 * n.size * atom + (length.size + 1) // 2 * atom
    assert settled(value, {}) is value
    assert settled(value, {length: 2}) is value
    plain = settled(value, {length: 3})
    assert not isinstance(plain, int)
    assert "max" not in plain.key
    for a in range(1, 4):
        for b in range(3, 9):
            assert evaluate(plain, {n: a, length: b}) == evaluate(value, {n: a, length: b})
