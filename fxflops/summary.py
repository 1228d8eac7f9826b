"""What a report says: values as integers, formulas as text, rows in order.

Reports render a `Summary` and compute nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fxflops.algebra import Dim, evaluate
from fxflops.algebra.closed_form import coefficients, text, to_latex
from fxflops.cost import COUNTERS, Cost, total
from fxflops.ledger import Entry, Ledger, Listed

SHOWN = (*COUNTERS, "flops", "bytes_read", "bytes_written")
"""The quantities of the totals and of every row, in the order of the reports."""


class Quantity(NamedTuple):
    """A count: its value where the sizes are known, and its formula in the user's sizes."""

    dim: Dim
    order: tuple[str, ...]
    value: int | None

    @property
    def formula(self) -> str:
        """The formula as text."""
        return text(self.dim, self.order)

    @property
    def coefficients(self) -> dict[str, str]:
        """Each monomial with its rational coefficient, as text."""
        return coefficients(self.dim, self.order)

    @property
    def latex(self) -> str:
        """The formula in LaTeX, which imports sympy."""
        return to_latex(self.dim, self.order)


class Row(NamedTuple):
    """One module (``name`` is its path, ``kind`` its type), or one operator with its calls.

    Or a pass, with the number of places that it changed as its calls, and what it saved.
    """

    name: str
    kind: str
    calls: int | None
    quantities: Mapping[str, Quantity]


class Summary(NamedTuple):
    """An `Analysis` at some sizes, or at none: then every value is None.

    ``symbolic`` says that the reader asked for the formulas themselves. ``graph`` is ``eval``, or
    ``deployed``; then ``passes`` are those that made it, each with what it saved, ``saved`` is what
    all of them did, and ``once`` what is computed once per ``size`` or per ``model``. Or it is
    ``train``; then ``trained`` parameters get a gradient, ``phases`` sum to the totals, and the
    step of the ``optimizer`` is apart from them.
    """

    model: str
    graph: str
    frontend: str
    dtype: str
    inputs: str
    symbols: tuple[str, ...]
    domain: tuple[str, ...]
    at: Mapping[str, int]
    symbolic: bool
    totals: Mapping[str, Quantity]
    parameters: int
    span: int | None
    modules: tuple[Row, ...]
    operators: tuple[Row, ...]
    free: tuple[Listed, ...]
    uncounted: tuple[Listed, ...]
    notes: tuple[str, ...]
    passes: tuple[Row, ...] = ()
    saved: Row | None = None
    once: tuple[Row, ...] = ()
    trained: int | None = None
    phases: tuple[Row, ...] = ()
    optimizer: Row | None = None

    @property
    def complete(self) -> bool:
        """Whether the totals are exact; otherwise they are lower bounds."""
        return not self.uncounted

    @property
    def intensity(self) -> float | None:
        """Arithmetic intensity [FLOP per byte] at the sizes."""
        flops, read, written = (
            self.totals[name].value for name in ("flops", "bytes_read", "bytes_written")
        )
        if flops is None or read is None or written is None or not read + written:
            return None
        return flops / (read + written)

    @property
    def parallelism(self) -> float | None:
        """Work over span: how many FLOPs could be done at once, on average."""
        work = self.totals["flops"].value
        return work / self.span if work is not None and self.span else None


def summarize(
    ledger: Ledger,
    at: Mapping[str, int] | None,
    *,
    depth: int | None = None,
    symbolic: bool = False,
) -> Summary:
    """The summary at the sizes ``at`` (with the model's defaults), or in formulas alone for None.

    ``depth`` limits the modules to that many levels below the root.

    Raises SpecError and DomainError for sizes at which there is no formula.
    """
    values = None if at is None else ledger.values(at)
    order = ledger.domain.names
    known: dict[Dim, int] = {}

    def quantity(count: Dim) -> Quantity:
        if values is not None and count not in known:
            known[count] = evaluate(count, values)
        return Quantity(count, order, known.get(count))

    def quantities(cost: Cost) -> dict[str, Quantity]:
        return {name: quantity(getattr(cost, name)) for name in SHOWN}

    def row(entry: Entry) -> Row:
        return Row(
            name=entry.name, kind=entry.kind, calls=entry.calls, quantities=quantities(entry.cost)
        )

    training = ledger.training
    optimizer = training and training.optimizer
    shown = (entry for entry in ledger.modules if depth is None or level(entry.name) <= depth)
    return Summary(
        model=ledger.model,
        graph="train" if training else "deployed" if ledger.applied else "eval",
        frontend=ledger.frontend,
        dtype=ledger.dtype,
        inputs=ledger.inputs,
        symbols=order,
        domain=ledger.domain.texts(),
        at={} if values is None else {s.name: v * s.multiple for s, v in values.items()},
        symbolic=symbolic,
        totals=quantities(ledger.total),
        parameters=ledger.parameters,
        span=None if values is None else ledger.span(values),
        modules=tuple(map(row, shown)),
        operators=tuple(sorted(map(row, ledger.operators), key=_by_weight, reverse=True)),
        free=ledger.free,
        uncounted=ledger.uncounted,
        notes=ledger.notes,
        passes=tuple(row(Entry(name=a.name, calls=a.places, cost=a.saved)) for a in ledger.applied),
        saved=(
            row(Entry(name="all", cost=total(a.saved for a in ledger.applied)))
            if ledger.applied
            else None
        ),
        once=tuple(
            row(Entry(name=binding_time, cost=cost)) for binding_time, cost in ledger.once.items()
        ),
        trained=training and training.trained,
        phases=tuple(
            row(Entry(name=phase, cost=cost))
            for phase, cost in (training.phases if training else {}).items()
        ),
        optimizer=optimizer and row(Entry(name=optimizer.name, cost=optimizer.step)),
    )


def level(path: str) -> int:
    """How many levels a module is below the root."""
    return path.count(".") + 1 if path else 0


def _by_weight(row: Row) -> tuple[int, int]:
    return row.quantities["flops"].value or 0, row.calls or 0
