"""The largest value of a dim, where its symbols have one."""

from __future__ import annotations

from fxflops.algebra.minmax import MinMax
from fxflops.algebra.polynomial import Atom, Dim, FloorDiv, Symbol, lower_bound


def upper_bound(value: Dim) -> int | None:
    """An integer that ``value`` is never above, or None where none was found.

    Interval arithmetic: each term by itself, at the largest values of its atoms, or at the least
    ones where its coefficient is negative.
    """
    if isinstance(value, int):
        return value
    total = 0
    for monomial, coefficient in value.terms.items():
        term = coefficient
        for atom, power in monomial:
            if atom.lower is None or atom.lower < 0:
                return None
            largest = _largest(atom) if coefficient > 0 else atom.lower
            if largest is None:
                return None
            term *= largest**power
        total += term
    return total


def _largest(atom: Atom) -> int | None:
    if isinstance(atom, Symbol):
        return atom.maximum
    if isinstance(atom, FloorDiv):
        above, below = upper_bound(atom.numerator), lower_bound(atom.denominator)
        return None if above is None or not below or below < 1 or above < 0 else above // below
    assert isinstance(atom, MinMax)
    found = [upper_bound(atom.left), upper_bound(atom.right)]
    known = [bound for bound in found if bound is not None]
    if atom.name == "min":
        return min(known, default=None)
    return max(known) if len(known) == len(found) else None
