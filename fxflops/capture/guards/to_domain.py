"""From the assumptions that a capture recorded to the domain of its formulas.

A capture runs the model at one size and records what the model and PyTorch's kernels asked of the
symbolic sizes: each answer is an assumption, a relation ``value == 0``, ``!= 0`` or ``>= 0``. What
follows from the symbols' least values is no condition; what fixes a size is an error; the rest, in
its plainest form, is the domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import lcm

from fxflops.algebra import Dim, Floor, Symbol, beyond, lower_bound, substitute, symbols_of
from fxflops.algebra.polynomial import ONE, from_atom, terms_of
from fxflops.capture.guards.simplify import plain
from fxflops.domain import Domain, Relation
from fxflops.errors import SpecialisedError

Bounds = Mapping[Symbol, Relation]
"""For a symbol ``s`` the relation ``s - least >= 0``."""


def above_one(symbols: tuple[Symbol, ...], assumed: Iterable[Relation]) -> Domain:
    """The sizes above 1 at which all that was assumed holds.

    Its relations are those that are neither always true nor implied by another, in order: first
    the least sizes. Raises SpecialisedError for one that fixes a size, or a product of sizes.
    """
    conditions = [r for r in dict.fromkeys(assumed) if not _always(_where(r, {}))]
    bounds = _bounds(conditions)
    kept: dict[Relation, Relation] = {}
    for relation in conditions:
        large = _where(relation, bounds)
        if _always(large) or any(_implies(known, large) for known in kept):
            continue
        if _fixes_a_size(relation):
            raise SpecialisedError(_fixed_message(relation))
        kept = {known: shown for known, shown in kept.items() if not _implies(large, known)}
        kept[large] = _plain_where(relation, bounds)
    least = {symbol.name: max(2, symbol.minimum) for symbol in symbols}
    shown = [bounds[s] for s in symbols if s in bounds and _least(bounds[s]) > least[s.name]]
    return Domain(symbols, (*shown, *dict.fromkeys(kept.values())), least)


def all_implied(relations: Iterable[Relation], known: Sequence[Relation]) -> bool:
    """Whether each of ``relations`` holds for all sizes above 1 at which all of ``known`` do."""
    bounds = _bounds(known)
    given = [_where(other, bounds) for other in known]
    return all(
        _always(large) or any(_implies(other, large) for other in given)
        for large in map(partial(_where, bounds=bounds), relations)
    )


def _bounds(relations: Sequence[Relation]) -> Bounds:
    """The least sizes that some of ``relations`` amount to, where all of them hold."""
    bounds: dict[Symbol, Relation] = {}
    raised = True
    while raised:
        raised = False
        for relation in relations:
            found = _plain_where(relation, bounds)
            symbol = _bounded(found)
            if symbol is not None and _least(found) > _known(symbol, bounds):
                bounds[symbol] = found
                raised = True
    return bounds


def _bounded(relation: Relation) -> Symbol | None:
    """The symbol of which the relation gives a lower bound, if that is what it does."""
    terms = terms_of(relation.value)
    varying = [monomial for monomial in terms if monomial != ONE]
    if relation.sign != ">=" or len(varying) != 1 or len(varying[0]) != 1:
        return None
    [(atom, power)] = varying[0]
    if isinstance(atom, Symbol) and power == 1 and terms[varying[0]] == 1:
        return atom
    return None


def _least(bound: Relation) -> int:
    return -terms_of(bound.value).get(ONE, 0)


def _known(symbol: Symbol, bounds: Bounds) -> int:
    return max(symbol.minimum, _least(bounds[symbol])) if symbol in bounds else symbol.minimum


def _plain_where(relation: Relation, bounds: Bounds) -> Relation:
    """Its plainest form that says the same where ``bounds`` hold, sizes of 1 included."""
    least = {symbol: _known(symbol, bounds) for symbol in symbols_of(relation.value)}
    found = plain(relation._replace(value=beyond(relation.value, least)))
    back = {s: from_atom(s) - (least[s] - s.minimum) for s in symbols_of(found.value)}
    return found._replace(value=substitute(found.value, back))


def _where(relation: Relation, bounds: Bounds) -> Relation:
    """The relation in symbols for sizes above 1 where ``bounds`` hold, in its plainest form."""
    least = {symbol: max(2, _known(symbol, bounds)) for symbol in symbols_of(relation.value)}
    return plain(relation._replace(value=beyond(relation.value, least)))


def _always(relation: Relation) -> bool:
    value = relation.value
    if isinstance(value, int):
        return relation.holds({})
    low, high = lower_bound(value), lower_bound(-value)
    if relation.sign == ">=":
        return low is not None and low >= 0
    if relation.sign == "!=":
        return (low is not None and low > 0) or (high is not None and high > 0)
    return False


def _implies(known: Relation, relation: Relation) -> bool:
    if known.sign == relation.sign and known.value == relation.value:
        return True
    if known.sign == relation.sign != ">=" and known.value == -relation.value:
        return True
    if known.sign != ">=" or relation.sign == "==":
        return False
    excess = lower_bound(relation.value - known.value)
    return excess is not None and excess >= (1 if relation.sign == "!=" else 0)


def _fixes_a_size(relation: Relation) -> bool:
    """Whether it is an equation that only finitely many sizes solve.

    That is one with terms of one sign, plus one constant, along the sizes at which its floors come
    out: ``H - H//2 == 112`` fixes H, as ``H == 224`` does at even sizes. ``H == W`` and
    ``H % 32 == 0`` have infinitely many solutions and are conditions.
    """
    if relation.sign != "==":
        return False
    period = _period(relation.value)
    multiples = {symbol: period * from_atom(symbol) for symbol in symbols_of(relation.value)}
    value = substitute(relation.value, multiples)
    signs = {c > 0 for m, c in terms_of(value).items() if m != ONE}
    return len(signs) == 1


def _period(value: Dim) -> int:
    """A multiple at which all floors of ``value`` with known denominators come out."""
    atoms = {atom for monomial in terms_of(value) for atom, _ in monomial}
    return lcm(
        *(
            atom.denominator * _period(atom.numerator)
            for atom in atoms
            if isinstance(atom, Floor) and isinstance(atom.denominator, int)
        )
    )


def _fixed_message(relation: Relation) -> str:
    from fxflops.algebra.closed_form import relation_text

    names = sorted(symbol.name for symbol in symbols_of(relation.value))
    condition = relation_text(relation.value, relation.sign)
    where = f" at {relation.where}" if relation.where else ""
    return (
        f"The model fixes {' and '.join(names)}{where}: it holds only where {condition}. "
        f"Write the number in place of the symbol in the input spec."
    )
