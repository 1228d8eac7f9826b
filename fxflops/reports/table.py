"""The report for the terminal."""

from __future__ import annotations

import io
import os
import shutil
import sys

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from fxflops.reports.wording import (
    HEADLINE_FIRST,
    NAMES,
    UNITS,
    cells,
    exact,
    figures,
    scaled,
    title,
    verdict,
)
from fxflops.summary import Summary

WIDTH = 120
UNLIMITED = 400  # where there is no terminal, nothing wraps


def render(summary: Summary) -> str:
    """Formulas if the reader asked for them; else totals, the module tree and the operators."""
    parts: list[RenderableType] = [Text(title(summary), style="bold"), ""]
    if summary.symbolic:
        parts += [*_formulas(summary), _coefficients(summary)]
    else:
        parts += [_totals(summary), "", _modules(summary), "", _operators(summary)]
    return rendered(*parts, "", *map(Text, verdict(summary)))


def _formulas(summary: Summary) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for name in HEADLINE_FIRST:
        quantity = summary.totals[name]
        value = f" = {exact(quantity.value)}" if quantity.value is not None else ""
        lines.append(Text(f"{NAMES[name]} [{UNITS[name]}]{value}", style="bold"))
        lines += [Text(f"  {quantity.formula}"), ""]
    return lines


def _coefficients(summary: Summary) -> Table:
    table = Table(title="The same, coefficient by coefficient", title_justify="left", box=None)
    monomials = list(dict.fromkeys(m for row in summary.coefficients.values() for m in row))
    table.add_column("")
    for monomial in monomials:
        table.add_column(monomial, justify="right", no_wrap=True)
    for name in HEADLINE_FIRST:
        row = summary.coefficients[name]
        table.add_row(NAMES[name], *(row.get(monomial, "") for monomial in monomials))
    return table


def _totals(summary: Summary) -> Table:
    table = Table(box=None, show_header=False)
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify)
    for name in HEADLINE_FIRST:
        value = summary.totals[name].value
        table.add_row(NAMES[name], scaled(value), exact(value), UNITS[name])
    for name, figure in figures(summary):
        table.add_row(name, figure)
    return table


def _modules(summary: Summary) -> Table:
    table = _with_quantities("module", "type", summary)
    for row in summary.modules:
        indent = "  " * (row.name.count(".") + 1) if row.name else ""
        name = row.name.rpartition(".")[2] or summary.model
        table.add_row(indent + name, row.kind, *cells(row, summary))
    return table


def _operators(summary: Summary) -> Table:
    table = _with_quantities("operator", "calls", summary)
    for row in summary.operators:
        table.add_row(row.name, str(row.calls), *cells(row, summary))
    for item in summary.uncounted:
        table.add_row(item.op, str(item.calls), "?")
    return table


def _with_quantities(first: str, second: str, summary: Summary) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    table.add_column(second, justify="right" if second == "calls" else "left")
    table.add_column("FLOPs", justify="right")
    table.add_column("share", justify="right")
    for name in HEADLINE_FIRST[1:]:
        table.add_column(NAMES[name], justify="right")
    return table


def rendered(*parts: RenderableType) -> str:
    """One below the other, as text, with colours where the terminal shows them."""
    terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((WIDTH, 0)).columns if terminal else UNLIMITED
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, highlight=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, (str, Text)))
    return stream.getvalue()
