"""Where a dim in one symbol is proven never to decrease, or never to increase.

The proof is structural: sums and products of what never decreases and is never negative never
decrease; so do floor quotients by a positive number, maxima and minima of such. Coefficients of
both signs are resolved by counting the symbol from a larger value on: K² − 3K never decreases from
K = 2 on, as (k + 2)² − 3(k + 2) = k² + k − 2 shows. Where that does not do, the difference of two
neighbors is bounded below.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from fxflops.algebra import Dim, FloorDiv, MinMax, Symbol, lower_bound, substitute
from fxflops.algebra.polynomial import ONE, Atom, from_atom

STARTS = (0, 1, *(2**power for power in range(1, 13)))
"""How far from its least value the symbol is counted from, at most."""

LARGEST_DIFFERENCE = 40
"""Terms of a dim whose neighbors' difference is bounded; of more, that takes long."""


class Trend(NamedTuple):
    """``sign`` 1 where a dim never decreases from ``start`` on, -1 where it never increases."""

    sign: Literal[1, -1]
    start: int


def trend(value: Dim, symbol: Symbol) -> Trend | None:
    """The trend of ``value`` in ``symbol``, counted from 0; None where none is proven.

    ``value`` holds no other symbol. A number never decreases.
    """
    if isinstance(value, int):
        return Trend(1, 0)
    excess = Symbol(symbol.name, minimum=0)
    for start in STARTS:
        shifted = substitute(value, {symbol: from_atom(excess) + start})
        if never_decreases(shifted, excess):
            return Trend(1, start)
        if never_decreases(-shifted, excess):
            return Trend(-1, start)
    return None


def never_decreases(value: Dim, symbol: Symbol) -> bool:
    """Whether ``value`` is proven never to decrease where ``symbol`` grows from its minimum on."""
    if isinstance(value, int) or _is_increasing(value):
        return True
    if len(value.terms) > LARGEST_DIFFERENCE:
        return False
    following = substitute(value, {symbol: from_atom(symbol) + 1})
    step = lower_bound(following - value)
    return step is not None and step >= 0


def _is_increasing(value: Dim) -> bool:
    if isinstance(value, int):
        return True
    return all(
        c > 0 and all(_atom_is_increasing(atom) for atom, _ in m)
        for m, c in value.terms.items()
        if m != ONE
    )


def _atom_is_increasing(atom: Atom) -> bool:
    """Whether it never decreases and is never negative, so that products do not decrease either."""
    if atom.lower is None or atom.lower < 0:
        return False
    if isinstance(atom, FloorDiv):
        return isinstance(atom.denominator, int) and _is_increasing(atom.numerator)
    if isinstance(atom, MinMax):
        return _is_increasing(atom.left) and _is_increasing(atom.right)
    return isinstance(atom, Symbol)
