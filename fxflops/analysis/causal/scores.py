"""Which part of a call's work is on scores that a mask hides, and what the rest of it costs.

Fused attention is one call. Attention written out, as training breaks it up, is several: products
of queries and keys, a mask, a softmax, products with values, and the derivatives of all of these.
Of a tensor of scores that part counts which the mask leaves: where it is 0 elsewhere, or hidden, or
where nobody needs the elements elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, cast

import torch
import torch.fx
from torch import Tensor

from fxflops._torch import OpOverload
from fxflops.algebra import Dim, floor_divide
from fxflops.analysis.causal.facts import (
    CAUSAL,
    SAME,
    Fact,
    Facts,
    Hidden,
    Where,
    Zero,
    aligned,
    facts_of,
    moved,
    name_of,
    on_long_axes,
)
from fxflops.analysis.causal.pairs import Conditions, band_of, left_by
from fxflops.capture import Capture
from fxflops.capture.calls import bind
from fxflops.capture.choose import FrontEnd
from fxflops.capture.proposal import Front
from fxflops.capture.result import SizeReader
from fxflops.cost import Cost
from fxflops.errors import SpecError
from fxflops.formulas.attention import cost_of_score
from fxflops.formulas.shapes import Shape, numel
from fxflops.formulas.softmax import SOFTMAX_OF_A_SCORE
from fxflops.registry import kind_of, reason_free

FUSED = ("aten::scaled_dot_product_attention", "aten::_scaled_dot_product_")
"""How the names of operators begin that take queries, keys and values of (batch, heads, L, E)."""

FROM_THE_START = ("aten::scaled_dot_product_attention", "aten::_scaled_dot_product_attention_math")
"""Those of them whose first query meets the first key alone, however many keys there are."""

OF_A_SCORE = {
    "aten::softmax": SOFTMAX_OF_A_SCORE,
    "aten::_softmax": SOFTMAX_OF_A_SCORE,
    "aten::_safe_softmax": SOFTMAX_OF_A_SCORE,
    "aten::_softmax_backward_data": Cost(elementwise=4),
}
"""What each score costs more in an operator that works on rows of them."""

ELEMENT_BY_ELEMENT = frozenset(
    {
        *SAME,
        *(f"aten::{name}" for name in ("add", "sub", "mul", "div", "neg", "tanh", "tanh_backward")),
        *(f"aten::{name}" for name in ("masked_fill", "where", "dropout")),
    }
)
VIEWS = frozenset(
    f"aten::{name}" for name in ("view", "reshape", "_unsafe_view", "squeeze", "unsqueeze")
)


class Left(NamedTuple):
    """How many of the scores that a call works on are left by a mask, and what each costs.

    ``of_score`` is None where the call's whole cost is a multiple of the number of scores.
    """

    scores: Dim
    left: Dim
    of_score: Cost | None = None

    def of(self, whole: Cost) -> Cost:
        """What is left of the cost of the call."""
        of_score = self.of_score or _of_each(whole, self.scores)
        return whole if of_score is None else whole - of_score * (self.scores - self.left)


def _of_each(whole: Cost, number: Dim) -> Cost | None:
    """The cost divided by ``number``; None where that leaves a rest."""
    of_each = whole.map(lambda count: 0 if count == 0 else floor_divide(count, number))
    return of_each if of_each * number == whole else None


def leaving_hidden_scores(front: FrontEnd) -> FrontEnd:
    """The front end whose captures say of each call on masked scores which are `Left`."""

    def marking(capture: Front) -> Front:
        return lambda module, spec, hints: marked(capture(module, spec, hints))

    return replace(front, capture=marking(front.capture), recapture=marking(front.recapture))


def marked(capture: Capture) -> Capture:
    """The capture with ``meta["left"]`` for the calls whose mask is causal, or a window."""
    known = facts_of(capture)
    needed = _needed(capture, known)
    of_data: set[torch.fx.Node] = set()
    for node in capture.graph.nodes:
        if node.meta["kind"] == "input" or not of_data.isdisjoint(node.all_input_nodes):
            of_data.add(node)
        if node.meta["kind"] != "operator" or not isinstance(node.target, OpOverload):
            continue
        if node in of_data and reason_free(node.target) is None:
            left = _left(node, known, needed, capture.read)
            if left is not None and left.scores != left.left:
                node.meta["left"] = left
    return capture


def require_fewer_scores(capture: Capture, name: str) -> None:
    """Raises SpecError where no call is marked: charging masked scores or not is the same then."""
    if not any("left" in node.meta for node in capture.graph.nodes):
        raise SpecError(
            f"Causal attention by half changes nothing of {name} with this input: no call of "
            "attention has a mask that is known to be causal, or a window, and hides a score. "
            "Leave it out."
        )


def _left(
    node: torch.fx.Node,
    known: Facts,
    needed: Mapping[torch.fx.Node, Conditions],
    read: SizeReader,
) -> Left | None:
    name = name_of(node)
    if name.startswith(FUSED) and kind_of(node.target) == "attention":
        return _left_of_fused(node, known, read)
    result = node.meta["val"]
    if not isinstance(result, Tensor) or not result.is_floating_point():
        return None
    conditions = _outside_of(known.get(node)) or needed.get(node, ())
    if conditions:
        shape = _shape(node, read)
        if name in OF_A_SCORE:
            band = band_of(conditions, shape)
            if band is None or not band.leave_a_key():
                return None
        return _of_tensor(conditions, shape, OF_A_SCORE.get(name))
    if kind_of(node.target) != "matmul":
        return None
    arguments = bind(node.target, node.args, node.kwargs)  # type: ignore[arg-type]
    for argument in ("self", "mat2", "other", "batch2"):
        factor = arguments.get(argument)
        if not isinstance(factor, torch.fx.Node):
            continue
        fact = known.get(factor)
        if isinstance(fact, Zero):
            return _of_tensor(fact.conditions, _shape(factor, read))
    return None


def _of_tensor(conditions: Conditions, shape: Shape, of_score: Cost | None = None) -> Left | None:
    left = left_by(conditions, shape)
    return None if left is None else Left(numel(shape), left, of_score)


def _shape(node: torch.fx.Node, read: SizeReader) -> Shape:
    return tuple(read(size) for size in node.meta["val"].shape)


def _outside_of(fact: Fact | None) -> Conditions:
    """The conditions outside of which a tensor's elements are 0, or hidden."""
    return fact.conditions if isinstance(fact, Hidden | Zero) else ()


