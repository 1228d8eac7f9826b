"""What modules return, at sizes of 1 too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

from fxflops.algebra import Dim, Symbol, substitute, symbols_of
from fxflops.capture import Capture
from fxflops.capture.result import Shapes

Sizes = frozenset[tuple[str, int]]


def at_every_size(
    captured: Capture, others: Mapping[Sizes, Capture]
) -> dict[str, tuple[Shapes, ...]]:
    """The shapes that each call of a module returns, which hold where ``captured`` does.

    ``others`` are captures with sizes fixed at 1, where ``x.squeeze()`` returns another shape than
    elsewhere. A module that returns other shapes there than its formulas give is left out.
    """
    symbols = {symbol.name: symbol for symbol in captured.domain.symbols}
    found = dict(captured.results)
    for sizes, other in others.items():
        if other is captured:
            continue
        at = {symbols[name]: symbols[name].value_at(size) for name, size in sizes}
        fixed = cache(lambda size, at=at: _at(size, at))
        for path in list(found):
            here = tuple(
                tuple(tuple(map(fixed, shape)) for shape in shapes) for shapes in found[path]
            )
            if other.results.get(path) != here:
                del found[path]
    return found


def _at(size: Dim, values: Mapping[Symbol, int]) -> Dim:
    mentioned: Collection[Symbol] = symbols_of(size)
    known = {symbol: value for symbol, value in values.items() if symbol in mentioned}
    return substitute(size, known) if known else size
