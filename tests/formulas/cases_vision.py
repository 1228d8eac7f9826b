from fxflops.registry import existing
from tests.formulas.harness import Case, vision

CASES = (
    # 2 images, 6 -> 9 channels, a kernel of 3 x 4, 5 x 7 results: 2 * 12 * 35 points, shared by
    # the 6 / 2 channels of an offset group.
    Case(
        "deformable convolution",
        vision.deform_conv2d.default,
        (
            *((2, 6, 7, 10), (9, 6, 3, 4), (2, 48, 5, 7), (2, 24, 5, 7), (9,)),
            *(1, 1, 0, 0, 1, 1, 1, 2, True),
        ),
        contraction=2 * (2 * 9 * 35) * (6 * 12),
        elementwise=(2 + 8) * 1680 + (7 + 1) * 1680 * 3 + 2 * 9 * 35,
        torch=0,  # no formula
    ),
    Case(
        "deformable convolution without a mask, in 3 groups",
        vision.deform_conv2d.default,
        (
            *((2, 6, 7, 10), (9, 2, 3, 4), (2, 24, 5, 7), (2, 1), (9,)),
            *(1, 1, 0, 0, 1, 1, 3, 1, False),
        ),
        contraction=2 * (2 * 9 * 35) * (2 * 12),
        elementwise=(2 + 8) * 840 + 7 * 840 * 6 + 2 * 9 * 35,
        torch=0,
    ),
    # 4 regions, 3 channels, 5 x 7 bins of 2 x 2 samples: rows and columns of samples 4 * 2 * 12,
    # points 4 * 4 * 35. A region: 4 scales, 4 offsets, 2 extents, 2 bins, 2 steps.
    Case(
        "regions, aligned",
        vision.roi_align.default,
        ((2, 3, 11, 13), (4, 5), 0.5, 5, 7, 2, True),
        elementwise=14 * 4 + 6 * 96 + 4 * 560 + 8 * 560 * 3,
        comparison=3 * 96,
    ),
    Case(
        "regions, at least one pixel large",
        vision.roi_align.default,
        ((2, 3, 11, 13), (4, 5), 0.5, 5, 7, 2, False),
        elementwise=10 * 4 + 6 * 96 + 4 * 560 + 8 * 560 * 3,
        comparison=3 * 96 + 2 * 4,
    ),
    Case(
        "regions whose bins have their own channels",
        vision.ps_roi_align.default,
        ((2, 105, 11, 13), (4, 5), 0.5, 5, 7, 2),
        elementwise=14 * 4 + 6 * 96 + 4 * 560 + 8 * 560 * 3,
        comparison=3 * 96,
    ),
    # 11 boxes are sorted by 11 * 4 comparisons and make 55 pairs.
    Case(
        "suppression",
        vision.nms.default,
        ((11, 4), (11,), 0.5),
        device="cpu",
        elementwise=3 * 11 + 6 * 55,
        comparison=7 * 55 + 44,
        unsized=True,
    ),
    # 4 regions, 3 channels, 5 x 7 bins that cover 11 + 4 rows and 13 + 6 columns.
    Case(
        "largest elements of regions",
        vision.roi_pool.default,
        ((2, 3, 11, 13), (4, 5), 0.5, 5, 7),
        elementwise=4 * (6 + 2 * 12),
        comparison=4 * 3 * (15 * 19 - 35),
    ),
    Case(
        "means of regions whose bins have their own channels",
        vision.ps_roi_pool.default,
        ((2, 105, 11, 13), (4, 5), 0.5, 5, 7),
        elementwise=4 * (6 + 2 * 12) + 4 * 3 * 15 * 19,
    ),
    *(
        Case(
            "quantized regions",
            op,
            ((2, 3, 11, 13), (4, 5), 0.1, 3, 0.2, 5, 0.5, 5, 7, 2, True),
            out=(4, 3, 5, 7),
            elementwise=14 * 4 + 6 * 96 + 4 * 560 + 8 * 560 * 3 + 4 * 3 * 35,
            comparison=3 * 96,
        )
        for op in existing("torchvision.qroi_align.default")
    ),
    *(
        Case(
            "suppression of quantized boxes",
            op,
            ((11, 4), (11,), 0.5),
            out=(11,),
            elementwise=3 * 11 + 6 * 55,
            comparison=7 * 55 + 44,
            unsized=True,
        )
        for op in existing("torchvision.qnms.default")
    ),
)
