"""What is known of the values of a graph's tensors from their indices alone.

Each fact says it of every element: a `Linear` what an integer is; `Filled` that all are one number;
`Where` which are true, or 1, the others false, or 0; `Hidden` which scores a mask leaves, the
others so low that softmax makes them 0; `Zero` outside which elements all are 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import torch
import torch.fx
from torch import Tensor

from fxflops._torch import OpOverload
from fxflops.algebra import Dim, lower_bound
from fxflops.algebra.polynomial import is_dim
from fxflops.analysis.causal.pairs import Conditions, Linear
from fxflops.capture import Capture
from fxflops.capture.calls import aliases, bind, tensors
from fxflops.capture.result import SizeReader
from fxflops.formulas.shapes import Shape

LOW = -1e4
"""What is at most this is added to scores to hide them; half floats go down to -65504."""


class Filled(NamedTuple):
    """All elements are this number."""

    value: float


class Where(NamedTuple):
    """True where all conditions are met, or, ``negated``, False there; otherwise elsewhere.

    With ``is_bound``, data decide which of the former elements are otherwise, too.
    """

    conditions: Conditions
    negated: bool = False
    is_bound: bool = False

    def as_negated(self, negated: bool) -> Where | None:
        """The same in the other form, which a single condition has."""
        if self.negated == negated:
            return self
        if len(self.conditions) != 1 or self.is_bound:
            return None
        return Where(((-self.conditions[0]).plus(-1),), negated=negated)


class Hidden(NamedTuple):
    """Scores, or what is added to them: as low as can be but where the conditions are met."""

    conditions: Conditions


class Zero(NamedTuple):
    """0 but where the conditions are met."""

    conditions: Conditions


class Distance(NamedTuple):
    """The absolute value of a linear expression."""

    of: Linear


class OfData(NamedTuple):
    """Not known, since it depends on the values of the model's inputs."""


Fact: TypeAlias = Linear | Distance | Filled | Where | Hidden | Zero | OfData
Facts: TypeAlias = dict[torch.fx.Node, Fact]

SAME = frozenset(
    {
        "aten::alias",
        "aten::clone",
        "aten::contiguous",
        "aten::detach",
        "aten::lift_fresh",
        "aten::to",
        "aten::_to_copy",
        "aten::type_as",
    }
)
"""Operators whose result has their input's values, up to the dtype."""


def facts_of(capture: Capture) -> Facts:
    """The facts that hold when the graph has run as far as each node."""
    known: Facts = {}
    for node in capture.graph.nodes:
        if node.meta["kind"] == "input":
            known[node] = OfData()
        elif node.meta["kind"] == "operator" and isinstance(node.target, OpOverload):
            if isinstance(node.meta["val"], Tensor):
                fact = _fact(_Call(node, known, capture.read))
                if node.target._schema.is_mutable:
                    _forget(known, node)
                if fact is not None:
                    known[node] = _on_long_axes(
                        fact, tuple(map(capture.read, node.meta["val"].shape))
                    )
            elif node.target._schema.is_mutable:
                _forget(known, node)
    return known


def _on_long_axes(fact: Fact, shape: Shape) -> Fact:
    """The fact without the axes of one element, whose index is 0, and which broadcasting changes.

    Without the conditions, too, that are then met whatever the sizes.
    """
    if isinstance(fact, Linear):
        return _without_short(fact, shape)
    if isinstance(fact, Distance):
        return Distance(_without_short(fact.of, shape))
    if isinstance(fact, Filled | OfData):
        return fact
    return fact._replace(conditions=on_long_axes(fact.conditions, shape))


def on_long_axes(conditions: Conditions, shape: Shape) -> Conditions:
    """The conditions without the axes of one element, if they are not met then anyway."""
    several = (_without_short(condition, shape) for condition in conditions)
    return tuple(dict.fromkeys(condition for condition in several if not is_met(condition)))


def _without_short(linear: Linear, shape: Shape) -> Linear:
    kept = {axis: slope for axis, slope in linear.slopes if shape[axis] != 1}
    return Linear.of(kept, linear.constant)


def is_met(condition: Linear) -> bool:
    """Whether a condition that depends on no index is met whatever the sizes."""
    least = None if condition.slopes else lower_bound(condition.constant)
    return least is not None and least >= 0


