import torch

from tests.formulas.harness import Case

aten = torch.ops.aten

LINE, IMAGE, VOLUME = (2, 3, 11), (2, 3, 11, 13), (2, 3, 11, 13, 17)

CASES = (
    Case(
        "max, one axis",
        aten.max_pool1d.default,
        (LINE, [4], [2]),
        aliases=(aten.max_pool1d_with_indices.default,),
        comparison=(2 * 3 * 4) * (4 - 1),
    ),
    Case(
        "max, two axes",
        aten.max_pool2d.default,
        (IMAGE, [4, 5], [2, 2], [1, 1]),
        aliases=(aten.max_pool2d_with_indices.default,),
        comparison=(2 * 3 * 5 * 6) * (4 * 5 - 1),
    ),
    Case(
        "max, a square window",
        aten.max_pool2d.default,
        (IMAGE, [4], [2]),
        comparison=(2 * 3 * 4 * 5) * (4 * 4 - 1),
    ),
    Case(
        "max, three axes",
        aten.max_pool3d.default,
        (VOLUME, [4, 5, 6], [1, 1, 1]),
        aliases=(aten.max_pool3d_with_indices.default,),
        comparison=(2 * 3 * 8 * 9 * 12) * (4 * 5 * 6 - 1),
    ),
    Case(
        "max, of windows at random",
        aten.fractional_max_pool2d.default,
        (IMAGE, [4, 5], [6, 7], (2, 3, 2)),
        comparison=(2 * 3 * 6 * 7) * (4 * 5 - 1),
    ),
    Case(
        "max, of windows at random on three axes",
        aten.fractional_max_pool3d.default,
        (VOLUME, [4, 5, 6], [6, 7, 8], (2, 3, 3)),
        comparison=(2 * 3 * 6 * 7 * 8) * (4 * 5 * 6 - 1),
    ),
    Case("mean, one axis", aten.avg_pool1d.default, (LINE, [4], [2]), elementwise=2 * 3 * 4 * 4),
    Case(
        "mean, two axes",
        aten.avg_pool2d.default,
        (IMAGE, [4, 5], [2, 2], [1, 1]),
        elementwise=(2 * 3 * 5 * 6) * (4 * 5),
    ),
    Case(
        "mean, three axes",
        aten.avg_pool3d.default,
        (VOLUME, [4, 5, 6], [1, 1, 1]),
        elementwise=(2 * 3 * 8 * 9 * 12) * (4 * 5 * 6),
    ),
    # 11 in 4 windows: 0-2, 2-5, 5-8, 8-10, together 14; 13 in 6: 6 windows of 3, together 18.
    Case("adaptive mean, one axis", aten.adaptive_avg_pool1d.default, (LINE, [4]), elementwise=84),
    Case(
        "adaptive mean, two axes",
        aten.adaptive_avg_pool2d.default,
        (IMAGE, [4, 6]),
        aliases=(aten._adaptive_avg_pool2d.default,),
        elementwise=2 * 3 * 14 * 18,
    ),
    Case("mean of all", aten.adaptive_avg_pool2d.default, (IMAGE, [1, 1]), elementwise=858),
    Case(
        "adaptive mean, three axes",
        aten.adaptive_avg_pool3d.default,
        (VOLUME, [4, 6, 1]),
        aliases=(aten._adaptive_avg_pool3d.default,),
        elementwise=2 * 3 * 14 * 18 * 17,
    ),
    Case(
        "adaptive max, one axis",
        aten.adaptive_max_pool1d.default,
        (LINE, [4]),
        comparison=2 * 3 * (14 - 4),
    ),
    Case(
        "adaptive max, two axes",
        aten.adaptive_max_pool2d.default,
        (IMAGE, [4, 6]),
        comparison=2 * 3 * (14 * 18 - 4 * 6),
    ),
    Case(
        "adaptive max, three axes",
        aten.adaptive_max_pool3d.default,
        (VOLUME, [4, 6, 1]),
        comparison=2 * 3 * (14 * 18 * 17 - 4 * 6),
    ),
    Case(
        "max of quantized numbers, one axis",
        aten.quantized_max_pool1d.default,
        (LINE, [4], [2]),
        out=(2, 3, 4),
        comparison=(2 * 3 * 4) * (4 - 1),
    ),
    Case(
        "max of oneDNN or of quantized numbers, two axes",
        aten.mkldnn_max_pool2d.default,
        (IMAGE, [4, 5], [2, 2], [1, 1]),
        aliases=(aten.quantized_max_pool2d.default,),
        out=(2, 3, 5, 6),
        comparison=(2 * 3 * 5 * 6) * (4 * 5 - 1),
    ),
    Case(
        "max of oneDNN or of quantized numbers, three axes",
        aten.mkldnn_max_pool3d.default,
        (VOLUME, [4, 5, 6], [1, 1, 1]),
        aliases=(aten.quantized_max_pool3d.default,),
        out=(2, 3, 8, 9, 12),
        comparison=(2 * 3 * 8 * 9 * 12) * (4 * 5 * 6 - 1),
    ),
    # 13 columns in 4 windows overlap three times.
    Case(
        "mean of oneDNN, of windows of about the same size",
        aten.mkldnn_adaptive_avg_pool2d.default,
        (IMAGE, [11, 4]),
        out=(2, 3, 11, 4),
        elementwise=2 * 3 * 11 * (13 + 3),
    ),
)
