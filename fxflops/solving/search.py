"""The values of one unknown at which all predicates hold, in order.

Predicates whose truth is proven to change at most once leave an interval, whose ends are found by
doubling and bisection. The others are looked at one value after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fxflops.algebra import Dim, Symbol, evaluate
from fxflops.algebra.closed_form import evaluate_many
from fxflops.errors import SpecError
from fxflops.solving.monotone import trend

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCKS = (64, 512, 4096)
"""Values looked at together, a few first, since an answer may be near."""

MOST_VALUES = 2**20
"""Values of one unknown that are looked at one after the other."""


class Predicate(NamedTuple):
    """Whether something holds after so many steps.

    ``direction`` is 1 where from ``start`` on it stays true once it is, -1 where it stays false, 0
    where neither is proven. ``many`` answers for an array of steps. ``is_guard`` marks what the
    domain asks, not the user.
    """

    holds: Callable[[int], bool]
    many: Callable[[NDArray[Any]], NDArray[Any]]
    direction: int
    start: int
    is_guard: bool


def predicate(value: Dim, sign: str, symbol: Symbol, *, is_guard: bool) -> Predicate:
    """``value sign 0``, for a dim in the number of steps and ``>=``, ``==`` or ``!=``."""

    def holds(steps: int) -> bool:
        return _compare(evaluate(value, {symbol: steps}), sign)

    def many(steps: NDArray[Any]) -> NDArray[Any]:
        return _compare_many(evaluate_many(value, {symbol: steps}), sign)

    if sign == ">=" or isinstance(value, int):
        known = trend(value, symbol)
        if known is not None:
            return Predicate(holds, many, known.sign, known.start, is_guard)
    return Predicate(holds, many, 0, 0, is_guard)


def one_by_one(holds: Callable[[int], bool], direction: int = 0, start: int = 0) -> Predicate:
    """A condition that is not arithmetic on arrays."""

    def many(steps: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        return np.fromiter((holds(int(n)) for n in steps), dtype=bool, count=len(steps))

    return Predicate(holds, many, direction, start, is_guard=False)


def is_proven(predicates: Sequence[Predicate]) -> bool:
    """Whether every condition of the user's changes its truth at most once, from somewhere on."""
    return all(p.direction or p.is_guard for p in predicates)


def ascending(predicates: Sequence[Predicate], first: int, last: int) -> Iterator[int]:
    """The numbers of steps from ``first`` to ``last`` at which all hold, the least first.

    Raises SpecError where that needs more than `MOST_VALUES` of them one by one.
    """
    tail = _tail(predicates, first)
    yield from _filtered(predicates, range(first, min(tail, last + 1)))
    yield from _filtered(_unproven(predicates), _interval(predicates, tail, last))


def descending(predicates: Sequence[Predicate], first: int, last: int) -> Iterator[int]:
    """As `ascending`, the largest first."""
    tail = _tail(predicates, first)
    yield from _filtered(_unproven(predicates), _interval(predicates, tail, last)[::-1])
    yield from _filtered(predicates, range(first, min(tail, last + 1))[::-1])


def _tail(predicates: Sequence[Predicate], first: int) -> int:
    """From where on every proven predicate changes its truth at most once."""
    return max([first, *(p.start for p in predicates if p.direction)])


def _unproven(predicates: Sequence[Predicate]) -> list[Predicate]:
    return [p for p in predicates if not p.direction]


def _interval(predicates: Sequence[Predicate], first: int, last: int) -> range:
    """Where all proven predicates hold."""
    low, high = first, last
    for p in predicates:
        if p.direction > 0:
            low = max(low, _first_that_holds(p.holds, first, last))
        elif p.direction < 0:
            high = min(high, _last_that_holds(p.holds, first, last))
    return range(low, high + 1)


def _first_that_holds(holds: Callable[[int], bool], first: int, last: int) -> int:
    """The least number at which ``holds`` becomes true, or ``last + 1``."""
    return _last_that_holds(lambda steps: not holds(steps), first, last) + 1


def _last_that_holds(holds: Callable[[int], bool], first: int, last: int) -> int:
    """The largest number before which ``holds`` does not become false, or ``first - 1``."""
    if first > last or not holds(first):
        return first - 1
    low, step = first, 1
    while low + step <= last and holds(low + step):
        low, step = low + step, 2 * step
    high = min(low + step, last + 1)  # does not hold there, or is outside
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _filtered(predicates: Sequence[Predicate], values: range) -> Iterator[int]:
    if not predicates or not values:
        yield from values
        return
    import numpy as np

    looked_at = 0
    for size in _sizes_of_blocks():
        block = values[looked_at : looked_at + size]
        if not block:
            return
        if looked_at + len(block) > MOST_VALUES:
            raise SpecError(
                f"More than {MOST_VALUES:,} values would have to be looked at one by one: give the "
                f"unknown a range, for example H=320:1280, or a step."
            )
        steps = np.array(block, dtype=object if max(block[0], block[-1]) >= 2**62 else np.int64)
        inside = np.ones(len(block), dtype=bool)
        for p in predicates:
            if inside.any():
                inside[inside] = p.many(steps[inside])
        yield from (int(n) for n in steps[inside])
        looked_at += len(block)


def _sizes_of_blocks() -> Iterator[int]:
    yield from BLOCKS
    while True:
        yield BLOCKS[-1]


def _compare(value: int, sign: str) -> bool:
    return value >= 0 if sign == ">=" else value == 0 if sign == "==" else value != 0


def _compare_many(values: NDArray[Any], sign: str) -> NDArray[Any]:
    compared: NDArray[Any]
    compared = values >= 0 if sign == ">=" else values == 0 if sign == "==" else values != 0
    return compared.astype(bool)
