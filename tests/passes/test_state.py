"""What a call changes for the next one is not hoisted, and parameters are those of the graph."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import fxflops
from fxflops import PASSES
from tests.passes.test_deployed import deployed

N, D = 5, 4


class Kept(nn.Module):
    """A buffer, and statistics, that some call below changes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kept", torch.zeros(D))
        self.register_buffer("other", torch.ones(6, D))
        self.held = torch.zeros(D)

    def forward(self, x):
        self.change()
        return x + self.kept * 2


class InPlace(Kept):
    def change(self):
        self.kept.add_(1)


class View(Kept):
    def change(self):
        self.kept[1:].view(-1).mul_(3)


class Copied(Kept):
    def change(self):
        self.kept.copy_(self.other[0])


class Indexed(Kept):
    def change(self):
        self.kept[torch.tensor([0, 2])] = 1.5


class Out(Kept):
    def change(self):
        torch.add(self.other[0], 1, out=self.kept)


class Replaced(Kept):
    def change(self):
        self.kept = self.kept + 1


class Alias(Kept):
    def change(self):
        alias = self.kept.detach()
        alias += 1


class Data(Kept):
    def change(self):
        self.kept.data.add_(1)


class Running(Kept):
    def change(self):
        functional.batch_norm(self.other, self.kept, self.kept.clone(), training=True)


class Attribute(Kept):
    def forward(self, x):
        self.held = self.held + 1
        return x + self.held * 2


class Random(Kept):
    def forward(self, x):
        return x + (self.kept + torch.rand(D)) * 2


class Counter(Kept):
    def __init__(self):
        super().__init__()
        self.calls = 1

    def forward(self, x):
        self.calls += 1
        return x + self.kept * self.calls


class Listed(Kept):
    def __init__(self):
        super().__init__()
        self.states = {"all": [torch.zeros(D)]}

    def forward(self, x):
        self.states["all"][0] = self.states["all"][0] + 1
        return x + self.states["all"][0] * 2


class Literal(Kept):
    """No state: what is changed is made anew in each call."""

    def forward(self, x):
        scale = torch.tensor([1.0, 2.0, 3.0, 4.0])
        scale.mul_(2)
        return x + scale


@pytest.mark.parametrize(
    ("kind", "flops"),
    [
        (InPlace, N * D + 2 * D),
        (View, N * D + D + D - 1),
        (Copied, N * D + D),
        (Indexed, N * D + D),
        (Out, N * D + 2 * D),
        (Replaced, N * D + 2 * D),
        (Alias, N * D + 2 * D),
        (Data, N * D + 2 * D),
        (Attribute, N * D + 2 * D),
        (Random, N * D + 2 * D),
        (Counter, N * D + D),
        (Listed, N * D + 2 * D),
    ],
)
def test_state_is_work_of_each_call(kind, flops):
    whole = fxflops.analyze(kind(), "x: N 4").at(N=N)
    assert whole.flops == flops
    assert fxflops.analyze(kind(), "x: N 4", deploy=PASSES).at(N=N).flops == flops


@pytest.mark.parametrize("kind", [InPlace, Replaced, Running])
@pytest.mark.parametrize("frontend", ["trace", "export"])
def test_both_front_ends_know_state(kind, frontend):
    whole = fxflops.analyze(kind(), "x: N 4", frontend=frontend).at(N=N)
    left = fxflops.analyze(kind(), "x: N 4", frontend=frontend, deploy=["hoist"]).at(N=N)
    assert left.flops == whole.flops > N * D


def test_what_a_call_makes_and_changes_is_no_state():
    assert fxflops.analyze(Literal(), "x: N 4", deploy=["hoist"]).at(N=N).flops == N * D


def test_a_kernel_that_a_call_changes_is_not_folded():
    class Changing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            self.conv.weight.mul_(2)
            return self.norm(self.conv(x))

    analysis = fxflops.analyze(Changing(), "x: N 3 8 8", deploy=PASSES)
    assert [applied.places for applied in analysis.applied] == [0, 0, 0]


@pytest.mark.parametrize("frontend", ["trace", "export"])
def test_the_parameters_are_those_of_the_deployed_graph(frontend):
    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 5, 3, bias=False), nn.BatchNorm2d(5)
            self.twice, self.unused = nn.Linear(5, 5), nn.Linear(7, 7)
            self.register_buffer("table", torch.ones(5))

        def forward(self, x):
            y = self.norm(self.conv(x)).mean((2, 3)) * (self.table * 2)
            return self.twice(self.twice(y))

    analysis = fxflops.analyze(Layers(), "x: N 3 8 8", frontend=frontend, deploy=PASSES)
    kernel, bias, linear = 5 * 3 * 9, 5, 5 * 5 + 5
    assert analysis.parameters == kernel + bias + linear
    assert fxflops.analyze(Layers(), "x: N 3 8 8").parameters == kernel + 2 * 5 + linear + 7 * 8


def test_the_parameters_of_merged_blocks_are_those_of_the_deployed_model():
    merged = fxflops.analyze("rtdetr_r18", deploy=["merge-repvgg"])
    unread = 81 * 256 + 2 * (256 + 1) * 80  # of training: denoising, scores of the first layers
    assert merged.parameters == sum(p.numel() for p in deployed("rtdetr_r18").parameters()) - unread


def test_the_parameters_without_norms():
    analysis = fxflops.analyze("torchvision:resnet50", deploy=PASSES)
    channels = 26_560  # of all norms; each has two parameters, of which a bias is left
    assert analysis.parameters == 25_557_032 - 2 * channels + channels
