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


def of_matrices(call: Call) -> Dim:
    """prod(out) * the length that is summed over, of an ``aten.matmul`` that runs as mm or bmm.

    With a vector on the right, and with one on the left of a stack, it runs as ``aten.mv``.
    """
    left, right = call.kwargs["self"], call.kwargs["other"]
    vectors = len(right) == 1 or (len(left) == 1 and len(right) > 2)
    return 0 if vectors else matmul(call)


def contraction(call: Call) -> Dim:
    """The multiply-adds of our own formula, for what PyTorch computes by matrix products."""
    (node,) = call.nodes
    assert node.cost is not None
    return node.cost.macs


def bmm(call: Call) -> Dim:
    """prod(out) * the length that is summed over, by the operators that add to an input, too."""
    left: Shape = call.kwargs["batch1" if "batch1" in call.kwargs else "self"]
    return numel(call.out) * left[-1]


def conv(call: Call) -> Dim:
    """prod(out) * C_in/groups * prod(kernel)."""
    return numel(call.out) * numel(call.kwargs["weight"][1:])


def padded_by_name(call: Call) -> bool:
    """Whether a convolution's padding is ``"same"`` or ``"valid"``, which is another overload."""
    overload: str = call.target._overloadname
    return overload == "padding"


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
    """The product of the sizes of an einsum's letters, and of the axes of an ellipsis."""
    sizes: dict[str | int, Dim] = {}
    for letters in lettered(equation, operands):
        sizes |= letters
    return numel(sizes.values())


def lettered(equation: str, operands: Sequence[Shape]) -> list[dict[str | int, Dim]]:
    """The sizes of each operand by letter; axes of an ellipsis by their number from the last."""
    found: list[dict[str | int, Dim]] = []
    given = equation.replace(" ", "").partition("->")[0].split(",")
    for subscripts, shape in zip(given, operands, strict=True):
        before, dots, after = subscripts.partition("...")
        rest = len(shape) - len(before) - len(after) if dots else 0
        keys = [*before, *range(rest, 0, -1), *after]
        found.append(dict(zip(keys, shape, strict=True)))
    return found


def result_of(equation: str) -> str:
    """The letters of an einsum's result, an ellipsis included."""
    operands, arrow, result = equation.replace(" ", "").partition("->")
    if arrow:
        return result
    dots = "..." if "..." in operands else ""
    return dots + "".join(c for c in operands if c.isalpha() and operands.count(c) == 1)


def sums(equation: str) -> bool:
    """Whether an einsum adds anything up: a letter that the result does not have."""
    letters = {c for c in equation.partition("->")[0] if c.isalpha()}
    return bool(letters - set(result_of(equation)))
