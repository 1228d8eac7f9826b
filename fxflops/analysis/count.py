"""The pass that gives every operator call its cost."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

import torch
import torch.fx
from torch import Tensor

from fxflops import formulas
from fxflops._torch import OpOverload
from fxflops.algebra import Dim
from fxflops.analysis.records import Call, NodeCost
from fxflops.capture import Capture
from fxflops.capture.calls import aliases, bind, shaped, tensors, values
from fxflops.capture.flex import is_flex_attention
from fxflops.capture.result import SizeReader
from fxflops.cost import BindingTime, Cost, total
from fxflops.errors import UnsizedError
from fxflops.formulas.attention import flex_attention
from fxflops.formulas.shapes import numel
from fxflops.registry import QUANTIZED, cost_of, has_formula, reason_free, torch_cost_of

INTEGER_WORK = "integer and boolean work"
NO_FORMULA = "no formula"
DATA = "depends on data"
CUT = ": counted up to there"
MASKS = ("output_mask", "grad_input_mask")
"""What operators call the argument that says which of their results are asked for."""
OWN, TORCH = "fxflops", "torch.utils.flop_counter"


def known_counters() -> Counters:
    """What several counts of one model share: each call's counters are derived once."""
    return cache(_counters)


def count(
    capture: Capture, binding_time: BindingTime = "call", known: Counters | None = None
) -> tuple[NodeCost, ...]:
    """The cost of every operator call made at ``binding_time``; ``known`` are those derived before.

    Requires what `Capture` ensures; a node without ``meta["binding_time"]`` is of each call of
    the model. Ensures one `NodeCost` per operator call made then, in the graph's order; two where
    it has gradients of both activations and weights.
    """
    formulas.load()
    known = known or known_counters()
    costs: list[NodeCost] = []
    sources: dict[torch.fx.Node, tuple[int, ...]] = {}
    for node in capture.graph.nodes:
        if node.meta.get("binding_time", "call") != binding_time:
            sources[node] = ()
            continue
        dependencies = tuple(dict.fromkeys(i for n in node.all_input_nodes for i in sources[n]))
        sources[node] = dependencies
        if node.meta["kind"] == "operator" and node.target is not operator.getitem:
            whole = _node_cost(node, dependencies, capture.read, known)
            parts = _parts(node, whole, capture.read, known)
            sources[node] = tuple(range(len(costs), len(costs) + len(parts)))
            costs += parts
    return tuple(costs)


def _node_cost(
    node: torch.fx.Node, dependencies: tuple[int, ...], read: SizeReader, known: Counters
) -> NodeCost:
    op, result = node.target, node.meta["val"]
    if "cut" in node.meta:
        return NodeCost(
            name=node.name,
            op=op,
            path=node.meta["path"],
            where=node.meta["where"],
            cost=None,
            dependencies=dependencies,
            unknown=node.meta["cut"] + CUT,
        )
    counters: Cost | None = None
    reason, unknown, source = None, NO_FORMULA, OWN
    call: Call | None = None
    if isinstance(op, OpOverload):
        arguments = bind(op, values(node.args), values(node.kwargs))
        given = [*tensors(list(arguments.values())), *tensors(result)]
        is_complex = any(tensor.is_complex() for tensor in given)
        reason = reason_free(op, is_complex=is_complex)
        of_integers = given and op not in QUANTIZED and not any(map(_is_real, given))
        if reason is None and of_integers:
            reason = INTEGER_WORK
        if reason is not None:
            counters = Cost.zero()
        else:
            shapes = tuple(shaped(value, read) for value in arguments.values())
            call = Call(shapes, shaped(result, read), is_complex)
            counters, source, unknown = known(op, shapes, call.result, is_complex)
            if counters is not None and "left" in node.meta:
                counters = node.meta["left"].of(counters)
    elif is_flex_attention(op) and "per_score" in node.meta:
        counters, unknown = _flex_attention(node, read, known)
    return NodeCost(
        name=node.name,
        op=op,
        path=node.meta["path"],
        where=node.meta["where"],
        cost=None if counters is None else counters + _moved(node, read),
        dependencies=dependencies,
        free=reason,
        unknown=unknown if counters is None else None,
        source=source,
        phase=node.meta.get("phase", "forward"),
        call=call,
    )


