import torch

from fxflops.registry import existing
from tests.formulas.harness import Case

aten = torch.ops.aten

# 2 images of 3 channels, 12 rows and 10 columns, to 4 rows, 3 pixels large, and 5 columns, 2 pixels
# large. Columns first: 2 * 3 * 12 lines of 5, then 2 * 3 * 5 lines of 4.
IMAGE = (2, 3, 12, 10)
ROWS, COLUMNS = 2 * 3 * 12, 2 * 3 * 5

# Each window of a reach of 1 has 4 columns, 5 rows. A centre 3, a distance 2, a weight 1, and 2 in
# the mean but for one per window; a line sums 4 or 5 products per result.
LINEAR_5 = 3 * 5 + 20 * (2 + 1 + 2) - 5
LINEAR_4 = 3 * 4 + 20 * (2 + 1 + 2) - 4
# A reach of 2: windows of 8 columns, 4 of them near, and of 11 rows, 5 near.
CUBIC_5 = 3 * 5 + 40 * (2 + 2) - 5 + 20 * 5 + 20 * 6
CUBIC_4 = 3 * 4 + 44 * (2 + 2) - 4 + 20 * 5 + 24 * 6
# A reach of 3: windows of 12 columns and of 17 rows.
LANCZOS_5 = 3 * 5 + 60 * (2 + 5 + 2) - 5
LANCZOS_4 = 3 * 4 + 68 * (2 + 5 + 2) - 4

CASES = (
    Case(
        "bilinear, smaller",
        aten._upsample_bilinear2d_aa.default,
        (IMAGE, [4, 5], False),
        elementwise=LINEAR_5 + LINEAR_4 + ROWS * 5 * 7 + COLUMNS * 4 * 9,
        unsized=True,
    ),
    Case(
        "bilinear, by a factor",
        aten._upsample_bilinear2d_aa.vec,
        (IMAGE, None, False, [1 / 3, 0.5]),
        elementwise=LINEAR_5 + LINEAR_4 + ROWS * 5 * 7 + COLUMNS * 4 * 9,
        unsized=True,
    ),
    # Twice as large: windows of 2 pixels, no scale; 20 columns and 24 rows.
    Case(
        "bilinear, larger",
        aten._upsample_bilinear2d_aa.vec,
        (IMAGE, [24, 20], False, None),
        elementwise=44 * (3 - 1) + 88 * (1 + 1 + 2) + (2 * 3 * 12) * 20 * 3 + (2 * 3 * 20) * 24 * 3,
        unsized=True,
    ),
    Case(
        "bicubic, smaller",
        aten._upsample_bicubic2d_aa.default,
        (IMAGE, [4, 5], False),
        elementwise=CUBIC_5 + CUBIC_4 + ROWS * 5 * 15 + COLUMNS * 4 * 21,
        unsized=True,
    ),
    Case(
        "bicubic, by a factor",
        aten._upsample_bicubic2d_aa.vec,
        (IMAGE, [4, 5], False, None),
        elementwise=CUBIC_5 + CUBIC_4 + ROWS * 5 * 15 + COLUMNS * 4 * 21,
        unsized=True,
    ),
    # Corners aligned, 12 rows to 4 are 11 / 3 and 10 columns to 4 are 3 pixels large: windows of 7
    # rows and of 5 columns.
    Case(
        "bilinear, corners aligned",
        aten._upsample_bilinear2d_aa.default,
        (IMAGE, [4, 4], True),
        elementwise=(3 * 4 + 20 * 5 - 4)
        + (3 * 4 + 28 * 5 - 4)
        + ROWS * (2 * 20 - 4)
        + (2 * 3 * 4) * (2 * 28 - 4),
        unsized=True,
    ),
    *(
        Case(
            "Lanczos, smaller",
            op,
            (IMAGE, [4, 5], False, *more),
            elementwise=LANCZOS_5 + LANCZOS_4 + ROWS * 5 * 23 + COLUMNS * 4 * 33,
            transcendental=2 * (60 + 68),
            unsized=True,
        )
        for name, more in (
            ("aten._upsample_lanczos2d_aa.default", ()),
            ("aten._upsample_lanczos2d_aa.vec", (None,)),
        )
        for op in existing(name)
    ),
)
