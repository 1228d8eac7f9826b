"""Static against measured, on whole models."""

import json
from dataclasses import replace

import pytest
import torch
import torchvision
from torch import nn

from fxflops import formulas
from fxflops.cli import main
from fxflops.cost import total
from fxflops.crosscheck.run import check
from fxflops.crosscheck.verdict import Kind
from fxflops.registry import FORMULAS, kind_of
from tests.versions import DEFORMED

aten = torch.ops.aten


class Deformable(nn.Module):
    def __init__(self):
        super().__init__()
        self.offset = nn.Conv2d(3, 18, 3, padding=1)
        self.deformed = torchvision.ops.DeformConv2d(3, 8, 3, padding=1)

    def forward(self, x):
        return self.deformed(x, self.offset(x))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 7, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(14, 3)

    def forward(self, x):
        states, _ = self.lstm(x)
        return self.head(states)


def assert_agrees(outcome):
    """What holds for every model: the integers are the same, and the differences add up."""
    assert outcome.passed, outcome.failures
    for run in outcome.runs:
        assert all(call.profiler.kind is not Kind.UNEXPLAINED for call in run.calls)
        assert all(call.flop_counter.kind is not Kind.UNEXPLAINED for call in run.calls)
        cost = total(call.cost for call in run.calls)
        rows = [row for row in outcome.totals if row.kernels == run.kernels]
        assert len(rows) == 3
        assert all(row.measured == row.ours <= row.full for row in rows)
        measured = sum(row.measured for row in rows if row.counter == "torch.profiler")
        groups = [group for group in outcome.groups if group.kernels == run.kernels]
        assert sum(group.calls for group in groups) == len(run.calls)
        assert measured + sum(group.difference for group in groups) == cost.flops
        assert all(call.seconds >= 0 for call in run.calls)
        assert 0 < run.unmeasured_share < 1


def contraction(outcome, kernels, counter="torch.profiler"):
    (row,) = (
        row
        for row in outcome.totals
        if (row.kernels, row.counter, row.work) == (kernels, counter, "contraction")
    )
    return row


def assert_contraction_is_whole(outcome, kernels):
    for counter in ("torch.profiler", "FlopCounterMode"):
        row = contraction(outcome, kernels, counter)
        assert row.measured == row.full > 0


def assert_only_this_is_hidden(outcome, of_kind, reason):
    """What the counters miss with PyTorch's own kernels is the contraction of one kind."""
    calls = [c for c in outcome.runs[-1].calls if c.profiler.reason.startswith(reason)]
    hidden = sum(call.cost.contraction for call in calls)
    assert calls
    assert {kind_of(operator(call.op)) for call in calls} == {of_kind}
    for counter in ("torch.profiler", "FlopCounterMode"):
        row = contraction(outcome, "default", counter)
        assert row.full - row.measured == hidden > 0


def operator(name):
    namespace, operator, overload = name.split(".")
    return getattr(getattr(getattr(torch.ops, namespace), operator), overload)


def assert_detector(outcome):
    assert_agrees(outcome)
    assert_contraction_is_whole(outcome, "math")
    assert_only_this_is_hidden(outcome, "attention", "fused attention")
    unmeasured = {row.op: row for row in outcome.unmeasured}
    for op in ("silu", "grid_sampler", "layer_norm", "softmax", "sub", "div", "batch_norm"):
        names = [name for name in unmeasured if name.startswith(f"aten.{op}.")]
        assert names, op
        assert all(unmeasured[name].cost.flops > 0 for name in names)


