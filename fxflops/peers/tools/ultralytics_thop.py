"""ultralytics-thop, which is imported as ``thop``, too."""

from __future__ import annotations

from torch import Tensor, nn

from fxflops.peers.tools import thop
from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "ultralytics-thop"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """The first number of ``profile``."""
    return thop.run(model, inputs)
