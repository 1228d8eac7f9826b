"""Tables as lines of text in columns: the one place that aligns them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fxflops.reports.document import Cell, Name, Table
from fxflops.reports.wording import printable


def columns(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """The rows as lines; ``sides`` has ``l`` or ``r`` for each column, flush left or right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def table(table: Table, strong: Callable[[str], str]) -> list[str]:
    """A table as lines; ``strong`` makes a heading bold, where that can be shown."""
    headings = list(map(printable, table.headings))
    rows = [list(map(shown, row)) for row in table.rows]
    lines = [strong(printable(table.caption))] if table.caption else []
    lines += [printable(table.text)] if table.text else []
    if table.stacked:
        return [*lines, strong(headings[0]), *_stacked(headings, rows, table.sides)]
    first, *rest = columns([headings, *rows], table.sides)
    return [*lines, strong(first), *rest]


def _stacked(headings: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """The cells flush left of a row in one line, and below it each of the others that is not 0."""
    lines = []
    for row in rows:
        cells = list(zip(headings, row, sides, strict=True))
        lines.append(", ".join(cell for _, cell, side in cells if side == "l" and cell))
        lines += [f"  {h}: {cell}" for h, cell, side in cells if side == "r" and cell != "0"]
    return lines


def shown(cell: Cell) -> str:
    """A cell's text; the name of a node in a tree is indented."""
    if isinstance(cell, Name):
        return "  " * cell.level + printable(cell.short or cell.text)
    return printable(cell)
