"""thop, also known as pytorch-OpCounter."""

from __future__ import annotations

from thop import profile
from torch import Tensor, nn

from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "thop"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """The first number of ``profile``, a float that holds an integer."""
    total, _ = profile(model, inputs=inputs, verbose=False)
    assert total == int(total), total
    return Reading(total=int(total))
