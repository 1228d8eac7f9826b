"""Numbers that count what is done with them, so that a definition can be run and counted.

Arrays of them are numpy arrays of objects: numpy's arithmetic, reductions and functions call the
operators and methods below, once per element. Negation, absolute value and selection are free.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

DONE: Counter[str] = Counter()
"""How often each counter was incremented since `fresh`."""


def fresh() -> None:
    DONE.clear()


class Number:
    """A real number; plain numbers that it meets are constants of the definition."""

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = float(value)

    def __float__(self) -> float:
        return self.value

    def __neg__(self) -> Number:
        return Number(-self.value)

    def __abs__(self) -> Number:
        return Number(abs(self.value))

    def __add__(self, other: Any) -> Number:
        return _counted("elementwise", float(self) + float(other))

    def __sub__(self, other: Any) -> Number:
        return _counted("elementwise", float(self) - float(other))

    def __rsub__(self, other: Any) -> Number:
        return _counted("elementwise", float(other) - float(self))

    def __mul__(self, other: Any) -> Number:
        return _counted("elementwise", float(self) * float(other))

    def __truediv__(self, other: Any) -> Number:
        return _counted("elementwise", float(self) / float(other))

    def __rtruediv__(self, other: Any) -> Number:
        return _counted("elementwise", float(other) / float(self))

    __radd__ = __add__
    __rmul__ = __mul__

    def __ge__(self, other: Any) -> bool:
        DONE["comparison"] += 1
        return float(self) >= float(other)

    def __gt__(self, other: Any) -> bool:
        DONE["comparison"] += 1
        return float(self) > float(other)

    def __le__(self, other: Any) -> bool:
        DONE["comparison"] += 1
        return float(self) <= float(other)

    def __lt__(self, other: Any) -> bool:
        DONE["comparison"] += 1
        return float(self) < float(other)

    def exp(self) -> Number:
        return _counted("transcendental", math.exp(self.value))

    def log(self) -> Number:
        return _counted("transcendental", math.log(self.value))

    def tanh(self) -> Number:
        return _counted("transcendental", math.tanh(self.value))

    def sqrt(self) -> Number:
        return _counted("transcendental", math.sqrt(self.value))


def _counted(counter: str, value: float) -> Number:
    DONE[counter] += 1
    return Number(value)


def _elementwise(of: Callable[[Number], Number]) -> Callable[[Array], Array]:
    return np.vectorize(of, otypes=[object])


erf = _elementwise(lambda x: _counted("transcendental", math.erf(float(x))))
rsqrt = _elementwise(lambda x: _counted("transcendental", 1 / math.sqrt(float(x))))


def numbers(values: Any) -> Array:
    """The same array, of counting numbers."""
    return _elementwise(Number)(np.asarray(values))


def dot(left: Array, right: Array) -> Number:
    """The sum of products, one multiply-add (2 FLOP of contraction) for each."""
    pairs = list(zip(left.ravel(), right.ravel(), strict=True))
    DONE["contraction"] += 2 * len(pairs)
    return Number(math.fsum(float(a) * float(b) for a, b in pairs))


def mean(x: Array, axes: tuple[int, ...]) -> Array:
    """Sum and divide, the axes kept."""
    count = math.prod(x.shape[axis] for axis in axes)
    return x.sum(axis=axes, keepdims=True) / count


def filled(shape: tuple[int, ...], of: Callable[[tuple[int, ...]], Number]) -> Array:
    """The array whose element at each index is ``of`` that index."""
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        result[index] = of(index)
    return result
