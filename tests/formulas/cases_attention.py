import torch

from fxflops.registry import existing
from tests.formulas.harness import Case, booleans

aten = torch.ops.aten

# 2 images, 3 heads, 5 queries, 7 keys of width 8, values of width 11: a = 2 * 3 * 5 * 7 scores
# in 2 * 3 * 5 rows. Softmax: subtract a, sum a - rows, divide a.
A, ROWS = 2 * 3 * 5 * 7, 2 * 3 * 5
QKV = ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 11))
OUT = (2, 3, 5, 11)
# The fused operators' further results: log of the sums, seeds, sequence lengths.
MORE = ((2, 3, 5), (), (), 5, 7, (), (), ())

CASES = (
    Case(
        "attention",
        aten.scaled_dot_product_attention.default,
        QKV,
        contraction=2 * A * (8 + 11),
        elementwise=A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "with a mask",
        aten.scaled_dot_product_attention.default,
        (*QKV, (5, 7)),
        contraction=2 * A * (8 + 11),
        elementwise=A + A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "with a boolean mask, and dropout",
        aten.scaled_dot_product_attention.default,
        (*QKV, booleans(5, 7), 0.5),
        contraction=2 * A * (8 + 11),
        elementwise=A + A + A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "causal: charged in full",
        aten.scaled_dot_product_attention.default,
        (*QKV, None, 0.0, True),
        contraction=2 * A * (8 + 11),
        elementwise=A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "12 query heads share 3 key heads",
        aten.scaled_dot_product_attention.default,
        ((2, 12, 5, 8), (2, 3, 7, 8), (2, 3, 7, 11)),
        {"enable_gqa": True},
        contraction=2 * (2 * 12 * 5 * 7) * (8 + 11),
        elementwise=4 * (2 * 12 * 5 * 7) - 2 * 12 * 5,
        transcendental=2 * 12 * 5 * 7,
        comparison=2 * 12 * 5 * 7 - 2 * 12 * 5,
    ),
    Case(
        "written out",
        aten._scaled_dot_product_attention_math.default,
        (*QKV, (5, 7)),
        contraction=2 * A * (8 + 11),
        elementwise=A + A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "flash, on the CPU",
        aten._scaled_dot_product_flash_attention_for_cpu.default,
        ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8)),
        {"attn_mask": (5, 7)},
        contraction=2 * A * (8 + 8),
        elementwise=A + A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
        torch=0,  # no formula for the CPU's kernel
    ),
    Case(
        "flash",
        aten._scaled_dot_product_flash_attention.default,
        ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8)),
        contraction=2 * A * (8 + 8),
        elementwise=A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "memory-efficient",
        aten._scaled_dot_product_efficient_attention.default,
        (*QKV, (2, 3, 5, 7), False),
        out=(OUT, *MORE[:3]),
        contraction=2 * A * (8 + 11),
        elementwise=A + A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "cuDNN",
        aten._scaled_dot_product_cudnn_attention.default,
        (*QKV, None, False),
        out=(OUT, *MORE),
        contraction=2 * A * (8 + 11),
        elementwise=A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "of a backend",
        aten._scaled_dot_product_fused_attention_overrideable.default,
        QKV,
        out=(OUT, *MORE),
        contraction=2 * A * (8 + 11),
        elementwise=A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "flash, heads after the sequence",
        aten._flash_attention_forward.default,
        (
            *((2, 5, 3, 8), (2, 7, 3, 8), (2, 7, 3, 8)),
            *(None, None, 5, 7, 0.0, False, False),
        ),
        contraction=2 * A * (8 + 8),
        elementwise=A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "memory-efficient, heads after the sequence",
        aten._efficient_attention_forward.default,
        (
            *((2, 5, 3, 8), (2, 7, 3, 8), (2, 7, 3, 11)),
            *((2, 3, 5, 7), None, None, None, None, 0.0, 0),
        ),
        out=((2, 5, 3, 11), (2, 3, 5), (), (), 5, 7),
        contraction=2 * A * (8 + 11),
        elementwise=A + A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    # The fused modules: width 12 in 3 heads of 4, 5 queries, 7 keys; PyTorch has no formula.
    Case(
        "multi-head attention",
        aten._native_multi_head_attention.default,
        (
            *((2, 5, 12), (2, 7, 12), (2, 7, 12), 12, 3),
            *((36, 12), (36,), (12, 12), (12,), None, False),
        ),
        out=((2, 5, 12), None),
        contraction=2 * (2 * (5 + 7 + 7 + 5)) * 12 * 12 + 2 * A * (4 + 4),
        elementwise=(2 * (5 + 7 + 7 + 5)) * 12 + A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "multi-head attention, and the mean of the heads' weights",
        aten._native_multi_head_attention.default,
        (
            *((2, 5, 12), (2, 7, 12), (2, 7, 12), 12, 3),
            *((36, 12), (36,), (12, 12), (12,)),
        ),
        out=((2, 5, 12), (2, 5, 7)),
        contraction=2 * (2 * (5 + 7 + 7 + 5)) * 12 * 12 + 2 * A * (4 + 4),
        elementwise=(2 * (5 + 7 + 7 + 5)) * 12 + A + (A + A - ROWS + A) + A,
        transcendental=A,
        comparison=A - ROWS,
    ),
    # 2 * 5 rows of 12, 3 heads of 4: 2 * 3 * 5 * 5 scores in 2 * 3 * 5 rows; hidden width 17.
    Case(
        "encoder layer",
        aten._transformer_encoder_layer_fwd.default,
        (
            *((2, 5, 12), 12, 3, (36, 12), (36,), (12, 12), (12,), False, False, 1e-5),
            *((12,), (12,), (12,), (12,), (17, 12), (17,), (12, 17), (12,)),
        ),
        device="cpu",
        contraction=2 * (10 * 4) * 12 * 12 + 2 * 150 * (4 + 4) + 2 * 10 * 12 * 17 * 2,
        elementwise=sum(
            (
                *((10 * 4) * 12, 150, 3 * 150 - 30),  # projections, scale, softmax
                *(10 * 17, 10 * 12),  # the two layers' biases
                *(2 * 10 * 12, 2 * (7 * 10 * 12 + 10)),  # residuals, norms
            )
        ),
        transcendental=150 + 2 * 10,
        comparison=150 - 30 + 10 * 17,
        torch=0,
    ),
    Case(
        "encoder layer with gelu",
        aten._transformer_encoder_layer_fwd.default,
        (
            *((2, 5, 12), 12, 3, (36, 12), (36,), (12, 12), (12,), True, False, 1e-5),
            *((12,), (12,), (12,), (12,), (17, 12), (17,), (12, 17), (12,)),
        ),
        device="cpu",
        contraction=2 * (10 * 4) * 12 * 12 + 2 * 150 * (4 + 4) + 2 * 10 * 12 * 17 * 2,
        elementwise=sum(
            (
                *((10 * 4) * 12, 150, 3 * 150 - 30, 10 * 17, 10 * 12),
                *(2 * 10 * 12, 2 * (7 * 10 * 12 + 10), 4 * 10 * 17),
            )
        ),
        transcendental=150 + 2 * 10 + 10 * 17,
        comparison=150 - 30,
        torch=0,
    ),
    Case(
        "bias and scale of a fused projection",
        aten._transform_bias_rescale_qkv.default,
        ((2, 5, 36), (36,), 3),
        out=((2, 3, 5, 4), (2, 3, 5, 4), (2, 3, 5, 4)),
        elementwise=3 * 120 + 120,
    ),
    Case(
        "of a processor without a fused kernel",
        aten._scaled_dot_product_attention_math_for_mps.default,
        QKV,
        out=(OUT, (2, 3, 5, 7)),
        contraction=2 * A * (8 + 11),
        elementwise=A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "of Triton",
        aten._triton_scaled_dot_attention.default,
        QKV,
        out=OUT,
        contraction=2 * A * (8 + 11),
        elementwise=A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    Case(
        "of cuDNN, with a bias",
        aten._cudnn_attention_forward.default,
        (*QKV, (2, 3, 5, 7), None, None, 5, 7, False),
        out=(OUT, *MORE),
        contraction=2 * A * (8 + 11),
        elementwise=A + A + (A + A - ROWS + A),
        transcendental=A,
        comparison=A - ROWS,
    ),
    # The products for the scales of queries and keys are per score, for values' per result.
    *(
        Case(
            "quantized flash attention",
            op,
            (*((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8)), (2, 3), (2, 3), (2, 3)),
            out=((2, 3, 5, 8), *MORE),
            contraction=2 * A * (8 + 8),
            elementwise=A + (A + A - ROWS + A) + 2 * A + ROWS * 8,
            transcendental=A,
            comparison=A - ROWS,
        )
        for op in existing("aten._scaled_dot_product_flash_attention.quantized")
    ),
    *(
        Case(
            "quantized flash attention, heads after the sequence, values not scaled",
            op,
            (
                *((2, 5, 3, 8), (2, 7, 3, 8), (2, 7, 3, 8)),
                *(None, None, 5, 7, 0.0, False, False, (2, 3), (2, 3), None),
            ),
            out=((2, 5, 3, 8), *MORE),
            contraction=2 * A * (8 + 8),
            elementwise=A + (A + A - ROWS + A) + 2 * A,
            transcendental=A,
            comparison=A - ROWS,
        )
        for op in existing("aten._flash_attention_forward.quantized")
    ),
    *(
        Case(
            "flash attention into a tensor",
            op,
            (
                *((2, 5, 3, 8), (2, 5, 3, 8), (2, 7, 3, 8), (2, 7, 3, 8)),
                *(None, None, 5, 7, 0.0, False, False),
            ),
            out=(2, 3, 5),
            contraction=2 * A * (8 + 8),
            elementwise=A + (A + A - ROWS + A),
            transcendental=A,
            comparison=A - ROWS,
        )
        for op in existing("aten._flash_attention_forward_no_dropout_inplace.default")
    ),
    # 2 sequences of 5 rows of 6, in 2 heads of 3: 2 * 2 * 5 * 5 scores in 20 rows; 4 projections.
    Case(
        "whole layer of Triton",
        aten._triton_multi_head_attention.default,
        (*[(2, 5, 6)] * 3, 6, 2, (18, 6), (18,), (6, 6), (6,)),
        out=(2, 5, 6),
        contraction=2 * 100 * (3 + 3) + 4 * 2 * 10 * 6 * 6,
        elementwise=100 + (100 + 80 + 100) + 4 * 10 * 6,
        transcendental=100,
        comparison=80,
    ),
)
