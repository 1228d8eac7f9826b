"""Derivatives of normalization: what each result costs alone, and all together."""

import torch

from tests.formulas.harness import Case

aten = torch.ops.aten

X = (2, 3, 5)  # 6 rows of 5
LAYER = (X, X, [5], (2, 3, 1), (2, 3, 1), (5,), (5,))
BARE = (X, X, [5], (2, 3, 1), (2, 3, 1), None, None)
GROUPS = (2, 6, 35)  # 2 images of 6 channels of 35 elements, in 3 groups
GROUP = (GROUPS, GROUPS, (2, 3), (2, 3), (6,), 2, 6, 35, 3)
IMAGE, C, N = (2, 6, 5, 7), 6, 2 * 6 * 5 * 7
BATCH = (IMAGE, IMAGE, (6,), (6,), (6,), (6,), (6,))
IN_TRAINING, IN_EVAL = (True, 1e-5), (False, 1e-5)
ALL, INPUT, SCALE, SHIFT = (
    [True, True, True], [True, False, False], [False, True, False], [False, False, True],
)  # fmt: skip
BATCHED = 8 * N + 4 * C  # 8n + 3C of the input, C of the scale

CASES = (
    # x' 2n, g n, mean(g) n, mean(g x') 2n, dx 4n; sum(dy x') 2n - D; sum(dy) n - D
    Case(
        "all of layer norm",
        aten.native_layer_norm_backward.default,
        (*LAYER, ALL),
        elementwise=10 * 30 + (2 * 30 - 5) + (30 - 5),
    ),
    Case(
        "the input of layer norm",
        aten.native_layer_norm_backward.default,
        (*LAYER, INPUT),
        elementwise=10 * 30,
    ),
    Case(
        "the input of layer norm without parameters",
        aten.native_layer_norm_backward.default,
        (*BARE, INPUT),
        elementwise=9 * 30,
    ),
    Case(
        "the scale of layer norm",
        aten.native_layer_norm_backward.default,
        (*LAYER, SCALE),
        elementwise=2 * 30 + (2 * 30 - 5),
    ),
    Case(
        "the shift of layer norm",
        aten.native_layer_norm_backward.default,
        (*LAYER, SHIFT),
        elementwise=30 - 5,
    ),
    Case(
        "all of group norm",
        aten.native_group_norm_backward.default,
        (*GROUP, ALL),
        elementwise=10 * 420 + (2 * 420 - 6) + (420 - 6),
    ),
    Case(
        "the input of group norm",
        aten.native_group_norm_backward.default,
        (*GROUP, INPUT),
        elementwise=10 * 420,
    ),
    Case(
        "root mean square norm",
        aten._fused_rms_norm_backward.default,
        (X, X, [5], (2, 3, 1), (5,), [True, True]),
        # x' n, g n, mean(g x') 2n, dx 3n; sum(dy x') 2n - D
        elementwise=7 * 30 + (2 * 30 - 5),
    ),
    Case(
        "root mean square norm without a weight",
        aten._fused_rms_norm_backward.default,
        (X, X, [5], (2, 3, 1), None, [True, False]),
        elementwise=6 * 30,
    ),
    Case(
        "the weight of root mean square norm",
        aten._fused_rms_norm_backward.default,
        (X, X, [5], (2, 3, 1), (5,), [False, True]),
        elementwise=30 + (2 * 30 - 5),
    ),
    # sum(dy) n - C, centre n, sum(dy centre) 2n - C, dx 4n + 5C, d r C
    Case(
        "all of batch norm in training",
        aten.native_batch_norm_backward.default,
        (*BATCH, *IN_TRAINING, ALL),
        elementwise=BATCHED,
    ),
    Case(
        "the input of batch norm in training",
        aten.native_batch_norm_backward.default,
        (*BATCH, *IN_TRAINING, INPUT),
        elementwise=BATCHED - C,
    ),
    Case(
        "the scale of batch norm in training",
        aten.native_batch_norm_backward.default,
        (*BATCH, *IN_TRAINING, SCALE),
        elementwise=3 * N,
    ),
    Case(
        "the shift of batch norm in training",
        aten.native_batch_norm_backward.default,
        (*BATCH, *IN_TRAINING, SHIFT),
        elementwise=N - C,
    ),
    Case(
        "the input of batch norm in training without parameters",
        aten.native_batch_norm_backward.default,
        (IMAGE, IMAGE, None, None, None, (6,), (6,), *IN_TRAINING, INPUT),
        elementwise=BATCHED - 2 * C,
    ),
    Case(
        "all of batch norm in eval",
        aten.native_batch_norm_backward.default,
        (*BATCH, *IN_EVAL, ALL),
        # eps C; dx n + C; the scale 3n; the shift n - C
        elementwise=C + (N + C) + 3 * N + (N - C),
        transcendental=C,
    ),
    Case(
        "the shift of batch norm in eval",
        aten.native_batch_norm_backward.default,
        (*BATCH, *IN_EVAL, SHIFT),
        elementwise=N - C,
    ),
    Case(
        "batch norm that was told to train",
        aten.batch_norm_backward.default,
        (*BATCH, *IN_TRAINING, ALL, (0,)),
        out=[IMAGE, (6,), (6,)],
        elementwise=BATCHED,
    ),
    Case(
        "batch norm by cudnn",
        aten.cudnn_batch_norm_backward.default,
        (*BATCH, 1e-5, (0,)),
        out=[IMAGE, (6,), (6,)],
        elementwise=BATCHED,
    ),
    Case(
        "batch norm by miopen",
        aten.miopen_batch_norm_backward.default,
        (*BATCH, 1e-5),
        out=[IMAGE, (6,), (6,)],
        elementwise=BATCHED,
    ),
)
