"""ptflops with its ``aten`` back end: a dispatch mode."""

from __future__ import annotations

from torch import Tensor, nn

from fxflops.peers.tools.ptflops import by_backend
from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "ptflops"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """The MACs."""
    return by_backend("aten", model, inputs)
