"""What a report says, computed: formulas as text, values as integers, rows in order.

Reports render a `Summary` and compute nothing; it holds strings and numbers only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fxflops.closed_form import coefficients, text, to_latex
from fxflops.records import COUNTERS, Analysis, Cost
from fxflops.symbolic import Dim, Symbol, evaluate

SHOWN = (*COUNTERS, "flops", "bytes_read", "bytes_written")
"""The quantities of the totals and of every row, in the order of the reports."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A count: its formula in the user's sizes, and its value where the sizes are known."""

    formula: str
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One module (``name`` is its path, ``kind`` its type), or one operator with its calls."""

    name: str
    kind: str
    calls: int | None
    quantities: Mapping[str, Quantity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An operator that is free, with the reason, or uncounted, with the lines that call it."""

    op: str
    calls: int
    reason: str = ""
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """An `Analysis` at some sizes, or at none: then every value is None.

    ``symbolic`` says that the reader asked for the formulas themselves.
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
    coefficients: Mapping[str, Mapping[str, str]]
    latex: Mapping[str, str]
    parameters: int
    span: int | None
    modules: tuple[Row, ...]
    operators: tuple[Row, ...]
    free: tuple[Listed, ...]
    uncounted: tuple[Listed, ...]
    notes: tuple[str, ...]

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
    analysis: Analysis,
    at: Mapping[str, int] | None,
    *,
    depth: int | None = None,
    symbolic: bool = False,
    latex: bool = False,
) -> Summary:
    """The summary at the sizes ``at`` (with the model's defaults), or in formulas alone for None.

    ``depth`` limits the modules to that many levels below the root. Formulas in LaTeX are there
    only if asked for, since they take sympy.

    Raises SpecError and DomainError for sizes at which there is no formula.
    """
    values = None if at is None else analysis.values(at)
    order = analysis.domain.names

    def quantity(count: Dim) -> Quantity:
        return Quantity(text(count, order), None if values is None else evaluate(count, values))

    def quantities(cost: Cost) -> dict[str, Quantity]:
        return {name: quantity(getattr(cost, name)) for name in SHOWN}

    calls = Counter(node.op for node in analysis.nodes)
    modules = tuple(
        Row(
            name=path,
            kind=analysis.module_types.get(path, ""),
            calls=None,
            quantities=quantities(cost),
        )
        for path, cost in analysis.by_module(depth).items()
    )
    operators = tuple(
        Row(name=str(op), kind="", calls=calls[op], quantities=quantities(cost))
        for op, cost in analysis.by_operator().items()
    )
    return Summary(
        model=analysis.model,
        graph="eval",
        frontend=analysis.frontend,
        dtype=analysis.dtype,
        inputs=str(analysis.inputs),
        symbols=order,
        domain=analysis.domain.texts(),
        at={} if values is None else {s.name: v * s.multiple for s, v in values.items()},
        symbolic=symbolic,
        totals=quantities(analysis.total),
        coefficients={name: coefficients(getattr(analysis.total, name), order) for name in SHOWN},
        latex={name: to_latex(getattr(analysis.total, name), order) for name in SHOWN if latex},
        parameters=analysis.parameters,
        span=None if values is None else analysis.span(**_sizes(values)),
        modules=modules,
        operators=tuple(sorted(operators, key=_by_weight, reverse=True)),
        free=_free(analysis),
        uncounted=_uncounted(analysis),
        notes=analysis.notes,
    )


def _sizes(values: Mapping[Symbol, int]) -> dict[str, int]:
    return {symbol.name: value * symbol.multiple for symbol, value in values.items()}


def _by_weight(row: Row) -> tuple[int, int]:
    return row.quantities["flops"].value or 0, row.calls or 0


def _free(analysis: Analysis) -> tuple[Listed, ...]:
    reasons = Counter((str(node.op), node.free) for node in analysis.nodes if node.free is not None)
    return tuple(
        Listed(op=op, calls=calls, reason=reason or "")
        for (op, reason), calls in sorted(reasons.items())
    )


def _uncounted(analysis: Analysis) -> tuple[Listed, ...]:
    where: dict[str, list[str]] = {}
    for node in analysis.uncounted:
        where.setdefault(str(node.op), []).append(node.where or node.path)
    return tuple(
        Listed(op=op, calls=len(lines), where=tuple(dict.fromkeys(lines)))
        for op, lines in sorted(where.items())
    )
