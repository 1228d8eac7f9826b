"""Counts after passes against counts of the model that was deployed by its own code."""

import json

import pytest
import torch
from torch import nn
from torchvision.models import resnet50

import fxflops
from fxflops import PASSES
from fxflops.capture.prepare import on_meta
from fxflops.cli import main
from rtdetr.variants import build
from tests.passes.blocks import RepVGG
from tests.recount import recount

SIZES = {"N": 1, "H": 640, "W": 640}
IMAGE = "image: N 3 H%32 W%32"


def deployed(name):
    with torch.device("meta"):
        return build(name).deploy()


@pytest.mark.parametrize("name", ["rtdetr_r18", "rtdetr_r50", "rtdetrv2_r18_dsp"])
def test_the_merge_alone_is_the_deployed_model(name):
    by_itself = fxflops.analyze(deployed(name), IMAGE, defaults=SIZES)
    merged = fxflops.analyze(name, deploy=["merge-repvgg"])
    assert merged.total == by_itself.total
    assert merged.domain.texts() == by_itself.domain.texts()
    (applied,) = merged.applied
    assert applied.places == 12
    assert fxflops.analyze(name).total - applied.saved == merged.total


def test_all_passes_leave_the_contraction_of_the_deployed_model():
    by_itself = fxflops.analyze(deployed("rtdetr_r18"), IMAGE, defaults=SIZES)
    analysis = fxflops.analyze("rtdetr_r18", deploy=PASSES)
    once = analysis.once_per("size"), analysis.once_per("model")
    assert analysis.total.contraction == by_itself.total.contraction
    assert [cost.contraction for cost in once] == [0, 0]
    assert not any("batch_norm" in str(op) for op in analysis.by_operator())
    hoisted = analysis.applied[-1].saved
    assert hoisted == once[0]  # nothing of the weights is left in a call by then
    saved = sum((applied.saved for applied in analysis.applied), fxflops.Cost.zero())
    assert fxflops.analyze("rtdetr_r18").total == analysis.total + saved
    assert once[1].map(type) == fxflops.Cost(*[int] * 6)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 7, 9), (3, 1, 8), (2, 5, 4)])
def test_sizes_of_one_are_those_of_the_merged_model(sizes):
    at = dict(zip("NHW", sizes, strict=True))
    analysis = fxflops.analyze(RepVGG(), "x: N 6 H W", deploy=PASSES)
    by_hand = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU())
    assert analysis.at(**at) == recount(on_meta(by_hand), analysis.inputs, at)


def test_resnet50_without_its_norms():
    analysis = fxflops.analyze("torchvision:resnet50", deploy=PASSES)
    model = resnet50(weights=None)
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.Conv2d):
                child.bias = nn.Parameter(torch.zeros(child.out_channels))
    at = {"N": 2, "H": 96, "W": 160}
    assert analysis.at(**at) == recount(on_meta(model), analysis.inputs, at)
    assert [applied.places for applied in analysis.applied] == [0, 53, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "blocks"), [("repvgg_a0", 22), ("mobileone_s0", 43)])
def test_timm_merges_the_same_blocks(name, blocks):
    timm = pytest.importorskip("timm")
    merged = fxflops.analyze(f"timm:{name}", deploy=["merge-repvgg", "fold-batch-norm"])
    model = timm.utils.reparameterize_model(timm.create_model(name).eval())
    at = {"N": 2, "H": 96, "W": 160}
    assert merged.at(**at) == recount(on_meta(model), merged.inputs, at)
    assert merged.applied[0].places == blocks


def test_both_front_ends_agree_after_the_passes():
    traced = fxflops.analyze(RepVGG(groups=2), "x: N 6 H W", deploy=PASSES, frontend="trace")
    exported = fxflops.analyze(RepVGG(groups=2), "x: N 6 H W", deploy=PASSES, frontend="export")
    assert exported.total == traced.total
    assert [a.places for a in exported.applied] == [a.places for a in traced.applied] == [1, 0, 0]


class Constants(nn.Module):
    def forward(self, x):
        positions = torch.tensor([2.0, 3.0]).exp() + torch.arange(2)[:, None].sin().flatten()
        return x * positions


def test_hoisted_places_do_not_depend_on_the_front_end():
    traced, exported = (
        fxflops.analyze(Constants(), "x: N 2", deploy=["hoist"], frontend=frontend)
        for frontend in ("trace", "export")
    )
    assert traced.once_per("size") == exported.once_per("size")
    assert traced.applied[0].places == exported.applied[0].places > 0


def report(capsys, *words):
    assert main(["rtdetr_r18", "--format", "json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_report_says_what_was_done_and_the_cache_keeps_it_apart(capsys):
    plain, all_passes = report(capsys), report(capsys, "--deploy")
    assert report(capsys, "--deploy") == report(capsys, "--deploy", "--no-cache") == all_passes
    assert report(capsys) == plain
    assert (plain["graph"], all_passes["graph"]) == ("eval", "deployed")
    assert "once" not in plain
    assert [row["pass"] for row in all_passes["passes"]] == list(PASSES)
    for name in ("contraction", "flops", "bytes_read"):
        before, after = (r["totals"][name]["value"] for r in (plain, all_passes))
        assert before - after == all_passes["saved"][name]["value"] > 0
    assert all_passes["once"]["size"]["transcendental"]["value"] > 0
    one = report(capsys, "--deploy=hoist,merge-repvgg")
    assert [row["pass"] for row in one["passes"]] == ["merge-repvgg", "hoist"]


@pytest.mark.parametrize("format", ["table", "markdown", "csv", "latex"])
@pytest.mark.parametrize("symbolic", [[], ["--symbolic"]])
def test_every_format_says_what_is_done_once(format, symbolic, capsys):
    assert main(["rtdetr_r18", "--deploy", "--format", format, *symbolic]) == 0
    out = capsys.readouterr().out
    assert "merge-repvgg" in out
    assert "once" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--deploy=fuse"], "no pass 'fuse'. Known: merge-repvgg, fold-batch-norm, hoist"),
        (["--deploy", "--convention", "macs"], "leave out --deploy"),
    ],
)
def test_bad_passes_get_one_line(words, says, capsys):
    assert main(["rtdetr_r18", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
