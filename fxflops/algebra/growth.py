"""What a count is made of at some sizes, and how it grows with one of them.

The *elasticity* of F in d is d * (dF/dd) / F: a size larger by 1 % makes the count larger by that
many per cent, to first order. Of a floor it is that of the quotient, of an extremum that of the
operand which it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fxflops.algebra.closed_form import coefficients
from fxflops.algebra.evaluate import evaluate
from fxflops.algebra.minmax import MinMax
from fxflops.algebra.polynomial import Atom, Dim, FloorDiv, Symbol, from_terms, terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction


def largest_terms(
    value: Dim, values: Mapping[Symbol, int], order: Sequence[str] = ()
) -> list[tuple[str, int]]:
    """The terms of ``value`` as text, with what each comes to at these sizes, the largest first.

    A term is written with its coefficient in the user's sizes: ``8*N*D*L*d**2``.
    """
    found = []
    for monomial, coefficient in terms_of(value).items():
        alone = from_terms({monomial: coefficient})
        if isinstance(alone, int):
            found.append((str(alone), alone))
            continue
        for product, factor in coefficients(alone, order).items():
            shown = product if factor == "1" else f"{factor}*{product}"
            found.append((shown, int(evaluate(alone, values))))
    return sorted(found, key=lambda term: -abs(term[1]))


def elasticity(value: Dim, symbol: Symbol, values: Mapping[Symbol, int]) -> Fraction | None:
    """The elasticity of ``value`` in the size of ``symbol``; None where ``value`` is 0."""
    from fractions import Fraction  # takes long

    whole = int(evaluate(value, values))
    if not whole:
        return None
    size = Fraction(symbol.size_at(values[symbol]), symbol.multiple)
    return _slope(value, symbol, values) * size / whole


def _slope(value: Dim, symbol: Symbol, values: Mapping[Symbol, int]) -> Fraction:
    """The derivative of ``value`` by the symbol."""
    from fractions import Fraction

    total = Fraction(0)
    for monomial, coefficient in terms_of(value).items():
        for atom, power in monomial:
            slope = _slope_of(atom, symbol, values)
            if slope:
                rest = tuple((a, p) for a, p in monomial if a != atom)
                lower = (*rest, (atom, power - 1)) if power > 1 else rest
                others = evaluate(from_terms({lower: coefficient * power}), values)
                total += slope * others
    return total


def _slope_of(atom: Atom, symbol: Symbol, values: Mapping[Symbol, int]) -> Fraction:
    from fractions import Fraction

    if isinstance(atom, Symbol):
        return Fraction(int(atom == symbol))
    if isinstance(atom, FloorDiv):
        above, below = (int(evaluate(d, values)) for d in (atom.numerator, atom.denominator))
        of_above = _slope(atom.numerator, symbol, values)
        of_below = _slope(atom.denominator, symbol, values)
        return (of_above * below - above * of_below) / below**2
    assert isinstance(atom, MinMax)
    left, right = (int(evaluate(d, values)) for d in (atom.left, atom.right))
    is_left = left >= right if atom.name == "max" else left <= right
    return _slope(atom.left if is_left else atom.right, symbol, values)
