import torch
from torch.ao.quantization.fx import _decomposed  # it registers the operators

from tests.formulas.harness import Case, Typed, ints

assert _decomposed
decomposed = torch.ops.quantized_decomposed

X = (2, 3, 5)  # 30 elements
Q = Typed(torch.uint8, X)
RANGE = (0, 255, torch.uint8)
# Rows of 8 in groups of 4.
ROWS, QROWS = (3, 8), Typed(torch.int8, (3, 8))
OF_GROUPS = ((3, 2), ints(3, 2), -8, 7, torch.int8)

CASES = (
    Case(
        "quantise",
        decomposed.quantize_per_tensor.default,
        (X, 0.1, 3, *RANGE),
        elementwise=30,
    ),
    Case(
        "quantise by a tensor",
        decomposed.quantize_per_tensor.tensor,
        (X, (), ints(), *RANGE),
        elementwise=30,
    ),
    Case(
        "quantise to a range that is a tensor",
        decomposed.quantize_per_tensor.tensor2,
        (X, (), ints(), ints(), ints(), torch.uint8),
        elementwise=30,
    ),
    Case(
        "quantise channels",
        decomposed.quantize_per_channel.default,
        (X, (3,), ints(3), 1, *RANGE),
        elementwise=30,
    ),
    Case(
        "quantise tokens",
        decomposed.quantize_per_token.default,
        (X, (2, 3, 1), ints(2, 3, 1), *RANGE),
        elementwise=30,
    ),
    Case(
        "quantise groups",
        decomposed.quantize_per_channel_group.default,
        (ROWS, *OF_GROUPS, 4),
        elementwise=24,
    ),
    Case("back", decomposed.dequantize_per_tensor.default, (Q, 0.1, 3, *RANGE), elementwise=30),
    Case(
        "back by a tensor",
        decomposed.dequantize_per_tensor.tensor,
        (Q, (), ints(), *RANGE),
        elementwise=30,
    ),
    Case(
        "back from a range that is a tensor",
        decomposed.dequantize_per_tensor.tensor2,
        (Q, (), ints(), ints(), ints(), torch.uint8),
        elementwise=30,
    ),
    Case(
        "channels back",
        decomposed.dequantize_per_channel.default,
        (Q, (3,), ints(3), 1, *RANGE),
        elementwise=30,
    ),
    Case(
        "tokens back",
        decomposed.dequantize_per_token.default,
        (Q, (2, 3, 1), ints(2, 3, 1), *RANGE, torch.float32),
        elementwise=30,
    ),
    Case(
        "groups back",
        decomposed.dequantize_per_channel_group.default,
        (QROWS, *OF_GROUPS, 4, torch.float32),
        elementwise=24,
    ),
    Case(
        "quantise channels and back",
        decomposed.fake_quant_per_channel.default,
        (X, (3,), ints(3), 1, 0, 255),
        elementwise=2 * 30,
    ),
    # The range is two comparisons per element, its scale and zero point 3 FLOP.
    Case(
        "scale and zero point",
        decomposed.choose_qparams.tensor,
        (X, 0, 255, 1e-5, torch.uint8),
        aliases=(decomposed.choose_qparams_symmetric.tensor,),
        elementwise=3,
        comparison=2 * 30,
    ),
    Case(
        "scale and zero point of each of 6 tokens",
        decomposed.choose_qparams_per_token.default,
        (X, torch.int8),
        aliases=(
            decomposed.choose_qparams_per_token_asymmetric.default,
            decomposed._choose_qparams_per_token_asymmetric_impl.default,
        ),
        out=((2, 3, 1), (2, 3, 1)),
        elementwise=6 * 3,
        comparison=2 * 30,
    ),
)