def _forget(known: Facts, node: torch.fx.Node) -> None:
    """Drop what was known of the tensors that ``node`` writes into."""
    written = [
        tensor
        for source in node.all_input_nodes
        for tensor in tensors(source.meta.get("val"))
        if any(aliases(tensor, result) for result in tensors(node.meta["val"]))
    ]
    for other in [*known]:
        value = other.meta["val"]
        if isinstance(value, Tensor) and any(aliases(value, tensor) for tensor in written):
            del known[other]


def name_of(node: torch.fx.Node) -> str:
    """The operator's name, without the mark of one that works in place."""
    name: str = node.target._schema.name  # type: ignore[union-attr]
    return name if name.endswith("__") else name.removesuffix("_")


class _Call:
    """A call whose result is one tensor: its arguments by name, with facts in place of tensors."""

    def __init__(self, node: torch.fx.Node, known: Facts, read: SizeReader) -> None:
        self.name = name_of(node)
        self.nodes = bind(node.target, node.args, node.kwargs)  # type: ignore[arg-type]
        self.read = read
        self.known = known
        self.out = node.meta["val"]

    def shape(self, tensor: Tensor) -> Shape:
        return tuple(self.read(size) for size in tensor.shape)

    def tensor(self, name: str) -> Tensor:
        found: Tensor = self.nodes[name].meta["val"]
        return found

    def fact(self, name: str) -> Fact | None:
        """What is known of an argument; a number is a tensor filled with it."""
        value = self.nodes.get(name)
        if isinstance(value, torch.fx.Node):
            if isinstance(value.meta["val"], Tensor):
                return self.known.get(value)
            return Linear((), self.dim(name)) if value.meta["kind"] == "size" else None
        if isinstance(value, bool | int | float):
            return Filled(value)
        return None

    def dim(self, name: str, default: Dim = 0) -> Dim:
        value = self.nodes.get(name)
        if value is None:
            return default
        if isinstance(value, torch.fx.Node):
            return self.read(value.meta["val"])
        assert is_dim(value), f"{name} is a size"
        return value  # type: ignore[no-any-return]


CAUSAL = Linear(((-2, 1), (-1, -1)), 0)
"""A key is at most as far as its query."""

TRANSPOSED = ("aten::t", "aten::mT", "aten::numpy_T")
OR = ("aten::__or__", "aten::logical_or", "aten::bitwise_or")


def _fact(call: _Call) -> Fact | None:
    name = call.name
    if name in SAME:
        return call.fact("self" if "self" in call.nodes else "input")
    rule = RULES.get(name)
    return rule(call) if rule is not None else _of_data(call)


def _of_data(call: _Call) -> Fact | None:
    """No number is known, but whether it depends on the inputs' values."""
    nodes = [n for n in call.nodes.values() if isinstance(n, torch.fx.Node)]
    nodes += [
        n
        for value in call.nodes.values()
        if isinstance(value, (list, tuple))
        for n in value
        if isinstance(n, torch.fx.Node)
    ]
    return OfData() if any(call.known.get(node) == OfData() for node in nodes) else None


def _integer(fact: Fact | None) -> Linear | None:
    """The fact as integers, where they are."""
    if isinstance(fact, Filled) and math.isfinite(fact.value) and fact.value == int(fact.value):
        return Linear((), int(fact.value))
    return fact if isinstance(fact, Linear) else None


def _truth(fact: Fact | None) -> Where | None:
    if isinstance(fact, Filled):
        return Where((), negated=not fact.value)
    return fact if isinstance(fact, Where) else None


def _arange(call: _Call) -> Fact | None:
    step = call.dim("step", 1)
    if not isinstance(step, int) or call.out.is_floating_point():
        return None
    return Linear.of({-1: step}, call.dim("start"))


def _filled(value: float) -> Callable[[_Call], Fact | None]:
    return lambda call: Filled(value)


def _full(call: _Call) -> Fact | None:
    value = call.nodes.get("fill_value", call.nodes.get("s", call.nodes.get("value")))
    return Filled(value) if isinstance(value, bool | int | float) else None


