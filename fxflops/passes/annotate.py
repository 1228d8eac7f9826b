"""The pass that writes costs into a graph."""

from __future__ import annotations

from collections.abc import Iterable

import torch.fx

from fxflops.records import NodeCost


def annotate(graph: torch.fx.Graph, nodes: Iterable[NodeCost]) -> torch.fx.Graph:
    """A copy of ``graph`` whose nodes carry ``meta["cost"]`` where the cost is known.

    Requires that ``nodes`` are the graph's operator calls by name. ``graph`` is not changed.
    """
    costs = {node.name: node.cost for node in nodes}
    copied = torch.fx.Graph()
    copies: dict[torch.fx.Node, torch.fx.Node] = {}
    for node in graph.nodes:
        copies[node] = copied.node_copy(node, copies.__getitem__)
    for node, original in zip(copied.nodes, graph.nodes, strict=True):
        cost = costs.get(original.name)
        node.meta = {**original.meta, **({"cost": cost} if cost is not None else {})}
    return copied
