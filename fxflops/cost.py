"""What anything costs: the additive metrics of one call of the model.

`METRICS` lists them, and everything that handles costs iterates over it: a metric is added by one
entry there. What does not add up over calls is a figure (`fxflops.figures`). A count is a `Dim`: an
integer, or a polynomial in the symbols of the input spec.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from fxflops.algebra import Dim, MinMax, Symbol, evaluate
from fxflops.algebra.polynomial import Atom, is_dim
from fxflops.errors import FormulaError, SpecError

BindingTime: TypeAlias = Literal["model", "size", "call"]
"""How often something is computed: once per model, once per size, or in each call."""
BINDING_TIMES: tuple[BindingTime, ...] = get_args(BindingTime)

Causal: TypeAlias = Literal["full", "half"]
"""Whether the scores that a causal mask hides are charged, or only those that it leaves."""
CAUSAL: tuple[Causal, ...] = get_args(Causal)

Phase: TypeAlias = Literal["forward", "activations", "weights", "recomputation"]
"""A part of a training step: the model and its loss, gradients of activations, those of weights.

The last one is what activation checkpointing computes again; a step without it has no such part.
"""
PHASES: tuple[Phase, ...] = get_args(Phase)
RECOMPUTED: Phase = "recomputation"


class Metric(NamedTuple):
    """A quantity: its name, its unit as reports show it, and what is in it.

    A ``counter`` is one that a formula may give alone: ``@formula(op, counter="contraction")``.
    """

    name: str
    unit: str
    meaning: str
    counter: bool = False
    title: str = ""

    @property
    def label(self) -> str:
        """The name as reports show it."""
        return self.title or self.name.replace("_", " ").replace("flops", "FLOPs").replace(
            "macs", "MACs"
        )


METRICS = (
    Metric(
        "contraction",
        "FLOP, 1 multiply-add = 2",
        "convolutions, matrix products, attention's products, and their derivatives",
        counter=True,
    ),
    Metric(
        "elementwise",
        "FLOP",
        "every other addition, subtraction, multiplication and division of real numbers",
        counter=True,
    ),
    Metric(
        "transcendental",
        "calls of exp, log, sqrt, sin, …",
        "calls of functions that are no arithmetic",
        counter=True,
    ),
    Metric(
        "comparison",
        "comparisons of real numbers",
        "maxima, minima, clamps, sorting, pooling by maximum",
        counter=True,
    ),
    Metric("bytes_read", "bytes, unfused graph", "each distinct input tensor of a call, once"),
    Metric("bytes_written", "bytes, unfused graph", "each output tensor of a call, once"),
)
"""What adds up over calls, in the order of reports, JSON and the cache."""

SUMS = (
    Metric("flops", "FLOP, contraction + elementwise", "contraction + elementwise"),
    Metric("macs", "multiply-adds", "contraction / 2"),
    Metric("bytes", "bytes, unfused graph", "bytes_read + bytes_written"),
)
"""What is made of the metrics, and so adds up, too."""

COUNTERS = tuple(metric.name for metric in METRICS if metric.counter)
QUANTITIES = tuple(metric.name for metric in METRICS)


class Cost:
    """The metrics of a node, a module or a model: ``Cost(contraction=2 * n, elementwise=n)``.

    Immutable and equal by value. Costs add up, ``sum(costs, Cost.zero())``, and scale,
    ``2 * cost``; they have no order, and are no sequence.
    """

    __slots__ = ("counts",)

    counts: tuple[Dim, ...]
    """Each metric's count, in the order of `METRICS`."""

    def __init__(self, *counts: Dim, **by_name: Dim) -> None:
        """Take the counts in the order of `METRICS`, or by name; those not given are 0."""
        if len(counts) > len(QUANTITIES):
            raise TypeError(f"Cost takes {len(QUANTITIES)} counts, not {len(counts)}")
        for name in by_name:
            if name not in QUANTITIES:
                raise TypeError(f"Cost has no metric {name!r}")
            if name in QUANTITIES[: len(counts)]:
                raise TypeError(f"Cost is given {name!r} twice")
        rest = (by_name.get(name, 0) for name in QUANTITIES[len(counts) :])
        object.__setattr__(self, "counts", (*counts, *rest))

    if TYPE_CHECKING:  # the metrics, each a read-only property

        def __getattr__(self, name: str) -> Dim: ...

    @classmethod
    def zero(cls) -> Cost:
        """The neutral element: ``sum(costs, Cost.zero())``."""
        return cls()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Cost is immutable: use cost.replace({name}=…)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Cost is immutable")

    def __add__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(*map(operator.add, self.counts, other.counts))

    def __sub__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(*map(operator.sub, self.counts, other.counts))

    def __mul__(self, times: Dim) -> Cost:
        return self.map(lambda count: count * times) if is_dim(times) else NotImplemented

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return self.counts == other.counts if isinstance(other, Cost) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.counts)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={count}" for name, count in self.items())
        return f"Cost({counts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_names, (dict(self.items()),)

    def items(self) -> list[tuple[str, Dim]]:
        """Each metric's name and count, in order."""
        return list(zip(QUANTITIES, self.counts, strict=True))

    def map(self, change: Callable[[Dim], Dim]) -> Cost:
        """The cost with ``change`` applied to every count."""
        return Cost(*map(change, self.counts))

    def replace(self, **counts: Dim) -> Cost:
        """The cost with these counts in place of its own."""
        return Cost(**{**dict(self.items()), **counts})

    def at(self, values: Mapping[Symbol, int]) -> Cost:
        """The cost in integers, with these values of the symbols."""
        return self.map(lambda count: evaluate(count, values))

    @property
    def flops(self) -> Dim:
        """``contraction + elementwise`` [FLOP]."""
        return self.contraction + self.elementwise

    @property
    def macs(self) -> Dim:
        """``contraction / 2`` [multiply-adds], exactly.

        Every formula of fxflops gives an even contraction; one that a user or PyTorch's registry
        has registered may not. Raises FormulaError for a contraction that is not known to be even.
        """
        contraction = self.contraction
        if not _is_even(contraction):
            raise FormulaError(
                f"MACs are contraction / 2, and a contraction of {_brief(contraction)} FLOP is not "
                f"known to be even: use contraction, or mend the operator's own formula."
            )
        return contraction // 2

    @property
    def bytes(self) -> Dim:
        """``bytes_read + bytes_written``."""
        return self.bytes_read + self.bytes_written

    @property
    def intensity(self) -> float | int:
        """Arithmetic intensity [FLOP per byte]; not a number where nothing moves."""
        if not isinstance(self.flops, int) or not isinstance(self.bytes, int):
            raise SpecError("The arithmetic intensity needs sizes: use analysis.at(…).intensity.")
        return ratio(self.flops, self.bytes) if self.bytes else float("nan")


