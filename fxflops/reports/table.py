"""The report for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from fxflops.reports.columns import bold, columns
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
from fxflops.summary import Summary

QUANTITIES = ["FLOPs", "share", *(NAMES[name] for name in HEADLINE_FIRST[1:])]


def render(summary: Summary) -> str:
    """Formulas if the reader asked for them; else totals, the module tree and the operators."""
    lines = [bold(title(summary)), ""]
    if summary.symbolic:
        lines += [*_formulas(summary), *_coefficients(summary), *_parts(summary)]
    else:
        lines += [
            *_totals(summary),
            *_parts(summary),
            "",
            *_modules(summary),
            "",
            *_operators(summary),
        ]
    return "\n".join([*lines, "", *verdict(summary)]) + "\n"


def _formulas(summary: Summary) -> Iterator[str]:
    for name in HEADLINE_FIRST:
        quantity = summary.totals[name]
        value = f" = {exact(quantity.value)}" if quantity.value is not None else ""
        yield bold(f"{NAMES[name]} [{UNITS[name]}]{value}")
        yield f"  {quantity.formula}"
        yield ""


def _coefficients(summary: Summary) -> list[str]:
    of_quantity = {name: summary.totals[name].coefficients for name in HEADLINE_FIRST}
    monomials = list(dict.fromkeys(m for row in of_quantity.values() for m in row))
    rows = [["", *monomials]]
    rows += [
        [NAMES[name], *(row.get(monomial, "") for monomial in monomials)]
        for name, row in of_quantity.items()
    ]
    return ["The same, coefficient by coefficient", *columns(rows, "l" + "r" * len(monomials))]


def _totals(summary: Summary) -> list[str]:
    rows = []
    for name in HEADLINE_FIRST:
        value = summary.totals[name].value
        rows.append([NAMES[name], scaled(value), exact(value), UNITS[name]])
    rows += [[name, figure, "", ""] for name, figure in figures(summary)]
    return columns(rows, "lrrl", headed=False)


def _parts(summary: Summary) -> list[str]:
    """The parts of the graph: a row each with values, or with formulas if those were asked for."""
    of_graph = parts(summary)
    if not of_graph:
        return []
    if summary.symbolic:
        lines = ["", bold(f"graph: {graph_line(summary)}")]
        for name, changed, row in of_graph:
            lines.append(f"{name}, {changed}" if changed else name)
            formulas = ((n, row.quantities[n].formula) for n in HEADLINE_FIRST)
            lines += [f"  {NAMES[n]}: {formula}" for n, formula in formulas if formula != "0"]
        return lines
    headings = [f"graph: {graph_line(summary)}", "", *(NAMES[name] for name in HEADLINE_FIRST)]
    rows = [headings]
    for name, changed, row in of_graph:
        rows.append([name, changed, *(scaled(row.quantities[n].value) for n in HEADLINE_FIRST)])
    return ["", *columns(rows, "ll" + "r" * len(HEADLINE_FIRST))]


def _modules(summary: Summary) -> list[str]:
    rows = [["module", "type", *QUANTITIES]]
    for row in summary.modules:
        indent = "  " * (row.name.count(".") + 1) if row.name else ""
        name = row.name.rpartition(".")[2] or summary.model
        rows.append([indent + name, row.kind, *cells(row, summary)])
    return columns(rows, "ll" + "r" * len(QUANTITIES))


def _operators(summary: Summary) -> list[str]:
    rows = [["operator", "calls", *QUANTITIES]]
    rows += [[row.name, str(row.calls), *cells(row, summary)] for row in summary.operators]
    blank = [""] * (len(QUANTITIES) - 1)
    rows += [[item.op, str(item.calls), "?", *blank] for item in summary.uncounted]
    return columns(rows, "lr" + "r" * len(QUANTITIES))
