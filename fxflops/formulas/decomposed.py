"""To and from quantized numbers in graphs that PyTorch's quantisation has made.

Between them the layers are those of real numbers, and cost what those cost. The operators come with
``torch.ao.quantization.fx._decomposed``.
"""

from __future__ import annotations

import torch

from fxflops.cost import Cost
from fxflops.formulas.pointwise import FLOP, per_element
from fxflops.formulas.quantized import range_of
from fxflops.formulas.shapes import Shape, lines, numel
from fxflops.registry import existing, formula, free


def named(*names: str) -> tuple[torch._ops.OpOverload, ...]:
    """The operators of these names."""
    return existing(*(f"quantized_decomposed.{name}" for name in names))


# x / s, rounded: a quotient. s (q - z): a product. Both, one after the other.
formula(
    *named(
        "quantize_per_tensor.default",
        "quantize_per_tensor.tensor",
        "quantize_per_tensor.tensor2",
        "quantize_per_channel.default",
        "quantize_per_token.default",
        "quantize_per_channel_group.default",
        "dequantize_per_tensor.default",
        "dequantize_per_tensor.tensor",
        "dequantize_per_tensor.tensor2",
        "dequantize_per_channel.default",
        "dequantize_per_token.default",
        "dequantize_per_channel_group.default",
    ),
    kind="quantization",
)(per_element(FLOP))
formula(*named("fake_quant_per_channel.default"), kind="quantization")(per_element(FLOP * 2))

free("cast", *named("convert_element_type.no_fuse"))


@formula(*named("choose_qparams.tensor", "choose_qparams_symmetric.tensor"), kind="quantization")
def choose_qparams(input: Shape) -> Cost:
    """`range_of` all elements."""
    return range_of(numel(input))


@formula(
    *named(
        "choose_qparams_per_token.default",
        "choose_qparams_per_token_asymmetric.default",
        "_choose_qparams_per_token_asymmetric_impl.default",
    ),
    kind="quantization",
)
def choose_qparams_per_token(input: Shape) -> Cost:
    """`range_of` each line."""
    count, length = lines(input, -1)
    return range_of(length) * count
