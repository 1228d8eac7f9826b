"""Polynomials with integer coefficients: what a symbolic size is.

A *dim* is either a Python ``int`` or a `Polynomial`, and a polynomial is never constant: arithmetic
whose result is a number gives that number. So a size is known exactly when it is an ``int``.

A polynomial is a sum of ``coefficient * monomial``; a monomial is a product of powers of *atoms*;
an atom is a `Symbol`, or the value of a function that no polynomial expresses: a floor quotient
(`FloorDiv`), a maximum or a minimum (`fxflops.algebra.minmax`).

Values are immutable and compare by structure. Two polynomials in symbols alone are equal exactly
when they are equal as functions; with other atoms, equal structure implies equal value.
There is no ordering and no truth value: ``if n > 1`` on a symbolic size raises ``TypeError``,
because the answer depends on a size that is not known.

`lower_bound` is sound and incomplete: the bound it gives holds wherever the symbols are at least
their minimum; None says only that it found none.

Sizes are divided by strides and windows (`floor_divide`); what makes them cancel again are four
identities, for integers p, a, r, c, any d > 0, q > 0 and k != 0:

    (q*a + r) // q      =  a + r // q                 whole multiples come out
    (k*p) // (k*q)      =  p // q                     common factors go
    (p // d + c) // q   =  (p + c*d) // (d*q)         nested floors are one floor
    r // q              =  0    where 0 <= r < q, and -1 where -q <= r < 0

What is left is an atom `FloorDiv` with every coefficient of its numerator in 0 … q-1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import gcd, prod
from typing import Any, NamedTuple, Protocol, TypeAlias


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
    ``Symbol("P", offset=1)`` is P + 1: a size that may be 0 is a symbol that is at least 1.
    ``Symbol("U1", minimum=0, maximum=1000)`` is a size that data decide, with its largest value
    where that is a number.
    """

    name: str
    multiple: int = 1
    minimum: int = 2
    offset: int = 0
    maximum: int | None = None

    @property
    def key(self) -> str:
        """Its name."""
        return self.name

    @property
    def lower(self) -> int:
        """Its minimum."""
        return self.minimum

    @property
    def is_data(self) -> bool:
        """Whether data decide it: no size of an input is a symbol that may be 0."""
        return self.minimum == 0

    @property
    def size(self) -> Dim:
        """The size itself: ``multiple`` times the symbol, less the offset."""
        return self.multiple * Polynomial({((self, 1),): 1}) - self.offset

    def size_at(self, value: Any) -> Any:
        """The size where the symbol has this value."""
        return value * self.multiple - self.offset

    def value_at(self, size: Any) -> Any:
        """The symbol's value at this size, or at each of an array, rounded down."""
        return (size + self.offset) // self.multiple


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
        return floor_divide(self, other) if is_dim(other) else NotImplemented

    def __rfloordiv__(self, other: int) -> Dim:
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


class FloorDiv:
    """The atom ``numerator // denominator``, rounded down; made by `floor_divide` only."""

    __slots__ = ("denominator", "key", "lower", "numerator")

    def __init__(self, numerator: Dim, denominator: Dim) -> None:
        """Take both as they are: no identity of this file's applies to them."""
        self.numerator = numerator
        self.denominator = denominator
        self.key = f"({key_of(numerator)})//({key_of(denominator)})"
        self.lower = self._lower()

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, FloorDiv)
            and (self.numerator, self.denominator) == (other.numerator, other.denominator)
        )

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"FloorDiv({self.key})"

    def _lower(self) -> int | None:
        numerator, denominator = lower_bound(self.numerator), lower_bound(self.denominator)
        if numerator is None or denominator is None or denominator <= 0:
            return None
        if isinstance(self.denominator, int):
            return numerator // self.denominator
        return 0 if numerator >= 0 else None


def floor_divide(dividend: Dim, divisor: Dim) -> Dim:
    """``dividend // divisor``, rounded towards minus infinity as in Python.

    Raises ZeroDivisionError for a divisor that is the number 0.
    """
    if isinstance(divisor, int):
        if isinstance(dividend, int):
            return dividend // divisor
        if divisor == 0:
            raise ZeroDivisionError(f"{dividend!r} // 0")
        return _by_number(dividend, divisor) if divisor > 0 else _by_number(-dividend, -divisor)
    return _by_polynomial(dividend, divisor)


