"""torchinfo's "total mult-adds"."""

from __future__ import annotations

from torch import Tensor, nn
from torchinfo import summary

from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "torchinfo"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """``total_mult_adds``."""
    return Reading(total=int(summary(model, input_data=list(inputs), verbose=0).total_mult_adds))
