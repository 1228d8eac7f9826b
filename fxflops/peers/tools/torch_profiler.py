"""``torch.profiler`` with ``with_flops``, on the CPU, with the attention that PyTorch chooses."""

from __future__ import annotations

from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "torch"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """The sum of the FLOPs of all events of one call, the second one."""
    model(*inputs)
    with profile(
        activities=[ProfilerActivity.CPU], record_shapes=True, with_flops=True
    ) as profiler:
        model(*inputs)
    events = profiler.events() or ()
    return Reading(total=sum(event.flops or 0 for event in events))
