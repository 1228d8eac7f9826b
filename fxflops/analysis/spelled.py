"""Why a call costs what it costs: its formula with the sizes of the call, not multiplied out.

A formula is a function of shapes. Called with a symbol in the place of each size that occurs in the
call, integers included, it gives a polynomial in these; written with the sizes themselves it is the
product that a person would write: ``2·N·32·(H/2)·(W/2)·3·3·3``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fxflops._torch import OpOverload
from fxflops.algebra import Dim, FloorDiv, Symbol, lower_bound, substitute, symbols_of
from fxflops.algebra.closed_form import text
from fxflops.algebra.polynomial import is_dim, terms_of
from fxflops.analysis.records import Call, NodeCost
from fxflops.cost import COUNTERS, Cost
from fxflops.errors import FxflopsError
from fxflops.registry import COMPLEX, FORMULAS, Formula, cost_of, functional

MOST_TERMS = 12
"""A sum of more terms is shown in closed form alone."""


class Count(NamedTuple):
    """One counter of a call: as its formula has it, multiplied out, and the count itself.

    ``remainder`` is what the count has besides where sizes are 1, in closed form.
    """

    name: str
    spelled: str
    closed: str
    total: Dim
    remainder: str = ""


class Why(NamedTuple):
    """What a call is, what it costs, by which rules, and where both stand."""

    node: NodeCost
    call: str
    counts: tuple[Count, ...]
    rules: tuple[str, ...]
    sources: tuple[str, ...]
    defined: tuple[str, ...]


def why(node: NodeCost, order: Sequence[str]) -> Why:
    """The formulas of one call; ``order`` are the names of the user's sizes."""
    counts = []
    spelled = _spelled(node) if node.cost is not None and node.free is None else None
    for name in COUNTERS if node.cost is not None else ():
        count = getattr(node.cost, name)
        if count != 0:
            counts.append(_count(name, count, spelled, order))
    counted = {None, *(count.name for count in counts)}
    rules = [rule for rule in formulas_of(node) if rule.counter in counted]
    return Why(
        node=node,
        call=described(node, order),
        counts=tuple(counts),
        rules=tuple(rule.definition for rule in rules),
        sources=tuple(dict.fromkeys(rule.source for rule in rules if rule.source)),
        defined=tuple(rule.where for rule in rules),
    )


def formulas_of(node: NodeCost) -> tuple[Formula, ...]:
    """The registered formulas that gave the cost."""
    if not isinstance(node.op, OpOverload) or node.call is None or node.source != "fxflops":
        return ()
    return (COMPLEX if node.call.is_complex else FORMULAS).get(functional(node.op), ())


class _Spelled(NamedTuple):
    """A cost in symbols that stand for the sizes of one call, and these sizes."""

    cost: Cost
    sizes: Mapping[Symbol, Dim]


def _spelled(node: NodeCost) -> _Spelled | None:
    """The cost before sizes are multiplied; None where the formula has no such form."""
    if node.call is None or not formulas_of(node):
        return None
    for with_integers in (True, False):
        symbols: dict[Dim, Symbol] = {}
        call = _renamed(node.call, symbols, with_integers)
        names = [argument.name for argument in node.op._schema.arguments]
        arguments = dict(zip(names, call.arguments, strict=True))
        try:
            cost = cost_of(node.op, arguments, call.result, is_complex=call.is_complex)
        except FxflopsError:
            continue
        if cost is not None:
            return _Spelled(cost, {symbol: size for size, symbol in symbols.items()})
    return None


def _renamed(call: Call, symbols: dict[Dim, Symbol], with_integers: bool) -> Call:
    """The call with a symbol for each size of a tensor; equal sizes share one, 0 and 1 stay."""

    def size(dim: Dim) -> Dim:
        if isinstance(dim, int) and (dim < 2 or not with_integers):
            return dim
        if dim not in symbols:
            least = dim if isinstance(dim, int) else lower_bound(dim)
            minimum = 1 if least is None or least < 1 else min(least, 2)
            symbols[dim] = Symbol(f"s{len(symbols):04}", 1, minimum)
        return symbols[dim].size

    def renamed(value: Any) -> Any:
        if isinstance(value, tuple) and value and all(map(is_dim, value)):
            return tuple(map(size, value))
        if isinstance(value, tuple):
            return tuple(map(renamed, value))
        return value

    result = renamed(call.result)
    return call._replace(arguments=tuple(map(renamed, call.arguments)), result=result)


