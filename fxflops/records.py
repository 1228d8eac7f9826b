"""What fxflops says of a model: costs that add up, one per node, and their analysis.

Units are those of one call of the model: FLOP for ``contraction`` and ``elementwise`` (one
multiply-add is two), calls for ``transcendental``, comparisons of real numbers for ``comparison``,
bytes for ``bytes_read`` and ``bytes_written``. A count is a `Dim`: an integer, or a polynomial in
the symbols of the input spec.
"""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from fxflops.closed_form import evaluate_many, to_sympy
from fxflops.dataflow import span, to_networkx
from fxflops.domain import Domain
from fxflops.errors import SpecError
from fxflops.inputs import InputSpec
from fxflops.symbolic import Dim, Symbol, evaluate

if TYPE_CHECKING:
    import networkx
    import sympy
    import torch.fx
    from numpy.typing import NDArray

Operator: TypeAlias = Any
"""An ``OpOverload``, or another callable that a graph node may call."""

Moment: TypeAlias = Literal["model", "size", "call"]
"""How often something is computed: once per model, once per size, or in each call."""
MOMENTS: tuple[Moment, ...] = get_args(Moment)

Phase: TypeAlias = Literal["forward", "activations", "weights"]
"""A part of a training step: the model and its loss, gradients of activations, those of weights."""
PHASES: tuple[Phase, ...] = get_args(Phase)

COUNTERS = ("contraction", "elementwise", "transcendental", "comparison")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
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

    @classmethod
    def of(cls, counts: Iterable[Dim]) -> Cost:
        """The cost with these counts, in the order of `counts`."""
        return cls(**dict(zip(QUANTITIES, counts, strict=True)))

    @property
    def counts(self) -> tuple[Dim, ...]:
        """The counters and the bytes, in the order of the fields."""
        return tuple(getattr(self, name) for name in QUANTITIES)

    def __add__(self, other: Cost) -> Cost:
        return Cost.of(map(operator.add, self.counts, other.counts))

    def __sub__(self, other: Cost) -> Cost:
        return Cost.of(map(operator.sub, self.counts, other.counts))

    def __mul__(self, times: Dim) -> Cost:
        return self.map(lambda count: count * times)

    def map(self, change: Callable[[Dim], Dim]) -> Cost:
        """The cost with ``change`` applied to every count."""
        return Cost.of(map(change, self.counts))

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


QUANTITIES = tuple(f.name for f in fields(Cost))


