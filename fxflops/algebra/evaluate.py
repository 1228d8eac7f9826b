"""Putting values in the place of symbols."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any

from fxflops.algebra.minmax import MinMax
from fxflops.algebra.minmax import maximum as symbolic_maximum
from fxflops.algebra.minmax import minimum as symbolic_minimum
from fxflops.algebra.polynomial import Atom, Dim, FloorDiv, Symbol, from_atom


def evaluate(
    value: Dim,
    values: Mapping[Symbol, Any],
    *,
    maximum: Callable[[Any, Any], Any] = builtins.max,
    minimum: Callable[[Any, Any], Any] = builtins.min,
) -> Any:
    """``value`` with ``values[symbol]`` for each of its symbols.

    The values may be anything with ``+ * // **``: integers give an integer; dims, with the
    ``maximum`` and ``minimum`` of `fxflops.algebra`, give a dim; arrays, with numpy's, give an
    array. Raises KeyError for a symbol without a value.
    """

    def of(value: Dim) -> Any:
        if isinstance(value, int):
            return value
        total: Any = 0
        for monomial, coefficient in value.terms.items():
            term: Any = coefficient
            for atom, power in monomial:
                term = term * (of_atom(atom) if power == 1 else of_atom(atom) ** power)
            total = total + term
        return total

    known: dict[Atom, Any] = dict(values.items())

    def of_atom(atom: Atom) -> Any:
        if atom not in known:
            known[atom] = of_function(atom)
        return known[atom]

    def of_function(atom: Atom) -> Any:
        if isinstance(atom, FloorDiv):
            return of(atom.numerator) // of(atom.denominator)
        if isinstance(atom, MinMax):
            choose = maximum if atom.name == "max" else minimum
            return choose(of(atom.left), of(atom.right))
        raise KeyError(atom)

    return of(value)


def substitute(value: Dim, values: Mapping[Symbol, Dim]) -> Dim:
    """``value`` with dims in the place of some of its symbols, simplified again."""
    if not values:
        return value
    rest = {symbol: from_atom(symbol) for symbol in symbols_of(value)}
    result: Dim = evaluate(
        value, {**rest, **values}, maximum=symbolic_maximum, minimum=symbolic_minimum
    )
    return result


def beyond(value: Dim, least: Mapping[Symbol, int]) -> Dim:
    """``value`` where symbols are at least ``least``, in symbols that are less by what that adds.

    What is known of the result is known of ``value`` for such sizes.
    """
    added = {s: least[s] - s.minimum for s in symbols_of(value) if least.get(s, 0) > s.minimum}
    return substitute(value, {s: from_atom(s) + more for s, more in added.items()})


def settled(value: Dim, least: Mapping[Symbol, int]) -> Dim:
    """``value`` with fewer extrema where that symbols are at least ``least`` settles some of them.

    The same number for all such sizes.
    """
    if not _extrema(value):
        return value
    above = beyond(value, least)
    added = {s: least[s] - s.minimum for s in symbols_of(value) if least.get(s, 0) > s.minimum}
    plainer = substitute(above, {s: from_atom(s) - more for s, more in added.items()})
    return plainer if _extrema(plainer) < _extrema(value) else value


def _extrema(value: Dim) -> int:
    """How often a maximum or minimum occurs in ``value``."""
    if isinstance(value, int):
        return 0
    found = 0
    for atom in [atom for monomial in value.terms for atom, _ in monomial]:
        if isinstance(atom, FloorDiv):
            found += _extrema(atom.numerator) + _extrema(atom.denominator)
        elif isinstance(atom, MinMax):
            found += 1 + _extrema(atom.left) + _extrema(atom.right)
    return found


def beyond_one(value: Dim) -> Dim:
    """``value`` where every symbol is at least 2, as `beyond` gives it."""
    return beyond(value, dict.fromkeys(symbols_of(value), 2))


def magnitude(value: Dim, values: Mapping[Symbol, int]) -> int:
    """A number that no intermediate result of `evaluate` exceeds, in absolute value.

    Holds for all non-negative values up to ``values``: every coefficient is taken as positive and
    every floor quotient as its numerator.
    """
    if isinstance(value, int):
        return abs(value)

    def of_atom(atom: Atom) -> int:
        if isinstance(atom, FloorDiv):
            return max(magnitude(atom.numerator, values), magnitude(atom.denominator, values))
        if isinstance(atom, MinMax):
            return max(magnitude(atom.left, values), magnitude(atom.right, values))
        assert isinstance(atom, Symbol)
        return values[atom]

    total = 0
    for monomial, coefficient in value.terms.items():
        term = abs(coefficient)
        for atom, power in monomial:
            term *= max(1, of_atom(atom)) ** power
        total += term
    return total


def symbols_of(value: Dim) -> frozenset[Symbol]:
    """The symbols that ``value`` depends on."""
    if isinstance(value, int):
        return frozenset()
    found: set[Symbol] = set()
    for atom in {atom for monomial in value.terms for atom, _ in monomial}:
        if isinstance(atom, Symbol):
            found.add(atom)
        elif isinstance(atom, FloorDiv):
            found |= symbols_of(atom.numerator) | symbols_of(atom.denominator)
        elif isinstance(atom, MinMax):
            found |= symbols_of(atom.left) | symbols_of(atom.right)
    return frozenset(found)
