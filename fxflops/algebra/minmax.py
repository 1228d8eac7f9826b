"""The larger and the smaller of two symbolic sizes."""

from __future__ import annotations

from typing import Literal

from fxflops.algebra.polynomial import Dim, Symbol, from_atom, key_of, lower_bound


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
    bound = lower_bound(left - right)
    return bound is not None and bound >= 0


def _atom(name: Literal["max", "min"], left: Dim, right: Dim) -> Dim:
    first, second = sorted((left, right), key=key_of)
    return from_atom(MinMax(name, first, second))


def is_one(symbol: Symbol) -> Dim:
    """1 where the symbol is 1 and 0 above: ``max(0, 2 - symbol)``.

    An atom even where the symbol is known to be at least 2, since it serves to say what holds
    below that.
    """
    return _atom("max", 0, 2 - from_atom(symbol))
