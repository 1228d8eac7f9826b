"""Derivatives of activation functions, softmax and dropout.

Each row is the derivative of the function's definition, times the gradient dy, as it is computed
from what the operator is given: the input x or the result y. Selection is free.
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.activation import SIGMOID, SOFTPLUS
from fxflops.formulas.pointwise import CALL, COMPARISON, FLOP, per_element
from fxflops.formulas.shapes import Shape, lines, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten

PER_ELEMENT: tuple[tuple[Cost, tuple[Any, ...]], ...] = (
    # dy where x > threshold
    (COMPARISON, (aten.threshold_backward.default,)),
    # dy where low < x < high
    (COMPARISON * 2, (aten.hardtanh_backward.default,)),
    # dy where |x| > a, which is x > a or x < -a
    (COMPARISON * 2, (aten.hardshrink_backward.default, aten.softshrink_backward.default)),
    # dy where x > 0, else slope * dy
    (FLOP + COMPARISON, (aten.leaky_relu_backward.default,)),
    # dy / 6 where -3 < x < 3
    (FLOP + COMPARISON * 2, (aten.hardsigmoid_backward.default,)),
    # dy * (x / 3 + 0.5) where -3 < x < 3, dy above
    (FLOP * 3 + COMPARISON * 2, (aten.hardswish_backward.default,)),
    # dy * (1 - y) * y; dy * (1 - y * y)
    (FLOP * 3, (aten.sigmoid_backward.default, aten.tanh_backward.default)),
    # dy * s * (1 + x * (1 - s)) with s = sigmoid(x)
    (SIGMOID + FLOP * 5, (aten.silu_backward.default,)),
    # dy * sigmoid(-x)
    (SIGMOID + FLOP, (aten.log_sigmoid_backward.default,)),
    # dy * (t + x * s * (1 - t * t)) with s = sigmoid(x) and t = tanh(log(1 + exp(x)))
    (SIGMOID + SOFTPLUS + CALL + FLOP * 6, (aten.mish_backward.default,)),
    # dy / (x * (1 - x))
    (FLOP * 3, (aten.logit_backward.default,)),
    # dy * scale where kept
    (FLOP, (aten.native_dropout_backward.default,)),
)

for _cost, _operators in PER_ELEMENT:
    formula(*_operators, kind="activation backward")(per_element(_cost))


@formula(aten.gelu_backward.default, kind="activation backward")
def gelu_backward(approximate: str, *, out: Shape) -> Cost:
    """The product dy * (P + x p) with P = (1 + erf(x / sqrt(2))) / 2 and p = c exp(-x^2 / 2): 9n.

    P is 3n and an erf, p 3n and an exp. By tanh, t = tanh(u) with u = b (x + 0.044715 x^3), 5n:
    dy * ((1 + t) / 2 + x/2 * (1 - t^2) * b (1 + 3 * 0.044715 x^2)), 12n more; n transcendental
    calls. Source: arXiv:1606.08415, sec. 2.
    """
    cost = FLOP * 17 + CALL if approximate == "tanh" else FLOP * 9 + CALL * 2
    return cost * numel(out)


@formula(aten.glu_backward.default, kind="activation backward")
def glu_backward(grad_output: Shape) -> Cost:
    """The halves: da = dy * s and db = da * a * (1 - s), s = sigmoid(b): 6n  [FLOP]."""
    return (SIGMOID + FLOP * 4) * numel(grad_output)


@formula(aten.elu_backward.default, kind="activation backward")
def elu_backward(
    alpha: float, scale: float, input_scale: float, is_result: bool, *, out: Shape
) -> Cost:
    """As given where x > 0, else dy * exp(x), or from the result dy * (y + alpha): n, 2n  [FLOP].

    Every factor other than 1 is a product more; no factor of ``alpha`` with the result.
    """
    products = (scale != 1) + (input_scale != 1)
    if is_result:
        return (FLOP * (2 + products) + COMPARISON) * numel(out)
    return (FLOP * (1 + products + (alpha != 1)) + CALL + COMPARISON) * numel(out)


@formula(aten.softplus_backward.default, kind="activation backward")
def softplus_backward(beta: float, *, out: Shape) -> Cost:
    """With z = exp(beta x), dy * z / (1 + z): 3n, and n for a beta other than 1  [FLOP]."""
    return (FLOP * (3 if beta == 1 else 4) + CALL) * numel(out)


@formula(aten._prelu_kernel_backward.default, kind="activation backward")
def prelu_backward(self: Shape) -> Cost:
    """Where x <= 0, dx = w * dy and dw = x * dy: 2n  [FLOP]; dw is summed by another operator."""
    return (FLOP * 2 + COMPARISON) * numel(self)


@formula(aten._softmax_backward_data.default, counter="elementwise", kind="activation backward")
def softmax_backward(output: Shape, dim: int) -> Dim:
    """The input's is y * (dy - sum(dy * y)), of M lines of S: 4MS - M  [FLOP]."""
    count, length = lines(output, dim)
    return count * (3 * length + reduction(length, 1))


@formula(aten._log_softmax_backward_data.default, kind="activation backward")
def log_softmax_backward(output: Shape, dim: int) -> Cost:
    """The input's is dy - exp(y) * sum(dy), of M lines of S: 3MS - M  [FLOP], MS calls of exp."""
    count, length = lines(output, dim)
    elements = count * length
    summed = count * reduction(length, 1)
    return Cost(elementwise=2 * elements + summed, transcendental=elements)
