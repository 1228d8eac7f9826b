"""How many parameters a graph has after passes: the weights that its calls still read."""

from __future__ import annotations

from functools import reduce

import torch.fx
from torch import Tensor

from fxflops._torch import tree_leaves
from fxflops.algebra import Dim
from fxflops.algebra.minmax import maximum
from fxflops.capture.result import SizeReader
from fxflops.formulas.shapes import numel


def weights(graph: torch.fx.Graph, read: SizeReader) -> dict[str, Dim]:
    """The elements of the weights that are read by a call, or once per size; each memory once.

    They are by the path of the module whose call reads them first.

    Weights are the model's parameters, what the passes have made of them and of constants, and what
    is computed of weights once per model: of a merged kernel that counts, and not its parts.

    Requires what `Capture` ensures. Parameters that nothing reads are none of the graph's.
    """
    of_weights: dict[torch.fx.Node, bool] = {}
    used: dict[int, tuple[torch.fx.Node, str]] = {}
    owners: dict[int, torch.fx.Node] = {}
    for node in graph.nodes:
        is_weight = bool(node.meta.get("is_weight"))
        made = node.meta.get("binding_time") == "model" or node.meta["kind"] == "parameter"
        of_weights[node] = is_weight or (
            made and any(of_weights[source] for source in node.all_input_nodes)
        )
        for storage in _storages(node) if of_weights[node] else ():
            owners.setdefault(storage, node)
        if node.meta.get("binding_time") != "model":
            for source in node.all_input_nodes:
                for storage in _storages(source) if of_weights[source] else ():
                    used.setdefault(storage, (owners[storage], node.meta.get("path", "")))
    by_path: dict[str, Dim] = {}
    for storage, (owner, path) in used.items():
        by_path[path] = by_path.get(path, 0) + _elements(owner, storage, read)
    return by_path


def _elements(node: torch.fx.Node, storage: int, read: SizeReader) -> Dim:
    """The elements of what first had this memory."""
    tensors = [t for t in tree_leaves([node.meta["val"]]) if isinstance(t, Tensor)]
    sizes = (numel(map(read, t.shape)) for t in tensors if t.untyped_storage()._cdata == storage)
    return reduce(maximum, sizes)


def _storages(node: torch.fx.Node) -> list[int]:
    """Private: _cdata identifies a storage that, on the meta device, has no address."""
    tensors = (t for t in tree_leaves([node.meta["val"]]) if isinstance(t, Tensor))
    return [tensor.untyped_storage()._cdata for tensor in tensors]
