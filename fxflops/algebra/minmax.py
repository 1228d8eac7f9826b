"""The larger and the smaller of two symbolic sizes."""

from __future__ import annotations

from typing import Literal

from fxflops.algebra.polynomial import Dim, Symbol, from_atom, key_of, lower_bound, terms_of


class MinMax:
    """The atom ``max(left, right)`` or ``min(left, right)``, the operands ordered by their text."""

    __slots__ = ("key", "left", "lower", "name", "right")

    def __init__(self, name: Literal["max", "min"], left: Dim, right: Dim) -> None:
        """Take the operands as they are: in order."""
        self.name = name
        self.left = left
        self.right = right
        self.key = f"{name}({key_of(left)}, {key_of(right)})"
        self.lower = self._lower()

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, MinMax)
            and (self.name, self.left, self.right) == (other.name, other.left, other.right)
        )

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"MinMax({self.key})"

    def _lower(self) -> int | None:
        bounds = [lower_bound(self.left), lower_bound(self.right)]
        known = [bound for bound in bounds if bound is not None]
        if self.name == "max":
            return max(known, default=None)
        return min(known) if len(known) == len(bounds) else None


def maximum(left: Dim, right: Dim) -> Dim:
    """The larger one; an atom when it is not known which that is."""
    if _is_at_least(left, right):
        return left
    if _is_at_least(right, left):
        return right
    return _atom("max", left, right)


def minimum(left: Dim, right: Dim) -> Dim:
    """The smaller one; an atom when it is not known which that is."""
    if _is_at_least(left, right):
        return right
    if _is_at_least(right, left):
        return left
    return _atom("min", left, right)


def _is_at_least(left: Dim, right: Dim) -> bool:
    if is_natural(left - right):
        return True
    # A minimum is at most each of its operands, so it is left alone inside another one.
    return bool(linear_minima(-right)) and any(map(is_natural, without_minima(left - right)))


def without_minima(value: Dim) -> list[Dim]:
    """What ``value`` is never below: its subtracted minima replaced by one of their operands."""
    found: list[Dim] = [value]
    for atom, coefficient in linear_minima(value):
        found = [
            less + coefficient * (operand - from_atom(atom))
            for less in found
            for operand in (atom.left, atom.right)
        ]
        if len(found) > MOST_REPLACED:
            return []
    return found


MOST_REPLACED = 2**8


def is_natural(value: Dim) -> bool:
    """Whether it is known not to be negative."""
    least = lower_bound(value)
    return least is not None and least >= 0


def linear_minima(value: Dim) -> list[tuple[MinMax, int]]:
    """The minima that are terms by themselves, with their coefficients, and subtracted."""
    return [
        (monomial[0][0], coefficient)
        for monomial, coefficient in terms_of(value).items()
        if len(monomial) == 1
        and monomial[0][1] == 1
        and isinstance(monomial[0][0], MinMax)
        and monomial[0][0].name == "min"
        and coefficient < 0
    ]


def _atom(name: Literal["max", "min"], left: Dim, right: Dim) -> Dim:
    first, second = sorted((left, right), key=key_of)
    return from_atom(MinMax(name, first, second))


def is_one(symbol: Symbol) -> Dim:
    """1 where the symbol is 1 and 0 above: ``max(0, 2 - symbol)``.

    An atom even where the symbol is known to be at least 2, since it serves to say what holds
    below that.
    """
    return _atom("max", 0, 2 - from_atom(symbol))
