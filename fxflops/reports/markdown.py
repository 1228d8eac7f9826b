"""Any document as GitHub-flavoured markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fxflops.reports.document import Cell, Document, Name, Table
from fxflops.reports.wording import printable

SPECIAL = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
"""What markdown reads as more than a character; an underscore inside a word it does not."""
ENTITIES = {"&": "&amp;", "<": "&lt;"}


def render(document: Document, *, color: bool) -> str:
    """Title, figures as a table, tables, notes as a list; the mark before all of it."""
    parts = [f"**{escaped(document.mark)}**"] if document.mark else []
    parts.append(f"### {escaped(document.title)}")
    parts += [escaped(line) for line in document.summary]
    if document.figures and document.symbolic:
        rows: list[list[Cell]] = [
            [
                f.name,
                *([f.exact or f.short] if _are_known(document) else []),
                f.unit,
                Name(f.formula.text) if f.formula else "",
            ]
            for f in document.figures
        ]
        known = ["value"] if _are_known(document) else []
        parts.append(_cells(["quantity", *known, "unit", "formula"], rows))
    elif document.figures:
        figures = [[f.name, f.exact or f.short, f.unit] for f in document.figures]
        parts.append(_cells(["quantity", "value", "unit"], figures))
    for table in document.tables:
        parts += _table(table)
    if document.notes:
        parts.append("\n".join(f"- {escaped(line.strip())}" for line in document.notes))
    if document.conclusion:
        parts.append(f"**{escaped(document.conclusion)}**")
    return "\n\n".join(parts) + "\n"


def _are_known(document: Document) -> bool:
    return all(figure.exact or figure.short for figure in document.figures)


def _table(table: Table) -> list[str]:
    above = [f"#### {escaped(table.caption)}"] if table.caption else []
    above += [escaped(table.text)] if table.text else []
    return [*above, _cells(table.headings, table.rows)]


def _cells(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table of these cells, names in code, all else escaped."""
    shown = [[code(c.text) if isinstance(c, Name) else escaped(c) for c in row] for row in rows]
    return markdown_table(list(map(escaped, headings)), shown)


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are markdown already."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def escaped(text: str) -> str:
    """``text`` so that markdown, and HTML inside it, show it as it is."""
    shown = SPECIAL.sub(r"\\\g<0>", printable(text))
    return re.sub("[&<]", lambda found: ENTITIES[found[0]], shown)


def code(text: str) -> str:
    """``text`` between more backticks than it has in a row; a bar would end a table's cell."""
    shown = printable(text).replace("|", "\\|")
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " if shown[:1] == "`" or shown[-1:] == "`" else ""
    return f"{fence}{space}{shown}{space}{fence}" if shown else ""
