"""Activation functions, and dropout.

Each row is the function's definition as PyTorch documents it (docs.pytorch.org, torch.nn): the
operations per element, negation and selection free. The thresholds that guard against overflow
(softplus's, tanh's, log-sigmoid's) are no part of the definition and are left out.
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.pointwise import CALL, COMPARISON, FLOP, per_element
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import formula

aten = torch.ops.aten

SIGMOID = FLOP * 2 + CALL
SOFTPLUS = FLOP + CALL * 2

PER_ELEMENT: tuple[tuple[Cost, tuple[Any, ...]], ...] = (
    # max(x, 0); x where x > threshold, else a constant
    (COMPARISON, (aten.relu.default, aten.threshold.default)),
    # min(max(x, low), high)
    (COMPARISON * 2, (aten.relu6.default, aten.hardtanh.default)),
    # x where x > a, x where x < -a, else 0; with x - a and x + a for softshrink
    (COMPARISON * 2, (aten.hardshrink.default,)),
    (FLOP + COMPARISON * 2, (aten.softshrink.default,)),
    # x where x > 0, else slope * x
    (FLOP + COMPARISON, (aten.leaky_relu.default, aten.prelu.default)),
    (FLOP + COMPARISON, (aten._prelu_kernel.default, aten.rrelu.default)),
    (FLOP + COMPARISON, (aten.rrelu_with_noise.default,)),
    # 1 / (1 + exp(-x))
    (SIGMOID, (aten.sigmoid.default, aten.special_expit.default)),
    # x * sigmoid(x); a * sigmoid(b) for the halves a and b
    (SIGMOID + FLOP, (aten.silu.default, aten.glu.default)),
    # log(1 / (1 + exp(-x))) = -log(1 + exp(-x))
    (SOFTPLUS, (aten.log_sigmoid.default,)),
    # x * tanh(log(1 + exp(x)))
    (SOFTPLUS + CALL + FLOP, (aten.mish.default,)),
    # clamp(x + 3, 0, 6) / 6, and x times that
    (FLOP * 2 + COMPARISON * 2, (aten.hardsigmoid.default,)),
    (FLOP * 3 + COMPARISON * 2, (aten.hardswish.default,)),
    # scale * (x where x > 0, else alpha * (exp(x) - 1))
    (FLOP * 3 + CALL + COMPARISON, (aten.selu.default,)),
)

for _cost, _operators in PER_ELEMENT:
    formula(*_operators, kind="activation")(per_element(_cost))


@formula(aten.rrelu_with_noise_functional.default, kind="activation")
def rrelu_with_noise(*, out: tuple[Shape, ...]) -> Cost:
    """``rrelu``, with the slopes as a second result."""
    return (FLOP + COMPARISON) * numel(out[0])


@formula(aten.gelu.default, kind="activation")
def gelu(approximate: str, *, out: Shape) -> Cost:
    """x/2 * (1 + erf(x / sqrt(2))): 4n, or by tanh: 8n  [FLOP]; n transcendental calls.

    With tanh: x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))). Source: arXiv:1606.08415, sec. 2.
    """
    flops = 8 if approximate == "tanh" else 4
    return (FLOP * flops + CALL) * numel(out)


@formula(aten.elu.default, kind="activation")
def elu(alpha: float, scale: float, input_scale: float, *, out: Shape) -> Cost:
    """Linear where x > 0, else alpha * (exp(x) - 1); every factor other than 1 is a product."""
    products = (alpha != 1) + (scale != 1) + (input_scale != 1)
    return (FLOP * (1 + products) + CALL + COMPARISON) * numel(out)


@formula(aten.celu.default, kind="activation")
def celu(alpha: float, *, out: Shape) -> Cost:
    """Linear where x > 0, else alpha * (exp(x / alpha) - 1); 3n but for an alpha of 1  [FLOP]."""
    return (FLOP * (1 if alpha == 1 else 3) + CALL + COMPARISON) * numel(out)


@formula(aten.softplus.default, kind="activation")
def softplus(beta: float, *, out: Shape) -> Cost:
    """log(1 + exp(beta x)) / beta: the product and the quotient only for a beta other than 1."""
    return (SOFTPLUS if beta == 1 else SOFTPLUS + FLOP * 2) * numel(out)


@formula(aten.log_sigmoid_forward.default, kind="activation")
def log_sigmoid_forward(*, out: tuple[Shape, ...]) -> Cost:
    """-log(1 + exp(-x))."""
    return SOFTPLUS * numel(out[0])


@formula(aten.logit.default, aten.special_logit.default, kind="activation")
def logit(eps: float | None, *, out: Shape) -> Cost:
    """log(x / (1 - x)), x clamped to [eps, 1 - eps] where eps is given."""
    guard = Cost.zero() if eps is None else COMPARISON * 2
    return (FLOP * 2 + CALL + guard) * numel(out)


@formula(
    aten.dropout.default,
    aten.dropout_.default,
    aten.feature_dropout.default,
    aten.feature_dropout_.default,
    counter="elementwise",
    kind="activation",
)
def dropout(p: float, train: bool, *, out: Shape) -> Dim:
    """The scale 1 / (1 - p) in training: n; the mask is a selection  [FLOP]. Nothing in eval."""
    return numel(out) if train and p > 0 else 0


@formula(aten.native_dropout.default, counter="elementwise", kind="activation")
def native_dropout(p: float, train: bool | None, *, out: tuple[Shape, ...]) -> Dim:
    """`dropout`, with the mask as a second result; trains unless told otherwise."""
    return dropout(p, train is not False, out=out[0])


@formula(aten._fused_dropout.default, counter="elementwise", kind="activation")
def fused_dropout(p: float, *, out: tuple[Shape, ...]) -> Dim:
    """`dropout` in training; ``p`` is the share that is kept."""
    return dropout(1 - p, True, out=out[0])


@formula(
    aten.alpha_dropout.default,
    aten.alpha_dropout_.default,
    aten.feature_alpha_dropout.default,
    aten.feature_alpha_dropout_.default,
    counter="elementwise",
    kind="activation",
)
def alpha_dropout(p: float, train: bool, *, out: Shape) -> Dim:
    """2n in training: a * (x where kept, else a constant) + b  [FLOP]. arXiv:1706.02515, sec. 2."""
    return 2 * numel(out) if train and p > 0 else 0
