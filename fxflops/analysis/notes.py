"""The pass that finds what a reader of the numbers must be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fxflops._torch import OpOverload
from fxflops.analysis.count import TORCH
from fxflops.analysis.records import NodeCost
from fxflops.capture import Capture
from fxflops.capture.calls import bind
from fxflops.registry import WORST_CASE, functional, kind_of

MASKED = (
    "Causal and masked attention is charged in full, as PyTorch charges it: {calls} of the "
    "attention calls here."
)

HALF = (
    "Causal attention is charged by the scores that its mask leaves, where the mask is known to be "
    "causal or a window: {half} of {calls} here. Padding in it is charged as if it were data."
)


WORST = "The worst case is charged where the data decide what is done: {ops}."

TORCH_FORMULA = (
    "The contraction of {ops} is by the formula in torch.utils.flop_counter; nothing else of it is "
    "counted."
)


def notes(capture: Capture, nodes: Sequence[NodeCost]) -> tuple[str, ...]:
    """What is charged otherwise than a reader may expect, by somebody else's formula, or unknown.

    Requires what `Capture` ensures, and the costs of its calls.
    """
    theirs = sorted({str(node.op) for node in nodes if node.source == TORCH})
    masked = sum(
        _is_masked(bind(node.target, node.args, node.kwargs))
        for node in capture.graph.nodes
        if isinstance(node.target, OpOverload) and kind_of(node.target) == "attention"
    )
    guessed = {
        f"{node.op} ({WORST_CASE[functional(node.op)]})": None
        for node in nodes
        if isinstance(node.op, OpOverload) and functional(node.op) in WORST_CASE
    }
    return (
        *capture.notes,
        *((WORST.format(ops=", ".join(guessed)),) if guessed else ()),
        *_of_masks(capture, masked),
        *((TORCH_FORMULA.format(ops=", ".join(theirs)),) if theirs else ()),
    )


def _of_masks(capture: Capture, masked: int) -> Sequence[str]:
    """What is charged for attention with a mask, of which there are so many fused calls."""
    calls = [node for node in capture.graph.nodes if "left" in node.meta]
    fused = sum(kind_of(node.target) == "attention" for node in calls)
    rows = sum(kind_of(node.target) == "softmax" for node in calls)
    if not calls:
        return (MASKED.format(calls=masked),) if masked else ()
    of = max(masked, fused) + rows
    return (HALF.format(half=fused + rows, calls=f"{of} attention calls"),)


def _is_masked(arguments: dict[str, Any]) -> bool:
    return bool(arguments.get("is_causal")) or arguments.get("attn_mask") is not None
