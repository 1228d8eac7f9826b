"""A count at fixed sizes, through PyTorch's own kernels: what every formula is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from fxflops.analysis.count import count
from fxflops.capture import backward, trace
from fxflops.cost import Cost, total
from fxflops.spec import InputSpec


def recount(
    model: nn.Module,
    inputs: InputSpec,
    sizes: Mapping[str, int],
    loss: Callable[[Any], Tensor] | None = None,
) -> Cost:
    """The cost of ``model``, on the meta device, counted at these sizes without any formula.

    With a ``loss``, that of a training step; the model is in training mode then. It shares no meta
    kernel with a formula.

    Raises CaptureError where the model does not run at them.
    """
    fixed = inputs.fixed(sizes)
    captured = (
        trace.capture(model, fixed, {}, with_meta_kernels=False)
        if loss is None
        else backward.capture(model, fixed, {}, loss=loss, with_meta_kernels=False)
    )
    return total(node.cost for node in count(captured) if node.cost)