def test_a_detector_off_the_square():
    assert_detector(check("rtdetr_r18", sizes={"N": 1, "H": 128, "W": 160}, repetitions=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rtdetr_r18", "rtdetr_r50"])
@pytest.mark.parametrize("size", [(640, 640), (320, 416)])
def test_a_detector_at_the_usual_and_at_a_non_square_size(name, size):
    sizes = {"N": 1, "H": size[0], "W": size[1]}
    assert_detector(check(name, sizes=sizes, repetitions=2))


def test_a_convolutional_network():
    outcome = check("torchvision:resnet50", sizes={"N": 1, "H": 64, "W": 96}, repetitions=2)
    assert_agrees(outcome)
    for kernels in ("math", "default"):
        assert_contraction_is_whole(outcome, kernels)


@pytest.mark.slow
def test_a_vision_transformer():
    outcome = check("torchvision:vit_b_16", "image: N 3 224 224", sizes={"N": 1}, repetitions=2)
    assert_agrees(outcome)
    assert_contraction_is_whole(outcome, "math")
    assert_only_this_is_hidden(outcome, "attention", "fused attention")


def calls_mm(call):
    return "aten::mm" in call.events or "aten::addmm" in call.events


def test_deformable_convolution_is_not_seen_by_the_flop_counter():
    outcome = check(Deformable(), "x: N 3 H W", sizes={"N": 2, "H": 20, "W": 28}, repetitions=2)
    assert_agrees(outcome)
    deformed = 2 * (2 * 8 * 20 * 28) * (3 * 3 * 3)
    row = contraction(outcome, "default", "FlopCounterMode")
    assert row.full - row.measured == deformed
    (call,) = (c for c in outcome.runs[-1].calls if c.op == "torchvision.deform_conv2d.default")
    assert call.flop_counter.kind is Kind.NOT_MEASURED
    assert call.flop_counter.reason in DEFORMED
    # Some versions of torchvision call mm, which the profiler counts, and some addmm_, which not.
    assert call.profiler.measured.contraction == (deformed if calls_mm(call) else 0)


def test_a_recurrent_network():
    outcome = check(Recurrent(), "x: N 6 5", sizes={"N": 3}, repetitions=2)
    assert_agrees(outcome)
    assert_contraction_is_whole(outcome, "math")
    gates = 2 * 2 * 4 * 7 * (5 + 7) + 2 * 2 * 4 * 7 * (14 + 7)  # both directions, layer by layer
    assert contraction(outcome, "math").full == 3 * 6 * (gates + 2 * 14 * 3)
    if torch.backends.mkldnn.is_available():
        assert_only_this_is_hidden(outcome, "recurrent", "recurrent layer in one kernel")


def test_the_same_backends_as_before_are_on_afterwards():
    before = torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled()
    check(Recurrent(), "x: 1 2 5", sizes={}, repetitions=1)
    assert (torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled()) == before


def test_transformer_layers_run_without_their_fast_path():
    layer = nn.TransformerEncoderLayer(16, 4, dim_feedforward=24, batch_first=True)
    outcome = check(layer, "x: N 6 16", sizes={"N": 2}, repetitions=1)
    assert_agrees(outcome)
    assert_contraction_is_whole(outcome, "math")


def test_the_model_is_left_as_it_is():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout()).train()
    check(model, "x: 1 3 8 9", sizes={}, dtype="bfloat16", repetitions=1)
    assert model.training
    assert model[0].weight.dtype is torch.float32


@pytest.mark.parametrize("broken", [aten.conv2d.default, aten.linear.default])
def test_a_wrong_formula_is_a_mismatch(broken, monkeypatch, capsys):
    formulas.load()
    wrong = replace(
        FORMULAS[broken][0],
        function=lambda out: 2 * out[0],
        counter="contraction",
        asks_for=("out",),
    )
    monkeypatch.setitem(FORMULAS, broken, (wrong,))
    words = ["check", "torchvision:resnet18", "--size", "64x64", "--repetitions", "1"]
    assert main(words) == 1
    said = capsys.readouterr()
    assert "DISAGREE" in said.out
    assert "MISMATCH" in said.out
    for counter in ("torch.profiler", "FlopCounterMode"):
        lines = [line for line in said.err.splitlines() if counter in line and "formula" in line]
        assert lines
        assert all(str(broken) in line and "our formula gives 2" in line for line in lines)


def test_the_json_has_every_node(capsys):
    words = ["check", "torchvision:alexnet", "--size", "64x96", "--format", "json"]
    assert main([*words, "--repetitions", "1"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "fxflops-check/2"
    assert report["passed"] is True
    assert report["failures"] == []
    for run in report["runs"]:
        convolutions = [call for call in run["calls"] if call["op"] == "aten.conv2d.default"]
        assert len(convolutions) == 5
        first = convolutions[0]
        assert first["profiler"]["kind"] == "equal"
        assert first["events"] == {"aten::conv2d": 1}
        assert first["path"] == "features.0"
        assert first["profiler"]["measured"]["contraction"] == first["cost"]["contraction"]
        assert first["flop_counter"]["measured"]["contraction"] == first["cost"]["contraction"]
        assert first["seconds"] > 0


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_the_reports_for_people(format, capsys):
    words = ["check", "torchvision:alexnet", "--size", "64x96", "--format", format]
    assert main([*words, "--repetitions", "1", "--nodes"]) == 0
    report = capsys.readouterr().out
    assert "FLOP" in report
    nodes = [line for line in report.splitlines() if "aten.conv2d.default" in line]
    assert len(nodes) == 5
    assert all(line.count("equal") == 2 for line in nodes)
    for said in (
        "aten.max_pool2d.default",
        "features.0",
        "GFLOP/s",
        "no rule",
        "agree as integers",
    ):
        assert said in report


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["rtdetr_r18", "rtdetr_r50"])
def test_on_a_gpu(name):
    outcome = check(name, sizes={"N": 1, "H": 640, "W": 640}, device="cuda", repetitions=5)
    assert_agrees(outcome)
    assert_contraction_is_whole(outcome, "math")
    row = contraction(outcome, "default", "FlopCounterMode")
    assert row.measured == row.full  # it has formulas for the kernels of CUDA
    assert sum(call.seconds for call in outcome.runs[-1].calls) > 0
    assert outcome.device == torch.cuda.get_device_name()
