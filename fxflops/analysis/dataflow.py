"""The graph as a graph: what needs what, and the longest chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
