"""What anything costs: four counters and the bytes, which add up.

Units are those of one call of the model: FLOP for ``contraction`` and ``elementwise`` (one
multiply-add is two), calls for ``transcendental``, comparisons of real numbers for ``comparison``,
bytes for ``bytes_read`` and ``bytes_written``. A count is a `Dim`: an integer, or a polynomial in
the symbols of the input spec.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias, get_args

from fxflops.algebra import Dim, Symbol, evaluate
from fxflops.errors import SpecError

BindingTime: TypeAlias = Literal["model", "size", "call"]
"""How often something is computed: once per model, once per size, or in each call."""
BINDING_TIMES: tuple[BindingTime, ...] = get_args(BindingTime)

Phase: TypeAlias = Literal["forward", "activations", "weights"]
"""A part of a training step: the model and its loss, gradients of activations, those of weights."""
PHASES: tuple[Phase, ...] = get_args(Phase)

COUNTERS = ("contraction", "elementwise", "transcendental", "comparison")


class Cost(NamedTuple):
    """The four counters and the bytes of a node, a module or a model; costs add up."""

    contraction: Dim = 0
    elementwise: Dim = 0
    transcendental: Dim = 0
    comparison: Dim = 0
    bytes_read: Dim = 0
    bytes_written: Dim = 0

    @classmethod
    def zero(cls) -> Cost:
        """The neutral element: ``sum(costs, Cost.zero())``."""
        return cls()

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]  # not a concatenation
        return Cost(*map(operator.add, self, other))

    def __sub__(self, other: Cost) -> Cost:
        return Cost(*map(operator.sub, self, other))

    def __mul__(self, times: Dim) -> Cost:  # type: ignore[override]  # not a repetition
        return self.map(lambda count: count * times)

    def map(self, change: Callable[[Dim], Dim]) -> Cost:
        """The cost with ``change`` applied to every count."""
        return Cost(*map(change, self))

    def at(self, values: Mapping[Symbol, int]) -> Cost:
        """The cost in integers, with these values of the symbols."""
        return self.map(lambda count: evaluate(count, values))

    @property
    def flops(self) -> Dim:
        """``contraction + elementwise`` [FLOP]."""
        return self.contraction + self.elementwise

    @property
    def macs(self) -> Dim:
        """``contraction / 2`` [multiply-adds]; exact, since every contraction is even."""
        return self.contraction // 2

    @property
    def bytes(self) -> Dim:
        """``bytes_read + bytes_written``."""
        return self.bytes_read + self.bytes_written

    @property
    def intensity(self) -> float:
        """Arithmetic intensity [FLOP per byte]; not a number where nothing moves."""
        if not isinstance(self.flops, int) or not isinstance(self.bytes, int):
            raise SpecError("The arithmetic intensity needs sizes: use analysis.at(…).intensity.")
        return self.flops / self.bytes if self.bytes else float("nan")


QUANTITIES = Cost._fields


def total(costs: Iterable[Cost]) -> Cost:
    """Their sum; equal counts are grouped before any algebra."""
    columns = zip(*costs, strict=True)
    return Cost(
        *(sum((c * times for c, times in Counter(column).items()), 0) for column in columns)
    )


class Applied(NamedTuple):
    """A pass that changed the graph: in how many places, and what a call costs less for it."""

    name: str
    places: int
    saved: Cost


class Optimizer(NamedTuple):
    """The step that an optimizer makes once it has the gradients."""

    name: str
    step: Cost


class Training(NamedTuple):
    """The parts of a training step, which sum to the whole; the optimizer's step is apart.

    ``trained`` is the number of parameters that get a gradient.
    """

    trained: int
    phases: Mapping[Phase, Cost]
    optimizer: Optimizer | None