def _flex_attention(
    node: torch.fx.Node, read: SizeReader, known: Counters
) -> tuple[Cost | None, str]:
    """The counters of a call of flex attention, and why there are none, if so."""
    of_score = [
        _node_cost(n, (), read, known)
        for n in node.meta["per_score"].nodes
        if n.meta["kind"] == "operator" and n.target is not operator.getitem
    ]
    unknown = [f"{cost.op} of every score: {cost.unknown}" for cost in of_score if cost.unknown]
    if unknown:
        return None, unknown[0]
    per_score = total(c.cost.replace(bytes_read=0, bytes_written=0) for c in of_score if c.cost)
    query, _, value, *_ = shaped(values(node.args), read)
    return flex_attention(query, value, per_score), ""


def _parts(
    node: torch.fx.Node, whole: NodeCost, read: SizeReader, known: Counters
) -> tuple[NodeCost, ...]:
    """The call by gradients of activations and of weights where it has both.

    The former are charged what they would cost alone, the latter what the call costs more. Where
    the operator has no mask for its results, all of it is for the former.
    """
    of_weights = node.meta.get("of_weights", ())
    if not of_weights or whole.cost is None or not isinstance(node.target, OpOverload):
        return (whole,)
    mask = next((a.name for a in node.target._schema.arguments if a.name in MASKS), None)
    if mask is None:
        return (whole,)
    arguments = bind(node.target, values(node.args), values(node.kwargs))
    kept = (on and i not in of_weights for i, on in enumerate(arguments[mask]))
    arguments[mask] = tuple(kept)
    shapes = tuple(shaped(value, read) for value in arguments.values())
    alone, _, _ = known(node.target, shapes, shaped(node.meta["val"], read), False)
    assert alone is not None, f"{node.target} is known with one mask and not with another"
    written = sum((_size_in_bytes(node.meta["val"][i], read) for i in of_weights), 0)
    moved = _moved(node, read)
    first = alone + moved - Cost(bytes_written=written)
    return (replace(whole, cost=first), replace(whole, cost=whole.cost - first, phase="weights"))


Known: TypeAlias = tuple[Cost | None, str, str]
Counters: TypeAlias = Callable[[OpOverload, tuple[Any, ...], Any, bool], Known]


def _counters(op: OpOverload, arguments: tuple[Any, ...], out: Any, is_complex: bool) -> Known:
    """The counters of a call, whose formula gave them, and why there are none, if so."""
    named = dict(zip((a.name for a in op._schema.arguments), arguments, strict=True))
    try:
        counters = cost_of(op, named, out, is_complex=is_complex)
    except UnsizedError as error:
        return None, OWN, str(error)
    if counters is not None:
        return counters, OWN, ""
    counters = torch_cost_of(op, named, out)
    unknown = DATA if has_formula(op, is_complex=is_complex) else NO_FORMULA
    return counters, OWN if counters is None else TORCH, unknown


def _is_real(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex() or tensor.is_quantized


def _moved(node: torch.fx.Node, read: SizeReader) -> Cost:
    """The bytes that the call reads and writes; none where its results are views of its inputs."""
    inputs = [t for source in node.all_input_nodes for t in tensors(source.meta.get("val"))]
    outputs = tensors(node.meta["val"])
    if isinstance(node.target, OpOverload) and not node.target._schema.is_mutable:
        outputs = [o for o in outputs if not any(aliases(o, i) for i in inputs)]
        if not outputs:
            return Cost.zero()
    return Cost(
        bytes_read=sum((_size_in_bytes(tensor, read) for tensor in inputs), 0),
        bytes_written=sum((_size_in_bytes(tensor, read) for tensor in outputs), 0),
    )


def _size_in_bytes(tensor: Tensor, read: SizeReader) -> Dim:
    return tensor.element_size() * numel(map(read, tensor.shape))