def _by_number(dividend: Polynomial, divisor: int) -> Dim:
    whole = from_terms({m: c // divisor for m, c in dividend.terms.items()})
    rest = from_terms({m: c % divisor for m, c in dividend.terms.items()})
    return whole + _proper(rest, divisor)


def _proper(rest: Dim, divisor: int) -> Dim:
    """``rest // divisor`` where every coefficient of ``rest`` is in 0 … divisor-1."""
    if isinstance(rest, int):
        return rest // divisor
    offset = rest.terms.get(ONE, 0)
    varying = {m: c for m, c in rest.terms.items() if m != ONE}
    common = content((divisor, *varying.values()))
    if common > 1:
        reduced = from_terms({m: c // common for m, c in rest.terms.items()})
        return floor_divide(reduced, divisor // common)
    if len(varying) == 1:
        [(monomial, coefficient)] = varying.items()
        atom, power = monomial[0]
        single = len(monomial) == 1 and power == 1 and coefficient == 1
        if single and isinstance(atom, FloorDiv) and isinstance(atom.denominator, int):
            inner = atom.denominator
            return floor_divide(atom.numerator + offset * inner, inner * divisor)
    if _is_below(rest, divisor):
        return 0
    return from_atom(FloorDiv(rest, divisor))


def _by_polynomial(dividend: Dim, divisor: Polynomial) -> Dim:
    whole, rest = _long_division(dividend, divisor)
    if rest == 0:
        return whole
    rest, reduced = _without_common_factor(rest, divisor)
    if isinstance(reduced, int):
        return whole + floor_divide(rest, reduced)
    for fraction in (0, -1):
        if _is_below(rest - fraction * reduced, reduced):
            return whole + fraction
    return whole + from_atom(FloorDiv(rest, reduced))


def _long_division(dividend: Dim, divisor: Polynomial) -> tuple[Dim, Dim]:
    """``(whole, rest)`` with dividend = whole * divisor + rest, by leading terms (graded order)."""
    atoms = sorted(
        {atom for terms in (terms_of(dividend), divisor.terms) for m in terms for atom, _ in m},
        key=lambda atom: atom.key,
    )

    def rank(monomial: Monomial) -> tuple[int, list[int]]:
        powers = dict(monomial)
        return degree(monomial), [powers.get(atom, 0) for atom in atoms]

    lead = max(divisor.terms, key=rank)
    leading = divisor.terms[lead]
    whole: dict[Monomial, int] = {}
    rest = dict(terms_of(dividend))
    for monomial in sorted(rest, key=rank, reverse=True):
        _divide_term(monomial, lead, leading, divisor, whole, rest)
    return from_terms(whole), from_terms(rest)


def _divide_term(
    monomial: Monomial,
    lead: Monomial,
    leading: int,
    divisor: Polynomial,
    whole: dict[Monomial, int],
    rest: dict[Monomial, int],
) -> None:
    """Move what ``divisor`` divides of one term of ``rest``, and of the terms that follow."""
    factor = divide(monomial, lead)
    coefficient = rest.get(monomial, 0)
    if factor is None or not coefficient or coefficient % leading:
        return
    quotient = coefficient // leading
    whole[factor] = whole.get(factor, 0) + quotient
    for other, c in divisor.terms.items():
        product = multiply(factor, other)
        rest[product] = rest.get(product, 0) - quotient * c
        if product != monomial:
            _divide_term(product, lead, leading, divisor, whole, rest)


def _without_common_factor(dividend: Dim, divisor: Polynomial) -> tuple[Dim, Dim]:
    """Both divided by their common content and by the atoms (known not to be 0) in every term."""
    terms = [*terms_of(dividend).items(), *divisor.terms.items()]
    common = content(c for _, c in terms)
    powers = {
        atom: min(dict(m).get(atom, 0) for m, _ in terms)
        for atom, _ in terms[0][0]
        if atom.lower is not None and atom.lower >= 1
    }
    factor: Monomial = tuple((atom, power) for atom, power in powers.items() if power)

    def reduced(value: Dim) -> Dim:
        divided = {divide(m, factor): c // common for m, c in terms_of(value).items()}
        return from_terms({m: c for m, c in divided.items() if m is not None})

    return reduced(dividend), reduced(divisor)


def _is_below(rest: Dim, divisor: Dim) -> bool:
    """Whether 0 <= rest < divisor is known to hold."""
    low, room = lower_bound(rest), lower_bound(divisor - 1 - rest)
    return low is not None and low >= 0 and room is not None and room >= 0
