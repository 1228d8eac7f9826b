"""The captured graph at one size, as a check needs it: what each call costs, in integers."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch.fx
from torch import Tensor, nn

from fxflops._torch import OpOverload, tree_leaves
from fxflops.analysis.count import count
from fxflops.analysis.records import NodeCost
from fxflops.capture import trace
from fxflops.capture.calls import bind, shaped
from fxflops.capture.data_sizes import DataSizes
from fxflops.capture.data_sizes.sizes import Occurrences
from fxflops.cost import Cost
from fxflops.crosscheck.convention import Flops, in_convention
from fxflops.crosscheck.stream import Call, Named, shapes_of
from fxflops.errors import CheckError
from fxflops.spec import InputSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedCall:
    """One operator call of the graph, with concrete sizes.

    ``cost`` is what we count of it, in integers; ``own`` the part of it which the profiler is known
    to see; ``has_alpha`` whether a sum has another factor than 1; ``is_broadcast`` whether the
    result is larger than the first operand; ``is_complex`` whether it has complex numbers.
    """

    named: Named
    path: str
    cost: Cost
    own: Flops
    has_alpha: bool
    is_broadcast: bool
    is_complex: bool


def counted_calls(
    model: nn.Module,
    inputs: InputSpec,
    sizes: Mapping[str, int],
    of_data: Occurrences | None = None,
) -> tuple[CountedCall, ...]:
    """What ``model``, on the meta device, calls at these sizes, counted without any symbol.

    ``of_data`` are the sizes that data decided in the run.

    Raises CaptureError where it does not run at them, and CheckError for an operator without a
    formula: a lower bound proves nothing.
    """
    data = None if of_data is None else DataSizes(occurred=of_data)
    captured = trace.capture(model, inputs.fixed(sizes), {}, with_meta_kernels=False, data=data)
    nodes = [
        node
        for node in captured.graph.nodes
        if node.meta["kind"] == "operator" and node.target is not operator.getitem
    ]
    costs = count(captured)
    unknown = sorted({f"{cost.op} ({cost.unknown})" for cost in costs if cost.cost is None})
    if unknown:
        raise CheckError(f"The model has uncounted operators: {', '.join(unknown)}.")
    return tuple(_call(node, cost) for node, cost in zip(nodes, costs, strict=True))


def _call(node: torch.fx.Node, counted: NodeCost) -> CountedCall:
    assert counted.cost is not None
    shapes = shapes_of(node.meta["val"])
    arguments: dict[str, Any] = {}
    if isinstance(node.target, OpOverload):
        values = torch.fx.node.map_arg((node.args, node.kwargs), lambda n: n.meta["val"])
        bound = bind(node.target, *values)
        arguments = {name: shaped(value, int) for name, value in bound.items()}
    return CountedCall(
        named=Named(
            name=node.name,
            where=counted.where,
            call=Call(node.target, shapes, counted.free is not None),
        ),
        path=counted.path,
        cost=counted.cost,
        own=in_convention(node.target, arguments, counted.cost),
        has_alpha=arguments.get("alpha", 1) != 1,
        is_broadcast=arguments.get("self") != shapes[0] if shapes else False,
        is_complex=any(
            leaf.is_complex() for leaf in tree_leaves(node.meta["val"]) if isinstance(leaf, Tensor)
        ),
    )
