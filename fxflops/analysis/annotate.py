"""The pass that writes costs into a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch.fx

from fxflops.analysis.records import NodeCost
from fxflops.cost import Cost, total
from fxflops.passes.rewrite import copied


def annotate(graph: torch.fx.Graph, nodes: Iterable[NodeCost]) -> torch.fx.Graph:
    """A copy of ``graph`` whose nodes carry ``meta["cost"]`` where the cost is known.

    Requires that ``nodes`` are the graph's operator calls by name. ``graph`` is not changed.
    """
    costs: dict[str, list[Cost]] = defaultdict(list)
    for call in nodes:
        if call.cost is not None:
            costs[call.name].append(call.cost)
    annotated = copied(graph)
    for node, original in zip(annotated.nodes, graph.nodes, strict=True):
        if original.name in costs:
            node.meta["cost"] = total(costs[original.name])
    return annotated
