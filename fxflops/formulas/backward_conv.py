"""Derivatives of convolutions and linear layers: for the input, the weight, the bias."""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten

Mask = tuple[bool, ...]
"""Which results are asked for: the gradients of input, weight and bias."""


def of_products(products: Dim, grad_output: Shape, channels: Dim, output_mask: Mask) -> Cost:
    """Twice the multiply-adds of the forward, once for the input and once for the weight  [FLOP].

    Each of them pairs the same factors as the forward does. The bias is a sum over everything but
    the ``channels``: n - C additions.
    """
    of_input, of_weight, of_bias = output_mask
    return Cost(
        contraction=2 * products * (of_input + of_weight),
        elementwise=reduction(numel(grad_output), channels) if of_bias else 0,
    )


@formula(
    aten.convolution_backward.default,
    aten.convolution_backward_overrideable.default,
    kind="convolution backward",
)
def convolution_backward(
    grad_output: Shape, input: Shape, weight: Shape, transposed: bool, output_mask: Mask
) -> Cost:
    """2 * prod(out) * C_in/groups * prod(kernel) for each of input and weight  [FLOP].

    ``weight`` is (C_out, C_in/groups, *kernel), or (C_in, C_out/groups, *kernel) where
    ``transposed``, and then prod(input) stands for prod(out). Of grouped convolutions PyTorch's
    counter charges the weight's gradient ``groups`` times. Source: arXiv:1603.07285, sec. 4.
    """
    _, *macs = weight
    products = numel(input if transposed else grad_output) * numel(macs)
    return of_products(products, grad_output, grad_output[1], output_mask)


@formula(
    aten.linear_backward.default, aten.mkldnn_linear_backward.default, kind="convolution backward"
)
def linear_backward(grad_output: Shape, weight: Shape, output_mask: Mask) -> Cost:
    """2 * prod(out) * K for each of input and weight  [FLOP]."""
    products = numel(grad_output) * weight[-1]
    return of_products(products, grad_output, grad_output[-1], output_mask)
