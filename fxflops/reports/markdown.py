"""The report as GitHub-flavoured markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fxflops.reports.wording import (
    HEADLINE_FIRST,
    NAMES,
    UNITS,
    cells,
    exact,
    figures,
    graph_line,
    parts,
    scaled,
    title,
    verdict,
)
from fxflops.summary import Quantity, Summary


def render(summary: Summary) -> str:
    """Formulas if the reader asked for them; else totals, the module tree and the operators."""
    parts = [f"### {title(summary)}"]
    if summary.symbolic:
        rows = [[NAMES[n], UNITS[n], f"`{summary.totals[n].formula}`"] for n in HEADLINE_FIRST]
        parts += [markdown_table(["quantity", "unit", "formula"], rows), *_parts(summary)]
    else:
        parts += [_totals(summary), *_parts(summary), _modules(summary), _operators(summary)]
    parts.append("\n".join(f"- {line.strip()}" for line in verdict(summary)))
    return "\n\n".join(parts) + "\n"


def _totals(summary: Summary) -> str:
    rows = [[NAMES[n], exact(summary.totals[n].value), UNITS[n]] for n in HEADLINE_FIRST]
    rows += [[name, figure, ""] for name, figure in figures(summary)]
    return markdown_table(["quantity", "value", "unit"], rows)


def _parts(summary: Summary) -> list[str]:
    rows = [
        [name, changed, *(_figure(row.quantities[n], summary) for n in HEADLINE_FIRST)]
        for name, changed, row in parts(summary)
    ]
    headings = [f"graph: {graph_line(summary)}", "", *(NAMES[name] for name in HEADLINE_FIRST)]
    return [markdown_table(headings, rows)] if rows else []


def _figure(quantity: Quantity, summary: Summary) -> str:
    return f"`{quantity.formula}`" if summary.symbolic else scaled(quantity.value)


def _modules(summary: Summary) -> str:
    rows = [
        [f"`{row.name or summary.model}`", row.kind, *cells(row, summary)]
        for row in summary.modules
    ]
    return markdown_table(["module", "type", "FLOPs", "share", *_headings()], rows)


def _operators(summary: Summary) -> str:
    rows = [[f"`{row.name}`", str(row.calls), *cells(row, summary)] for row in summary.operators]
    return markdown_table(["operator", "calls", "FLOPs", "share", *_headings()], rows)


def _headings() -> list[str]:
    return [NAMES[name] for name in HEADLINE_FIRST[1:]]


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of these cells."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
