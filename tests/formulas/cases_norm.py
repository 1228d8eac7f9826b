import torch

from tests.formulas.harness import Case

aten = torch.ops.aten

# 2 * 3 rows of 5: mean, centre, variance twice, scale, weight, bias; eps and rsqrt per row.
ROWS, ELEMENTS = 2 * 3, 2 * 3 * 5
# 2 images of 6 channels of 7 * 11 pixels.
IMAGE, PIXELS = (2, 6, 7, 11), 2 * 6 * 7 * 11
STATISTICS = ((6,), (6,))

CASES = (
    Case(
        "layer norm",
        aten.layer_norm.default,
        ((2, 3, 5), [5], (5,), (5,)),
        elementwise=7 * ELEMENTS + ROWS,
        transcendental=ROWS,
    ),
    Case(
        "layer norm without parameters",
        aten.layer_norm.default,
        ((2, 3, 5), [5]),
        elementwise=5 * ELEMENTS + ROWS,
        transcendental=ROWS,
    ),
    Case(
        "layer norm over two axes, without bias",
        aten.native_layer_norm.default,
        ((2, 3, 5), [3, 5], (3, 5), None, 1e-5),
        elementwise=6 * ELEMENTS + 2,
        transcendental=2,
    ),
    Case(
        "group norm",
        aten.group_norm.default,
        (IMAGE, 3, (6,), (6,)),
        elementwise=7 * PIXELS + 2 * 3,
        transcendental=2 * 3,
    ),
    Case(
        "group norm, in a decomposed graph",
        aten.native_group_norm.default,
        (IMAGE, (6,), (6,), 2, 6, 7 * 11, 3, 1e-5),
        elementwise=7 * PIXELS + 2 * 3,
        transcendental=2 * 3,
    ),
    Case(
        "instance norm",
        aten.instance_norm.default,
        (IMAGE, (6,), (6,), None, None, True, 0.1, 1e-5, False),
        elementwise=7 * PIXELS + 2 * 6,
        transcendental=2 * 6,
    ),
    Case(
        "instance norm that updates its statistics",
        aten.instance_norm.default,
        (IMAGE, (6,), (6,), *STATISTICS, True, 0.1, 1e-5, False),
        elementwise=7 * PIXELS + 2 * 6 + 7 * 6 + 2 * 2 * 6,
        transcendental=2 * 6,
    ),
    Case(
        "instance norm by its statistics",
        aten.instance_norm.default,
        (IMAGE, (6,), (6,), *STATISTICS, False, 0.1, 1e-5, False),
        elementwise=2 * PIXELS + 4 * 6,
        transcendental=6,
    ),
    Case(
        "batch norm in eval",
        aten.batch_norm.default,
        (IMAGE, (6,), (6,), *STATISTICS, False, 0.1, 1e-5, False),
        aliases=(aten._batch_norm_impl_index.default,),
        elementwise=2 * PIXELS + 4 * 6,
        transcendental=6,
    ),
    Case(
        "batch norm in eval without parameters",
        aten.batch_norm.default,
        (IMAGE, None, None, *STATISTICS, False, 0.1, 1e-5, False),
        elementwise=2 * PIXELS + 2 * 6,
        transcendental=6,
    ),
    Case(
        "batch norm in training",
        aten.batch_norm.default,
        (IMAGE, (6,), (6,), *STATISTICS, True, 0.1, 1e-5, False),
        elementwise=7 * PIXELS + 6 + 7 * 6,
        transcendental=6,
    ),
    Case(
        "batch norm that keeps no statistics",
        aten.batch_norm.default,
        (IMAGE, (6,), (6,), None, None, True, 0.1, 1e-5, False),
        elementwise=7 * PIXELS + 6,
        transcendental=6,
    ),
    Case(
        "batch norm, in a decomposed graph",
        aten.native_batch_norm.default,
        (IMAGE, (6,), (6,), *STATISTICS, True, 0.1, 1e-5),
        aliases=(
            aten._native_batch_norm_legit.default,
            aten._native_batch_norm_legit_functional.default,
        ),
        elementwise=7 * PIXELS + 6 + 7 * 6,
        transcendental=6,
    ),
    Case(
        "batch norm of a backend",
        aten.cudnn_batch_norm.default,
        (IMAGE, (6,), (6,), *STATISTICS, False, 0.1, 1e-5),
        aliases=(aten.miopen_batch_norm.default,),
        out=(IMAGE, (6,), (6,), (0,)),
        elementwise=2 * PIXELS + 4 * 6,
        transcendental=6,
    ),
    Case(
        "batch norm that is told to be in eval",
        aten._native_batch_norm_legit_no_training.default,
        (IMAGE, (6,), (6,), *STATISTICS, 0.1, 1e-5),
        aliases=(aten._batch_norm_no_update.default,),
        elementwise=2 * PIXELS + 4 * 6,
        transcendental=6,
    ),
    Case(
        "batch norm that is told to train",
        aten._batch_norm_with_update.default,
        (IMAGE, (6,), (6,), *STATISTICS, 0.1, 1e-5),
        aliases=(aten._batch_norm_with_update_functional.default,),
        elementwise=7 * PIXELS + 6 + 7 * 6,
        transcendental=6,
    ),
    Case(
        "batch norm that has no statistics",
        aten._native_batch_norm_legit.no_stats,
        (IMAGE, (6,), (6,), True, 0.1, 1e-5),
        elementwise=7 * PIXELS + 6,
        transcendental=6,
    ),
    Case(
        "root mean square norm",
        aten.rms_norm.default,
        ((2, 3, 5), [5], (5,), 1e-5),
        aliases=(aten._fused_rms_norm.default,),
        # square, mean, scale, weight
        elementwise=4 * ELEMENTS + ROWS,
        transcendental=ROWS,
    ),
    Case(
        "root mean square norm without weight",
        aten.rms_norm.default,
        ((2, 3, 5), [5]),
        elementwise=3 * ELEMENTS + ROWS,
        transcendental=ROWS,
    ),
    Case(
        "norm of each slice",
        aten.norm_except_dim.default,
        ((3, 5, 7),),
        elementwise=2 * 105 - 3,
        transcendental=3,
    ),
    Case(
        "weight norm",
        aten._weight_norm.default,
        ((3, 5, 7), (3, 1, 1)),
        aliases=(aten._weight_norm_interface.default,),
        # squares and sums 2 * 105 - 3, quotients 3, products 105
        elementwise=3 * 105,
        transcendental=3,
    ),
    Case(
        "batch norm of quantized numbers",
        aten.quantized_batch_norm.default,
        (IMAGE, (6,), (6,), *STATISTICS, 1e-5, 0.1, 3),
        out=IMAGE,
        elementwise=2 * PIXELS + (4 + 2) * 6,
        transcendental=6,
    ),
)
