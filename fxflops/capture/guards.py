"""From the assumptions that a capture recorded to the domain of its formulas.

A capture runs the model at one size and records what the model and PyTorch's kernels asked of the
symbolic sizes: each answer is an assumption, a relation ``value == 0``, ``!= 0`` or ``>= 0``. What
follows from the symbols' least values is no condition; what fixes a size is an error; the rest is
the domain.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import lcm

from fxflops.domain import Domain, Relation
from fxflops.errors import SpecialisedError
from fxflops.symbolic import (
    Dim,
    Floor,
    Symbol,
    beyond_one,
    lower_bound,
    substitute,
    symbols_of,
)
from fxflops.symbolic.polynomial import ONE, from_atom, terms_of


def above_one(symbols: tuple[Symbol, ...], assumed: Iterable[Relation]) -> Domain:
    """The sizes above 1 at which all that was assumed holds.

    Its relations are those that are neither always true nor implied by another, in order. Raises
    SpecialisedError for one that fixes a size, or a product of sizes.
    """
    kept: dict[Relation, Relation] = {}
    for relation in dict.fromkeys(assumed):
        large = _above_one(relation)
        if _always(large) or any(_implies(known, large) for known in kept):
            continue
        if _fixes_a_size(relation):
            raise SpecialisedError(_fixed_message(relation))
        kept = {known: shown for known, shown in kept.items() if not _implies(large, known)}
        kept[large] = relation
    least = {symbol.name: max(2, symbol.minimum) for symbol in symbols}
    return Domain(symbols, tuple(kept.values()), least)


def all_implied(relations: Iterable[Relation], known: Iterable[Relation]) -> bool:
    """Whether each of ``relations`` holds for all sizes above 1 at which all of ``known`` do."""
    given = [_above_one(other) for other in known]
    return all(
        _always(large) or any(_implies(other, large) for other in given)
        for large in map(_above_one, relations)
    )


def _above_one(relation: Relation) -> Relation:
    return relation._replace(value=beyond_one(relation.value))


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
    from fxflops.closed_form import relation_text

    names = sorted(symbol.name for symbol in symbols_of(relation.value))
    condition = relation_text(relation.value, relation.sign)
    where = f" at {relation.where}" if relation.where else ""
    return (
        f"The model fixes {' and '.join(names)}{where}: it holds only where {condition}. "
        f"Write the number in place of the symbol in the input spec."
    )
