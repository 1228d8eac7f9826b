"""Linear layers and convolutions whose quantized weights are packed: the namespace ``quantized``.

Their results are scaled once, by the scales of input and weight over that of the result. A packed
weight is an object that gives its weight and its bias when it is unpacked. arXiv:1712.05877, eq. 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fxflops.cost import Cost
from fxflops.formulas.conv import conv, conv_transpose
from fxflops.formulas.matmul import matmul
from fxflops.formulas.pointwise import CALL, COMPARISON, FLOP
from fxflops.formulas.quantized import quantised_on_the_way, scaled, weight_int4pack_mm
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import existing, formula

quantized = torch.ops.quantized

NOTHING = Cost.zero()


def linear(after: Cost, scales: int = 1, *, before: Callable[[Shape], Cost] | None = None) -> Any:
    """2 * M * N * K, the ``scales``, the bias, and the activation ``after`` it  [FLOP]."""

    def count(X: Shape, W_prepack: Any, *, out: Shape) -> Cost:
        _, bias = W_prepack.unpack()
        cost = scaled(matmul(X, out=out), out, bias, scales) + after * numel(out)
        return cost + before(X) if before else cost

    return count


def quotients(input: Shape) -> Cost:
    """Every element by a scale that is known  [FLOP]."""
    return FLOP * numel(input)


for _name, _count in (
    ("linear", linear(NOTHING)),
    ("linear_relu", linear(COMPARISON)),
    ("linear_leaky_relu", linear(FLOP + COMPARISON)),
    ("linear_tanh", linear(CALL)),
    ("linear_dynamic", linear(NOTHING, before=quantised_on_the_way)),
    ("linear_relu_dynamic", linear(COMPARISON, before=quantised_on_the_way)),
    ("linear_dynamic_fp16", linear(NOTHING, 0)),
    ("linear_relu_dynamic_fp16", linear(COMPARISON, 0)),
    (
        "linear_with_input_q_dq_qweight_dq_output_fp32",
        linear(NOTHING, before=quotients),
    ),
    (
        "linear_with_input_q_dq_qweight_dq_relu_output_fp32",
        linear(COMPARISON, before=quotients),
    ),
):
    formula(*existing(f"quantized.{_name}.default"), kind="quantized layer")(_count)


@formula(*existing("quantized.linear_dynamic_fp16_unpacked_weight.default"), kind="quantized layer")
def linear_of_halves(X: Shape, bias: Shape | None, *, out: Shape) -> Cost:
    """2 * M * N * K and the bias  [FLOP]."""
    return scaled(matmul(X, out=out), out, bias, 0)


@formula(*existing("quantized.matmul.default"), kind="quantized layer")
def product(qa: Shape, *, out: Shape) -> Cost:
    """2 * prod(out) * K, scaled  [FLOP]."""
    return scaled(matmul(qa, out=out), out, None)


@formula(*existing("quantized.int4mm_packed_weight_cpu.default"), kind="quantized layer")
def int4mm(self: Shape, *, out: Shape) -> Cost:
    """`weight_int4pack_mm`."""
    return weight_int4pack_mm(self, out=out)


def convolved(qx: Shape, packed: Any, out: Shape, *, transposed: bool = False) -> Cost:
    """`conv` or `conv_transpose` of the unpacked weight, scaled, and the bias  [FLOP]."""
    tensor, bias = packed.unpack()
    weight = tuple(tensor.shape)
    products = conv_transpose(qx, weight) if transposed else conv(weight, out=out)
    return scaled(products, out, bias)


def convolution(after: Cost, *, transposed: bool = False, dynamic: bool = False) -> Any:
    """`convolved`, and the activation ``after`` it."""

    def count(qx: Shape, packed_weight: Any, *, out: Shape) -> Cost:
        cost = convolved(qx, packed_weight, out, transposed=transposed) + after * numel(out)
        return cost + quantised_on_the_way(qx) if dynamic else cost

    return count


# A sum with what is there, which has a scale of its own.
SUM = FLOP * 2

for _overloads, _convolution in (
    (("conv1d.default", "conv2d.new", "conv3d.new"), convolution(NOTHING)),
    (("conv1d_relu.default", "conv2d_relu.new", "conv3d_relu.new"), convolution(COMPARISON)),
    (("conv2d_add.default",), convolution(SUM)),
    (("conv2d_add_relu.default",), convolution(SUM + COMPARISON)),
    (
        ("conv1d_dynamic.default", "conv2d_dynamic.default", "conv3d_dynamic.default"),
        convolution(NOTHING, dynamic=True),
    ),
    (
        tuple(f"conv_transpose{rank}d.default" for rank in (1, 2, 3)),
        convolution(NOTHING, transposed=True),
    ),
    (
        tuple(f"conv_transpose{rank}d_dynamic.default" for rank in (1, 2, 3)),
        convolution(NOTHING, transposed=True, dynamic=True),
    ),
):
    formula(*existing(*(f"quantized.{name}" for name in _overloads)), kind="quantized layer")(
        _convolution
    )


@formula(*existing("quantized.conv2d.default", "quantized.conv3d.default"), kind="quantized layer")
def convolution_by_arguments(qx: Shape, weight: Any, *, out: Shape) -> Cost:
    """`convolved`."""
    return convolved(qx, weight, out)


@formula(
    *existing("quantized.conv2d_relu.default", "quantized.conv3d_relu.default"),
    kind="quantized layer",
)
def convolution_by_arguments_relu(qx: Shape, weight: Any, *, out: Shape) -> Cost:
    """`convolved`, and a comparison with 0."""
    return convolved(qx, weight, out) + COMPARISON * numel(out)
