"""Polynomials with integer coefficients: what a symbolic size is.

A *dim* is either a Python ``int`` or a `Polynomial`, and a polynomial is never constant: arithmetic
whose result is a number gives that number. So a size is known exactly when it is an ``int``.

A polynomial is a sum of ``coefficient * monomial``; a monomial is a product of powers of *atoms*;
an atom is a `Symbol`, or the value of a function that no polynomial expresses: a floor quotient
(`fxflops.algebra.quotient`), a maximum or a minimum (`fxflops.algebra.extremum`).

Values are immutable and compare by structure. Two polynomials in symbols alone are equal exactly
when they are equal as functions; with other atoms, equal structure implies equal value.
There is no ordering and no truth value: ``if n > 1`` on a symbolic size raises ``TypeError``,
because the answer depends on a size that is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import gcd, prod
from typing import NamedTuple, Protocol, TypeAlias


class Atom(Protocol):
    """A factor of a monomial."""

    @property
    def key(self) -> str:
        """A text that orders atoms, the same in every process."""

    @property
    def lower(self) -> int | None:
        """A number that the atom's value is never below, if one is known."""


class Symbol(NamedTuple):
    """A free integer: the size called ``name``, divided by ``multiple``.

    ``Symbol("H", multiple=32, minimum=2)`` is H / 32 for an H that is a multiple of 32 and at
    least 64. Arithmetic is done in such quotients, so that it stays within the integers.
    """

    name: str
    multiple: int = 1
    minimum: int = 2

    @property
    def key(self) -> str:
        """Its name."""
        return self.name

    @property
    def lower(self) -> int:
        """Its minimum."""
        return self.minimum

    @property
    def size(self) -> Dim:
        """The size itself: ``multiple`` times the symbol."""
        return self.multiple * Polynomial({((self, 1),): 1})


Monomial: TypeAlias = tuple[tuple[Atom, int], ...]
"""Atoms with their exponents, ordered by `Atom.key`; ``()`` is 1."""

ONE: Monomial = ()


