"""The reports of five models and of variants of them, whose formulas a page evaluates.

Among them: floors of odd sizes, an extremum, an equation of two sizes with conditions, a size that
may be 0, no free size at all, a deployed graph and a training step.
"""

import random

from torch import nn

import fxflops
from fxflops.errors import DomainError
from tests.toy_models import transformer


def convolutions():
    """Strides and pools of sizes that nothing divides."""
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, stride=2),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.Conv2d(5, 7, 3, stride=3, padding=1),
        nn.AdaptiveAvgPool2d(1),
    )


class Differences(nn.Module):
    """A row of one element has no difference, and its sum costs nothing."""

    def forward(self, x):
        return (x[:, 1:] - x[:, :-1]).sum(1)


MODELS = {
    "rtdetr_r18": lambda: fxflops.analyze("rtdetr_r18"),
    "convolutions": lambda: fxflops.analyze(convolutions(), "x: N 3 H W"),
    "transformer": lambda: fxflops.analyze(transformer(2), "x: N L 64"),
    "differences": lambda: fxflops.analyze(Differences(), "x: N L"),
    "fixed": lambda: fxflops.analyze(nn.Linear(5, 3), "x: 2 5"),
}
VARIANTS = {
    "deployed": lambda: fxflops.analyze("rtdetr_r18", deploy=fxflops.PASSES),
    "trained": lambda: fxflops.analyze(convolutions(), "x: N 3 H W", train="adamw"),
}


def random_sizes(report, count, *, large=False, seed=0):
    """``count`` sizes inside the domain; ``large`` ones give totals beyond 2^53."""
    chosen = random.Random(seed)
    found = []
    while len(found) < count:
        sizes = {
            symbol.name: symbol.multiple * chosen.randint(1, 10**9 if large else 60)
            for symbol in report.domain.symbols
        }
        try:
            report.values(sizes)
        except DomainError:
            continue
        found.append(sizes)
    return found