def _sum(call: _Call) -> Fact | None:
    """Of indices; of a mask and what it is added to."""
    left, right = call.fact("self"), call.fact("other")
    sign = -1 if call.name in ("aten::sub", "aten::rsub") else 1
    if call.nodes.get("alpha", 1) != 1:
        return _of_data(call)
    hidden = [fact for fact in (left, right) if isinstance(fact, Hidden)]
    if hidden and sign == 1:
        return Hidden(_all(*(fact.conditions for fact in hidden)))
    first, second = _integer(left), _integer(right)
    if call.name == "aten::rsub":
        first, second = second, first
        if isinstance(left, Where) and isinstance(right, Filled) and right.value == 1:
            return left._replace(negated=not left.negated)
    if first is None or second is None or call.out.is_floating_point():
        return _of_data(call)
    return first + second.times(sign)


def _all(*several: Conditions) -> Conditions:
    return tuple(dict.fromkeys(condition for each in several for condition in each))


def _product(call: _Call) -> Fact | None:
    left, right = call.fact("self"), call.fact("other")
    if isinstance(left, Where) and isinstance(right, Where):
        return _and(call)
    zeroed = [fact for fact in (left, right) if isinstance(fact, Zero)]
    if zeroed:
        return Zero(_all(*(fact.conditions for fact in zeroed)))
    for one, other in ((left, right), (right, left)):
        if isinstance(other, Filled) and call.name == "aten::mul":
            if isinstance(one, Where) and other.value <= LOW:
                kept = one.as_negated(True)
                return None if kept is None else Hidden(kept.conditions)
            if isinstance(one, Linear) and isinstance(other.value, int):
                return one.times(other.value)
    return _of_data(call)


def _quotient(call: _Call) -> Fact | None:
    return call.fact("self") if isinstance(call.fact("self"), Zero | Hidden) else _of_data(call)


def _negative(call: _Call) -> Fact | None:
    fact = call.fact("self")
    return -fact if isinstance(fact, Linear) else _of_data(call)


def _comparison(call: _Call) -> Fact | None:
    """Linear conditions; the equality of a truth and a number."""
    left, right = call.fact("self"), call.fact("other")
    operator = call.name.removeprefix("aten::")
    if operator in ("eq", "ne"):
        if isinstance(left, Where) and isinstance(right, Filled) and right.value in (0, 1):
            is_kept = bool(right.value) == (operator == "eq")
            return left if is_kept else left._replace(negated=not left.negated)
        return _of_data(call)
    if isinstance(left, Distance) and operator in ("le", "lt"):
        most = _integer(right)
        if most is not None:
            most = most.plus(-1 if operator == "lt" else 0)
            return Where((most - left.of, most + left.of))
    first, second = _integer(left), _integer(right)
    if first is None or second is None:
        return _of_data(call)
    difference = second - first if operator in ("le", "lt") else first - second
    return Where((difference.plus(-1 if operator in ("lt", "gt") else 0),))


def _absolute(call: _Call) -> Fact | None:
    fact = call.fact("self")
    return Distance(fact) if isinstance(fact, Linear) else _of_data(call)


def _and(call: _Call) -> Fact | None:
    """Where all are true; where all are false, for ``or``: then each is read as negated."""
    of_false = call.name in OR
    facts = [call.fact("self"), call.fact("other")]
    if OfData() in facts:  # padding, for example, which is charged as if it were data
        facts.remove(OfData())
        known = _in_form(_truth(facts[0]), negated=of_false)
        return OfData() if known is None else known._replace(is_bound=True)
    for fact, other in (facts, facts[::-1]):
        if isinstance(fact, Filled) and bool(fact.value) == of_false:
            return fact
        if isinstance(fact, Filled):
            return other
    several = [_in_form(_truth(fact), negated=of_false) for fact in facts]
    known_of_all = [fact for fact in several if fact is not None]
    if len(known_of_all) < len(several):
        return None
    return Where(
        _all(*(fact.conditions for fact in known_of_all)),
        negated=of_false,
        is_bound=any(fact.is_bound for fact in known_of_all),
    )


def _in_form(fact: Where | None, *, negated: bool) -> Where | None:
    return None if fact is None else fact.as_negated(negated)


