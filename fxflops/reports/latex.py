"""Any document in LaTeX, to paste into a paper: formulas as ``align*``, or else its tables."""

from __future__ import annotations

from fxflops.reports.document import Cell, Document, Figure, Name, Table
from fxflops.reports.wording import printable

SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # which after the end of a row would begin its options
    "*": "{*}",
    "≥": r"$\geq$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "…": r"\dots{}",
}


def render(document: Document, *, color: bool) -> str:
    """One line per formula; title, notes and what stands apart as comments above."""
    said = [*([document.mark] if document.mark else []), document.title, *document.notes]
    said += [line for table in document.tables if table.stacked for line in _comments(table)]
    said += [document.conclusion] if document.conclusion else []
    lines = [f"% {printable(line).strip()}" for line in said]
    formulas = list(map(_equation, document.figures))
    if formulas:
        lines += [r"\begin{align*}", " \\\\\n".join(formulas), r"\end{align*}"]
    lines += [line for t in document.tables if not t.stacked for line in _tabular(t)]
    return "\n".join(lines) + "\n"


def _equation(figure: Figure) -> str:
    if figure.formula is None:
        known = escaped(f"{figure.exact or figure.short} {figure.unit}".strip())
        return rf"\text{{{escaped(figure.name)}}} &= \text{{{known}}}"
    latex = figure.formula.latex
    formula = latex() if latex else rf"\texttt{{{escaped(figure.formula.text)}}}"
    return rf"\text{{{escaped(figure.name)}}} &= {formula}"


def _comments(table: Table) -> list[str]:
    """Each row of a stacked table in one line."""
    lines = []
    for row in table.rows:
        cells = list(zip(table.headings, map(_text, row), table.sides, strict=True))
        said = ", ".join(cell for _, cell, side in cells if side == "l" and cell)
        formulas = ", ".join(f"{heading} {cell}" for heading, cell, side in cells if side == "r")
        lines.append(f"{said}: {formulas}")
    return lines


def _tabular(table: Table) -> list[str]:
    above = [rf"\paragraph{{{escaped(table.caption)}}}"] if table.caption else []
    above += [escaped(table.text)] if table.text else []
    headings, *rows = (
        " & ".join(escaped(_text(cell)) for cell in row) + r" \\"
        for row in (table.headings, *table.rows)
    )
    begin = rf"\begin{{tabular}}{{{table.sides}}}"
    return [*above, begin, headings, r"\hline", *rows, r"\end{tabular}"]


def _text(cell: Cell) -> str:
    return cell.text if isinstance(cell, Name) else cell


def escaped(text: str) -> str:
    """``text`` as LaTeX sets it literally."""
    return "".join(SPECIAL.get(character, character) for character in printable(text))
