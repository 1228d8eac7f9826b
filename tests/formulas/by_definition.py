"""The definitions of operators, run on numbers that count themselves.

    @defines(aten.silu.default)
    def silu(self): return self * sigmoid(self)

A definition takes the arguments it asks for by their names in the operator's schema: tensors of
floats as arrays of `Number`, other tensors as numpy arrays. It returns the operator's results, of
which it may leave out the last ones; or None, where there is nothing to compare them with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch._ops import OpOverload

from tests.formulas.harness import Case


@dataclass(frozen=True)
class Definition:
    """A function, and between which numbers the elements of its tensors lie.

    Without ``values`` the counts alone are compared: the operator runs on no CPU, or at random.
    Without ``small`` they are at sizes of 0 and 1: kernels may end the process there.
    """

    function: Callable[..., Any]
    low: float = -1
    high: float = 1
    values: bool = True
    small: bool = True


DEFINITIONS: dict[OpOverload, Definition] = {}
ROWS_OF_THEIR_OWN: list[Case] = []
"""Calls of operators whose rows in the tables are too large to be run number by number."""


def defines(
    *operators: OpOverload,
    low: float = -1,
    high: float = 1,
    values: bool = True,
    small: bool = True,
) -> Any:
    """Register the decorated function as the definition of ``operators``."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for operator in operators:
            assert operator not in DEFINITIONS, operator
            DEFINITIONS[operator] = Definition(function, low, high, values, small)
        return function

    return register
