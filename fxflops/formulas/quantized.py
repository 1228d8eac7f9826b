"""Linear layers and convolutions of quantized numbers, and to and from them.

A quantized number q stands for the real number s (q - z). Its products count as those of real
numbers, 2 FLOP of contraction per multiply-add; s comes out of the sums, where one product per
result puts it; z, rounding and saturation are integer work, a cast. arXiv:1712.05877, sec. 2.
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.errors import UnsizedError
from fxflops.formulas.activation import PER_ELEMENT, gelu
from fxflops.formulas.matmul import grouped_mm, matmul
from fxflops.formulas.pointwise import CALL, FLOP, per_element
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import existing, formula

aten = torch.ops.aten


def scaled(contraction: Dim, out: Shape, bias: Any, scales: int = 1) -> Cost:
    """Every result times its ``scales``, and the bias: n each  [FLOP]."""
    passes = scales + (bias is not None)
    return Cost(contraction=contraction, elementwise=passes * numel(out))


@formula(aten._int_mm.default, counter="contraction", numbers="quantized", kind="quantization")
def int_mm(self: Shape, *, out: Shape) -> Dim:
    """2 * M * N * K  [FLOP], without any scale."""
    return matmul(self, out=out)


@formula(aten._scaled_mm.default, kind="quantization")
def scaled_mm(self: Shape, bias: Shape | None, scale_result: Shape | None, *, out: Shape) -> Cost:
    """2 * M * N * K; each result times the scales of factors and result, and the bias  [FLOP]."""
    scales = 2 if scale_result is None else 3
    return scaled(matmul(self, out=out), out, bias, scales)


@formula(aten._scaled_grouped_mm.default, kind="quantization")
def scaled_grouped_mm(
    self: Shape, mat2: Shape, bias: Shape | None, scale_result: Shape | None, *, out: Shape
) -> Cost:
    """``_grouped_mm``; each result times the scale of each factor, and its own  [FLOP]."""
    scales = 2 if scale_result is None else 3
    return grouped_mm(self, mat2, bias, out=out) + Cost(elementwise=scales * numel(out))


# How a factor is scaled: one scale, one for each row, one for each block along the sum or in both
# directions (torch.nn.functional.ScalingType). Blocks of 16 and 32 are also those of 4-bit numbers.
WHOLE, BY_ROW, BY_BLOCK_OF_128, BY_SQUARE_OF_128 = 0, 1, 4, 5


def scaling(recipes: tuple[int, ...], factor: Shape, out: Shape) -> Dim:
    """A product per result, or per element of the factor where its blocks divide the sum  [FLOP].

    Raises UnsizedError for blocks of 4-bit numbers, two of which one element of a shape may hold.
    """
    products: Dim = 0
    for recipe in recipes:
        if recipe in (WHOLE, BY_ROW):
            products = products + numel(out)
        elif recipe in (BY_BLOCK_OF_128, BY_SQUARE_OF_128):
            products = products + numel(factor)
        else:
            raise UnsizedError("no closed form where an element may hold two numbers of 4 bits")
    return products


@formula(*existing("aten._scaled_mm_v2.default"), kind="quantization")
def scaled_mm_by_recipe(
    self: Shape,
    mat2: Shape,
    recipe_a: tuple[int, ...],
    recipe_b: tuple[int, ...],
    bias: Shape | None,
    *,
    out: Shape,
) -> Cost:
    """2 * M * N * K, the `scaling` of each factor, and the bias  [FLOP]."""
    scales = scaling(recipe_a, self, out) + scaling(recipe_b, mat2, out)
    return scaled(matmul(self, out=out), out, bias, 0) + Cost(elementwise=scales)


@formula(*existing("aten._scaled_grouped_mm_v2.default"), kind="quantization")
def scaled_grouped_mm_by_recipe(
    self: Shape,
    mat2: Shape,
    recipe_a: tuple[int, ...],
    recipe_b: tuple[int, ...],
    bias: Shape | None,
    *,
    out: Shape,
) -> Cost:
    """``_grouped_mm``, and the `scaling` of each factor  [FLOP]."""
    scales = scaling(recipe_a, self, out) + scaling(recipe_b, mat2, out)
    return grouped_mm(self, mat2, bias, out=out) + Cost(elementwise=scales)


@formula(aten._weight_int8pack_mm.default, kind="quantization")
def weight_int8pack_mm(self: Shape, *, out: Shape) -> Cost:
    """2 * M * N * K; each result times the scale of its column  [FLOP]."""
    return scaled(matmul(self, out=out), out, None)


@formula(
    aten._weight_int4pack_mm.default,
    aten._weight_int4pack_mm_for_cpu.default,
    aten._weight_int4pack_mm_with_scales_and_zeros.default,
    kind="quantization",
)
def weight_int4pack_mm(self: Shape, *, out: Shape) -> Cost:
    """2 * M * N * K; each weight is q * s + z, groups along K sharing s and z: 2 * N * K  [FLOP].

    Source: aten/src/ATen/native/cpu/int4mm_kernel.cpp.
    """
    return Cost(contraction=matmul(self, out=out), elementwise=2 * out[-1] * self[-1])


@formula(aten._mixed_dtypes_linear.default, kind="quantization")
def mixed_dtypes_linear(
    input: Shape, bias: Shape | None, activation: str | None, *, out: Shape
) -> Cost:
    """2 * M * N * K; each result times the scale of its column, the bias, the activation [FLOP]."""
    return scaled(matmul(input, out=out), out, bias) + activated(activation, out)


def activated(name: str | None, out: Shape, algorithm: str | None = None) -> Cost:
    """What an activation, by the names that fused kernels have for it, does to every result."""
    if name == "gelu":
        return gelu(algorithm or "none", out=out)
    return ACTIVATIONS[name] * numel(out)


_COST_OF = {operator: cost for cost, operators in PER_ELEMENT for operator in operators}

ACTIVATIONS: dict[str | None, Cost] = {
    None: Cost.zero(),
    "none": Cost.zero(),
    "relu": _COST_OF[aten.relu.default],
    "relu6": _COST_OF[aten.relu6.default],
    "hardtanh": _COST_OF[aten.hardtanh.default],
    "leaky_relu": _COST_OF[aten.leaky_relu.default],
    "sigmoid": _COST_OF[aten.sigmoid.default],
    "silu": _COST_OF[aten.silu.default],
    "swish": _COST_OF[aten.silu.default],
    "hardsigmoid": _COST_OF[aten.hardsigmoid.default],
    "hardswish": _COST_OF[aten.hardswish.default],
    "tanh": CALL,
    # Of two results.
    "add": FLOP,
    "sum": FLOP,
    "sub": FLOP,
    "mul": FLOP,
    "div": FLOP,
}


def range_of(elements: Dim) -> Cost:
    """The scale and zero point of numbers that are seen first: (max - min) / levels, min / scale.

    Minimum and maximum, zero among them: 2n comparisons; 3  [FLOP].
    """
    return Cost(elementwise=3, comparison=2 * elements)


def quantised_on_the_way(input: Shape) -> Cost:
    """`range_of`, and the quotient of every element by the scale  [FLOP]."""
    return range_of(numel(input)) + Cost(elementwise=numel(input))


# x / s, rounded: one quotient. s (q - z): one product. One after the other: both.
for _cost, _operators in (
    (
        FLOP,
        (
            aten.quantize_per_tensor.default,
            aten.quantize_per_tensor.tensor_qparams,
            aten.quantize_per_channel.default,
            aten.dequantize.self,
        ),
    ),
    (
        FLOP * 2,
        (
            aten.fake_quantize_per_tensor_affine.default,
            aten.fake_quantize_per_tensor_affine.tensor_qparams,
            aten.fake_quantize_per_channel_affine.default,
        ),
    ),
):
    formula(*_operators, kind="quantization")(per_element(_cost))


@formula(
    aten.fake_quantize_per_tensor_affine_cachemask.default,
    aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams.default,
    aten.fake_quantize_per_channel_affine_cachemask.default,
    counter="elementwise",
    kind="quantization",
)
def fake_quantize(*, out: tuple[Shape, ...]) -> Dim:
    """As s (round(x / s + z) - z): 2n  [FLOP]; what was saturated is a second result."""
    return 2 * numel(out[0])


@formula(aten.quantize_per_tensor_dynamic.default, kind="quantization")
def quantize_dynamic(self: Shape) -> Cost:
    """`quantised_on_the_way`."""
    return quantised_on_the_way(self)


@formula(aten._choose_qparams_per_tensor.default, kind="quantization")
def choose_qparams(self: Shape) -> Cost:
    """`range_of`."""
    return range_of(numel(self))
