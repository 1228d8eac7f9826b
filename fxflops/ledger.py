"""What is kept of an analysis: its costs by module and by operator, without the graph.

Reports are made of it, and the cache stores it (`fxflops.cache`): it holds dims, strings and
integers, and importing it imports neither torch nor sympy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from fxflops.algebra import Dim, Symbol
from fxflops.analysis.dataflow import span
from fxflops.cost import Applied, BindingTime, Cost, Training
from fxflops.domain import Domain

if TYPE_CHECKING:
    from fxflops.analysis.records import Analysis


class Entry(NamedTuple):
    """A module (``name`` is its path, ``kind`` its type), or an operator with its calls."""

    name: str
    cost: Cost
    kind: str = ""
    calls: int | None = None


class Listed(NamedTuple):
    """An operator that is free or uncounted for a reason; if uncounted, the lines that call it."""

    op: str
    calls: int
    reason: str = ""
    where: tuple[str, ...] = ()


class Ledger(NamedTuple):
    """An `Analysis` in sums: ``modules`` include their children, the root first.

    ``flow`` are the calls in order, each with its FLOPs and the positions of those before it whose
    results it uses. ``applied`` are the passes that changed the graph, ``once`` what is computed
    once per ``"size"`` and once per ``"model"`` where passes took it out of the calls. ``training``
    are the parts of a training step.
    """

    model: str
    frontend: str
    dtype: str
    inputs: str
    domain: Domain
    defaults: Mapping[str, int]
    parameters: int
    modules: tuple[Entry, ...]
    operators: tuple[Entry, ...]
    free: tuple[Listed, ...]
    uncounted: tuple[Listed, ...]
    notes: tuple[str, ...]
    flow: tuple[tuple[Dim, tuple[int, ...]], ...]
    applied: tuple[Applied, ...] = ()
    once: Mapping[BindingTime, Cost] = MappingProxyType({})
    training: Training | None = None

    @property
    def total(self) -> Cost:
        """The whole model's cost; a lower bound if operators are uncounted."""
        return self.modules[0].cost

    def values(self, sizes: Mapping[str, int]) -> dict[Symbol, int]:
        """The symbols' values at ``sizes``, with the defaults for those not given.

        Raises SpecError and DomainError as `Domain.values` does.
        """
        return self.domain.values({**self.defaults, **sizes}, self.model)

    def span(self, values: Mapping[Symbol, int]) -> int:
        """The FLOPs on the critical path."""
        return span(self.flow, values)


def ledger(analysis: Analysis) -> Ledger:
    """What is kept of ``analysis``."""
    calls = Counter({node.name: node.op for node in analysis.nodes}.values())
    return Ledger(
        model=analysis.model,
        frontend=analysis.frontend,
        dtype=analysis.dtype,
        inputs=str(analysis.inputs),
        domain=analysis.domain,
        defaults=analysis.defaults,
        parameters=analysis.parameters,
        modules=tuple(
            Entry(name=path, kind=analysis.module_types.get(path, ""), cost=cost)
            for path, cost in analysis.by_module().items()
        ),
        operators=tuple(
            Entry(name=str(op), calls=calls[op], cost=cost)
            for op, cost in analysis.by_operator().items()
        ),
        free=_free(analysis),
        uncounted=_uncounted(analysis),
        notes=analysis.notes,
        flow=analysis.flow,
        applied=analysis.applied,
        once={binding_time: analysis.once_per(binding_time) for binding_time in analysis.once},
        training=analysis.training,
    )


def _free(analysis: Analysis) -> tuple[Listed, ...]:
    reasons = Counter((str(node.op), node.free) for node in analysis.nodes if node.free is not None)
    return tuple(
        Listed(op=op, calls=calls, reason=reason or "")
        for (op, reason), calls in sorted(reasons.items())
    )


def _uncounted(analysis: Analysis) -> tuple[Listed, ...]:
    where: dict[tuple[str, str], list[str]] = {}
    for node in analysis.uncounted:
        found = where.setdefault((str(node.op), node.unknown or ""), [])
        found.append(node.where or node.path)
    return tuple(
        Listed(op=op, calls=len(lines), reason=reason, where=tuple(dict.fromkeys(lines)))
        for (op, reason), lines in sorted(where.items())
    )
