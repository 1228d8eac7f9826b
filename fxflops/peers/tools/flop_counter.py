"""``torch.utils.flop_counter.FlopCounterMode``."""

from __future__ import annotations

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "torch"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """``get_total_flops`` of one call."""
    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    return Reading(total=counter.get_total_flops())
