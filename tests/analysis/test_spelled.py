"""What ``fxflops why`` writes, evaluated again: the counted integer for every call."""

import json
import re

import jsonschema
import pytest
import torch
from torch import nn

import fxflops
from fxflops.algebra import evaluate
from fxflops.analysis.spelled import why
from fxflops.cli import main
from fxflops.reports import render
from tests.reports.test_documents import SCHEMA


def value(written, sizes):
    """A formula as it is printed, evaluated by Python."""
    python = re.sub(r"/+", "//", written.replace("·", "*").replace("^", "**"))
    return eval(python, {**sizes, "Max": max, "Min": min})


def require_true(analysis, sizes):
    """Every printed formula of every call is its count at these sizes; returns how many there are.

    Spelled and closed forms are compared with the cost of the call, which is known without them.
    """
    values = analysis.domain.values(sizes, analysis.model)
    formulas = spelled = 0
    for node in analysis.nodes:
        found = why(node, analysis.domain.names)
        if node.cost is None:
            assert not found.counts
            continue
        names = {count.name: count for count in found.counts}
        for counter in ("contraction", "elementwise", "transcendental", "comparison"):
            expected = evaluate(getattr(node.cost, counter), values)
            if counter not in names:
                assert expected == 0
                continue
            count = names[counter]
            remainder = value(count.remainder, sizes) if count.remainder else 0
            assert value(count.spelled, sizes) + remainder == expected, (node.op, count)
            assert value(count.closed, sizes) == expected, (node.op, count)
            formulas += 1
            spelled += count.spelled != count.closed
    return formulas, spelled


@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        ("rtdetr_r18", [{"N": 1, "H": 320, "W": 608}, {"N": 3, "H": 704, "W": 96 * 5}]),
        (
            "torchvision:mobilenet_v3_small",
            [{"N": 1, "H": 96, "W": 160}, {"N": 5, "H": 64, "W": 224}],
        ),
        ("torchvision:swin_t", [{"N": 2, "H": 224, "W": 224}]),
    ],
)
def test_every_formula_is_the_count_at_other_sizes(model, sizes):
    analysis = fxflops.analyze(model)
    for at in sizes:
        at = {name: at[name] for name in analysis.domain.names}
        formulas, spelled = require_true(analysis, at)
        assert formulas > 50
        assert spelled > formulas / 3


def test_a_training_step_and_a_deployed_graph_too():
    for asked in ({"train": True}, {"deploy": fxflops.PASSES}):
        analysis = fxflops.analyze("torchvision:resnet18", **asked)
        formulas, _ = require_true(analysis, {"N": 2, "H": 96, "W": 160})
        assert formulas > 20


@pytest.mark.slow
def test_every_formula_of_every_model_of_torchvision():
    import torchvision

    for name in torchvision.models.list_models(torchvision.models):
        analysis = fxflops.analyze(f"torchvision:{name}")
        sizes = {**analysis.defaults, "N": 3} if "N" in analysis.domain.names else analysis.defaults
        assert require_true(analysis, {n: sizes[n] for n in analysis.domain.names})[0]


def said(words, capsys):
    assert main(["why", *words]) == 0
    return capsys.readouterr().out


def test_the_first_convolution_of_rtdetr_is_spelled_out(capsys):
    out = said(["rtdetr_r18", "backbone.conv1.conv1_1.conv"], capsys)
    assert "conv2d 3→32, 3x3, stride 2" in out
    assert re.search(r"2·N·32·\(H/2\)·\(W/2\)·3·3·3 +432·N·H·W +176,947,200\n", out)
    assert "2 * prod(out) * C_in/groups * prod(kernel)" in out
    assert "Source: arXiv:1603.07285, sec. 2" in out
    assert re.search(r"fxflops/formulas/conv.py:\d+", out)
    assert re.search(r"rtdetr/layers.py:\d+ in forward", out)


def test_groups_and_dilation_are_said(capsys):
    model = nn.Sequential(nn.Conv2d(6, 9, (3, 5), groups=3, dilation=2, stride=(2, 1)))
    node, *_ = fxflops.analyze(model, "x: N 6 H W").nodes
    found = why(node, ("N", "H", "W"))
    assert found.call == "conv2d 6→9, 3x5, stride 2x1, dilation 2, groups 3"
    contraction = found.counts[0]
    assert contraction.spelled.startswith("2·N·")
    sizes = {"N": 2, "H": 11, "W": 17}
    # 4 x 9 outputs: (11 - 2·2 - 1) // 2 + 1 and 17 - 2·4
    assert value(contraction.spelled, sizes) == 2 * 2 * 9 * 4 * 9 * (6 // 3) * 3 * 5


def test_json_is_as_its_schema_says_and_equal_calls_are_one_table(capsys):
    words = ["torchvision:resnet18", "layer1", "--size", "96x160"]
    report = json.loads(said([*words, "--format", "json"], capsys))
    jsonschema.validate(report, SCHEMA)
    convolutions = [call for call in report["calls"] if call["op"] == "aten.conv2d.default"]
    assert len(convolutions) == 4
    assert {c["counts"][0]["value"] for c in convolutions} == {2 * 64 * 24 * 40 * 64 * 9}
    assert said(words, capsys).count("conv2d 64→64, 3x3 ×4") == 1


def test_what_is_free_or_uncounted_says_why(capsys):
    class Net(nn.Module):
        def forward(self, x):
            return torch.linalg.qr(x.flatten(1))[0]

    analysis = fxflops.analyze(Net(), "x: N 4 4")
    from fxflops.analysis.why import document

    text = render(document(analysis, ""), "table")
    assert "uncounted" in text
    assert "no formula" in text
    assert "No cost: " in text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("layer1.0.conv9", "no module or call 'layer1.0.conv9'; did you mean layer1.0.conv"),
        ("\x1b[31m", "no module or call"),
    ],
)
def test_a_path_that_does_not_exist_is_one_line(path, says, capsys):
    assert main(["why", "torchvision:resnet18", path]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
