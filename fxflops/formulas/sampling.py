"""Reading an image between its pixels: grid sampling, resizing, affine grids.

A value between 2^d pixels is the weighted sum of them: k products and k - 1 additions for k
neighbors. Resizing to the nearest pixel is a gather, and stands among the free operators.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import formula

aten = torch.ops.aten

BILINEAR, NEAREST, BICUBIC = 0, 1, 2
ZEROS, BORDER, REFLECTION = 0, 1, 2

CUBIC_WEIGHTS = 25
"""FLOPs of the four weights at a distance t: the distances t + 1, 1 - t and 2 - t: 3;
((a + 2) s - (a + 3)) s s + 1 for the two inner ones: 2 * 5; ((a s - 5 a) s + 8 a) s - 4 a for the
two outer ones: 2 * 6. Source: Keys, IEEE ASSP-29(6), 1981, eq. 15, as PyTorch evaluates it."""


def weighted_sum(neighbors: int) -> int:
    """For k neighbors k products and k - 1 additions  [FLOP]."""
    return 2 * neighbors - 1


def linear_weights(rank: int) -> int:
    """The distances to the pixels below and above on each axis, and the products of those [FLOP].

    2d subtractions, and d - 1 products for each of the 2^d neighbors.
    """
    neighbors: int = 2**rank
    return 2 * rank + (rank - 1) * neighbors


@formula(
    aten.grid_sampler.default,
    aten.grid_sampler_2d.default,
    aten.grid_sampler_3d.default,
    aten._grid_sampler_2d_cpu_fallback.default,
    kind="sampling",
)
def grid_sampler(input: Shape, grid: Shape, interpolation_mode: int, padding_mode: int) -> Cost:
    """Bilinear 16P + 7PC, trilinear 34P + 15PC  [FLOP] for P points and C channels.

    A coordinate becomes a pixel by ((x + 1) W - 1) / 2: 4 per axis, charged alike for
    ``align_corners``. Bilinear: 4 distances, 4 weights; each channel sums 4 weighted pixels.
    Nearest has the coordinates only, bicubic is 76P + 31PC: distances 2, weights 2 * 25, their
    products 16. Padding by the border clamps each coordinate, 2 comparisons; by reflection it is
    folded first, 6 FLOPs at most. Tests for being inside, by index, are integer work. Source:
    arXiv:1506.02025, sec. 3.3.
    """
    rank = len(input) - 2
    points, channels = numel(grid[:-1]), input[1]
    of_point, of_channel = 4 * rank, 0
    if interpolation_mode == BILINEAR:
        of_point += linear_weights(rank)
        of_channel = weighted_sum(2**rank)
    elif interpolation_mode == BICUBIC:
        of_point += rank + rank * CUBIC_WEIGHTS + 16
        of_channel = weighted_sum(16)
    if padding_mode == REFLECTION:
        of_point += 6 * rank
    clamped = 0 if padding_mode == ZEROS else 2 * rank
    return Cost(
        elementwise=of_point * points + of_channel * points * channels,
        comparison=clamped * points,
    )


@formula(aten.cudnn_grid_sampler.default, kind="sampling")
def cudnn_grid_sampler(self: Shape, grid: Shape) -> Cost:
    """`grid_sampler`, bilinear between zeros."""
    return grid_sampler(self, grid, BILINEAR, ZEROS)


def resize(rank: int, neighbors: int, of_position: int) -> Callable[..., Dim]:
    """A resizing's formula: ``of_position`` FLOPs for each row and column of the result.

    Each result sums its weighted ``neighbors``. The products of the axes' weights, which all
    images and channels share, are left out.
    """

    def count(*, out: Shape) -> Dim:
        positions = sum(out[-rank:])
        return weighted_sum(neighbors) * numel(out) + of_position * positions

    return count


# A position on an axis is (i + 0.5) * scale - 0.5, and its distance to the pixel below: 4 FLOPs.
# Linear 3n + 4 W, bilinear 7n + 4 (H + W), trilinear 15n + 4 (D + H + W), bicubic 31n + 29 (H + W).
for _operators, _count in (
    ((aten.upsample_linear1d.default, aten.upsample_linear1d.vec), resize(1, 2, 4)),
    ((aten.upsample_bilinear2d.default, aten.upsample_bilinear2d.vec), resize(2, 4, 4)),
    ((aten.upsample_trilinear3d.default, aten.upsample_trilinear3d.vec), resize(3, 8, 4)),
    (
        (aten.upsample_bicubic2d.default, aten.upsample_bicubic2d.vec),
        resize(2, 16, 4 + CUBIC_WEIGHTS),
    ),
):
    formula(*_operators, counter="elementwise", kind="sampling")(_count)


@formula(
    aten.affine_grid_generator.default,
    aten.cudnn_affine_grid_generator.default,
    counter="contraction",
    kind="sampling",
)
def affine_grid(theta: Shape, *, out: Shape) -> Dim:
    """2 * prod(out) * (d + 1): each point (x, y, 1) times ``theta``, (N, d, d + 1)  [FLOP].

    The points themselves are constants.
    """
    return 2 * numel(out) * theta[-1]
