"""A condition on sizes in its plainest form: solved for the size, where that can be done.

The plain form says the same of all sizes that are at least their symbols' minima:

    2*w - 7 >= 0            w - 4 >= 0               common content goes, rounded
    n*h*w - n*h >= 0        w - 1 >= 0               and so do factors that are never below 1
    p // d - 3 >= 0         p - 3*d >= 0             a bound on a floor is one on its numerator
    max(1, x) - 3 >= 0      x - 3 >= 0               where the other operand is known to be less
    max(x, y) - x == 0      x - y >= 0               it is known which is the larger
    x - 3 != 0              x - 4 >= 0               where x is known to be at least 3
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fxflops.algebra import FloorDiv, lower_bound
from fxflops.algebra.minmax import MinMax
from fxflops.algebra.polynomial import (
    ONE,
    Atom,
    Monomial,
    Polynomial,
    content,
    divide,
    from_atom,
    from_terms,
)
from fxflops.domain import Guard

NEVER_NOUGHT = 1


def plain(guard: Guard) -> Guard:
    """The same condition in its plainest form."""
    while isinstance(guard.value, Polynomial):
        for rule in RULES:
            found = rule(guard, guard.value)
            if found is not None:
                guard = found
                break
        else:
            return guard
    return guard


def _without_factors(guard: Guard, value: Polynomial) -> Guard | None:
    """Without atoms, known to be at least 1, that are in every term."""
    first, *others = value.terms
    common = dict(first)
    for monomial in others:
        powers = dict(monomial)
        common = {atom: min(power, powers.get(atom, 0)) for atom, power in common.items()}
    factor: Monomial = tuple(
        (atom, power)
        for atom, power in common.items()
        if power and atom.lower is not None and atom.lower >= 1
    )
    if not factor:
        return None
    divided = {divide(monomial, factor): c for monomial, c in value.terms.items()}
    return guard._replace(value=from_terms({m: c for m, c in divided.items() if m is not None}))


def _without_content(guard: Guard, value: Polynomial) -> Guard | None:
    """Without what divides every coefficient but the constant."""
    common = content(c for m, c in value.terms.items() if m != ONE)
    if common == 1:
        return None
    constant = value.terms.get(ONE, 0)
    if guard.sign != ">=" and constant % common:
        return guard._replace(value=NEVER_NOUGHT)
    return guard._replace(value=from_terms({m: c // common for m, c in value.terms.items()}))


def _of_the_larger(guard: Guard, value: Polynomial) -> Guard | None:
    """That an extremum is one of its operands."""
    if guard.sign != "==":
        return None
    for atom, sign in _linear(value):
        if isinstance(atom, MinMax):
            for operand, other in ((atom.left, atom.right), (atom.right, atom.left)):
                if value == sign * (from_atom(atom) - operand):
                    excess = operand - other if atom.name == "max" else other - operand
                    return guard._replace(value=excess, sign=">=")
    return None


def _beyond_the_bound(guard: Guard, value: Polynomial) -> Guard | None:
    """That a value is not its lower bound, or not its upper one."""
    if guard.sign != "!=":
        return None
    for side in (value, -value):
        if lower_bound(side) == 0:
            return guard._replace(value=side - 1, sign=">=")
    return None


def _of_an_operand(guard: Guard, value: Polynomial) -> Guard | None:
    """A bound on a floor or on a maximum alone, as one on what is in it."""
    if guard.sign != ">=" or len(value.terms) > 2:
        return None
    for atom, sign in _linear(value):
        rest = value - sign * from_atom(atom)
        if not isinstance(rest, int):
            return None
        if isinstance(atom, FloorDiv) and isinstance(atom.denominator, int):
            within = rest * atom.denominator + (0 if sign > 0 else atom.denominator - 1)
            return guard._replace(value=sign * atom.numerator + within)
        if isinstance(atom, MinMax) and (atom.name == "max") == (sign > 0):
            for operand, other in ((atom.left, atom.right), (atom.right, atom.left)):
                lacking = lower_bound(-(sign * other + rest))
                if lacking is not None and lacking > 0:
                    return guard._replace(value=sign * operand + rest)
    return None


def _linear(value: Polynomial) -> Iterator[tuple[Atom, int]]:
    """The atoms that are terms by themselves, with a coefficient of 1 or -1."""
    for monomial, coefficient in value.terms.items():
        if len(monomial) == 1 and monomial[0][1] == 1 and abs(coefficient) == 1:
            yield monomial[0][0], coefficient


Rule = Callable[[Guard, Polynomial], Guard | None]
RULES: tuple[Rule, ...] = (
    _without_factors,
    _without_content,
    _of_the_larger,
    _beyond_the_bound,
    _of_an_operand,
)
