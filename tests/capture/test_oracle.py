"""Both front ends capture the same work: their formulas are equal, those of bytes included."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fxflops
from fxflops.cost import METRICS


class Attention(nn.Module):
    """A softmax of products between all positions, whose number is free."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(12, 36)
        self.norm = nn.LayerNorm(12)

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, 2, 6)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) / 6**0.5).softmax(-1)
        return x + (weights @ v).transpose(1, 2).flatten(2)


class Pyramid(nn.Module):
    """Strided convolutions of any height and width, and their sum at the larger size."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(nn.Conv2d(4, 5, 3, stride=2), nn.BatchNorm2d(5), nn.ReLU())
        self.lateral = nn.Conv2d(5, 4, 1)

    def forward(self, x):
        fine = self.fine(x)
        coarse = self.lateral(self.coarse(fine))
        return fine + F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear")


class Positions(nn.Module):
    """Sizes as data: a grid, a mask of two lengths, parts that are joined."""

    def forward(self, x, y):
        grid = torch.arange(x.shape[1]).float() / x.shape[1]
        mask = grid[:, None] > torch.arange(y.shape[1])[None, :]
        products = (x @ y.transpose(1, 2)).masked_fill(mask, 0.0)
        joined = torch.cat([x, y], dim=1)
        return products.sum(-1), joined * joined.amax(dim=1, keepdim=True)


MODELS = {
    "attention": (Attention, "x: N L 12", {"N": 3, "L": 7}),
    "pyramid": (Pyramid, "x: N 3 H%4>=8 W%4>=8", {"N": 2, "H": 20, "W": 36}),
    "positions": (Positions, "x: N L 5; y: N M 5", {"N": 3, "L": 7, "M": 11}),
}


def assert_same(found, oracle, sizes):
    for metric in METRICS:
        ours, theirs = getattr(found.total, metric.name), getattr(oracle.total, metric.name)
        assert ours == theirs, metric.name
        assert found.at(**sizes) == oracle.at(**sizes)
    assert found.complete
    assert oracle.complete


@pytest.mark.parametrize("name", MODELS)
def test_both_front_ends_give_the_same_formulas(name):
    make, inputs, sizes = MODELS[name]
    found, oracle = (
        fxflops.analyze(make().eval(), inputs, frontend=frontend)
        for frontend in ("trace", "export")
    )
    assert_same(found, oracle, sizes)


def test_both_front_ends_give_the_same_formulas_of_rtdetr():
    found, oracle = (fxflops.analyze("rtdetr_r18", frontend=f) for f in ("trace", "export"))
    assert_same(found, oracle, {"N": 3, "H": 352, "W": 608})
