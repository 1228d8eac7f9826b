"""Derivatives of attention: 2 images, 3 heads, 5 queries and 7 keys of 8, values of 4."""

import torch

from tests.formulas.harness import Case, ints

aten = torch.ops.aten

Q, K, V, OUT = (2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 4), (2, 3, 5, 4)
QT, KT, VT, OUTT = (2, 5, 3, 8), (2, 7, 3, 8), (2, 7, 3, 4), (2, 5, 3, 4)
ROWS, SCORES = 2 * 3 * 5, 2 * 3 * 5 * 7
LSE, MASK = (2, 3, 5), (2, 3, 5, 7)
# P^T dO and dO V^T, dS K and dS^T Q
CONTRACTION = 2 * (2 * SCORES * 4) + 2 * (2 * SCORES * 8)
AGAIN = 2 * SCORES * 8
"""Of PyTorch's count: Q K^T once more, which the kernel computes again."""
# softmax's derivative, the scale
ELEMENTWISE = (4 * SCORES - ROWS) + SCORES
RESULTS = [Q, K, V]

CASES = (
    Case(
        "flash",
        aten._scaled_dot_product_flash_attention_backward.default,
        (OUT, Q, K, V, OUT, LSE, ints(3), ints(3), 5, 7, 0.0, False, ints(), ints()),
        out=RESULTS,
        contraction=CONTRACTION,
        elementwise=ELEMENTWISE,
    ),
    Case(
        "flash with dropout",
        aten._scaled_dot_product_flash_attention_backward.default,
        (OUT, Q, K, V, OUT, LSE, ints(3), ints(3), 5, 7, 0.1, False, ints(), ints()),
        out=RESULTS,
        contraction=CONTRACTION,
        elementwise=ELEMENTWISE + SCORES,
    ),
    Case(
        "flash on the CPU",
        aten._scaled_dot_product_flash_attention_for_cpu_backward.default,
        (OUT, Q, K, V, OUT, LSE, 0.0, False),
        out=RESULTS,
        contraction=CONTRACTION,
        elementwise=ELEMENTWISE,
    ),
    Case(
        "cudnn",
        aten._scaled_dot_product_cudnn_attention_backward.default,
        (OUT, Q, K, V, OUT, LSE, ints(), ints(), MASK, ints(3), ints(3), 5, 7, 0.0, False),
        out=RESULTS,
        contraction=CONTRACTION,
        elementwise=ELEMENTWISE,
    ),
    Case(
        "efficient",
        aten._scaled_dot_product_efficient_attention_backward.default,
        (OUT, Q, K, V, None, OUT, LSE, ints(), ints(), 0.0, [True, True, True, False]),
        contraction=CONTRACTION,
        torch=CONTRACTION + AGAIN,
        elementwise=ELEMENTWISE,
    ),
    Case(
        "efficient, and its bias",
        aten._scaled_dot_product_efficient_attention_backward.default,
        (OUT, Q, K, V, (1, 1, 5, 7), OUT, LSE, ints(), ints(), 0.0, [True] * 4),
        contraction=CONTRACTION,
        torch=CONTRACTION + AGAIN,
        elementwise=ELEMENTWISE + SCORES - 5 * 7,
    ),
    Case(
        "somebody's",
        aten._scaled_dot_product_fused_attention_overrideable_backward.default,
        (
            *(OUT, Q, K, V, MASK, [True, True, True, False], OUT, LSE),
            *(ints(3), ints(3), 5, 7, 0.0, False, ints(), ints()),
        ),
        out=[*RESULTS, MASK],
        contraction=CONTRACTION,
        elementwise=ELEMENTWISE,
    ),
    Case(
        "flash, heads after the sequence",
        aten._flash_attention_backward.default,
        (OUTT, QT, KT, VT, OUTT, LSE, None, None, 5, 7, 0.0, False, ints(), ints()),
        out=[QT, KT, VT],
        contraction=CONTRACTION,
        elementwise=ELEMENTWISE,
    ),
    Case(
        "efficient, heads after the sequence",
        aten._efficient_attention_backward.default,
        (
            *(OUTT, QT, KT, VT, (1, 1, 5, 7), OUTT, None, None, 5, 7, LSE, 0.0),
            *(ints(), ints(), 0, True),
        ),
        out=[QT, KT, VT, (1, 1, 5, 7)],
        contraction=CONTRACTION,
        elementwise=ELEMENTWISE + SCORES - 5 * 7,
    ),
    Case(
        "efficient, heads after the sequence, without a bias",
        aten._efficient_attention_backward.default,
        (
            *(OUTT, QT, KT, VT, None, OUTT, None, None, 5, 7, LSE, 0.0),
            *(ints(), ints(), 0, False),
        ),
        out=[QT, KT, VT, (0,)],
        contraction=CONTRACTION,
        elementwise=ELEMENTWISE,
    ),
)
