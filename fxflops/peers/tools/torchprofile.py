"""torchprofile."""

from __future__ import annotations

import warnings

from torch import Tensor, nn
from torchprofile import profile_macs

from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "torchprofile"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """``profile_macs``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one for each operator that it has no handler for
        total = profile_macs(model, inputs)
    assert isinstance(total, int)
    return Reading(total=total)
