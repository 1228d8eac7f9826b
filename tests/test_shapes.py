"""Each shape rule of the recorder against the kernel that it stands in for."""

import pytest
import torch

import fxflops
from fxflops.capture.shapes import ARITHMETIC, COMPARISONS, IN_PLACE, RULES, WHERE, result_of

aten = torch.ops.aten


def floats(*sizes):
    return torch.rand(sizes, device="meta")


X, COLUMN = (2, 3, 5), (3, 1)
TENSOR_PAIRS = {
    aten.add.Tensor, aten.div.Tensor, aten.mul.Tensor, aten.sub.Tensor, aten.add_.Tensor,
    aten.mul_.Tensor, aten.gt.Tensor, aten.lt.Tensor,
}  # fmt: skip
SPECIAL = {
    aten.arange.default: (7,),
    aten.batch_norm.default: (
        floats(*X), floats(3), floats(3), floats(3), floats(3), False, 0.1, 1e-5, False,
    ),
    aten.clamp.default: (floats(*X), 0.0, 1.0),
    aten.grid_sampler.default: (
        floats(2, 3, 5, 7).transpose(2, 3), floats(2, 4, 6, 2).transpose(1, 2), 0, 0, False,
    ),
    aten.layer_norm.default: (floats(2, 5, 3).transpose(1, 2), [5], floats(5), floats(5)),
    aten.linear.default: (floats(2, 5, 3).transpose(1, 2), floats(7, 5), floats(7)),
    aten.pow.Scalar: (2.0, floats(*X)),
    aten.pow.Tensor_Scalar: (floats(*X), 2),
    aten.rsub.Scalar: (floats(*X), 1.0),
    aten.scaled_dot_product_attention.default: (
        floats(2, 5, 3, 4).transpose(1, 2), floats(2, 7, 3, 4).transpose(1, 2), floats(2, 3, 7, 6),
    ),
    aten.softmax.int: (floats(*X), 1),
    aten.where.self: (floats(*X) > 0, floats(*X), floats(*COLUMN)),
    aten.where.ScalarOther: (floats(3, 1) > 0, floats(*X), 0.0),
    aten.where.ScalarSelf: (floats(3, 1) > 0, 0.0, floats(*X)),
    aten.gt.Scalar: (floats(*X), 0.5),
    aten.lt.Scalar: (floats(*X), 0.5),
}  # fmt: skip


def arguments(operator):
    if operator in TENSOR_PAIRS:
        return floats(*X), floats(*COLUMN)
    return SPECIAL.get(operator, (floats(*X),))


@pytest.mark.parametrize(
    "operator",
    [*dict.fromkeys((*RULES, *ARITHMETIC, *COMPARISONS, *IN_PLACE, *WHERE, *SPECIAL))],
    ids=str,
)
def test_a_rule_gives_what_the_kernel_gives(operator):
    args = arguments(operator)
    ruled, computed = result_of(operator, args, {}), operator(*args)
    assert ruled is not None
    assert ruled.shape == computed.shape
    assert ruled.stride() == computed.stride()
    assert ruled.dtype == computed.dtype
    if operator in IN_PLACE:
        assert ruled is args[0]


@pytest.mark.parametrize(
    "args", [(floats(2, 3).t(),), (torch.ones(2, 3, dtype=torch.int64, device="meta"),)]
)
def test_no_rule_where_layout_or_type_would_matter(args):
    assert result_of(aten.exp.default, args, {}) is None


def test_dtype_halves_the_bytes():
    full, half = (
        fxflops.analyze(torch.nn.Linear(3, 5), "x: N 3", dtype=dtype).at(N=2)
        for dtype in ("float32", "bfloat16")
    )
    assert half.bytes_read * 2 == full.bytes_read == 4 * (2 * 3 + 3 * 5 + 5)
    assert half.bytes_written * 2 == full.bytes_written == 4 * 2 * 5
    assert half.flops == full.flops


def test_the_report_says_that_masked_attention_is_charged_in_full():
    class Causal(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)

    analysis = fxflops.analyze(Causal(), "x: N 3 L 4")
    assert any("charged in full" in note for note in analysis.notes)
    assert analysis.at(N=2, L=7).contraction == 2 * (2 * 3 * 7 * 7) * (4 + 4)
    assert fxflops.analyze("rtdetr_r18").notes == ()
