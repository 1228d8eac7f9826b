"""Any document for spreadsheets: its records, or else its figures and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from fxflops.reports.document import Document, Expression, Name, Table
from fxflops.reports.wording import printable

STARTS_A_FORMULA = ("=", "+", "-", "@")


def render(document: Document, *, color: bool) -> str:
    """Lines of values; a blank line ends a table where there are several."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    rows = _blocks(document) if document.records is None else document.records()
    writer.writerows(list(map(_value, row)) for row in rows)
    return stream.getvalue()


def _blocks(document: Document) -> Iterator[Sequence[object]]:
    blocks: list[list[Sequence[object]]] = []
    if document.figures:
        figures = [
            [f.name, f.exact or f.short, f.unit, f.formula and Expression(f.formula.text)]
            for f in document.figures
        ]
        blocks.append([["quantity", "value", "unit", "formula"], *figures])
    blocks += [_block(table) for table in document.tables]
    for position, block in enumerate(blocks):
        if position:
            yield []
        yield from block


def _block(table: Table) -> list[Sequence[object]]:
    above = [[table.caption]] if table.caption else []
    return [*above, table.headings, *table.rows]


def _value(cell: object) -> object:
    """The cell; text from a model that a spreadsheet would execute is marked as text."""
    if isinstance(cell, Name):
        cell = cell.text
    if not isinstance(cell, str) or isinstance(cell, Expression):
        return cell
    shown = printable(cell)
    is_number = shown.lstrip("+-").replace(",", "").replace(".", "").isdecimal()
    return f"'{shown}" if shown.startswith(STARTS_A_FORMULA) and not is_number else shown
