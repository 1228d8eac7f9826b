"""The larger and the smaller of two symbolic sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fxflops.symbolic.bounds import lower_bound
from fxflops.symbolic.polynomial import Dim, Symbol, from_atom, key_of


@dataclass(frozen=True, slots=True)
class Extremum:
    """The atom ``max(left, right)`` or ``min(left, right)``, the operands ordered by their text."""

    name: Literal["max", "min"]
    left: Dim
    right: Dim
    key: str = field(init=False, compare=False)
    lower: int | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        key = f"{self.name}({key_of(self.left)}, {key_of(self.right)})"
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "lower", self._lower())

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
    return from_atom(Extremum(name, first, second))


def is_one(symbol: Symbol) -> Dim:
    """1 where the symbol is 1 and 0 above: ``max(0, 2 - symbol)``.

    An atom even where the symbol is known to be at least 2, since it serves to say what holds
    below that.
    """
    return _atom("max", 0, 2 - from_atom(symbol))