def total(costs: Iterable[Cost]) -> Cost:
    """Their sum; equal counts are grouped before any algebra."""
    columns = list(zip(*(cost.counts for cost in costs), strict=True))
    if not columns:
        return Cost.zero()
    return Cost.of(
        sum((count * times for count, times in Counter(column).items()), 0) for column in columns
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCost:
    """One operator call of the graph: where it is, and what it costs.

    ``cost`` is None when the call is uncounted, for the reason ``unknown``. ``free`` is the reason
    why a free operator costs no FLOP. ``path`` is the module in
    which the operator is called, ``where`` the source line. ``needs`` are the positions, among the
    calls of the graph, of those whose results it uses. ``phase`` is the part of a training step. A
    call that computes gradients both of activations and of weights is two of these, one for each.
    """

    name: str
    op: Operator
    path: str
    where: str
    cost: Cost | None
    needs: tuple[int, ...] = ()
    free: str | None = None
    unknown: str | None = None
    source: str = "fxflops"
    phase: Phase = "forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """The step that an optimiser makes once it has the gradients: its name, and what it costs."""

    name: str
    step: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A pass that changed the graph: in how many places, and what a call costs less for it."""

    name: str
    places: int
    saved: Cost


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The cost of a model: node by node, in total, and as formulas.

    ``annotated`` makes `graph`.
    ``domain`` says at which sizes the formulas hold; ``defaults`` are the sizes that stand in for
    those not given; ``parameters`` is the number of parameters of the model, ``packages`` are those
    that the classes of its modules come from. ``applied`` are the passes that made the graph out
    of the one captured, ``once`` the calls that these took out of ``nodes``: made once per size
    (``"size"``) or once per model (``"model"``). Of a training step, ``trained`` is the number of
    parameters that get a gradient, and ``optimizer`` is apart from the total.
    """

    model: str
    inputs: InputSpec
    domain: Domain
    nodes: tuple[NodeCost, ...]
    module_types: Mapping[str, str]
    annotated: Callable[[], torch.fx.Graph]
    frontend: str
    dtype: str
    parameters: int
    defaults: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    applied: tuple[Applied, ...] = ()
    once: Mapping[Moment, tuple[NodeCost, ...]] = field(default_factory=dict)
    trained: int | None = None
    optimizer: Optimizer | None = None

    @cached_property
    def graph(self) -> torch.fx.Graph:
        """An annotated copy of the captured graph: counted nodes carry ``meta["cost"]``."""
        return self.annotated()

    @cached_property
    def total(self) -> Cost:
        """The whole model's cost in symbols; a lower bound unless `complete`."""
        return total(node.cost for node in self.nodes if node.cost)

    @property
    def uncounted(self) -> tuple[NodeCost, ...]:
        """The nodes whose cost is not known, those of `once` included."""
        nodes = itertools.chain(self.nodes, *self.once.values())
        return tuple(node for node in nodes if node.cost is None)

    @property
    def complete(self) -> bool:
        """Whether every node's cost is known."""
        return not self.uncounted

    def formula(self, quantity: str = "flops") -> sympy.Expr:
        """The closed form of ``"flops"``, ``"macs"``, ``"contraction"``, … in the user's sizes.

        Raises SpecError for an unknown quantity.
        """
        return to_sympy(self.count(quantity), self.domain.names)

    def once_per(self, moment: Moment) -> Cost:
        """What is computed once per ``"size"`` or once per ``"model"``, and not in each call."""
        return total(node.cost for node in self.once.get(moment, ()) if node.cost)

    def count(self, quantity: str) -> Dim:
        """The total of one quantity, in symbols."""
        if quantity not in (*QUANTITIES, "flops", "macs", "bytes"):
            known = ", ".join(("flops", "macs", "bytes", *QUANTITIES))
            raise SpecError(f"There is no quantity {quantity!r}. Known: {known}.")
        value: Dim = getattr(self.total, quantity)
        return value

    def values(self, sizes: Mapping[str, int] | None = None) -> dict[Symbol, int]:
        """The symbols' values at ``sizes``, with the defaults for those not given.

        Raises SpecError and DomainError as `Domain.values` does.
        """
        return self.domain.values({**self.defaults, **(sizes or {})}, self.model)

    def at(self, **sizes: int) -> Cost:
        """The exact cost at these sizes, in integers; defaults stand in for sizes not given."""
        values = self.values(sizes)
        return self.total.at(values)

    def evaluate(self, quantity: str, **sizes: Any) -> NDArray[Any]:
        """One quantity at many sizes: integer arrays in, which broadcast; exact integers out.

        The result is int64 where that holds every intermediate result, else Python integers.
        """
        given: dict[str, Any] = {**self.defaults, **sizes}
        arrays = self.domain.arrays(given, self.model)
        return evaluate_many(self.count(quantity), arrays)

    def by_module(self, depth: int | None = None) -> dict[str, Cost]:
        """Each module's cost, its children included, the root first under ``""``."""
        costs: dict[str, list[Cost]] = {path: [] for path in self.module_types}
        for node in self.nodes:
            if node.cost is not None:
                for path in prefixes(node.path):
                    costs.setdefault(path, []).append(node.cost)
        return {
            path: total(of_path)
            for path, of_path in costs.items()
            if depth is None or len(prefixes(path)) <= depth + 1
        }

    def by_operator(self) -> dict[Operator, Cost]:
        """Each operator's cost, summed over its calls, in the order of the first ones."""
        costs: dict[Operator, list[Cost]] = {}
        for node in self.nodes:
            if node.cost is not None and node.free is None:
                costs.setdefault(node.op, []).append(node.cost)
        return {op: total(of_op) for op, of_op in costs.items()}

    def by_phase(self) -> dict[Phase, Cost]:
        """The parts of a training step, which sum to the whole; nothing for a call of the model."""
        if self.trained is None:
            return {}
        return {
            phase: total(node.cost for node in self.nodes if node.cost and node.phase == phase)
            for phase in PHASES
        }

    def to_networkx(self) -> networkx.DiGraph[str]:
        """The graph's data flow: nodes with ``op``, ``path`` and ``cost``, edges of tensors."""
        return to_networkx(self.graph)

    def span(self, **sizes: int) -> int:
        """The FLOPs on the critical path: the dearest chain of nodes that need one another."""
        return span(self.flow, self.values(sizes))

    @property
    def flow(self) -> tuple[tuple[Dim, tuple[int, ...]], ...]:
        """Each call's FLOPs (0 where unknown) and the positions of the calls that it needs."""
        return tuple((node.cost.flops if node.cost else 0, node.needs) for node in self.nodes)


def prefixes(path: str) -> tuple[str, ...]:
    """The modules around a module, the root ``""`` first, itself last."""
    parts = path.split(".") if path else []
    return tuple(".".join(parts[:end]) for end in range(len(parts) + 1))
