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
    output = copied.graph_copy(graph, {}, return_output_node=True)
    if output is not None:
        copied.output(output[0])
    for node, original in zip(copied.nodes, graph.nodes, strict=True):
        cost = costs.get(original.name)
        node.meta = {**original.meta, **({"cost": cost} if cost is not None else {})}
    return copied