def _count_of(position: int) -> Callable[[Cost], Dim]:
    return lambda cost: cost.counts[position]


for _position, _metric in enumerate(METRICS):
    _property = property(_count_of(_position), doc=f"{_metric.meaning} [{_metric.unit}]")
    setattr(Cost, _metric.name, _property)


def _from_names(counts: Mapping[str, Dim]) -> Cost:
    return Cost(**counts)


def _is_even(count: Dim) -> bool:
    """Whether ``count`` is even for all values of its symbols, as far as its form shows."""
    if isinstance(count, int):
        return count % 2 == 0

    def is_even(atom: Atom) -> bool:
        return isinstance(atom, MinMax) and _is_even(atom.left) and _is_even(atom.right)

    return all(c % 2 == 0 or any(is_even(atom) for atom, _ in m) for m, c in count.terms.items())


def _brief(count: Dim) -> str:
    """The count, if it is short enough for a message."""
    if isinstance(count, int):
        return str(count) if abs(count) < 10**30 else "an odd number of"
    return str(count) if len(count.terms) < 5 else "a formula's"


def ratio(part: int, whole: int) -> float | int:
    """``part / whole``: the nearest float, or the nearest integer where no float is so large."""
    try:
        return part / whole
    except OverflowError:
        return (2 * part + whole) // (2 * whole)


def total(costs: Iterable[Cost]) -> Cost:
    """Their sum; equal counts are grouped before any algebra."""
    columns = zip(*(cost.counts for cost in costs), strict=True)
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
