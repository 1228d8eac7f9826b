"""Derivatives of normalization: for the input, the scale, the shift.

With x' = (x - mean) * r the normalized input, r the saved 1 / sqrt(variance + eps), and g the
gradient of x': dx = r * (g - mean(g) - x' * mean(g * x')), the means over the elements that were
normalized together. The scale's gradient is a sum of dy * x', the shift's one of dy. What two of
the results need is computed once.
"""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten

Mask = tuple[bool, ...]
"""Which results are asked for: the gradients of input, scale and shift."""


def by_rows(elements: Dim, channels: Dim, weight: Shape | None, output_mask: Mask) -> Cost:
    """Layer and group norm: dx 9n, and n for g = dy * weight  [FLOP].

    x' 2n; mean(g) n; mean(g x') 2n; the product, two differences and the factor r 4n. A scale adds
    2n - C (and x' where dx is not asked for), a shift n - C, for C ``channels``.
    """
    of_input, of_scale, of_shift = output_mask
    count: Dim = 0
    if of_input or of_scale:
        count += 2 * elements
    if of_input:
        count += (7 if weight is None else 8) * elements
    summed = reduction(elements, channels)
    if of_scale:
        count += elements + summed
    if of_shift:
        count += summed
    return Cost(elementwise=count)


@formula(aten.native_layer_norm_backward.default, kind="normalization backward")
def layer_norm_backward(
    input: Shape, normalized_shape: Shape, weight: Shape | None, output_mask: Mask
) -> Cost:
    """Rows of D elements: with both parameters 13n - 2D  [FLOP]. arXiv:1607.06450."""
    return by_rows(numel(input), numel(normalized_shape), weight, output_mask)


@formula(aten.native_group_norm_backward.default, kind="normalization backward")
def group_norm_backward(input: Shape, weight: Shape | None, C: Dim, output_mask: Mask) -> Cost:
    """Each group of an image is a row: with both parameters 13n - 2C  [FLOP]. arXiv:1803.08494."""
    return by_rows(numel(input), C, weight, output_mask)


@formula(aten._fused_rms_norm_backward.default, kind="normalization backward")
def rms_norm_backward(
    input: Shape, normalized_shape: Shape, weight: Shape | None, output_mask: Mask
) -> Cost:
    """With x' = x * r, dx = r * (g - x' * mean(g * x')): 6n, and n for g = dy * weight  [FLOP].

    A scale adds 2n - D, and n for x' where dx is not asked for. Source: arXiv:1910.07467, eq. 5-8.
    """
    of_input, of_scale = output_mask
    elements = numel(input)
    count: Dim = 0
    if of_input or of_scale:
        count += elements
    if of_input:
        count += (5 if weight is None else 6) * elements
    if of_scale:
        count += elements + reduction(elements, numel(normalized_shape))
    return Cost(elementwise=count)


def by_channels(elements: Dim, channels: Dim, weight: Shape | None, output_mask: Mask) -> Cost:
    """Batch norm in training, whose rows are the C channels  [FLOP].

    sum(dy) n - C, which is the shift's gradient; x - mean n; d = sum(dy * (x - mean)) 2n - C; the
    scale's gradient d * r is C. dx = a * (dy - sum(dy) / m - (x - mean) * k) is 4n, with
    a = weight * r (C where there is a weight), sum(dy) / m C and k = d / m * r * r 3C.
    """
    of_input, of_scale, of_shift = output_mask
    summed = reduction(elements, channels)
    count: Dim = 0
    if of_input or of_shift:
        count += summed
    if of_input or of_scale:
        count += 2 * elements + summed
    if of_input:
        count += 4 * elements + (4 if weight is None else 5) * channels
    if of_scale:
        count += channels
    return Cost(elementwise=count)


def by_constants(elements: Dim, channels: Dim, weight: Shape | None, output_mask: Mask) -> Cost:
    """Batch norm in eval: dx = dy * (weight * r)  [FLOP], r from the running variance.

    r is C for eps, and C calls of rsqrt; dx n and C for the product where there is a weight. The
    scale's gradient sum(dy * (x - mean)) * r is 3n, the shift's n - C.
    """
    of_input, of_scale, of_shift = output_mask
    count: Dim = 0
    if of_input or of_scale:
        count += channels
    if of_input:
        count += elements + (0 if weight is None else channels)
    summed = reduction(elements, channels)
    if of_scale:
        count += 2 * elements + summed + channels
    if of_shift:
        count += summed
    return Cost(elementwise=count, transcendental=channels if of_input or of_scale else 0)


@formula(aten.native_batch_norm_backward.default, kind="normalization backward")
def batch_norm_backward(input: Shape, weight: Shape | None, train: bool, output_mask: Mask) -> Cost:
    """`by_channels` in training, else `by_constants`. Source: arXiv:1502.03167, sec. 3."""
    count = by_channels if train else by_constants
    return count(numel(input), input[1], weight, output_mask)


@formula(aten.batch_norm_backward.default, kind="normalization backward")
def batch_norm_with_update_backward(
    input: Shape, weight: Shape, update: bool, output_mask: Mask
) -> Cost:
    """`batch_norm_backward`."""
    return batch_norm_backward(input, weight, update, output_mask)


@formula(
    aten.cudnn_batch_norm_backward.default,
    aten.miopen_batch_norm_backward.default,
    kind="normalization backward",
)
def vendor_batch_norm_backward(input: Shape, weight: Shape) -> Cost:
    """`by_channels`, with all three results: 8n + 4C  [FLOP]."""
    return by_channels(numel(input), input[1], weight, (True, True, True))
