import torch

from tests.formulas.harness import Case

aten = torch.ops.aten

# 2 images of 3 channels, 5 x 7 points each: P = 70. Modes: 0 bilinear, 1 nearest, 2 bicubic;
# paddings: 0 zeros, 1 border, 2 reflection.
IMAGE, GRID = (2, 3, 11, 13), (2, 5, 7, 2)
VOLUME, CUBE = (2, 3, 11, 13, 17), (2, 5, 7, 4, 3)

CASES = (
    Case(
        "bilinear",
        aten.grid_sampler.default,
        (IMAGE, GRID, 0, 0, False),
        aliases=(aten.grid_sampler_2d.default,),
        elementwise=16 * 70 + 7 * 70 * 3,
    ),
    Case("nearest", aten.grid_sampler.default, (IMAGE, GRID, 1, 0, False), elementwise=8 * 70),
    Case(
        "bicubic",
        aten.grid_sampler.default,
        (IMAGE, GRID, 2, 0, False),
        # coordinates 8, distances 2, four weights per axis 2 * (3 + 2 * 5 + 2 * 6), products 16
        elementwise=(8 + 2 + 2 * 25 + 16) * 70 + (16 + 15) * 70 * 3,
    ),
    Case(
        "up to the border",
        aten.grid_sampler.default,
        (IMAGE, GRID, 0, 1, False),
        elementwise=16 * 70 + 7 * 70 * 3,
        comparison=4 * 70,
    ),
    Case(
        "reflected",
        aten.grid_sampler.default,
        (IMAGE, GRID, 0, 2, False),
        elementwise=(16 + 2 * 6) * 70 + 7 * 70 * 3,
        comparison=4 * 70,
    ),
    Case(
        "trilinear",
        aten.grid_sampler.default,
        (VOLUME, CUBE, 0, 0, False),
        aliases=(aten.grid_sampler_3d.default,),
        # coordinates 3 * 4, distances 3 * 2, eight weights of two products
        elementwise=(12 + 6 + 16) * 280 + (8 + 7) * 280 * 3,
    ),
    Case(
        "nearest of a volume",
        aten.grid_sampler.default,
        (VOLUME, CUBE, 1, 0, False),
        elementwise=12 * 280,
    ),
    Case(
        "cuDNN",
        aten.cudnn_grid_sampler.default,
        (IMAGE, GRID),
        out=(2, 3, 5, 7),
        elementwise=16 * 70 + 7 * 70 * 3,
    ),
    Case(
        "resized on one axis",
        aten.upsample_linear1d.default,
        ((2, 3, 11), [17], False),
        elementwise=3 * (2 * 3 * 17) + 4 * 17,
    ),
    Case(
        "resized on one axis by a factor",
        aten.upsample_linear1d.vec,
        ((2, 3, 11), None, False, [2.0]),
        elementwise=3 * (2 * 3 * 22) + 4 * 22,
    ),
    Case(
        "resized",
        aten.upsample_bilinear2d.default,
        (IMAGE, [17, 19], False),
        elementwise=7 * (2 * 3 * 17 * 19) + 4 * (17 + 19),
    ),
    Case(
        "resized by a factor",
        aten.upsample_bilinear2d.vec,
        (IMAGE, None, False, [2.0, 3.0]),
        elementwise=7 * (2 * 3 * 22 * 39) + 4 * (22 + 39),
    ),
    Case(
        "resized bicubically",
        aten.upsample_bicubic2d.default,
        (IMAGE, [17, 19], False),
        elementwise=31 * (2 * 3 * 17 * 19) + 29 * (17 + 19),
    ),
    Case(
        "resized bicubically by a factor",
        aten.upsample_bicubic2d.vec,
        (IMAGE, None, False, [2.0, 3.0]),
        elementwise=31 * (2 * 3 * 22 * 39) + 29 * (22 + 39),
    ),
    Case(
        "a volume resized",
        aten.upsample_trilinear3d.default,
        (VOLUME, [19, 23, 29], False),
        elementwise=15 * (2 * 3 * 19 * 23 * 29) + 4 * (19 + 23 + 29),
    ),
    Case(
        "a volume resized by a factor",
        aten.upsample_trilinear3d.vec,
        (VOLUME, None, False, [2.0, 3.0, 2.0]),
        elementwise=15 * (2 * 3 * 22 * 39 * 34) + 4 * (22 + 39 + 34),
    ),
    Case(
        "affine grid",
        aten.affine_grid_generator.default,
        ((4, 2, 3), [4, 6, 5, 7], False),
        contraction=2 * (4 * 5 * 7 * 2) * 3,
        torch=0,  # a batched product inside the kernel
    ),
    Case(
        "affine grid of a volume",
        aten.affine_grid_generator.default,
        ((2, 3, 4), [2, 6, 5, 7, 8], False),
        contraction=2 * (2 * 5 * 7 * 8 * 3) * 4,
        torch=0,
    ),
    Case(
        "affine grid of cuDNN",
        aten.cudnn_affine_grid_generator.default,
        ((4, 2, 3), 4, 6, 5, 7),
        out=(4, 5, 7, 2),
        contraction=2 * (4 * 5 * 7 * 2) * 3,
    ),
    Case(
        "bilinear, by another kernel",
        aten._grid_sampler_2d_cpu_fallback.default,
        ((2, 3, 11, 13), (2, 5, 7, 2), 0, 0, False),
        out=(2, 3, 5, 7),
        elementwise=16 * 70 + 7 * 70 * 3,
    ),
)
