"""calflops."""

from __future__ import annotations

from calflops import calculate_flops
from torch import Tensor, nn

from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "calflops"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """The first number of ``calculate_flops``: FLOPs."""
    flops, _, _ = calculate_flops(
        model, args=list(inputs), print_results=False, output_as_string=False
    )
    return Reading(total=int(flops))
