"""Any document for the terminal: ``--format table``."""

from __future__ import annotations

from fxflops.reports.document import Document, Figure
from fxflops.reports.table import columns, table
from fxflops.reports.wording import printable


def render(document: Document, *, color: bool) -> str:
    """The document as lines, with headings in bold where the reader's terminal shows ``color``."""

    def strong(line: str) -> str:
        return f"\x1b[1m{line}\x1b[0m" if color and line else line

    mark = [strong(printable(document.mark))] if document.mark else []
    sections = [[*mark, strong(printable(document.title))]]
    if document.figures and document.symbolic:
        sections += [_formula(figure, strong(_heading(figure))) for figure in document.figures]
        sections += _coefficients(document)
    elif document.figures:
        rows = [[printable(cell) for cell in figure[:4]] for figure in document.figures]
        sections.append(columns(rows, "lrrl"))
    sections += [table(part, strong) for part in document.tables]
    closing = [*document.notes, *([document.conclusion] if document.conclusion else [])]
    if closing:
        sections.append(list(map(printable, closing)))
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _heading(figure: Figure) -> str:
    value = f" = {figure.exact or figure.short}" if figure.exact or figure.short else ""
    unit = f" [{figure.unit}]" if figure.unit else ""
    return printable(f"{figure.name}{unit}{value}")


def _formula(figure: Figure, heading: str) -> list[str]:
    return [heading, *([f"  {printable(figure.formula.text)}"] if figure.formula else [])]


def _coefficients(document: Document) -> list[list[str]]:
    """The formulas again, a line for each and a column for each monomial."""
    of_figure = {
        figure.name: figure.formula.coefficients()
        for figure in document.figures
        if figure.formula and figure.formula.coefficients
    }
    if not of_figure:
        return []
    monomials = list(dict.fromkeys(m for found in of_figure.values() for m in found))
    rows = [["", *monomials]]
    rows += [[name, *(found.get(m, "") for m in monomials)] for name, found in of_figure.items()]
    lines = columns(rows, "l" + "r" * len(monomials))
    return [["The same, coefficient by coefficient", *lines]]