def _not(call: _Call) -> Fact | None:
    fact = _truth(call.fact("self"))
    return _of_data(call) if fact is None else fact._replace(negated=not fact.negated)


def _triangle(call: _Call) -> Fact | None:
    """Of ones, which elements these are; of low numbers, what they hide."""
    fact, diagonal = call.fact("self"), call.dim("diagonal")
    of_upper = Linear.of({-1: 1, -2: -1}, -diagonal)
    inside = of_upper if call.name == "aten::triu" else -of_upper
    if isinstance(fact, Filled) and fact.value <= LOW:
        return Hidden(((-inside).plus(-1),))
    if fact == Filled(1):
        return Where((inside,))
    if isinstance(fact, Where) and not fact.negated:
        return Where(_all(fact.conditions, (inside,)))
    return _of_data(call)


def _choice(call: _Call) -> Fact | None:
    """``where(condition, self, other)``."""
    condition = call.fact("condition")
    return _chosen(call, _truth(condition), call.fact("self"), call.fact("other"))


def _fill(call: _Call) -> Fact | None:
    """``masked_fill(self, mask, value)``, which is a choice between them."""
    return _chosen(call, _truth(call.fact("mask")), call.fact("value"), call.fact("self"))


def _chosen(call: _Call, condition: Where | None, yes: Fact | None, no: Fact | None) -> Fact | None:
    options = [(_in_form(condition, negated=False), yes, no)]
    options.append((_in_form(condition, negated=True), no, yes))
    for chosen, inside, outside in options:
        if chosen is not None and _is_low(outside) and not _is_low(inside):
            also = inside.conditions if isinstance(inside, Hidden) else ()
            return Hidden(_all(chosen.conditions, also))
    for chosen, inside, outside in options:
        if chosen is not None and outside == Filled(0):
            if inside == Filled(1):
                return chosen._replace(negated=False)
            also = inside.conditions if isinstance(inside, Zero) else ()
            return Zero(_all(chosen.conditions, also))
    return _of_data(call)


def _is_low(fact: Fact | None) -> bool:
    return isinstance(fact, Filled) and fact.value <= LOW


def _softmax(call: _Call) -> Fact | None:
    fact, dim = call.fact("self"), call.nodes.get("dim")
    is_last = dim in (-1, call.out.dim() - 1)
    return Zero(fact.conditions) if isinstance(fact, Hidden) and is_last else _of_data(call)


def _softmax_backward(call: _Call) -> Fact | None:
    fact = call.fact("output")
    return fact if isinstance(fact, Zero) else None


def _dropout(call: _Call) -> Fact | None:
    fact = call.fact("input")
    return fact if isinstance(fact, Zero) else _of_data(call)


def _view(call: _Call) -> Fact | None:
    """The same elements in the same order, along other axes."""
    before, after = call.shape(call.tensor("self")), call.shape(call.out)
    return _moved(call.fact("self"), aligned(before, after))


def aligned(before: Shape, after: Shape) -> dict[int, int]:
    """The axes that a view leaves whole, each with where it is then."""
    places = {}
    inside: Dim = 1
    of_after: dict[int, tuple[Dim, Dim]] = {}
    for axis in range(-1, -len(after) - 1, -1):
        of_after[axis] = inside, after[axis]
        inside = inside * after[axis]
    inside = 1
    for axis in range(-1, -len(before) - 1, -1):
        place = next((a for a, found in of_after.items() if found == (inside, before[axis])), None)
        if place is not None:
            places[axis] = place
        inside = inside * before[axis]
    return places


def _moved(fact: Fact | None, axes: Mapping[int, int]) -> Fact | None:
    if fact is None or isinstance(fact, Filled | OfData):
        return fact
    if isinstance(fact, Linear):
        return fact.moved(axes)
    if isinstance(fact, Distance):
        of = fact.of.moved(axes)
        return None if of is None else Distance(of)
    conditions = moved(fact.conditions, axes)
    if isinstance(fact, Where) and len(conditions) < len(fact.conditions):
        return None
    return fact._replace(conditions=conditions)


