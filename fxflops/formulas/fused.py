"""Layers with what follows them in one kernel of oneDNN.

``mkldnn`` are those of floats, ``onednn`` those of quantized numbers.
"""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.conv import conv, conv_transpose
from fxflops.formulas.matmul import matmul
from fxflops.formulas.pointwise import FLOP
from fxflops.formulas.quantized import activated, scaled
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import existing, formula


@formula(*existing("aten.mkldnn_linear.default"), kind="fused layer")
def linear(self: Shape, bias: Shape | None, *, out: Shape) -> Cost:
    """2 * M * N * K and the bias  [FLOP]."""
    return scaled(matmul(self, out=out), out, bias, 0)


@formula(*existing("mkldnn._linear_pointwise.default"), kind="fused layer")
def linear_pointwise(
    X: Shape, B: Shape | None, attr: str, algorithm: str | None, *, out: Shape
) -> Cost:
    """`linear`, and an activation."""
    return linear(X, B, out=out) + activated(attr, out, algorithm)


@formula(*existing("mkldnn._linear_pointwise.binary"), kind="fused layer")
def linear_binary(X: Shape, B: Shape | None, attr: str, *, out: Shape) -> Cost:
    """`linear`, and a sum or product with another tensor."""
    return linear(X, B, out=out) + activated(attr, out)


@formula(*existing("mkldnn._convolution_pointwise.default"), kind="fused layer")
def convolution_pointwise(
    W: Shape, B: Shape | None, attr: str, algorithm: str | None, *, out: Shape
) -> Cost:
    """A convolution, its bias, and an activation."""
    return scaled(conv(W, out=out), out, B, 0) + activated(attr, out, algorithm)


@formula(
    *existing(
        "mkldnn._convolution_pointwise.binary",
        "mkldnn._convolution_pointwise_.binary",
    ),
    kind="fused layer",
)
def convolution_binary(
    W: Shape,
    B: Shape | None,
    binary_attr: str,
    alpha: float | None,
    unary_attr: str | None,
    unary_algorithm: str | None,
    *,
    out: Shape,
) -> Cost:
    """A convolution, its bias, a sum or product with another tensor, and an activation.

    A product more for an ``alpha`` other than 1.
    """
    factor = FLOP * numel(out) if alpha not in (None, 1) else Cost.zero()
    joined = activated(binary_attr, out) + activated(unary_attr, out, unary_algorithm)
    return scaled(conv(W, out=out), out, B, 0) + factor + joined


@formula(*existing("mkldnn._convolution_transpose_pointwise.default"), kind="fused layer")
def convolution_transpose_pointwise(
    X: Shape, W: Shape, B: Shape | None, attr: str, algorithm: str | None, *, out: Shape
) -> Cost:
    """A transposed convolution, its bias, and an activation."""
    return scaled(conv_transpose(X, W), out, B, 0) + activated(attr, out, algorithm)


@formula(*existing("onednn.linear_dynamic_fp16.default"), kind="fused layer")
def linear_of_halves(x: Shape, bias: Shape | None, *, out: Shape) -> Cost:
    """`linear`."""
    return linear(x, bias, out=out)


@formula(*existing("onednn.linear_relu_dynamic_fp16.default"), kind="fused layer")
def linear_of_halves_relu(x: Shape, bias: Shape | None, *, out: Shape) -> Cost:
    """`linear`, and a comparison with 0."""
    return linear(x, bias, out=out) + activated("relu", out)


def is_quantised(result: torch.dtype | None) -> bool:
    """Whether the result is quantized, as it is where nothing else is asked for."""
    return result in (None, torch.uint8, torch.int8)


def rescaled(
    products: Dim,
    bias: Shape | None,
    result: torch.dtype | None,
    activation: str | None,
    algorithm: str | None,
    out: Shape,
) -> Cost:
    """Each sum of products times the scales of its factors, the bias, and the activation.

    A quantized result is divided by its own scale, apart where an activation other than relu, which
    commutes with a positive factor, lies between  [FLOP].
    """
    apart = is_quantised(result) and activation not in (None, "none", "relu")
    return scaled(products, out, bias, 2 if apart else 1) + activated(activation, out, algorithm)


def joined(how: str, result: torch.dtype | None, scale: float, out: Shape) -> Cost:
    """A sum or product with another tensor, and a product for its scale if it needs one."""
    factor = FLOP * numel(out) if scale != 1 or is_quantised(result) else Cost.zero()
    return factor + (activated(how, out) if how != "none" else Cost.zero())


@formula(
    *existing("onednn.qlinear_pointwise.default", "onednn.qlinear_pointwise.tensor"),
    numbers="quantized",
    kind="fused layer",
)
def qlinear(
    qx: Shape,
    bias: Shape | None,
    output_dtype: torch.dtype | None,
    post_op_name: str,
    post_op_algorithm: str,
    *,
    out: Shape,
) -> Cost:
    """2 * M * N * K, `rescaled`."""
    products = matmul(qx, out=out)
    return rescaled(products, bias, output_dtype, post_op_name, post_op_algorithm, out)


@formula(
    *existing("onednn.qlinear_pointwise.binary", "onednn.qlinear_pointwise.binary_tensor"),
    numbers="quantized",
    kind="fused layer",
)
def qlinear_binary(
    qx: Shape,
    bias: Shape | None,
    output_dtype: torch.dtype | None,
    other_scale: float,
    binary_post_op: str,
    unary_post_op: str,
    unary_post_op_algorithm: str,
    *,
    out: Shape,
) -> Cost:
    """2 * M * N * K, `rescaled`, `joined` with another tensor."""
    products = matmul(qx, out=out)
    cost = rescaled(products, bias, output_dtype, unary_post_op, unary_post_op_algorithm, out)
    return cost + joined(binary_post_op, output_dtype, other_scale, out)


@formula(
    *existing(
        "onednn.qconv_pointwise.default",
        "onednn.qconv_pointwise.tensor",
        "onednn.qconv1d_pointwise.default",
        "onednn.qconv2d_pointwise.default",
        "onednn.qconv2d_pointwise.tensor",
        "onednn.qconv3d_pointwise.default",
    ),
    numbers="quantized",
    kind="fused layer",
)
def qconv(
    qw: Shape,
    bias: Shape | None,
    output_dtype: torch.dtype | None,
    attr: str,
    algorithm: str | None,
    *,
    out: Shape,
) -> Cost:
    """A convolution, `rescaled`."""
    return rescaled(conv(qw, out=out), bias, output_dtype, attr, algorithm, out)


@formula(
    *existing("onednn.qconv2d_pointwise.binary", "onednn.qconv2d_pointwise.binary_tensor"),
    numbers="quantized",
    kind="fused layer",
)
def qconv_binary(
    qw: Shape,
    bias: Shape | None,
    output_dtype: torch.dtype | None,
    accum_scale: float,
    binary_attr: str,
    unary_attr: str | None,
    unary_algorithm: str | None,
    *,
    out: Shape,
) -> Cost:
    """A convolution, `rescaled`, `joined` with another tensor."""
    products = conv(qw, out=out)
    cost = rescaled(products, bias, output_dtype, unary_attr, unary_algorithm, out)
    return cost + joined(binary_attr, output_dtype, accum_scale, out)
