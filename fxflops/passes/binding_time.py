"""When the value of a node is known: with the model, with the sizes, or only with the inputs."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
import torch.fx
from torch import Tensor

from fxflops._torch import OpOverload, tree_leaves
from fxflops.capture.calls import bind
from fxflops.cost import BINDING_TIMES, BindingTime

aten = torch.ops.aten

MODEL, SIZE, CALL = (
    BINDING_TIMES.index(binding_time) for binding_time in ("model", "size", "call")
)

READS_A_SIZE = {
    aten.sym_size.int,
    aten.sym_stride.int,
    aten.sym_numel.default,
    aten.sym_storage_offset.default,
}
READS_A_SHAPE = {
    aten.empty_like.default,
    aten.full_like.default,
    aten.new_empty.default,
    aten.new_full.default,
    aten.new_ones.default,
    aten.new_zeros.default,
    aten.ones_like.default,
    aten.zeros_like.default,
}

OF_NUMBERS = {aten.detach_.default, aten.lift_fresh.default, aten.lift_fresh_copy.default}
TRAINS = {
    aten.batch_norm.default: "training",
    aten.native_batch_norm.default: "training",
    aten.cudnn_batch_norm.default: "training",
    aten.miopen_batch_norm.default: "training",
    aten._batch_norm_impl_index.default: "training",
    aten.instance_norm.default: "use_input_stats",
}
"""What writes to its running statistics if this argument is true; the schemas do not say so."""


def binding_times(graph: torch.fx.Graph) -> dict[torch.fx.Node, BindingTime]:
    """The earliest binding time of each node's value.

    ``"model"``: it derives from weights alone. ``"size"``: from weights, constants and sizes; a
    tensor made of constants alone is here, too, since where a size is fixed it cannot be told from
    one that is made of sizes. ``"call"``: from the inputs, or at random.

    Requires what `Capture` ensures. A tensor that is written to is known when all that is written
    to it is, at whatever place in the graph. One that the model keeps, and a call of it changes, is
    another for each call, whatever it depends on.
    """
    written: dict[int, int] = defaultdict(int, dict.fromkeys(_states(graph), CALL))
    while True:
        before = dict(written)
        known: dict[torch.fx.Node, int] = {}
        for node in graph.nodes:
            reads = (known[source] for source in node.all_input_nodes)
            known[node] = max([_own(node, list(reads)), *(written[s] for s in _storages(node))])
            for storage in writes(node):
                written[storage] = max(written[storage], known[node])
        if before == dict(written):
            return {node: BINDING_TIMES[binding_time] for node, binding_time in known.items()}


def writes(node: torch.fx.Node) -> Iterator[int]:
    """The storages that the call changes."""
    if not isinstance(node.target, OpOverload):
        return
    if not node.target._schema.is_mutable and node.target not in TRAINS:
        return
    bound = bind(node.target, node.args, node.kwargs)
    if node.target in TRAINS and bound[TRAINS[node.target]]:
        for running in (bound["running_mean"], bound["running_var"]):
            if isinstance(running, torch.fx.Node):
                yield from _storages(running)
    for argument in node.target._schema.arguments:
        if argument.alias_info is not None and argument.alias_info.is_write:
            for leaf in tree_leaves([bound[argument.name]]):
                if isinstance(leaf, torch.fx.Node):
                    yield from _storages(leaf)


def _states(graph: torch.fx.Graph) -> set[int]:
    """The storages of what the model keeps, and a call of it changes for the next one."""
    kept, changed = set(), set()
    for node in graph.nodes:
        if node.meta.get("replaced") or (
            node.meta["kind"] == "parameter" and not _is_literal(node)
        ):
            kept |= set(_storages(node))
        if node.meta.get("replaced"):
            changed |= set(_storages(node))
        changed |= set(writes(node))
    return kept & changed


def _is_literal(node: torch.fx.Node) -> bool:
    """Whether it is what `torch.tensor` makes of numbers, anew in each call."""
    return bool(node.users) and all(user.target in OF_NUMBERS for user in node.users)


def is_kept(tensor: torch.fx.Node, first: torch.fx.Node, last: torch.fx.Node) -> bool:
    """Whether nothing from ``first`` to ``last``, in the graph's order, writes to ``tensor``."""
    storages = set(_storages(tensor))
    node = first
    while node is not last:
        if not storages.isdisjoint(writes(node)):
            return False
        node = node.next
    return True


def _own(node: torch.fx.Node, reads: list[int]) -> int:
    """The binding time of a node that reads values of these, whatever is written to it later."""
    if "binding_time" in node.meta:
        return BINDING_TIMES.index(node.meta["binding_time"])
    kind, target = node.meta["kind"], node.target
    if kind == "input":
        return CALL
    if kind == "parameter":
        return MODEL
    if kind == "size":
        return SIZE if target in READS_A_SIZE else max([SIZE, *reads])
    if kind == "output" or target is operator.getitem:
        return max(reads, default=MODEL)
    if not isinstance(target, OpOverload) or torch.Tag.nondeterministic_seeded in target.tags:
        return CALL
    latest = max(reads, default=SIZE)
    if target in READS_A_SHAPE:
        latest = min(SIZE, latest)
    return (
        max(SIZE, latest) if any(map(_is_size, tree_leaves([node.args, node.kwargs]))) else latest
    )


def _is_size(argument: Any) -> bool:
    return isinstance(argument, (torch.SymInt, torch.SymFloat))


def _storages(node: torch.fx.Node) -> Iterator[int]:
    for value in tree_leaves([node.meta.get("val")]):
        if isinstance(value, Tensor):
            # Private: _cdata identifies a storage that, on the meta device, has no address.
            yield value.untyped_storage()._cdata
