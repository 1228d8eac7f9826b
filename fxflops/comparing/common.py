"""Both sides in the same symbols, so that equal formulas are equal dims.

A size that one side knows as a multiple of 32 and the other as one of 14 is a multiple of 224 in
what both say: formulas are compared where both hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import lcm

from fxflops.algebra import Dim, Symbol, substitute
from fxflops.comparing.sides import Call, Side
from fxflops.cost import Cost
from fxflops.domain import Domain
from fxflops.report import Row


class Common:
    """The symbols of both sides together, and each side's dims in them."""

    def __init__(self, *sides: Side) -> None:
        """Take the symbols by name: with every multiple, and the larger of their least values."""
        found: dict[str, list[tuple[Symbol, Mapping[str, int]]]] = {}
        for side in sides:
            domain = side.report.domain
            for symbol in domain.symbols:
                found.setdefault(symbol.name, []).append((symbol, domain.least))
        self.symbols = tuple(_common(name, of) for name, of in found.items())
        self._known: dict[Dim, Dim] = {}
        self._places = {
            symbol: _in_place(symbol, next(s for s in self.symbols if s.name == name))
            for name, of in found.items()
            for symbol, _ in of
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the sizes, in order."""
        return tuple(symbol.name for symbol in self.symbols)

    def dim(self, value: Dim) -> Dim:
        """``value`` in the common symbols."""
        if isinstance(value, int):
            return value
        if value not in self._known:
            self._known[value] = substitute(value, self._places)
        return self._known[value]

    def cost(self, cost: Cost) -> Cost:
        """The cost in the common symbols."""
        return cost.map(self.dim)

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """The rows in the common symbols."""
        return [row._replace(cost=self.cost(row.cost)) for row in rows]

    def calls(self, calls: Iterable[Call]) -> list[Call]:
        """The calls in the common symbols."""
        return [c._replace(cost=None if c.cost is None else self.cost(c.cost)) for c in calls]

    def values(self, sizes: Mapping[str, int]) -> dict[Symbol, int] | None:
        """The symbols' values; None where a size is missing or is no common multiple."""
        if not sizes.keys() >= set(self.names):
            return None
        values = {s: s.value_at(sizes[s.name]) for s in self.symbols}
        exact = all(s.size_at(v) == sizes[s.name] for s, v in values.items())
        return values if exact else None


def _common(name: str, of: list[tuple[Symbol, Mapping[str, int]]]) -> Symbol:
    offset = max(symbol.offset for symbol, _ in of)
    multiple = lcm(*(symbol.multiple for symbol, _ in of)) if not offset else 1
    least = max(s.size_at(at.get(name, 1 if not offset else s.minimum)) for s, at in of)
    return Symbol(name, multiple, max(1, -(-(least + offset) // multiple)), offset)


def _in_place(symbol: Symbol, common: Symbol) -> Dim:
    """A side's symbol as a dim in the common one."""
    return (common.size + symbol.offset) // symbol.multiple


def texts(*domains: Domain) -> list[str]:
    """The conditions of all domains, each once."""
    return list(dict.fromkeys(text for domain in domains for text in domain.texts()))