def _count(name: str, count: Dim, spelled: _Spelled | None, order: Sequence[str]) -> Count:
    closed = pretty(count, order)
    if spelled is None:
        return Count(name, closed, closed, count)
    form: Dim = getattr(spelled.cost, name)
    known = {symbol: spelled.sizes[symbol] for symbol in symbols_of(form)}
    remainder = count - substitute(form, known)
    if form == 0 or len(terms_of(form)) > MOST_TERMS or _has_functions(form):
        return Count(name, closed, closed, count)
    if remainder != 0 and not symbols_of(remainder) <= set(symbols_of(count)):
        return Count(name, closed, closed, count)
    more = "" if remainder == 0 else pretty(remainder, order)
    return Count(name, _written(form, spelled.sizes, order), closed, count, more)


def _has_functions(form: Dim) -> bool:
    return any(not isinstance(a, Symbol) for monomial in terms_of(form) for a, _ in monomial)


def _written(form: Dim, sizes: Mapping[Symbol, Dim], order: Sequence[str]) -> str:
    """The sum of products, each factor as the size that it is."""
    parts: list[str] = []
    terms = sorted(terms_of(form).items(), key=lambda item: -sum(power for _, power in item[0]))
    for monomial, coefficient in terms:
        factors: list[str] = []
        for atom, power in sorted(monomial, key=lambda item: item[0].key):
            assert isinstance(atom, Symbol)
            factors += [_factor(sizes[atom], order)] * power
        if abs(coefficient) != 1 or not factors:
            factors.insert(0, str(abs(coefficient)))
        sign = "- " if coefficient < 0 else "+ " if parts else ""
        parts.append(f"{sign}{'·'.join(factors)}")
    return " ".join(parts)


def _factor(size: Dim, order: Sequence[str]) -> str:
    written = pretty(size, order)
    return written if written.isidentifier() or written.isdecimal() else f"({written})"


def pretty(value: Dim, order: Sequence[str] = ()) -> str:
    """The closed form with ``·`` for products, and ``/`` for a division that always comes out."""
    written = text(value, order).replace("**", "^").replace("*", "·")
    return written if _floors(value) else written.replace("//", "/")


def _floors(value: Dim) -> bool:
    return any(isinstance(a, FloorDiv) or not isinstance(a, Symbol) for a in _atoms(value))


def _atoms(value: Dim) -> Iterator[Any]:
    for monomial in terms_of(value):
        for atom, _ in monomial:
            yield atom


def described(node: NodeCost, order: Sequence[str]) -> str:
    """The call as a person says it: ``conv2d 3→32, 3x3, stride 2``; or its shapes."""
    name = str(node.op)
    parts = name.split(".")
    short = parts[1] if len(parts) == 3 else name
    if node.call is None or not isinstance(node.op, OpOverload):
        return short
    names = [argument.name for argument in node.op._schema.arguments]
    given = dict(zip(names, node.call.arguments, strict=True))
    weight = given.get("weight")
    if re.fullmatch(r"conv[123]d", short) and isinstance(weight, tuple):
        return f"{short} {_convolution(given, weight, order)}"
    if short == "linear" and isinstance(weight, tuple) and len(weight) == 2:
        return f"linear {pretty(weight[1], order)}→{pretty(weight[0], order)}"
    shapes = [_shape(value, order) for value in given.values() if _is_shape(value)]
    result = _shape(node.call.result, order) if _is_shape(node.call.result) else "…"
    return f"{short} {', '.join(shapes)} → {result}"


def _convolution(given: Mapping[str, Any], weight: Sequence[Dim], order: Sequence[str]) -> str:
    out, per_group, *kernel = (pretty(size, order) for size in weight)
    groups = given.get("groups", 1)
    into = pretty(weight[1] * groups, order) if type(groups) is int else per_group
    said = [f"{into}→{out}", "x".join(kernel)]
    for option in ("stride", "dilation"):
        each = given.get(option)
        numbers = list(each) if isinstance(each, (tuple, list)) else [each]
        if any(number not in (1, None) for number in numbers):
            one = numbers[:1] if len(set(map(str, numbers))) == 1 else numbers
            said.append(f"{option} {'x'.join(map(str, one))}")
    return ", ".join([*said, *([f"groups {groups}"] if groups != 1 else [])])


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(map(is_dim, value))


def _shape(shape: Iterable[Dim], order: Sequence[str]) -> str:
    return "x".join(_factor(size, order) for size in shape)
