"""What a command has to say, whatever the format: title, figures, tables, notes.

A format renders any `Document`. Where something is text for people, a format escapes it; what a
name holds is shown literally.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias


class Expression(str):
    """Arithmetic of our own among the records, which a spreadsheet may take for a formula."""

    __slots__ = ()


class Name(NamedTuple):
    """A name or a formula, to be shown literally; in a tree, ``short`` at the depth ``level``."""

    text: str
    short: str = ""
    level: int = 0


class Bar(str):
    """A share as text, beside which a terminal draws a bar of ``part / longest`` of its length."""

    part: int
    longest: int

    @classmethod
    def of(cls, text: str, part: int, longest: int) -> Bar:
        """The text with its bar."""
        bar = cls(text)
        bar.part, bar.longest = part, longest
        return bar


Cell: TypeAlias = str | Name


class Table(NamedTuple):
    """Rows of cells below headings; ``sides`` has ``l`` or ``r`` for each column.

    ``caption`` and ``text`` stand above. The rows of a ``stacked`` table, whose cells are long, are
    one below the other where there is no room for columns. ``droppable`` are the positions of the
    columns that a narrow window leaves out, in this order, and then those from the right. A
    ``live`` one an interactive format makes itself, from the document's data.
    """

    headings: Sequence[str]
    sides: str
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    text: str = ""
    stacked: bool = False
    droppable: Sequence[int] = ()
    live: bool = False


class Formula(NamedTuple):
    """A formula as text, in LaTeX, and as rational coefficients by monomial."""

    text: str
    latex: Callable[[], str] | None = None
    coefficients: Callable[[], Mapping[str, str]] | None = None


class Figure(NamedTuple):
    """One number by name: ``short`` for a glance, ``exact`` to quote, and its formula."""

    name: str
    short: str = ""
    exact: str = ""
    unit: str = ""
    formula: Formula | None = None


class Document(NamedTuple):
    """All that a command has to say.

    ``mark`` says, before anything else, that the answer is not whole; ``summary`` are lines below
    the title. ``hints`` are what may be asked next, at a terminal. With ``symbolic``, the reader
    asked for the formulas of the ``figures``. ``conclusion`` is the last word. ``data`` gives the
    same as objects for programs, its ``"schema"`` first, and ``records`` as one table for
    spreadsheets, if the tables themselves are not to be it.
    """

    title: str
    data: Callable[[], Mapping[str, Any]]
    mark: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    conclusion: str = ""
    symbolic: bool = False
    records: Callable[[], Sequence[Sequence[object]]] | None = None
    summary: Sequence[str] = ()
    hints: Sequence[str] = ()
