"""Any document's tables in LaTeX with the rules of booktabs, to paste into a paper."""

from __future__ import annotations

from fxflops.reports.document import Cell, Document, Name, Table
from fxflops.reports.latex import escaped
from fxflops.reports.methods import bibtex
from fxflops.reports.wording import printable

INDENT = r"\quad "


def render(document: Document, *, color: bool) -> str:
    """A ``table`` for each table; how to quote the numbers as its caption, notes as comments."""
    said = [*([document.mark] if document.mark else []), document.title, *document.notes]
    said += [document.conclusion] if document.conclusion else []
    lines = [f"% {printable(line).strip()}" for line in (*said, r"\usepackage{booktabs}")]
    quoted = document.methods and document.methods()
    caption = quoted or " ".join([document.title, *document.summary])
    if document.mark and not quoted:
        caption = f"{document.mark}. {caption}"
    for position, table in enumerate(table for table in document.tables if table.rows):
        lines += ["", *_table(table, "" if position else caption)]
    if not document.tables and document.figures:
        rows = [(f.name, f.exact or f.short, f.unit) for f in document.figures]
        lines += ["", *_table(Table(("quantity", "value", "unit"), "lrl", rows), caption)]
    if quoted:
        lines += ["", *(f"% {line}" for line in bibtex().splitlines())]
    return "\n".join(lines) + "\n"


def _table(table: Table, caption: str) -> list[str]:
    above = " ".join(part for part in (caption, table.caption, table.text) if part)
    headings, *rows = (
        " & ".join(map(_cell, row)) + r" \\" for row in (table.headings, *table.rows)
    )
    return [
        r"\begin{table}",
        r"  \centering",
        *([f"  \\caption{{{escaped(above)}}}"] if above else []),
        f"  \\begin{{tabular}}{{@{{}}{table.sides}@{{}}}}",
        r"    \toprule",
        f"    {headings}",
        r"    \midrule",
        *(f"    {row}" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]


def _cell(cell: Cell) -> str:
    if isinstance(cell, Name):
        return INDENT * cell.level + escaped(cell.short or cell.text)
    return escaped(cell)
