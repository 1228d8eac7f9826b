"""The pass that takes out of a call what does not depend on its inputs."""

from __future__ import annotations

import torch.fx
from torch import Tensor

from fxflops.capture import Capture
from fxflops.capture.calls import aliases
from fxflops.passes.binding_time import binding_times, writes
from fxflops.passes.rewrite import Rewriter, Rewritten


def hoist(capture: Capture) -> Rewritten:
    """``capture`` whose calls know how often they must be made: ``meta["binding_time"]``.

    ``"size"``, once per size, for what depends on sizes and constants, but on no value of an input
    (position embeddings, anchors); ``"model"`` for what derives from weights alone. The others, and
    random numbers, stay in each call. Nodes keep their places, and nothing is computed otherwise.
    Views go with what they show, and are no places of their own: front ends record other ones.

    Requires what `Capture` ensures. ``capture`` is not changed, and a second pass finds nothing to
    do.
    """
    known = binding_times(capture.graph)
    graph = Rewriter(capture, known)
    hoisted = 0
    for node, original in zip(graph.graph.nodes, capture.graph.nodes, strict=True):
        if node.meta["kind"] == "operator" and "binding_time" not in node.meta:
            binding_time = known[original]
            if binding_time != "call":
                node.meta["binding_time"] = binding_time
                hoisted += not _is_view(original)
    return graph.result(hoisted)


def _is_view(node: torch.fx.Node) -> bool:
    """Whether the call computes nothing: it shows memory that it is given, and writes none."""
    value = node.meta["val"]
    given = [source.meta["val"] for source in node.all_input_nodes]
    return (
        isinstance(value, Tensor)
        and any(isinstance(other, Tensor) and aliases(value, other) for other in given)
        and not list(writes(node))
    )
