"""How often something occurs in a graph, as a formula of depths.

A model is captured at a few depths. Each capture is a multiset, of calls and of parameters; how
often an item is in it is a function of the depths. Where layers repeat with the period k, from the
depth b on, the layers after the first b come in k classes, and

    count(D) = count(b) + sum over classes r of  added[r] * ((D - b - r + k - 1) // k)

where ``added[r]`` is what one layer of that class adds. Depths add up; where captures in which
several depths grow do not agree with that, products of them are tried. What a formula says of
depths that its making did not use is compared with captures there.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from fxflops.algebra import Dim, Symbol

Point: TypeAlias = tuple[int, ...]
"""A depth for each symbol, in order."""

Counts: TypeAlias = Mapping[Point, "Counter[Hashable]"]


class Repetition(NamedTuple):
    """Where layers repeat: from the depth ``base`` on, with a ``period``."""

    symbol: Symbol
    base: int
    period: int

    def layers(self, remainder: int) -> Dim:
        """How many layers after the first ``base`` are of a class."""
        more = self.symbol.size - self.base
        return (more + (self.period - 1 - remainder)) // self.period

    def layers_at(self, remainder: int, depth: int) -> int:
        """`layers` at a depth."""
        return (depth - self.base + self.period - 1 - remainder) // self.period


def points(axes: Sequence[Repetition], *, with_products: bool) -> tuple[list[Point], Point]:
    """The depths that a formula is made of, and those at which it is compared."""
    base = tuple(axis.base for axis in axes)
    beyond = tuple(axis.base + max(2, 2 * axis.period) for axis in axes)
    if with_products:
        corners = itertools.product((0, 1), repeat=len(axes))
        return [tuple(b + m for b, m in zip(base, moved, strict=True)) for moved in corners], beyond
    alone = (
        _moved(base, position, more)
        for position, axis in enumerate(axes)
        for more in range(1, axis.period + 1)
    )
    return [base, *alone], beyond


def _moved(base: Point, position: int, more: int) -> Point:
    return (*base[:position], base[position] + more, *base[position + 1 :])


class Counted:
    """How often each item occurs, at depths and as a formula."""

    def __init__(self, axes: Sequence[Repetition], counts: Counts, *, with_products: bool) -> None:
        self._axes = axes
        self._base = tuple(axis.base for axis in axes)
        self.counts = counts
        self._with_products = with_products

    @property
    def items(self) -> tuple[Hashable, ...]:
        """All that occurs anywhere."""
        return tuple(dict.fromkeys(itertools.chain.from_iterable(self.counts.values())))

    def _terms(self, item: Hashable) -> Iterator[tuple[int, tuple[tuple[int, int | None], ...]]]:
        """Coefficients of products of layers of a class, None for all layers of a depth."""
        base = self.counts[self._base][item]
        yield base, ()
        if self._with_products:
            for moved in itertools.product((0, 1), repeat=len(self._axes)):
                if any(moved):
                    yield (
                        self._mixed(item, moved),
                        tuple((position, None) for position, more in enumerate(moved) if more),
                    )
            return
        for position, axis in enumerate(self._axes):
            at = [
                self.counts[_moved(self._base, position, more)][item]
                for more in range(axis.period + 1)
            ]
            added = [after - before for before, after in itertools.pairwise(at)]
            usual = Counter(added).most_common(1)[0][0]
            yield usual, ((position, None),)
            for remainder, one in enumerate(added):
                yield one - usual, ((position, remainder),)

    def _mixed(self, item: Hashable, moved: tuple[int, ...]) -> int:
        """The mixed difference of the counts over the depths that are moved."""
        total = 0
        for part in itertools.product(*((0, more) if more else (0,) for more in moved)):
            point = tuple(b + more for b, more in zip(self._base, part, strict=True))
            total += (-1) ** (sum(moved) - sum(part)) * self.counts[point][item]
        return total

    def at(self, item: Hashable, depths: Point) -> int:
        """How often ``item`` occurs there, as the formula says."""
        return sum(
            coefficient
            * prod(
                depths[p] - self._axes[p].base
                if remainder is None
                else self._axes[p].layers_at(remainder, depths[p])
                for p, remainder in factors
            )
            for coefficient, factors in self._terms(item)
            if coefficient
        )

    def formula(self, item: Hashable) -> Dim:
        """How often ``item`` occurs."""
        total: Dim = 0
        for coefficient, factors in self._terms(item):
            term: Dim = coefficient
            for p, remainder in factors if coefficient else ():
                axis = self._axes[p]
                term = term * (
                    axis.symbol.size - axis.base if remainder is None else axis.layers(remainder)
                )
            total = total + term
        return total

    def agrees(self, depths: Point) -> bool:
        """Whether it says what was counted there."""
        return all(self.agrees_on(item, depths) for item in self.items)

    def agrees_on(self, item: Hashable, depths: Point) -> bool:
        """Whether it says of one item what was counted there."""
        return self.at(item, depths) == self.counts[depths][item]
