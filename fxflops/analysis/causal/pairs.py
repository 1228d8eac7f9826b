"""Conditions on pairs of a query and a key, and how many pairs meet them.

A condition is a linear expression in a tensor's indices that is at least 0. Axes are counted from
the last one, -1, so that broadcasting changes none of them. A causal mask is one condition on
query i and key j, i - j + c >= 0; a window is two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from fxflops.algebra import Dim, floor_divide, lower_bound, maximum, minimum
from fxflops.formulas.shapes import Shape, numel


class Linear(NamedTuple):
    """A tensor of integers: the sum of ``slopes[axis] * index`` and a constant."""

    slopes: tuple[tuple[int, int], ...]
    constant: Dim

    @classmethod
    def of(cls, slopes: Mapping[int, int], constant: Dim) -> Linear:
        """With the slopes in order, and none that is 0."""
        return cls(tuple(sorted((a, s) for a, s in slopes.items() if s)), constant)

    def __add__(self, other: object) -> Linear:
        if not isinstance(other, Linear):
            return NotImplemented
        slopes = dict(self.slopes)
        for axis, slope in other.slopes:
            slopes[axis] = slopes.get(axis, 0) + slope
        return Linear.of(slopes, self.constant + other.constant)

    def __neg__(self) -> Linear:
        return self.times(-1)

    def __sub__(self, other: Linear) -> Linear:
        return self + -other

    def times(self, factor: int) -> Linear:
        """Each entry times a number."""
        return Linear.of({a: s * factor for a, s in self.slopes}, self.constant * factor)

    def plus(self, number: Dim) -> Linear:
        """Each entry plus a number."""
        return self._replace(constant=self.constant + number)

    def moved(self, axes: Mapping[int, int]) -> Linear | None:
        """The same on other axes; None where one that matters is not among them."""
        if any(axis not in axes for axis, _ in self.slopes):
            return None
        return Linear.of({axes[axis]: slope for axis, slope in self.slopes}, self.constant)


Conditions: TypeAlias = tuple[Linear, ...]
"""All of which are met."""


class Band(NamedTuple):
    """The pairs of a query and a key whose distance, key minus query, is within these bounds."""

    queries: Dim
    keys: Dim
    lowest: Dim | None
    highest: Dim | None

    def pairs(self) -> Dim | None:
        """How many they are; None where it is not known which bound is the larger one."""
        left = self.queries * self.keys if self.highest is None else self._up_to(self.highest)
        if self.lowest is None:
            return left
        if self.highest is not None and not _is_natural(self.highest - self.lowest + 1):
            return None
        return left - self._up_to(self.lowest - 1)

    def leave_a_key(self) -> bool:
        """Whether it is known that each query is in one of them."""
        lowest, highest = self.lowest, self.highest
        return (
            (highest is None or _is_natural(highest))
            and (lowest is None or _is_natural(self.keys - self.queries - lowest))
            and (lowest is None or highest is None or _is_natural(highest - lowest))
        )

    def _up_to(self, distance: Dim) -> Dim:
        """The pairs with at most this distance.

        They are the sum over the queries i of min(max(i + distance + 1, 0), keys): a difference of
        triangular numbers.
        """
        ends: Sequence[tuple[Dim, int]] = (
            (self.queries + distance, 1),
            (self.queries + distance - self.keys, -1),
            (distance, -1),
            (distance - self.keys, 1),
        )
        twice: Dim = 0
        for end, sign in ends:
            side = maximum(end, 0)
            twice = twice + sign * side * (side + 1)
        return floor_divide(twice, 2)


def band_of(conditions: Conditions, shape: Shape) -> Band | None:
    """The pairs of indices that meet the conditions, the first of the two axes that of queries.

    None for conditions of another form than those of causal masks and windows. An axis of one
    element matters to no condition, so there may be one axis in them, that of keys.
    """
    axes = sorted({axis for condition in conditions for axis, _ in condition.slopes})
    if len(axes) not in (1, 2):
        return None
    query, key = axes[0] if len(axes) == 2 else None, axes[-1]
    lowest: Dim | None = None
    highest: Dim | None = None
    for condition in conditions:
        slopes = dict(condition.slopes)
        of_key = slopes.pop(key, 0)
        if abs(of_key) != 1 or slopes != ({} if query is None else {query: -of_key}):
            return None
        if of_key < 0:
            bound = condition.constant
            highest = bound if highest is None else minimum(highest, bound)
        else:
            bound = -condition.constant
            lowest = bound if lowest is None else maximum(lowest, bound)
    queries = 1 if query is None else shape[query]
    return Band(queries=queries, keys=shape[key], lowest=lowest, highest=highest)


def left_by(conditions: Conditions, shape: Shape) -> Dim | None:
    """How many elements of ``shape`` meet the conditions; None where that is not known."""
    band = band_of(conditions, shape)
    pairs = None if band is None else band.pairs()
    if pairs is None:
        return None
    axes = {axis for condition in conditions for axis, _ in condition.slopes}
    others = [size for axis, size in enumerate(shape, -len(shape)) if axis not in axes]
    return numel(others) * pairs


def _is_natural(value: Dim) -> bool:
    least = lower_bound(value)
    return least is not None and least >= 0
