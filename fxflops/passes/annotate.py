"""The pass that writes costs into a graph."""

from __future__ import annotations

from collections.abc import Iterable

import torch.fx

from fxflops.passes.rewrite import copied
from fxflops.records import NodeCost


def annotate(graph: torch.fx.Graph, nodes: Iterable[NodeCost]) -> torch.fx.Graph:
    """A copy of ``graph`` whose nodes carry ``meta["cost"]`` where the cost is known.

    Requires that ``nodes`` are the graph's operator calls by name. ``graph`` is not changed.
    """
    costs = {node.name: node.cost for node in nodes}
    annotated = copied(graph)
    for node, original in zip(annotated.nodes, graph.nodes, strict=True):
        cost = costs.get(original.name)
        if cost is not None:
            node.meta["cost"] = cost
    return annotated
