"""What a symbolic size is never below.

`lower_bound` is sound and incomplete: the bound it gives holds wherever the symbols are at least
their minimum; None says only that it found none.
"""

from __future__ import annotations

from math import prod

from fxflops.algebra.polynomial import (
    ONE,
    Atom,
    Dim,
    Monomial,
    Polynomial,
    from_atom,
    from_terms,
    rebuild,
)


def lower_bound(value: Dim) -> int | None:
    """An integer that ``value`` is never below, or None where none was found.

    Every atom x is written as lower(x) + x', x' >= 0. When no varying term of the result has a
    negative coefficient, its constant term is the minimum. Otherwise floors are first replaced by
    the fractions that enclose them: (p-d+1)/d <= p // d <= p/d.
    """
    if isinstance(value, int):
        return value
    shifted = _shifted_constant(value)
    if shifted is not None:
        return shifted
    relaxed = _without_a_floor(value)
    if relaxed is None:
        return None
    scaled, scale = relaxed
    bound = lower_bound(scaled)
    return None if bound is None else -(-bound // scale)


def is_negative(value: Dim) -> bool:
    """Whether ``value`` is known to be below 0, whatever the sizes are."""
    if isinstance(value, int):
        return value < 0
    if any(coefficient > 0 for coefficient in value.terms.values()):
        return False  # nothing is cheaper to know of most counts
    least = lower_bound(-value)
    return least is not None and least > 0


def _shifted_constant(value: Polynomial) -> int | None:
    atoms = {atom for monomial in value.terms for atom, _ in monomial}
    if any(atom.lower is None for atom in atoms):
        return None
    if all(atom.lower is not None and atom.lower >= 0 for atom in atoms):
        # A product of large sizes has as many terms as subsets, once shifted.
        signs = {c > 0 for m, c in value.terms.items() if m != ONE}
        if signs == {True}:
            return sum(c * _least_of(m) for m, c in value.terms.items())
        if signs == {False}:
            return None
    shifted = rebuild(value, _above_its_minimum)
    if isinstance(shifted, int):
        return shifted
    if any(c < 0 for m, c in shifted.terms.items() if m != ONE):
        return None
    return shifted.terms.get(ONE, 0)


def _least_of(monomial: Monomial) -> int:
    """The least value of a product of atoms, none of which is negative."""
    return prod((atom.lower or 0) ** power for atom, power in monomial)


def _above_its_minimum(atom: Atom) -> Dim:
    """The atom, from here on standing for its excess over its lower bound, plus that bound."""
    assert atom.lower is not None
    return from_atom(atom) + atom.lower


def _without_a_floor(value: Polynomial) -> tuple[Dim, int] | None:
    """``(scaled, scale)`` with scale * value >= scaled and one floor atom fewer in ``scaled``."""
    from fxflops.algebra.quotient import FloorDiv

    floors = {
        atom
        for monomial in value.terms
        for atom, _ in monomial
        if isinstance(atom, FloorDiv) and isinstance(atom.denominator, int)
    }
    if not floors:
        return None
    floor = min(floors, key=lambda floor: floor.key)
    denominator = floor.denominator
    assert isinstance(denominator, int)
    scaled: Dim = 0
    for monomial, coefficient in value.terms.items():
        powers = dict(monomial)
        power = powers.pop(floor, 0)
        if power == 0:
            scaled = scaled + denominator * from_terms({monomial: coefficient})
            continue
        if power > 1 or any(atom.lower is None or atom.lower < 0 for atom in powers):
            return None
        enclosing = floor.numerator if coefficient < 0 else floor.numerator - denominator + 1
        scaled = scaled + enclosing * from_terms({tuple(powers.items()): coefficient})
    return scaled, denominator
