"""Pooling: the largest or the mean element of each window.

n is the number of windows in all planes, k the elements of one. Elements of padding are charged.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.errors import UnsizedError
from fxflops.formulas.shapes import Shape, numel, per_axis
from fxflops.registry import formula

aten = torch.ops.aten


def window(kernel_size: Shape, rank: int) -> Dim:
    """The elements of a window: one size stands for all axes."""
    return numel(per_axis(kernel_size, rank))


def windows(length: Dim, count: Dim) -> Dim | None:
    """How many elements ``count`` adaptive windows over ``length`` have together.

    Window i reaches from floor(i L / K) to ceil((i + 1) L / K), so neighbors share an element
    where K does not divide. None where K is symbolic and is not known to divide L.
    """
    if isinstance(count, int):
        return sum((-(-(i + 1) * length // count) - i * length // count for i in range(count)), 0)
    return length if length % count == 0 else None


def adaptive_windows(input: Shape, output_size: Shape) -> tuple[Dim, Dim]:
    """The elements of all windows of all planes, and the number of windows.

    Raises UnsizedError where a number of windows is symbolic and is not known to divide the length.
    """
    rank = len(output_size)
    planes = numel(input[:-rank])
    covered = [windows(*axis) for axis in zip(input[-rank:], output_size, strict=True)]
    known = [elements for elements in covered if elements is not None]
    if len(known) < rank:
        raise UnsizedError("no closed form over a symbolic number of windows: fix the axis")
    return planes * numel(known), planes * numel(output_size)


def max_pool(rank: int) -> Callable[..., Dim]:
    """n(k - 1) comparisons."""

    def count(kernel_size: Shape, *, out: Shape) -> Dim:
        return numel(out) * (window(kernel_size, rank) - 1)

    return count


def max_pool_with_indices(rank: int) -> Callable[..., Dim]:
    """n(k - 1) comparisons; the index, a second result, follows from them."""

    def count(kernel_size: Shape, *, out: tuple[Shape, ...]) -> Dim:
        return numel(out[0]) * (window(kernel_size, rank) - 1)

    return count


def avg_pool(rank: int) -> Callable[..., Dim]:
    """nk: k - 1 additions and one division per window  [FLOP]."""

    def count(kernel_size: Shape, *, out: Shape) -> Dim:
        return numel(out) * window(kernel_size, rank)

    return count


MAX_POOL = (
    (aten.max_pool1d.default, aten.quantized_max_pool1d.default),
    (
        aten.max_pool2d.default,
        aten.mkldnn_max_pool2d.default,
        aten.quantized_max_pool2d.default,
    ),
    (
        aten.max_pool3d.default,
        aten.mkldnn_max_pool3d.default,
        aten.quantized_max_pool3d.default,
    ),
)
MAX_POOL_WITH_INDICES = (
    (aten.max_pool1d_with_indices.default,),
    (aten.max_pool2d_with_indices.default, aten.fractional_max_pool2d.default),
    (aten.max_pool3d_with_indices.default, aten.fractional_max_pool3d.default),
)
AVG_POOL = (aten.avg_pool1d.default, aten.avg_pool2d.default, aten.avg_pool3d.default)

for _rank in (1, 2, 3):
    formula(*MAX_POOL[_rank - 1], counter="comparison", kind="pooling")(max_pool(_rank))
    formula(*MAX_POOL_WITH_INDICES[_rank - 1], counter="comparison", kind="pooling")(
        max_pool_with_indices(_rank)
    )
    formula(AVG_POOL[_rank - 1], counter="elementwise", kind="pooling")(avg_pool(_rank))


@formula(
    aten.adaptive_avg_pool1d.default,
    aten.adaptive_avg_pool2d.default,
    aten.adaptive_avg_pool3d.default,
    aten._adaptive_avg_pool2d.default,
    aten._adaptive_avg_pool3d.default,
    aten.mkldnn_adaptive_avg_pool2d.default,
    kind="pooling",
)
def adaptive_avg_pool(self: Shape, output_size: Shape) -> Cost:
    """Per window of k elements k - 1 additions and one division  [FLOP]."""
    elements, _ = adaptive_windows(self, output_size)
    return Cost(elementwise=elements)


@formula(
    aten.adaptive_max_pool1d.default,
    aten.adaptive_max_pool2d.default,
    aten.adaptive_max_pool3d.default,
    kind="pooling",
)
def adaptive_max_pool(self: Shape, output_size: Shape) -> Cost:
    """Per window of k elements k - 1 comparisons."""
    elements, windows = adaptive_windows(self, output_size)
    return Cost(comparison=elements - windows)