class Polynomial:
    """A sum of integer multiples of monomials that is not a constant."""

    __slots__ = ("_hash", "_key", "terms")

    terms: Mapping[Monomial, int]

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        """Take ``terms`` as they are: no coefficient is 0, and one monomial is not ``()``."""
        self.terms = terms
        self._hash: int | None = None
        self._key: str | None = None

    def __add__(self, other: Dim) -> Dim:
        return from_terms(_added(self.terms, terms_of(other))) if is_dim(other) else NotImplemented

    def __mul__(self, other: Dim) -> Dim:
        if type(other) is int:
            return Polynomial({m: c * other for m, c in self.terms.items()}) if other else 0
        if not isinstance(other, Polynomial):
            return NotImplemented
        product: dict[Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = multiply(left, right)
                product[monomial] = product.get(monomial, 0) + a * b
        return from_terms(product)

    def __neg__(self) -> Polynomial:
        return Polynomial({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Dim) -> Dim:
        return self + -other if is_dim(other) else NotImplemented

    def __rsub__(self, other: int) -> Dim:
        return -self + other if is_dim(other) else NotImplemented

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Dim:
        """Repeated multiplication; ``exponent`` is a natural number."""
        if type(exponent) is not int or exponent < 0:
            return NotImplemented
        power: Dim = 1
        for _ in range(exponent):
            power = power * self
        return power

    def __floordiv__(self, other: Dim) -> Dim:
        from fxflops.algebra.quotient import floor_divide

        return floor_divide(self, other) if is_dim(other) else NotImplemented

    def __rfloordiv__(self, other: int) -> Dim:
        from fxflops.algebra.quotient import floor_divide

        return floor_divide(other, self) if is_dim(other) else NotImplemented

    def __mod__(self, other: Dim) -> Dim:
        return self - other * (self // other) if is_dim(other) else NotImplemented

    def __rmod__(self, other: int) -> Dim:
        return other - self * (other // self) if is_dim(other) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Polynomial) and self.terms == other.terms)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __reduce__(self) -> tuple[type[Polynomial], tuple[dict[Monomial, int]]]:
        return Polynomial, (dict(self.terms),)  # a hash of strings is another in each process

    def __bool__(self) -> bool:
        raise TypeError(f"the truth of the symbolic size {self} depends on a size not known yet")

    @property
    def key(self) -> str:
        """The text of the polynomial in its symbols (H / 32 is written ``H'``), as a sort key."""
        if self._key is None:
            self._key = " + ".join(
                "*".join([str(c), *(f"{atom.key}^{power}" for atom, power in m)])
                for m, c in sorted(self.terms.items(), key=_degree_then_name)
            )
        return self._key

    def __repr__(self) -> str:
        return f"Polynomial({self.key})"

    def __str__(self) -> str:
        """What a message shows: ``3*H + 1``, in the sizes themselves where they are not divided."""
        terms = sorted(self.terms.items(), key=_degree_then_name)
        return " + ".join(_shown(m, c) for m, c in terms).replace("+ -", "- ")


Dim: TypeAlias = int | Polynomial
"""A size, or a count made of sizes: an integer that is known, or a polynomial."""


def is_dim(value: object) -> bool:
    """Whether ``value`` is an integer or a polynomial (a bool is neither)."""
    return type(value) is int or isinstance(value, Polynomial)


def terms_of(value: Dim) -> Mapping[Monomial, int]:
    """The terms of any dim; those of 0 are empty."""
    if isinstance(value, Polynomial):
        return value.terms
    return {ONE: value} if value else {}


def from_terms(terms: Mapping[Monomial, int]) -> Dim:
    """The dim with these terms, of which some coefficients may be 0."""
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and ONE in kept:
        return kept[ONE]
    return Polynomial(kept)


def from_atom(atom: Atom) -> Polynomial:
    """The polynomial that is one atom."""
    return Polynomial({((atom, 1),): 1})


def multiply(left: Monomial, right: Monomial) -> Monomial:
    """The product of two monomials."""
    if not left or not right:
        return left or right
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=_atom_key))


def divide(dividend: Monomial, divisor: Monomial) -> Monomial | None:
    """The monomial ``dividend / divisor``, or None when an exponent would be negative."""
    powers = dict(dividend)
    for atom, power in divisor:
        left = powers.get(atom, 0) - power
        if left < 0:
            return None
        powers[atom] = left
    return tuple((atom, power) for atom, power in powers.items() if power)


def key_of(value: Dim) -> str:
    """The text that orders dims."""
    return str(value) if isinstance(value, int) else value.key


def rebuild(value: Dim, replace: Callable[[Atom], Dim]) -> Dim:
    """``value`` with every atom replaced by what ``replace`` gives for it."""
    if isinstance(value, int):
        return value
    total: Dim = 0
    for monomial, coefficient in value.terms.items():
        term: Dim = coefficient
        for atom, power in monomial:
            term = term * replace(atom) ** power
        total = total + term
    return total


def degree(monomial: Monomial) -> int:
    """The sum of the exponents."""
    return sum(power for _, power in monomial)


def content(coefficients: Iterable[int]) -> int:
    """The greatest common divisor of ``coefficients``."""
    return gcd(*coefficients)


def _added(left: Mapping[Monomial, int], right: Mapping[Monomial, int]) -> dict[Monomial, int]:
    total = dict(left)
    for monomial, coefficient in right.items():
        total[monomial] = total.get(monomial, 0) + coefficient
    return total


def _shown(monomial: Monomial, coefficient: int) -> str:
    multiples = prod(a.multiple**power for a, power in monomial if isinstance(a, Symbol))
    whole = coefficient % multiples == 0
    names = [
        f"({atom.name}/{atom.multiple})"
        if isinstance(atom, Symbol) and atom.multiple > 1 and not whole
        else atom.key
        for atom, _ in monomial
    ]
    powers = [f"**{power}" if power > 1 else "" for _, power in monomial]
    number = coefficient // multiples if whole else coefficient
    product = "*".join(map("".join, zip(names, powers, strict=True)))
    if not product or abs(number) != 1:
        return f"{number}*{product}" if product else str(number)
    return product if number > 0 else f"-{product}"


def _atom_key(item: tuple[Atom, int]) -> str:
    return item[0].key


def _degree_then_name(item: tuple[Monomial, int]) -> tuple[int, list[tuple[str, int]]]:
    return -degree(item[0]), [(atom.key, power) for atom, power in item[0]]
