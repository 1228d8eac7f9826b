"""The pass that takes out of a call what does not depend on its inputs."""

from __future__ import annotations

from fxflops.capture import Capture
from fxflops.passes.moments import moments
from fxflops.passes.rewrite import Rewriter, Rewritten


def hoist(capture: Capture) -> Rewritten:
    """``capture`` whose calls know how often they must be made: ``meta["moment"]``.

    ``"size"``, once per size, for what depends on sizes and constants, but on no value of an input
    (position embeddings, anchors); ``"model"`` for what derives from weights alone. The others, and
    random numbers, stay in each call. Nodes keep their places, and nothing is computed otherwise.

    Requires what `Capture` ensures. ``capture`` is not changed, and a second pass finds nothing to
    do.
    """
    known = moments(capture.graph)
    graph = Rewriter(capture, known)
    hoisted = 0
    for node, original in zip(graph.graph.nodes, capture.graph.nodes, strict=True):
        if node.meta["kind"] == "operator" and "moment" not in node.meta:
            moment = known[original]
            if moment != "call":
                node.meta["moment"] = moment
                hoisted += 1
    return graph.result(hoisted)
