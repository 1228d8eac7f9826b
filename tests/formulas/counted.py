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

    def __add__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _counted("elementwise", float(self) + float(other))

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _counted("elementwise", float(self) - float(other))

    def __rsub__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _counted("elementwise", float(other) - float(self))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _counted("elementwise", float(self) * float(other))

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _counted("elementwise", _quotient(float(self), float(other)))

    def __rtruediv__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _counted("elementwise", _quotient(float(other), float(self)))

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
        return _counted("transcendental", math.log(self.value) if self.value else -math.inf)

    def tanh(self) -> Number:
        return _counted("transcendental", math.tanh(self.value))

    def sqrt(self) -> Number:
        return _counted("transcendental", math.sqrt(self.value))


def _counted(counter: str, value: float) -> Number:
    DONE[counter] += 1
    return Number(value)


def _quotient(dividend: float, divisor: float) -> float:
    return dividend / divisor if divisor else dividend * math.inf


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


def mean(x: Array, axes: tuple[int, ...], keepdims: bool = True) -> Any:
    """Sum and divide, the axes kept; a mean of nothing is no number, and no work."""
    count = math.prod(x.shape[axis] for axis in axes)
    summed = total(x, axes, keepdims)
    return summed / count if count else np.full(summed.shape, Number(math.nan))


def every_axis(dim: Any, rank: int) -> tuple[int, ...]:
    """``dim`` as numpy takes it: one axis or several, all of them where there are none."""
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return tuple(range(rank))
    axes = dim if isinstance(dim, (list, tuple)) else (dim,)
    return tuple(axis % rank if rank else 0 for axis in axes)[: max(rank, 0)]


def total(x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """The sum along ``axes``; a row of nothing is 0."""
    return _reduced(x, axes, keepdims, np.add, 0.0)


def product(x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """The product along ``axes``; a row of nothing is 1."""
    return _reduced(x, axes, keepdims, np.multiply, 1.0)


def largest(x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """The maximum along ``axes``."""
    return _reduced(x, axes, keepdims, np.maximum, -math.inf)


def smallest(x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """The minimum along ``axes``."""
    return _reduced(x, axes, keepdims, np.minimum, math.inf)


def _reduced(
    x: Array, axes: tuple[int, ...], keepdims: bool, by: np.ufunc, of_nothing: float
) -> Any:
    """Row by row, in order: one operation less than a row has elements, and none for no element."""
    axes = every_axis(list(axes), x.ndim) if axes else ()
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    shape = tuple(x.shape[axis] for axis in kept)
    length = math.prod(x.shape[axis] for axis in axes)
    rows = x.transpose(*kept, *axes).reshape(*shape, length)
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        row = rows[index]
        value = Number(of_nothing) if length == 0 else row[0]
        for element in row[1:]:
            value = by(value, element)
        result[index] = value
    if keepdims:
        return result.reshape([1 if axis in axes else n for axis, n in enumerate(x.shape)])
    return result


def filled(shape: tuple[int, ...], of: Callable[[tuple[int, ...]], Number]) -> Array:
    """The array whose element at each index is ``of`` that index."""
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        result[index] = of(index)
    return result
