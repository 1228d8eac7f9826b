"""The bytes that any implementation of a graph moves: what goes in and what comes out."""

from __future__ import annotations

from math import prod

from torch import Tensor

from fxflops._torch import tree_leaves
from fxflops.algebra import Dim
from fxflops.capture import Capture


def moved_once(captured: Capture) -> Dim:
    """Inputs and parameters that a call reads, and outputs, each once [bytes]."""
    seen: dict[int, Dim] = {}
    for node in captured.graph.nodes:
        is_read = node.meta["kind"] in ("input", "parameter") and node.users
        if not is_read and node.meta["kind"] != "output":
            continue
        for tensor in tree_leaves(node.meta["val"]):
            if isinstance(tensor, Tensor):
                sizes = (captured.read(size) for size in tensor.shape)
                seen[id(tensor)] = tensor.element_size() * prod(sizes)
    return sum(seen.values(), 0)
