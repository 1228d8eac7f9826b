"""Dims as JSON, and back by a reader that executes nothing.

A `Table` lists values so that each refers only to those before it, by position:

    5                                       an integer
    ["symbol", name, multiple, minimum]     an atom
    ["floor", numerator, denominator]       an atom, of two dims
    ["max", left, right]  ["min", …]        an atom, of two dims
    ["product", atom, power, atom, power, …]    a monomial; 1 has no factors
    ["sum", coefficient, monomial, coefficient, monomial, …]    a polynomial
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fxflops.algebra.bounds import lower_bound
from fxflops.algebra.extremum import MinMax
from fxflops.algebra.polynomial import ONE, Atom, Dim, Monomial, Polynomial, Symbol
from fxflops.algebra.quotient import FloorDiv

LARGEST_POWER = 64
DEEPEST = 32
"""Floors and extrema inside one another; far more than any model has."""


class Table:
    """Collects dims to be written; equal ones are written once."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._positions: dict[Dim | Atom | Monomial, int] = {}

    def add(self, value: Dim) -> int:
        """The position of ``value``."""
        return self._position(
            value, lambda: value if isinstance(value, int) else ["sum", *self._terms(value)]
        )

    def _terms(self, value: Polynomial) -> Iterator[int]:
        for monomial, coefficient in value.terms.items():
            yield coefficient
            yield self._monomial(monomial)

    def _monomial(self, monomial: Monomial) -> int:
        def entry() -> list[Any]:
            return ["product", *(n for atom, power in monomial for n in (self._atom(atom), power))]

        return self._position(monomial, entry)

    def _atom(self, atom: Atom) -> int:
        def entry() -> list[Any]:
            if isinstance(atom, Symbol):
                return ["symbol", atom.name, atom.multiple, atom.minimum]
            if isinstance(atom, FloorDiv):
                return ["floor", self.add(atom.numerator), self.add(atom.denominator)]
            assert isinstance(atom, MinMax)
            return [atom.name, self.add(atom.left), self.add(atom.right)]

        return self._position(atom, entry)

    def _position(self, key: Any, entry: Any) -> int:
        if key not in self._positions:
            made = entry()
            self._positions[key] = len(self.entries)
            self.entries.append(made)
        return self._positions[key]


def read(entries: Any) -> list[Any]:
    """The dims, atoms and monomials of a table, by position.

    Raises ValueError for anything that is no table.
    """
    values: list[Any] = []
    depths: list[int] = []

    def dim(position: Any) -> Dim:
        value = values[natural(position)]
        if type(value) is not int and not isinstance(value, Polynomial):
            raise ValueError("an atom in the place of a dim")
        return value

    def atom(position: Any) -> Atom:
        value = values[natural(position)]
        if not isinstance(value, (Symbol, FloorDiv, MinMax)):
            raise ValueError("a dim in the place of an atom")
        return value

    def monomial(position: Any) -> Monomial:
        value = values[natural(position)]
        if type(value) is not tuple:
            raise ValueError("no monomial in the place of one")
        return value

    try:
        for entry in entries:
            values.append(entry if type(entry) is int else _value(entry, dim, atom, monomial))
            depths.append(1 + max((depths[i] for i in _references(entry)), default=0))
            if depths[-1] > 2 * DEEPEST:
                raise ValueError("too deep a nesting")
    except (IndexError, TypeError) as error:
        raise ValueError(f"no table of dims: {error}") from error
    return values


def _references(entry: Any) -> list[int]:
    """The positions that an entry, already found to be one, refers to."""
    if isinstance(entry, int) or entry[0] == "symbol":
        return []
    kind: str
    parts: list[int]
    kind, *parts = entry
    if kind == "sum":
        return parts[1::2]
    return parts[::2] if kind == "product" else parts


def _value(
    entry: Any,
    dim: Callable[[Any], Dim],
    atom: Callable[[Any], Atom],
    monomial: Callable[[Any], Monomial],
) -> Any:
    kind, *parts = entry
    if kind == "sum":
        return _polynomial(parts[::2], list(map(monomial, parts[1::2])))
    if kind == "product":
        return _monomial(list(map(atom, parts[::2])), list(map(natural, parts[1::2])))
    if kind == "symbol":
        name, multiple, minimum = parts
        if not (isinstance(name, str) and name.isidentifier()) or natural(multiple) == 0:
            raise ValueError("no symbol")
        return Symbol(name, multiple, natural(minimum))
    left, right = map(dim, parts)
    if kind == "floor":
        low = lower_bound(right)
        if low is None or low < 1:
            raise ValueError("a denominator that may be 0")
        return FloorDiv(left, right)
    if kind not in ("max", "min"):
        raise ValueError(f"no dim is a {kind!r}")
    return MinMax(kind, left, right)


def _monomial(atoms: list[Atom], powers: list[int]) -> Monomial:
    keys = [atom.key for atom in atoms]
    if keys != sorted(set(keys)) or not all(0 < power <= LARGEST_POWER for power in powers):
        raise ValueError("no monomial")
    return tuple(zip(atoms, powers, strict=True))


def _polynomial(coefficients: list[Any], monomials: list[Monomial]) -> Polynomial:
    if not all(type(coefficient) is int and coefficient for coefficient in coefficients):
        raise ValueError("no coefficient")
    terms = dict(zip(monomials, coefficients, strict=True))
    if len(terms) < len(monomials) or not terms.keys() - {ONE}:
        raise ValueError("a monomial twice, or a polynomial that is constant")
    return Polynomial(terms)


def natural(value: Any) -> int:
    """``value``, if it is an integer that is not negative. Raises ValueError."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no natural number")
    return value
