"""Small models that differ from `base` in one thing each."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, names=("conv", "norm", "last"), inner=None):
        super().__init__()
        self.names = names
        parts = (
            nn.Conv2d(width, inner or width, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner or width),
            nn.Conv2d(inner or width, width, 1),
        )
        for name, part in zip(names, parts, strict=True):
            self.add_module(name, part)

    def forward(self, x):
        for name in self.names:
            x = getattr(self, name)(x)
        return x.relu()


class Model(nn.Module):
    def __init__(self, stem="stem", blocks=("one", "two"), order=None, **options):
        super().__init__()
        self.called = (stem, *blocks)
        made = {stem: nn.Conv2d(3, 8, 3, padding=1)}
        made |= {name: Block(8, **options.get(name, {})) for name in blocks}
        for name in order or made:
            self.add_module(name, made[name])

    def forward(self, image):
        for name in self.called:
            image = getattr(self, name)(image)
        return image


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Model()

    def forward(self, image):
        return self.body(image)


def base():
    return Model()


def renamed():
    names = {"names": ("a", "b", "c")}
    return Model("first", ("x", "y"), x=names, y=names)


def reordered():
    return Model(order=("two", "stem", "one"))


def wrapped():
    return Wrapped()


def wider():
    """Block two has 3 more channels inside: 2·9·8·3 + 2·8·3 more per pixel, and a wider norm."""
    return Model(two={"inner": 11})


def renamed_and_wider():
    names = {"names": ("a", "b", "c")}
    return Model("first", ("x", "y"), x=names, y={**names, "inner": 11})


def deeper():
    return Model(blocks=("one", "two", "three"))


class Unknown(nn.Module):
    def forward(self, image):
        return torch.linalg.matrix_exp(image @ image.transpose(-1, -2)) * 2
