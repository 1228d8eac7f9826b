"""Derivatives of what reads windows or points of an image: pooling, resizing, sampling, embedding.

The gradient of a reading adds to every element that was read. n elements added are n additions,
the first one at each place among them, as for `scatter`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.errors import UnsizedError
from fxflops.formulas.pool import window, windows
from fxflops.formulas.sampling import (
    BICUBIC,
    BILINEAR,
    BORDER,
    CUBIC_WEIGHTS,
    REFLECTION,
    ZEROS,
    linear_weights,
)
from fxflops.formulas.shapes import Shape, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten


@formula(
    aten.max_pool2d_with_indices_backward.default,
    aten.max_pool3d_with_indices_backward.default,
    aten.adaptive_max_pool2d_backward.default,
    aten.adaptive_max_pool3d_backward.default,
    aten.fractional_max_pool2d_backward.default,
    aten.fractional_max_pool3d_backward.default,
    aten.upsample_nearest1d_backward.default,
    aten.upsample_nearest2d_backward.default,
    aten.upsample_nearest3d_backward.default,
    aten._upsample_nearest_exact1d_backward.default,
    aten._upsample_nearest_exact2d_backward.default,
    aten._upsample_nearest_exact3d_backward.default,
    aten.reflection_pad1d_backward.default,
    aten.reflection_pad2d_backward.default,
    aten.reflection_pad3d_backward.default,
    aten.replication_pad1d_backward.default,
    aten.replication_pad2d_backward.default,
    aten.replication_pad3d_backward.default,
    aten.embedding_dense_backward.default,
    counter="elementwise",
    kind="sampling backward",
)
def added(grad_output: Shape) -> Dim:
    """Each element of the gradient is added where its value was read: n  [FLOP]."""
    return numel(grad_output)


@formula(aten.unfold_backward.default, counter="elementwise", kind="sampling backward")
def unfold_backward(grad_in: Shape) -> Dim:
    """`added`: windows may overlap."""
    return numel(grad_in)


def avg_pool_backward(rank: int) -> Callable[..., Dim]:
    """n(1 + k): one division, then k additions, for each window  [FLOP]."""

    def count(grad_output: Shape, kernel_size: Shape) -> Dim:
        return numel(grad_output) * (1 + window(kernel_size, rank))

    return count


for _operator, _rank in (
    (aten.avg_pool2d_backward.default, 2),
    (aten.avg_pool3d_backward.default, 3),
):
    formula(_operator, counter="elementwise", kind="sampling backward")(avg_pool_backward(_rank))


@formula(
    aten._adaptive_avg_pool2d_backward.default,
    aten._adaptive_avg_pool3d_backward.default,
    counter="elementwise",
    kind="sampling backward",
)
def adaptive_avg_pool_backward(grad_output: Shape, self: Shape) -> Dim:
    """One division for each window, one addition for each of its elements  [FLOP].

    Raises UnsizedError where a number of windows is symbolic and is not known to divide the length.
    """
    rank = len(self) - 2 if len(self) > 3 else len(self) - 1
    read = [windows(*axis) for axis in zip(self[-rank:], grad_output[-rank:], strict=True)]
    known = [elements for elements in read if elements is not None]
    if len(known) < rank:
        raise UnsizedError("no closed form over a symbolic number of windows: fix the axis")
    return numel(grad_output) + numel(self[:-rank]) * numel(known)


def resize_backward(rank: int, neighbors: int, of_position: int) -> Callable[..., Dim]:
    """Each element of the gradient, k times weighted, is added to k neighbors: 2nk  [FLOP].

    ``of_position`` as in the resizing itself.
    """

    def count(grad_output: Shape) -> Dim:
        return 2 * neighbors * numel(grad_output) + of_position * sum(grad_output[-rank:])

    return count


for _operator, _count in (
    (aten.upsample_linear1d_backward.default, resize_backward(1, 2, 4)),
    (aten.upsample_bilinear2d_backward.default, resize_backward(2, 4, 4)),
    (aten.upsample_trilinear3d_backward.default, resize_backward(3, 8, 4)),
    (aten.upsample_bicubic2d_backward.default, resize_backward(2, 16, 4 + CUBIC_WEIGHTS)),
):
    formula(_operator, counter="elementwise", kind="sampling backward")(_count)


@formula(
    aten.grid_sampler_2d_backward.default,
    aten.grid_sampler_3d_backward.default,
    kind="sampling backward",
)
def grid_sampler_backward(
    input: Shape,
    grid: Shape,
    interpolation_mode: int,
    padding_mode: int,
    output_mask: tuple[bool, ...],
) -> Cost | None:
    """Of P points, C channels, k = 2^d neighbors; bilinear k is 4, trilinear 8  [FLOP].

    Where to read is as in the forward, `fxflops.formulas.sampling.grid_sampler`: 16P or 34P. For
    the image, dy times k weights is added to k pixels: 2kPC. For the grid, on each axis and for
    each channel, k/2 differences of neighbors, each times the other axes' weights and all of them
    summed, times dy: 3kPC/2; the sum over the channels P(C - 1); the scale from pixels to
    coordinates P. The products of the other axes' weights are k/2 * (d - 2) P per axis. Nearest has
    a gradient for the image alone, PC. Bicubic is not known. Source: arXiv:1506.02025, eq. 6 and 7.
    """
    if interpolation_mode == BICUBIC:
        return None
    rank = len(input) - 2
    points, channels, neighbors = numel(grid[:-1]), input[1], 2**rank
    of_point: Dim = 4 * rank
    of_channel = 0
    of_image, of_grid = output_mask
    if interpolation_mode == BILINEAR:
        of_point += linear_weights(rank)
        of_channel += 2 * neighbors if of_image else 0
        if of_grid:
            of_channel += rank * (3 * neighbors // 2)
            of_point += rank * ((rank - 2) * neighbors // 2 + reduction(channels, 1) + 1)
    elif of_image:
        of_channel = 1
    if padding_mode == REFLECTION:
        of_point += 6 * rank
    clamped = {ZEROS: 0, BORDER: 2 * rank, REFLECTION: 2 * rank}[padding_mode]
    return Cost(
        elementwise=of_point * points + of_channel * points * channels,
        comparison=clamped * points,
    )
