"""What each counter says of single calls, and why: the numbers are by hand."""

import functools

import pytest
import torch
from torch import nn

from fxflops import formulas
from fxflops.crosscheck.reconcile import Total, _total_failures
from fxflops.crosscheck.run import check
from fxflops.crosscheck.verdict import Kind
from fxflops.errors import FormulaError
from fxflops.formulas.shapes import numel
from fxflops.registry import FORMULAS, Formula

ROWS = (
    # name, function of a float tensor (2, 3, 4, 5), the operator, what the profiler measures,
    # contraction + elementwise in full, the verdict, the reason
    ("sum", lambda x: x + x, "add.Tensor", 120, 120, "equal", ""),
    ("in place", lambda x: (x * 2).add_(x), "add_.Tensor", 0, 120, "not measured", "no rule"),
    ("number", lambda x: x + 1, "add.Tensor", 120, 120, "equal", ""),
    ("product", lambda x: x * x, "mul.Tensor", 120, 120, "equal", ""),
    ("difference", lambda x: x - x, "sub.Tensor", 0, 120, "not measured", "no rule"),
    (
        "first operand broadcast",
        lambda x: x[:, :1] * x,
        "mul.Tensor",
        40,
        120,
        "different",
        "counts the first operand, not the result",
    ),
    ("second operand broadcast", lambda x: x * x[:, :1], "mul.Tensor", 120, 120, "equal", ""),
    (
        "alpha",
        lambda x: torch.add(x, x, alpha=3),
        "add.Tensor",
        120,
        240,
        "different",
        "leaves alpha out",
    ),
    (
        "alpha and broadcast",
        lambda x: torch.add(x[:1], x, alpha=3),
        "add.Tensor",
        60,
        240,
        "different",
        "counts the first operand, not the result; leaves alpha out",
    ),
    (
        "integers",
        lambda x: x.long() + x.long(),
        "add.Tensor",
        120,
        0,
        "different",
        "counts integers",
    ),
    ("silu", nn.SiLU(), "silu.default", 0, 3 * 120, "not measured", "no rule"),
    ("sign", lambda x: -x, "neg.default", 0, 0, "equal", "nothing to count"),
    (
        "linear",
        nn.Linear(5, 7),
        "linear.default",
        2 * 24 * 7 * 5,
        2 * 24 * 7 * 5 + 24 * 7,
        "equal",
        "bias and scale apart",
    ),
    (
        "convolution in groups",
        nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3, bias=False),
        "conv2d.default",
        2 * (2 * 6 * 2 * 3) * 9,
        2 * (2 * 6 * 2 * 3) * 9,
        "equal",
        "",
    ),
    (
        "convolution with padding by name",
        nn.Conv2d(3, 6, 3, padding="same", bias=False),
        "conv2d.padding",
        0,
        2 * (2 * 6 * 4 * 5) * 27,
        "not measured",
        "no rule",
    ),
    (
        "convolution of one image",
        lambda x: nn.functional.conv2d(x[0], x.new_ones(6, 3, 3, 3)),
        "conv2d.default",
        0,
        2 * (6 * 2 * 3) * 27,
        "not measured",
        "no rule",
    ),
    (
        "convolution of a sequence",
        lambda x: nn.functional.conv1d(x[0], x.new_ones(6, 4, 3)),
        "conv1d.default",
        0,
        2 * (3 * 6 * 3) * 12,
        "not measured",
        "no rule",
    ),
    (
        "product with a vector",
        lambda x: torch.mv(x[0, 0], x[0, 0, 0]),
        "mv.default",
        0,
        2 * 4 * 5,
        "not measured",
        "product with a vector",
    ),
    (
        "contraction by einsum",
        lambda x: torch.einsum("nchw,kchw->nk", x, x),
        "einsum.default",
        2 * 4 * 60,
        2 * 4 * 60,
        "equal",
        "",
    ),
)


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_of_the_profiler(row):
    _, function, op, measured, flops, kind, reason = row
    outcome = check(Calls(function), "x: 2 3 4 5", sizes={}, repetitions=2)
    assert outcome.passed, outcome.failures
    for run in outcome.runs:
        call = [call for call in run.calls if call.op == f"aten.{op}"][-1]
        assert call.profiler.measured.total == measured
        assert call.cost.flops == flops
        assert (str(call.profiler.kind), call.profiler.reason) == (kind, reason)


def test_scaled_dot_product_attention():
    """Two scalings of queries and keys inside its kernel; we count one of the scores."""
    heads, length, width = 2, 6, 8

    def attend(x):
        q = x.reshape(1, heads, length, width)
        return nn.functional.scaled_dot_product_attention(q, q, q)

    outcome = check(Calls(attend), f"x: {length} {heads * width}", sizes={}, repetitions=1)
    assert outcome.passed, outcome.failures
    math, default = (
        next(call for call in run.calls if "scaled_dot" in call.op) for run in outcome.runs
    )
    products = 2 * 2 * heads * length * length * width
    assert math.profiler.measured.contraction == products == math.flop_counter.measured.total
    assert math.profiler.measured.elementwise == 2 * heads * length * width
    assert math.profiler.kind is Kind.DIFFERENT
    assert math.profiler.reason == "aten::mul inside its kernel"
    assert default.profiler.measured.total == default.flop_counter.measured.total == 0
    assert default.profiler.kind is default.flop_counter.kind is Kind.NOT_MEASURED
    assert default.profiler.reason == default.flop_counter.reason == "fused attention"


def with_formula(monkeypatch, op, counter, count):
    """The formula of ``op`` replaced by one of the same family that gives ``count``."""
    formulas.load()

    @functools.wraps(FORMULAS[op][0].function)
    def wrong(*, out):
        return count(out)

    monkeypatch.setitem(FORMULAS, op, (Formula(wrong, counter, ("out",)),))


@pytest.mark.parametrize("count", [lambda out: -2, lambda out: -numel(out)])
@pytest.mark.parametrize(
    ("op", "function"),
    [
        (torch.ops.aten.silu.default, nn.functional.silu),
        (torch.ops.aten.relu.default, torch.relu),
        (torch.ops.aten.sub.Tensor, lambda x: x - x),
    ],
)
def test_less_than_nothing_is_refused(op, function, count, monkeypatch):
    counter = "comparison" if "relu" in str(op) else "elementwise"
    with_formula(monkeypatch, op, counter, count)
    with pytest.raises(FormulaError, match="never negative"):
        check(Calls(function), "x: 2 3 4 5", sizes={}, repetitions=1)


@pytest.mark.parametrize(
    ("op", "function"),
    [
        (torch.ops.aten.add.Tensor, lambda x: x + x),
        (torch.ops.aten.mul.Tensor, lambda x: x[:, :1] * x),
        (torch.ops.aten.add.Tensor, lambda x: torch.add(x, x, alpha=3)),
    ],
)
def test_a_wrong_formula_of_arithmetic_is_a_failure(op, function, monkeypatch):
    """The profiler's number is by the first operand alone, and does not show it."""
    with_formula(monkeypatch, op, "elementwise", lambda out: 3 * numel(out))
    outcome = check(Calls(function), "x: 2 3 4 5", sizes={}, repetitions=1)
    assert any("our formula gives 360" in failure for failure in outcome.failures)


def test_totals_that_differ_are_a_failure():
    row = Total(kernels="math", counter="c", work="w", measured=5, ours=7, full=7)
    assert list(_total_failures([row])) == [
        "c, w, math kernels: measured 5 in all, by the same rules 7"
    ]
