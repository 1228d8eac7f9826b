import torch

from fxflops.registry import existing
from tests.formulas.harness import Case, Typed, ints

aten = torch.ops.aten

BYTES = (Typed(torch.int8, (3, 5)), Typed(torch.int8, (5, 7)))
X = (2, 3, 5)  # 30 elements
WHOLE, ROWS, BLOCKS = 0, 1, 4

CASES = (
    Case("bytes", aten._int_mm.default, BYTES, contraction=2 * 21 * 5, torch=0),  # no formula
    Case(
        "bytes as weights",
        aten._weight_int8pack_mm.default,
        ((3, 5), Typed(torch.int8, (7, 5)), (7,)),
        out=(3, 7),
        contraction=2 * 21 * 5,
        elementwise=21,
    ),
    # 7 * 16 weights, each a product and a sum.
    Case(
        "half bytes as weights",
        aten._weight_int4pack_mm.default,
        ((3, 16), ints(1, 1, 32, 4), 8, (2, 7, 2)),
        out=(3, 7),
        aliases=(aten._weight_int4pack_mm_for_cpu.default,),
        contraction=2 * 21 * 16,
        elementwise=2 * 7 * 16,
    ),
    Case(
        "half bytes as weights, scales and zeros apart",
        aten._weight_int4pack_mm_with_scales_and_zeros.default,
        ((3, 16), ints(7, 2), 8, (2, 7), (2, 7)),
        out=(3, 7),
        contraction=2 * 21 * 16,
        elementwise=2 * 7 * 16,
    ),
    Case(
        "weights of another type, with an activation",
        aten._mixed_dtypes_linear.default,
        ((3, 5), Typed(torch.int8, (5, 7)), (7,)),
        {"bias": (7,), "activation": "silu"},
        out=(3, 7),
        contraction=2 * 21 * 5,
        elementwise=21 + 21 + 3 * 21,
        transcendental=21,
    ),
    Case(
        "scaled, the result too, with a bias",
        aten._scaled_mm.default,
        ((3, 5), (5, 7), (), (), (7,), ()),
        out=(3, 7),
        contraction=2 * 21 * 5,
        elementwise=4 * 21,
    ),
    # 11 rows in 2 groups, one matrix each.
    Case(
        "scaled in groups",
        aten._scaled_grouped_mm.default,
        ((11, 5), (2, 5, 7), (11,), (2, 7), ints(2)),
        out=(11, 7),
        contraction=2 * 11 * 7 * 5,
        elementwise=2 * 11 * 7,
    ),
    *(
        Case(
            "scaled by rows, with a bias",
            op,
            (*((3, 5), (5, 7), [(3, 1)], [ROWS], [0]), *([(1, 7)], [ROWS], [0], (7,), None)),
            out=(3, 7),
            contraction=2 * 21 * 5,
            elementwise=3 * 21,
        )
        for op in existing("aten._scaled_mm_v2.default")
    ),
    *(
        Case(
            "scaled by blocks along the sum, and as a whole",
            op,
            (*((3, 256), (256, 7), [(3, 2)], [BLOCKS], [0]), *([()], [WHOLE], [0], None, None)),
            out=(3, 7),
            contraction=2 * 21 * 256,
            elementwise=3 * 256 + 21,
        )
        for op in existing("aten._scaled_mm_v2.default")
    ),
    *(
        Case(
            "scaled in groups by rows",
            op,
            (
                *((11, 5), (2, 5, 7), [(11,)], [ROWS], [0], [(2, 7)], [ROWS], [0]),
                *(ints(2), None, None),
            ),
            out=(11, 7),
            contraction=2 * 11 * 7 * 5,
            elementwise=2 * 11 * 7,
        )
        for op in existing("aten._scaled_grouped_mm_v2.default")
    ),
    Case(
        "quantise",
        aten.quantize_per_tensor.default,
        (X, 0.1, 3, torch.quint8),
        device="cpu",
        elementwise=30,
    ),
    Case(
        "quantise by a tensor",
        aten.quantize_per_tensor.tensor_qparams,
        (X, (), ints(), torch.quint8),
        device="cpu",
        elementwise=30,
    ),
    Case(
        "quantise channels",
        aten.quantize_per_channel.default,
        (X, (3,), ints(3), 1, torch.quint8),
        device="cpu",
        elementwise=30,
    ),
    Case("back", aten.dequantize.self, (X,), device="cpu", elementwise=30),
    Case(
        "quantise and back",
        aten.fake_quantize_per_tensor_affine.default,
        (X, 0.1, 3, 0, 255),
        device="cpu",
        elementwise=2 * 30,
    ),
    Case(
        "quantise by a tensor and back",
        aten.fake_quantize_per_tensor_affine.tensor_qparams,
        (X, (1,), Typed(torch.int32, (1,)), 0, 255),
        device="cpu",
        elementwise=2 * 30,
    ),
    Case(
        "quantise channels and back",
        aten.fake_quantize_per_channel_affine.default,
        (X, (3,), Typed(torch.int32, (3,)), 1, 0, 255),
        device="cpu",
        elementwise=2 * 30,
    ),
    Case(
        "quantise and back, in a decomposed graph",
        aten.fake_quantize_per_tensor_affine_cachemask.default,
        (X, 0.1, 3, 0, 255),
        out=(X, X),
        elementwise=2 * 30,
    ),
    Case(
        "quantise by a tensor and back, in a decomposed graph",
        aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams.default,
        (X, (1,), ints(1), ints(1), 0, 255),
        out=(X, X),
        elementwise=2 * 30,
    ),
    Case(
        "quantise channels and back, in a decomposed graph",
        aten.fake_quantize_per_channel_affine_cachemask.default,
        (X, (3,), ints(3), 1, 0, 255),
        out=(X, X),
        elementwise=2 * 30,
    ),
    # The range is two comparisons per element, its scale and zero point 3 FLOP.
    Case(
        "quantise what is seen first",
        aten.quantize_per_tensor_dynamic.default,
        (X, torch.quint8, False),
        device="cpu",
        elementwise=30 + 3,
        comparison=2 * 30,
    ),
    Case(
        "scale and zero point",
        aten._choose_qparams_per_tensor.default,
        (X,),
        out=(),
        elementwise=3,
        comparison=2 * 30,
    ),
)
