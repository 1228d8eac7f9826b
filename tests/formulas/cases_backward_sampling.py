"""Derivatives of pooling, resizing, padding, sampling and embedding."""

import torch

from tests.formulas.harness import Case, ints

aten = torch.ops.aten

IMAGE = (2, 3, 8, 12)
QUARTER, PIXELS = (2, 3, 4, 6), 2 * 3 * 4 * 6
VOLUME, EIGHTH, VOXELS = (2, 3, 4, 8, 10), (2, 3, 2, 4, 5), 2 * 3 * 2 * 4 * 5
WINDOW = ([2, 2], [2, 2], [0, 0])
CUBE = ([2, 2, 2], [2, 2, 2], [0, 0, 0])
GRID, P, C = (2, 5, 7, 2), 2 * 5 * 7, 3
READ = (2, 3, 5, 7)
ALL, OF_IMAGE, OF_GRID = [True, True], [True, False], [False, True]

CASES = (
    Case(
        "largest of a window",
        aten.max_pool2d_with_indices_backward.default,
        (QUARTER, IMAGE, *WINDOW, [1, 1], False, ints(*QUARTER)),
        elementwise=PIXELS,
    ),
    Case(
        "largest of a cube",
        aten.max_pool3d_with_indices_backward.default,
        (EIGHTH, VOLUME, *CUBE, [1, 1, 1], False, ints(*EIGHTH)),
        elementwise=VOXELS,
    ),
    Case(
        "largest of an adaptive window",
        aten.adaptive_max_pool2d_backward.default,
        (QUARTER, IMAGE, ints(*QUARTER)),
        elementwise=PIXELS,
    ),
    Case(
        "largest of an adaptive cube",
        aten.adaptive_max_pool3d_backward.default,
        (EIGHTH, VOLUME, ints(*EIGHTH)),
        elementwise=VOXELS,
    ),
    Case(
        "largest of a random window",
        aten.fractional_max_pool2d_backward.default,
        (QUARTER, IMAGE, [2, 2], [4, 6], ints(*QUARTER)),
        elementwise=PIXELS,
    ),
    Case(
        "largest of a random cube",
        aten.fractional_max_pool3d_backward.default,
        (EIGHTH, VOLUME, [2, 2, 2], [2, 4, 5], ints(*EIGHTH)),
        out=VOLUME,
        elementwise=VOXELS,
    ),
    Case(
        "nearest on a line",
        aten.upsample_nearest1d_backward.default,
        ((2, 3, 10), [10], [2, 3, 5]),
        aliases=(aten._upsample_nearest_exact1d_backward.default,),
        elementwise=60,
    ),
    Case(
        "nearest in an image",
        aten.upsample_nearest2d_backward.default,
        (QUARTER, [4, 6], [2, 3, 2, 3]),
        aliases=(aten._upsample_nearest_exact2d_backward.default,),
        elementwise=PIXELS,
    ),
    Case(
        "nearest in a volume",
        aten.upsample_nearest3d_backward.default,
        (VOLUME, [4, 8, 10], [2, 3, 2, 4, 5]),
        aliases=(aten._upsample_nearest_exact3d_backward.default,),
        elementwise=2 * 3 * 4 * 8 * 10,
    ),
    Case(
        "padding of a line",
        aten.reflection_pad1d_backward.default,
        ((2, 3, 9), (2, 3, 5), [2, 2]),
        aliases=(aten.replication_pad1d_backward.default,),
        elementwise=54,
    ),
    Case(
        "padding of an image",
        aten.reflection_pad2d_backward.default,
        ((2, 3, 9, 7), (2, 3, 5, 5), [1, 1, 2, 2]),
        aliases=(aten.replication_pad2d_backward.default,),
        elementwise=2 * 3 * 9 * 7,
    ),
    Case(
        "padding of a volume",
        aten.reflection_pad3d_backward.default,
        ((2, 3, 6, 7, 8), (2, 3, 4, 5, 6), [1, 1, 1, 1, 1, 1]),
        aliases=(aten.replication_pad3d_backward.default,),
        elementwise=2 * 3 * 6 * 7 * 8,
    ),
    Case(
        "embedding",
        aten.embedding_dense_backward.default,
        ((2, 3, 5), ints(2, 3), 7, -1, False),
        elementwise=30,
    ),
    Case(
        "overlapping windows",
        aten.unfold_backward.default,
        ((2, 4, 3), [2, 9], 1, 3, 2),
        elementwise=24,
    ),
    # one division, then as many additions as the window has elements
    Case(
        "mean of a window",
        aten.avg_pool2d_backward.default,
        (QUARTER, IMAGE, *WINDOW, False, True, None),
        elementwise=PIXELS * (1 + 4),
    ),
    Case(
        "mean of a cube",
        aten.avg_pool3d_backward.default,
        (EIGHTH, VOLUME, *CUBE, False, True, None),
        elementwise=VOXELS * (1 + 8),
    ),
    Case(
        "mean of an adaptive window",
        aten._adaptive_avg_pool2d_backward.default,
        ((2, 3, 4, 3), IMAGE),
        elementwise=2 * 3 * 4 * 3 + 2 * 3 * 8 * 12,
        unsized=True,
    ),
    Case(
        "mean of everything",
        aten._adaptive_avg_pool2d_backward.default,
        ((2, 3, 1, 1), IMAGE),
        elementwise=2 * 3 + 2 * 3 * 8 * 12,
    ),
    Case(
        "mean of a whole volume",
        aten._adaptive_avg_pool3d_backward.default,
        ((2, 3, 1, 1, 1), VOLUME),
        elementwise=2 * 3 + 2 * 3 * 4 * 8 * 10,
    ),
    # k products and k additions for each element
    Case(
        "resizing of a line",
        aten.upsample_linear1d_backward.default,
        ((2, 3, 10), [10], [2, 3, 5], False),
        elementwise=4 * 60 + 4 * 10,
    ),
    Case(
        "resizing of an image",
        aten.upsample_bilinear2d_backward.default,
        (QUARTER, [4, 6], [2, 3, 2, 3], False),
        elementwise=8 * PIXELS + 4 * (4 + 6),
    ),
    Case(
        "resizing of a volume",
        aten.upsample_trilinear3d_backward.default,
        (VOLUME, [4, 8, 10], [2, 3, 2, 4, 5], False),
        elementwise=16 * (2 * 3 * 4 * 8 * 10) + 4 * (4 + 8 + 10),
    ),
    Case(
        "resizing of an image by cubics",
        aten.upsample_bicubic2d_backward.default,
        (QUARTER, [4, 6], [2, 3, 2, 3], False),
        elementwise=32 * PIXELS + 29 * (4 + 6),
    ),
    # where: 4 coordinates, 4 distances, 4 weights: 16; the image: 8 per channel; the grid: on two
    # axes 2 differences, 2 products, a sum and the product with dy: 6, and the sum over channels
    Case(
        "sampling of image and grid",
        aten.grid_sampler_2d_backward.default,
        (READ, IMAGE, GRID, 0, 0, False, ALL),
        elementwise=16 * P + 8 * P * C + 2 * (6 * P * C + P * (C - 1) + P),
    ),
    Case(
        "sampling of the image",
        aten.grid_sampler_2d_backward.default,
        (READ, IMAGE, GRID, 0, 0, False, OF_IMAGE),
        elementwise=16 * P + 8 * P * C,
    ),
    Case(
        "sampling by the grid, at a border",
        aten.grid_sampler_2d_backward.default,
        (READ, IMAGE, GRID, 0, 1, False, OF_GRID),
        elementwise=16 * P + 2 * (6 * P * C + P * (C - 1) + P),
        comparison=4 * P,
    ),
    Case(
        "sampling of the nearest, reflected",
        aten.grid_sampler_2d_backward.default,
        (READ, IMAGE, GRID, 1, 2, False, ALL),
        elementwise=8 * P + 12 * P + P * C,
        comparison=4 * P,
    ),
    # where: 12 coordinates, 6 distances, 16 weights: 34; the image 16; the grid: on three axes 4
    # weights of the others; 4 differences, 4 products, 3 sums and dy: 12, and the sum over channels
    Case(
        "sampling of a volume",
        aten.grid_sampler_3d_backward.default,
        ((2, 3, 5, 7, 9), VOLUME, (2, 5, 7, 9, 3), 0, 0, False, ALL),
        elementwise=34 * 9 * P
        + 16 * 9 * P * C
        + 3 * (4 * 9 * P + 12 * 9 * P * C + 9 * P * (C - 1) + 9 * P),
    ),
)
