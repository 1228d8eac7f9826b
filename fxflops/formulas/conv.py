"""Convolution of every rank: plain, grouped, dilated, padded, transposed."""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import existing, formula

aten = torch.ops.aten


CONVOLUTIONS = (
    aten.conv1d.default,
    aten.conv1d.padding,
    aten.conv2d.default,
    aten.conv2d.padding,
    aten.conv3d.default,
    aten.conv3d.padding,
    aten._slow_conv2d_forward.default,
    aten.thnn_conv2d.default,
    aten.slow_conv3d.default,
    aten.slow_conv3d_forward.default,
    aten.slow_conv_dilated2d.default,
    aten.slow_conv_dilated3d.default,
    aten._conv_depthwise2d.default,
    aten.conv_depthwise3d.default,
    aten._nnpack_spatial_convolution.default,
    aten.mkldnn_convolution.default,
    aten.cudnn_convolution.default,
    aten.miopen_convolution.default,
    aten.miopen_depthwise_convolution.default,
    aten._convolution_mode.default,
    *existing("aten._mps_convolution.default"),
)
WITH_RELU = (aten.cudnn_convolution_relu.default, aten.miopen_convolution_relu.default)
WITH_SUM_AND_RELU = (
    aten.cudnn_convolution_add_relu.default,
    aten.miopen_convolution_add_relu.default,
)
TRANSPOSED = (
    aten.conv_transpose1d.default,
    aten.conv_transpose2d.input,
    aten.conv_transpose3d.input,
)
KERNELS_OF_TRANSPOSED = (
    aten.slow_conv_transpose2d.default,
    aten.slow_conv_transpose3d.default,
    aten.cudnn_convolution_transpose.default,
    aten.miopen_convolution_transpose.default,
    *existing("aten._mps_convolution_transpose.default"),
)
EITHER = (
    aten.convolution.default,
    aten.convolution_overrideable.default,
    aten._convolution.default,
    aten._convolution.deprecated,
)
"""Transposed or not, as an argument says."""

WITH_BIAS = tuple(
    operator
    for operator in (
        *CONVOLUTIONS,
        *WITH_RELU,
        *TRANSPOSED,
        *KERNELS_OF_TRANSPOSED,
        *EITHER,
    )
    if any(argument.name == "bias" for argument in operator._schema.arguments)
)


@formula(*CONVOLUTIONS, *WITH_RELU, *WITH_SUM_AND_RELU, counter="contraction", kind="convolution")
def conv(weight: Shape, *, out: Shape) -> Dim:
    """2 * prod(out) * C_in/groups * prod(kernel)  [FLOP]; bias apart, padding charged as data.

    ``weight`` is (C_out, C_in/groups, *kernel). Source: arXiv:1603.07285, sec. 2.
    """
    _, *macs_per_output = weight
    return 2 * numel(out) * numel(macs_per_output)


@formula(*TRANSPOSED, counter="contraction", kind="convolution")
def conv_transpose(input: Shape, weight: Shape) -> Dim:
    """2 * prod(input) * C_out/groups * prod(kernel)  [FLOP]; bias apart.

    Each element of the input meets each element of its kernels, also those that ``padding`` then
    cuts off. ``weight`` is (C_in, C_out/groups, *kernel). Source: arXiv:1603.07285, sec. 4.
    """
    _, *macs_per_input = weight
    return 2 * numel(input) * numel(macs_per_input)


@formula(*KERNELS_OF_TRANSPOSED, counter="contraction", kind="convolution")
def kernel_of_conv_transpose(self: Shape, weight: Shape) -> Dim:
    """`conv_transpose`, by the operators that name their input ``self``."""
    return conv_transpose(self, weight)


@formula(*EITHER, counter="contraction", kind="convolution")
def convolution(input: Shape, weight: Shape, transposed: bool, *, out: Shape) -> Dim:
    """`conv`, or `conv_transpose` where ``transposed``."""
    return conv_transpose(input, weight) if transposed else conv(weight, out=out)


@formula(*WITH_BIAS, counter="elementwise", kind="convolution")
def bias_of_conv(bias: Shape | None, *, out: Shape) -> Dim:
    """One addition per output where there is a bias  [FLOP]."""
    return 0 if bias is None else numel(out)


@formula(*WITH_SUM_AND_RELU, counter="elementwise", kind="convolution")
def bias_and_sum_of_conv(bias: Shape | None, alpha: float | None, *, out: Shape) -> Dim:
    """`bias_of_conv`, the sum with ``alpha * z``, a product for an alpha other than 1  [FLOP]."""
    scaled = alpha not in (None, 1)
    return bias_of_conv(bias, out=out) + (1 + scaled) * numel(out)


@formula(*WITH_RELU, *WITH_SUM_AND_RELU, counter="comparison", kind="convolution")
def relu_of_conv(*, out: Shape) -> Dim:
    """One comparison with 0 per output."""
    return numel(out)


@formula(aten.conv_tbc.default, kind="convolution")
def conv_tbc(weight: Shape, *, out: Shape) -> Cost:
    """2 * prod(out) * kernel * C_in, and the bias  [FLOP].

    ``weight`` is (kernel, C_in, C_out), ``out`` is (T', B, C_out).
    """
    kernel, channels, _ = weight
    return Cost(contraction=2 * numel(out) * kernel * channels, elementwise=numel(out))
