"""The pass that finds what a reader of the numbers must be told."""

from __future__ import annotations

from typing import Any

from torch._ops import OpOverload  # private: the type of torch.ops.aten.relu.default

from fxflops.capture import Capture
from fxflops.passes.count import bind
from fxflops.registry import family

MASKED = (
    "Causal and masked attention is charged in full, as PyTorch charges it: {calls} of the "
    "attention calls here."
)


def notes(capture: Capture) -> tuple[str, ...]:
    """What is charged otherwise than a reader may expect.

    Requires what `Capture` ensures.
    """
    masked = sum(
        _is_masked(bind(node.target, node.args, node.kwargs))
        for node in capture.graph.nodes
        if isinstance(node.target, OpOverload) and family(node.target) == "attention"
    )
    return (MASKED.format(calls=masked),) if masked else ()


def _is_masked(arguments: dict[str, Any]) -> bool:
    return bool(arguments.get("is_causal")) or arguments.get("attn_mask") is not None
