"""Each pass keeps the outputs, in float64, finds what it is for, and finds nothing twice."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet50

from fxflops.analysis.deployment import BY_NAME
from fxflops.passes import PASSES
from rtdetr.layers import FrozenBatchNorm2d, RepVGGBlock
from rtdetr.variants import build
from tests.passes.blocks import (
    FrozenNorm,
    Norms,
    Overwritten,
    Plain,
    Positions,
    RepVGG,
    Sums,
    Unmergeable,
)
from tests.passes.concrete import listing, made_once, outputs, randomized, recorded

SMALL = (2, 4, 10, 12)
IMAGE = (1, 3, 96, 160)  # few anchors more than queries

ROWS = [
    ("three branches", lambda: RepVGG(), (2, 6, 9, 7), (1, 0, 0)),
    ("grouped", lambda: RepVGG(groups=3), (2, 6, 9, 7), (1, 0, 0)),
    ("frozen", lambda: RepVGG(norm=lambda c: FrozenNorm(c, 1)), (2, 6, 9, 7), (1, 0, 0)),
    ("two blocks", lambda: nn.Sequential(RepVGG(), RepVGG()), (2, 6, 9, 7), (2, 0, 0)),
    ("zeros", Sums, (2, 4, 9, 7), (1, 0, 0)),
    ("without norms", Plain, (2, 3, 11, 12), (2, 0, 0)),
    ("not mergeable", Unmergeable, SMALL, (0, 0, 0)),
    ("overwritten", Overwritten, SMALL, (0, 0, 0)),
    ("norms", Norms, (2, 3, 9, 8), (0, 4, 0)),
    ("positions", Positions, (4, 5), (0, 0, 8)),
    ("resnet50", lambda: resnet50(weights=None), (2, 3, 64, 96), (0, 53, 0)),
]
MODELS = ["rtdetr_r18", "rtdetr_r50"]


def image(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(found, wanted):
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def assert_kept(model, shape, changed):
    model = randomized(model)
    traced, other = image(shape, 1), image(shape, 2)
    capture = recorded(model, traced)
    wanted = outputs(capture, other)
    assert not all(map(torch.equal, outputs(capture, traced), wanted))
    before = listing(capture)
    for name, expected in zip(PASSES, changed, strict=True):
        original = listing(capture)
        after, places = BY_NAME[name](capture)
        assert listing(capture) == original
        if expected is not None:
            assert places == expected
        again, none = BY_NAME[name](after)
        assert none == 0
        assert listing(again) == listing(after)
        close(outputs(after, other), wanted)
        capture = after
    after.graph.lint()
    assert before != listing(after) or not any(changed)
    close(outputs(after, other, once=made_once(after, traced)), wanted)


@pytest.mark.parametrize(
    ("model", "shape", "changed"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_passes_keep_the_outputs(model, shape, changed):
    assert_kept(model(), shape, changed)


@pytest.mark.parametrize("name", MODELS)
def test_passes_keep_the_outputs_of_rtdetr(name):
    model = build(name)
    blocks = sum(isinstance(module, RepVGGBlock) for module in model.modules())
    norms = sum(isinstance(m, (nn.BatchNorm2d, FrozenBatchNorm2d)) for m in model.modules())
    assert blocks == 12
    assert_kept(model, IMAGE, (blocks, norms - 2 * blocks, None))


def test_hoisting_knows_what_it_hoists():
    capture = BY_NAME["hoist"](recorded(Positions().double(), image((4, 5), 1))).capture
    binding_times = {
        str(node.target): node.meta.get("binding_time") for node in capture.graph.nodes
    }
    assert binding_times["aten.arange.default"] == binding_times["aten.cos.default"] == "size"
    assert binding_times["aten.sin.default"] == "size"
    written = [n for n in capture.graph.nodes if n.target is torch.ops.aten.exp.default]
    assert [node.meta.get("binding_time") for node in written] == ["model", None]