def moved(conditions: Conditions, axes: Mapping[int, int]) -> Conditions:
    """Those of the conditions whose axes are all there afterwards."""
    several = (condition.moved(axes) for condition in conditions)
    return tuple(condition for condition in several if condition is not None)


def _expand(call: _Call) -> Fact | None:
    """An axis of one element has the index 0 before, and others after."""
    before = call.shape(call.tensor("self"))
    after = call.shape(call.out)
    kept = {a: a for a in range(-len(before), 0) if before[a] == after[a]}
    return _moved(call.fact("self"), kept)


def _unsqueeze(call: _Call) -> Fact | None:
    rank = call.out.dim()
    new = call.nodes["dim"] % rank - rank
    return _moved(call.fact("self"), {a: a if a > new else a - 1 for a in range(-rank + 1, 0)})


def _transpose(call: _Call) -> Fact | None:
    rank = call.out.dim()
    if rank < 2:
        return call.fact("self")
    if call.name in TRANSPOSED and (call.name == "aten::mT" or rank == 2):
        first, second = -1, -2
    elif call.name in TRANSPOSED:
        return _of_data(call)
    else:
        first, second = (call.nodes[name] % rank - rank for name in ("dim0", "dim1"))
    axes = {axis: axis for axis in range(-rank, 0)} | {first: second, second: first}
    return _moved(call.fact("self"), axes)


def _permute(call: _Call) -> Fact | None:
    rank = call.out.dim()
    return _moved(
        call.fact("self"), {d % rank - rank: i - rank for i, d in enumerate(call.nodes["dims"])}
    )


def _slice(call: _Call) -> Fact | None:
    """From ``start`` on: indices are less by so much."""
    fact, rank = call.fact("self"), call.out.dim()
    axis = call.nodes["dim"] % rank - rank
    start = call.dim("start")
    if call.nodes["step"] != 1 or fact is None:
        return _of_data(call)
    if isinstance(start, int) and start < 0:
        start = start + call.shape(call.tensor("self"))[axis]

    def later(linear: Linear) -> Linear:
        return linear.plus(dict(linear.slopes).get(axis, 0) * start)

    if isinstance(fact, Filled | OfData):
        return fact
    if isinstance(fact, Linear):
        return later(fact)
    if isinstance(fact, Distance):
        return None
    return fact._replace(conditions=tuple(map(later, fact.conditions)))


RULES: dict[str, Callable[[_Call], Fact | None]] = {
    "aten::arange": _arange,
    "aten::ones": _filled(1),
    "aten::zeros": _filled(0),
    "aten::new_ones": _filled(1),
    "aten::new_zeros": _filled(0),
    "aten::ones_like": _filled(1),
    "aten::zeros_like": _filled(0),
    "aten::full": _full,
    "aten::full_like": _full,
    "aten::new_full": _full,
    "aten::scalar_tensor": _full,
    "aten::fill": _full,
    "aten::zero": _filled(0),
    "aten::add": _sum,
    "aten::sub": _sum,
    "aten::rsub": _sum,
    "aten::mul": _product,
    "aten::div": _quotient,
    "aten::neg": _negative,
    "aten::abs": _absolute,
    **dict.fromkeys(
        ("aten::le", "aten::lt", "aten::ge", "aten::gt", "aten::eq", "aten::ne"), _comparison
    ),
    **dict.fromkeys(("aten::__and__", "aten::logical_and", "aten::bitwise_and", *OR), _and),
    **dict.fromkeys(("aten::logical_not", "aten::bitwise_not"), _not),
    "aten::tril": _triangle,
    "aten::triu": _triangle,
    "aten::where": _choice,
    "aten::masked_fill": _fill,
    **dict.fromkeys(("aten::softmax", "aten::_softmax", "aten::_safe_softmax"), _softmax),
    "aten::_softmax_backward_data": _softmax_backward,
    "aten::dropout": _dropout,
    **dict.fromkeys(
        ("aten::view", "aten::reshape", "aten::_unsafe_view", "aten::squeeze", "aten::flatten"),
        _view,
    ),
    "aten::expand": _expand,
    "aten::unsqueeze": _unsqueeze,
    **dict.fromkeys(("aten::transpose", *TRANSPOSED), _transpose),
    "aten::permute": _permute,
    "aten::slice": _slice,
}
