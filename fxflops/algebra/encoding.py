"""Dims as JSON, and back by a reader that executes nothing.

A `Table` lists values so that each refers only to those before it, by position:

    5                                       an integer
    ["symbol", name, multiple, minimum]     an atom; with an offset other than 0 after them,
                                            and a maximum, if there is one, after that
    ["floor", numerator, denominator]       an atom, of two dims
    ["max", left, right]  ["min", …]        an atom, of two dims
    ["product", atom, power, atom, power, …]    a monomial; 1 has no factors
    ["sum", coefficient, monomial, coefficient, monomial, …]    a polynomial
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

from fxflops.algebra.minmax import MinMax
from fxflops.algebra.polynomial import (
    ONE,
    Atom,
    Dim,
    FloorDiv,
    Monomial,
    Polynomial,
    Symbol,
    lower_bound,
)

LARGEST_POWER = 64
DEEPEST = 64
"""Entries that refer to one another in a row; far more than any model has."""

LARGEST_TABLE = 2**18
LARGEST_INTEGER = 2**13
"""In bits. So is the largest value at sizes of 64 bits: an integer that Python still prints."""

LONGEST_TEXT = 2**22
"""The texts of all values, each written out with those it refers to."""

LARGEST_EXPANSION = 2**12
"""Terms of an operand once its products are multiplied out, as its lower bound needs them."""

MOST_WORK = 2**25
"""The squares of these, summed over all operands."""


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
                more = [atom.offset, atom.maximum] if atom.maximum is not None else [atom.offset]
                kept = more if any(more) or len(more) > 1 else []
                return ["symbol", atom.name, atom.multiple, atom.minimum, *kept]
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
    if type(entries) is not list:
        raise ValueError("no table of dims")
    if len(entries) > LARGEST_TABLE:
        raise ValueError("too long a table")
    values: list[Any] = []
    extents: list[_Extent] = []

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

    longest, work = LONGEST_TEXT, MOST_WORK
    try:
        for entry in entries:
            extent = _extent(entry, extents)
            longest -= extent.text
            if extent.is_function:
                work -= extent.terms**2
            if longest < 0 or work < 0:
                raise ValueError("too long a table")
            values.append(entry if type(entry) is int else _value(entry, dim, atom, monomial))
            extents.append(extent)
    except (IndexError, TypeError) as error:
        raise ValueError(f"no table of dims: {error}") from error
    return values


class _Extent(NamedTuple):
    """How much a value would be, known before it is made.

    ``depth`` of references, ``text`` in characters, ``bits`` at sizes of 64, ``terms`` when its
    products, and the numerators of its quotients, are multiplied out. ``is_function``: it is the
    atom of a quotient or an extremum, whose lower bound takes work.
    """

    depth: int
    text: int
    bits: int
    terms: int
    is_function: bool = False


def _extent(entry: Any, known: list[_Extent]) -> _Extent:
    """That of an entry. Raises ValueError for too large a one, and for what is no entry."""
    if type(entry) is int:
        extent = _Extent(0, 8 + entry.bit_length() // 3, entry.bit_length(), 1)
    else:
        kind, *parts = entry
        if kind == "symbol":
            name, *numbers = parts
            bits = sum(natural(number).bit_length() for number in numbers)
            extent = _Extent(0, len(name), 64 + bits, 2)
        elif kind == "sum":
            of = [known[natural(position)] for position in parts[1::2]]
            numbers = [integer(number).bit_length() for number in parts[::2]]
            extent = _Extent(
                1 + max((m.depth for m in of), default=0),
                sum(m.text + 4 for m in of) + sum(numbers) // 3,
                max((m.bits + n for m, n in zip(of, numbers, strict=True)), default=0)
                + len(of).bit_length(),
                sum(m.terms for m in of),
            )
        elif kind == "product":
            of = [known[natural(position)] for position in parts[::2]]
            powers = [_power(power) for power in parts[1::2]]
            if len(powers) > LARGEST_POWER:
                raise ValueError("too many factors")
            factors = list(zip(of, powers, strict=True))
            extent = _Extent(
                1 + max((a.depth for a in of), default=0),
                sum(a.text + 4 for a in of),
                sum(a.bits * power for a, power in factors),
                prod(power + 1 if a.terms == 2 else a.terms**power for a, power in factors),
            )
        else:
            of = [known[natural(position)] for position in parts]
            if any(operand.terms > LARGEST_EXPANSION for operand in of):
                raise ValueError("too large an operand")
            extent = _Extent(
                1 + max((operand.depth for operand in of), default=0),
                sum(operand.text + 4 for operand in of),
                max((operand.bits for operand in of), default=0),
                1 + sum(operand.terms for operand in of),
                True,
            )
    if extent.depth > DEEPEST or extent.bits > LARGEST_INTEGER:
        raise ValueError("too deep a nesting, or too large an integer")
    return extent


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
        return _monomial(list(map(atom, parts[::2])), list(map(_power, parts[1::2])))
    if kind == "symbol":
        name, multiple, minimum, *more = parts
        if not (isinstance(name, str) and name.isidentifier()) or natural(multiple) == 0:
            raise ValueError("no symbol")
        if more[:1] not in ([], [0], [1]) or len(more) > 2 or more == [0]:
            raise ValueError("no offset")
        return Symbol(name, multiple, natural(minimum), *map(natural, more))
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
    if keys != sorted(set(keys)):
        raise ValueError("no monomial")
    return tuple(zip(atoms, powers, strict=True))


def _polynomial(coefficients: list[Any], monomials: list[Monomial]) -> Polynomial:
    if not all(type(coefficient) is int and coefficient for coefficient in coefficients):
        raise ValueError("no coefficient")
    terms = dict(zip(monomials, coefficients, strict=True))
    if len(terms) < len(monomials) or not terms.keys() - {ONE}:
        raise ValueError("a monomial twice, or a polynomial that is constant")
    return Polynomial(terms)


def _power(value: Any) -> int:
    if not 0 < natural(value) <= LARGEST_POWER:
        raise ValueError(f"{value} is no power")
    return int(value)


def integer(value: Any) -> int:
    """``value``, if it is an integer, and one that can be printed. Raises ValueError."""
    if type(value) is not int or value.bit_length() > LARGEST_INTEGER:
        raise ValueError("no integer in the place of one")
    return value


def natural(value: Any) -> int:
    """``value``, if it is an integer that is not negative. Raises ValueError."""
    if integer(value) < 0:
        raise ValueError("a negative number in the place of a natural one")
    return int(value)
