"""The graph as a graph: what needs what, and the longest chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import networkx

from fxflops.symbolic import Symbol, evaluate

if TYPE_CHECKING:
    import torch.fx


def to_networkx(graph: torch.fx.Graph) -> networkx.DiGraph[str]:
    """One node per graph node, with its ``kind``, ``op``, ``path`` and ``cost``; edges are data.

    ``kind`` is ``input``, ``parameter``, ``operator`` or ``output``.
    """
    flow: networkx.DiGraph[str] = networkx.DiGraph()
    for node in graph.nodes:
        flow.add_node(
            node.name,
            kind=node.meta["kind"],
            op=node.target,
            path=node.meta.get("path", ""),
            cost=node.meta.get("cost"),
        )
        flow.add_edges_from((source.name, node.name) for source in node.all_input_nodes)
    return flow


def span(flow: networkx.DiGraph[str], values: Mapping[Symbol, int]) -> int:
    """The largest sum of FLOPs along one path.

    Source: work and span, Blumofe and Leiserson, J. ACM 46(5), 1999.
    """
    longest: dict[str, int] = {}
    for name in networkx.topological_sort(flow):
        cost = flow.nodes[name]["cost"]
        before = max((longest[source] for source in flow.predecessors(name)), default=0)
        longest[name] = before + (evaluate(cost.flops, values) if cost else 0)
    return max(longest.values(), default=0)
