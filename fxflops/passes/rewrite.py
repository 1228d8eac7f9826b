"""What the passes that change a graph share: a copy to change, and new calls in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.fx
from torch import Tensor

from fxflops._torch import OpOverload
from fxflops.capture import Capture
from fxflops.capture.calls import bind
from fxflops.cost import BindingTime

aten = torch.ops.aten

CONVOLUTIONS = {aten.conv1d.default, aten.conv2d.default, aten.conv3d.default}


def weight_and_bias(convolution: torch.fx.Node) -> tuple[torch.fx.Node, torch.fx.Node | None]:
    """The nodes of its weight, and of its bias if it has one."""
    bound = bind(convolution.target, convolution.args, convolution.kwargs)  # type: ignore[arg-type]
    return bound["weight"], bound["bias"]


class Rewritten(NamedTuple):
    """A capture after a pass, and how many places the pass changed."""

    capture: Capture
    changed: int


def copied(graph: torch.fx.Graph) -> torch.fx.Graph:
    """The same nodes with the same ``meta`` entries in a graph of its own."""
    copy = torch.fx.Graph()
    copies: dict[torch.fx.Node, torch.fx.Node] = {}
    for node in graph.nodes:
        copies[node] = copy.node_copy(node, copies.__getitem__)
        copies[node].meta = dict(node.meta)
    return copy


class Rewriter:
    """Changes a copy of a capture's graph.

    ``known`` says when the value of each node is known (`fxflops.passes.binding_time`), by name.
    """

    def __init__(self, capture: Capture, known: Mapping[torch.fx.Node, BindingTime]) -> None:
        self._capture = capture
        self._known = {node.name: binding_time for node, binding_time in known.items()}
        self.graph = copied(capture.graph)

    def is_constant(self, value: Any) -> bool:
        """Whether a node's value derives from the weights alone."""
        if not isinstance(value, torch.fx.Node):
            return False
        return value.meta.get("binding_time", self._known.get(value.name)) == "model"

    def weight(self, at: torch.fx.Node, op: OpOverload, *args: Any) -> torch.fx.Node:
        """A new call before ``at``, on constants, that need be made once per model."""
        with self.graph.inserting_before(at):
            node = self.graph.call_function(op, args)
        with torch.inference_mode():
            value = op(*torch.fx.node.map_arg(args, lambda source: source.meta["val"]))
        node.meta = {**_from(at), "val": value, "binding_time": "model", "is_weight": True}
        return node

    def convolution(
        self,
        like: torch.fx.Node,
        weight: torch.fx.Node,
        bias: torch.fx.Node | None,
        *,
        instead_of: torch.fx.Node,
        path: str,
    ) -> torch.fx.Node:
        """A convolution as ``like`` with other weights, whose value is that of ``instead_of``."""
        assert isinstance(like.target, OpOverload)
        with self.graph.inserting_before(instead_of):
            node = self.graph.call_function(
                like.target, (like.args[0], weight, bias, *like.args[3:]), dict(like.kwargs)
            )
        node.meta = {**_from(instead_of), "val": instead_of.meta["val"], "path": path}
        instead_of.replace_all_uses_with(node)
        return node

    def erase(self, nodes: Iterable[torch.fx.Node]) -> None:
        """Take these out, the last one first, each of which nothing uses any more."""
        for node in nodes:
            self.graph.erase_node(node)

    def result(self, changed: int) -> Rewritten:
        """The new capture; calls whose only use is in new weights are made once per model, too."""
        for node in reversed(self.graph.nodes):
            users = [user.meta.get("binding_time") for user in node.users]
            if node.meta["kind"] == "operator" and users and set(users) == {"model"}:
                node.meta["binding_time"] = "model"
        return Rewritten(replace(self._capture, graph=self.graph), changed)


def is_convolution(node: Any) -> bool:
    """Whether the node is a convolution whose weights are its second and third argument."""
    return (
        isinstance(node, torch.fx.Node)
        and node.target in CONVOLUTIONS
        and len(node.args) >= 2
        and not {"input", "weight", "bias"} & node.kwargs.keys()
    )


def has_type_of(node: torch.fx.Node, *others: torch.fx.Node) -> bool:
    """Whether these tensors have one dtype, so that nothing is cast when they are combined."""
    types = {other.meta["val"].dtype for other in (node, *others)}
    return len(types) == 1


def channels(node: torch.fx.Node) -> Any:
    """The size of axis 1 of the node's tensor."""
    value = node.meta["val"]
    return value.shape[1] if isinstance(value, Tensor) and value.dim() > 1 else None


def _from(node: torch.fx.Node) -> dict[str, Any]:
    return {"kind": "operator", "path": node.meta["path"], "where": node.meta["where"]}
