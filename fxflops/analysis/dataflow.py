"""The graph as a graph: what needs what, and the longest chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from fxflops.algebra import Dim, Symbol, evaluate

if TYPE_CHECKING:
    import networkx
    import torch.fx


def to_networkx(graph: torch.fx.Graph) -> networkx.DiGraph[str]:
    """One node per graph node, with its ``kind``, ``op``, ``path`` and ``cost``; edges are data.

    ``kind`` is ``input``, ``parameter``, ``operator`` or ``output``.
    """
    import networkx

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


def span(flow: Iterable[tuple[Dim, tuple[int, ...]]], values: Mapping[Symbol, int]) -> int:
    """The largest sum of FLOPs along one path; 0 without calls.

    ``flow`` are the calls in order, each with its FLOPs and the positions of those before it that
    it needs. Source: work and span, Blumofe and Leiserson, J. ACM 46(5), 1999.
    """
    known: dict[Dim, int] = {}
    longest: list[int] = []
    for flops, needs in flow:
        if flops not in known:
            known[flops] = evaluate(flops, values)
        longest.append(known[flops] + max((longest[i] for i in needs), default=0))
    return max(longest, default=0)