def _left_of_fused(node: torch.fx.Node, known: Facts, read: SizeReader) -> Left | None:
    arguments = bind(node.target, node.args, node.kwargs)  # type: ignore[arg-type]
    query, value = (_shape(arguments[name], read) for name in ("query", "value"))
    mask = arguments.get("attn_mask", arguments.get("attn_bias"))
    scores = (*query[:-1], value[-2])
    conditions: Conditions = ()
    if mask is not None:
        fact = known.get(mask)
        if isinstance(fact, Where):
            fact = fact.as_negated(False)
        if isinstance(fact, Where | Hidden):
            conditions += fact.conditions
    if arguments.get("is_causal"):
        from_the_start = node.target._schema.name in FROM_THE_START  # type: ignore[union-attr]
        if not from_the_start and scores[-1] != scores[-2]:
            return None
        conditions += (CAUSAL,)
    conditions = on_long_axes(conditions, scores)
    band = band_of(conditions, scores)
    if band is None or not band.leave_a_key():
        return None
    of_score = cost_of_score(
        query[-1] + value[-1], has_mask=mask is not None, dropout_p=arguments["dropout_p"]
    )
    return _of_tensor(conditions, scores, of_score)


def _needed(capture: Capture, known: Facts) -> dict[torch.fx.Node, Conditions]:
    """The conditions outside of which nobody uses a tensor's elements, where there are such."""
    needed: dict[torch.fx.Node, Conditions] = {}
    for node in reversed(capture.graph.nodes):
        if node.meta["kind"] != "operator" or not isinstance(node.meta["val"], Tensor):
            continue
        by_users = [_needed_by(user, node, known, needed, capture.read) for user in node.users]
        if by_users:
            first, *others = by_users
            common = tuple(c for c in first if all(c in other for other in others))
            if common:
                needed[node] = common
    return needed


def _needed_by(
    user: torch.fx.Node,
    node: torch.fx.Node,
    known: Facts,
    needed: Mapping[torch.fx.Node, Conditions],
    read: SizeReader,
) -> Conditions:
    """The conditions outside of which ``user`` does not use the elements of ``node``."""
    if not isinstance(user.target, OpOverload) or not isinstance(user.meta["val"], Tensor):
        return ()
    name = name_of(user)
    if name == "aten::_softmax_backward_data":
        fact = known.get(user)
        return fact.conditions if isinstance(fact, Zero) and user.args[0] is node else ()
    before, after = _shape(node, read), _shape(user, read)
    of_user = needed.get(user, ())
    if name in VIEWS:
        return moved(of_user, aligned(after, before))
    if name == "aten::transpose":
        rank = len(before)
        first, second = (cast(int, axis) % rank - rank for axis in user.args[1:3])
        axes = {axis: axis for axis in range(-rank, 0)} | {first: second, second: first}
        return moved(of_user, axes)
    if name == "aten::expand" and before == after[-len(before) :]:
        return moved(of_user, {axis: axis for axis in range(-len(before), 0)})
    if name in ELEMENT_BY_ELEMENT and before == after:
        return tuple(dict.fromkeys((*of_user, *_outside_of(known.get(user)))))
    return ()
