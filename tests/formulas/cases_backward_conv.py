"""Derivatives of convolutions, each result by itself and all together."""

import torch

from tests.formulas.harness import Case

aten = torch.ops.aten

# 7 outputs of 5 kernels, each kernel 3 * 2 wide over 4 channels; batch 3
LINE = ((3, 7, 11), (3, 4, 13), (7, 4, 3))
LINE_OPTIONS = ([1], [0], [1], False, [0], 1)
LINE_PRODUCTS = (3 * 7 * 11) * (4 * 3)
# transposed: 7 channels in, 4 out
UP = ((3, 4, 13), (3, 7, 11), (7, 4, 3))
UP_OPTIONS = ([1], [0], [1], True, [0], 1)
UP_PRODUCTS = (3 * 7 * 11) * (4 * 3)
# two groups of 2 channels in, 3 out; 5 x 3 kernels
GROUPED = ((5, 6, 7, 9), (5, 4, 11, 11), (6, 2, 5, 3))
GROUPED_PRODUCTS = (5 * 6 * 7 * 9) * (2 * 5 * 3)
VOLUME = ((2, 3, 4, 5, 6), (2, 7, 4, 5, 6), (3, 7, 1, 1, 1))
ROWS = ((3, 5, 7), (3, 5, 11), (7, 11))

CASES = (
    Case(
        "all gradients of a convolution",
        aten.convolution_backward.default,
        (*LINE, [7], *LINE_OPTIONS, [True, True, True]),
        contraction=2 * LINE_PRODUCTS * 2,
        elementwise=7 * (3 * 11 - 1),
    ),
    Case(
        "the input's gradient",
        aten.convolution_backward.default,
        (*LINE, [0], *LINE_OPTIONS, [True, False, False]),
        contraction=2 * LINE_PRODUCTS,
    ),
    Case(
        "the weight's gradient",
        aten.convolution_backward.default,
        (*LINE, [0], *LINE_OPTIONS, [False, True, False]),
        contraction=2 * LINE_PRODUCTS,
    ),
    Case(
        "gradients of a transposed convolution",
        aten.convolution_backward.default,
        (*UP, [4], *UP_OPTIONS, [True, True, True]),
        contraction=2 * UP_PRODUCTS * 2,
        elementwise=4 * (3 * 13 - 1),
    ),
    Case(
        "gradients of a grouped convolution",
        aten.convolution_backward.default,
        (*GROUPED, [0], [1, 1], [0, 0], [1, 1], False, [0, 0], 2, [True, True, False]),
        contraction=2 * GROUPED_PRODUCTS * 2,
        # of the weight's gradient every group is charged with the channels of all groups
        torch=2 * GROUPED_PRODUCTS * (1 + 2),
    ),
    Case(
        "gradients of a convolution of a volume",
        aten.convolution_backward.default,
        (*VOLUME, [3], [1] * 3, [0] * 3, [1] * 3, False, [0] * 3, 1, [True, True, True]),
        contraction=2 * (2 * 3 * 4 * 5 * 6) * 7 * 2,
        elementwise=3 * (2 * 4 * 5 * 6 - 1),
    ),
    Case(
        "gradients by somebody's kernel",
        aten.convolution_backward_overrideable.default,
        (*LINE, *LINE_OPTIONS, [True, True, True]),
        out=[LINE[1], LINE[2], (7,)],
        contraction=2 * LINE_PRODUCTS * 2,
        elementwise=7 * (3 * 11 - 1),
    ),
    Case(
        "gradients of a linear layer",
        aten.linear_backward.default,
        (ROWS[1], ROWS[0], ROWS[2], [True, True, True]),
        aliases=(aten.mkldnn_linear_backward.default,),
        out=[ROWS[1], ROWS[2], (7,)],
        contraction=2 * (3 * 5 * 7 * 11) * 2,
        elementwise=7 * (3 * 5 - 1),
    ),
)
