"""Multiply-adds of convolutions and matrix products, from the shapes of a call. One each is 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fxflops.algebra import Dim
from fxflops.conventions.charges import Amount, Rule
from fxflops.conventions.record import Call
from fxflops.formulas.shapes import Shape, numel


def linear(call: Call) -> Dim:
    """prod(input) * out_features."""
    weight: Shape = call.kwargs["weight"]
    return weight[0] * numel(call.kwargs["input"])


def matmul(call: Call) -> Dim:
    """prod(out) * the length that is summed over."""
    left: Shape = call.kwargs["mat1" if "mat1" in call.kwargs else "self"]
    return numel(call.out) * left[-1]


def bmm(call: Call) -> Dim:
    """prod(out) * the length that is summed over, by the operators that add to an input, too."""
    left: Shape = call.kwargs["batch1" if "batch1" in call.kwargs else "self"]
    return numel(call.out) * left[-1]


def conv(call: Call) -> Dim:
    """prod(out) * C_in/groups * prod(kernel)."""
    return numel(call.out) * numel(call.kwargs["weight"][1:])


def conv_transpose(call: Call) -> Dim:
    """prod(input) * C_out/groups * prod(kernel)."""
    return numel(call.kwargs["input"]) * numel(call.kwargs["weight"][1:])


def attention(call: Call) -> Dim:
    """Scores of every query and key, and their product with the values."""
    query, key, value = (call.kwargs[name] for name in ("query", "key", "value"))
    keys: Dim = key[-2]
    widths: Dim = query[-1] + value[-1]
    return numel(query[:-1]) * keys * widths


def once(count: Callable[[Call], Dim]) -> Rule:
    """A multiply-add is 1."""
    return lambda call: Amount(count(call))


def twice(count: Callable[[Call], Dim]) -> Rule:
    """A multiply-add is 2."""
    return lambda call: Amount(2 * count(call))


def einsum(call: Call) -> Dim:
    """The product of all sizes in the equation, for two operands without ellipsis."""
    return all_sizes(call.kwargs["equation"], call.kwargs["tensors"])


def all_sizes(equation: str, operands: Sequence[Shape]) -> Dim:
    """The product of the sizes of an einsum's letters."""
    sizes: dict[str, Dim] = {}
    for subscripts, shape in zip(equation.partition("->")[0].split(","), operands, strict=True):
        sizes |= zip(subscripts.replace(" ", ""), shape, strict=True)
    return numel(sizes.values())


def sums(equation: str) -> bool:
    """Whether an einsum adds anything up: a letter that the result does not have."""
    operands, arrow, result = equation.replace(" ", "").partition("->")
    letters = operands.replace(",", "")
    return bool(set(letters) - set(result)) if arrow else len(set(letters)) < len(letters)
