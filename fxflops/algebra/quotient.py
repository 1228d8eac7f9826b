"""FloorDiv division of symbolic sizes, brought to a canonical form.

Sizes are divided by strides and windows; what makes them cancel again are four identities, for
integers p, a, r, c, any d > 0, q > 0 and k != 0:

    (q*a + r) // q      =  a + r // q                 whole multiples come out
    (k*p) // (k*q)      =  p // q                     common factors go
    (p // d + c) // q   =  (p + c*d) // (d*q)         nested floors are one floor
    r // q              =  0    where 0 <= r < q, and -1 where -q <= r < 0

What is left is an atom `FloorDiv` with every coefficient of its numerator in 0 … q-1.
"""

from __future__ import annotations

from fxflops.algebra.bounds import lower_bound
from fxflops.algebra.polynomial import (
    ONE,
    Dim,
    Monomial,
    Polynomial,
    content,
    degree,
    divide,
    from_atom,
    from_terms,
    key_of,
    multiply,
    terms_of,
)


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
