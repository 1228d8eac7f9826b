"""Tables as lines of text in columns: the one place that aligns them, and fits them to a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fxflops.reports.document import Bar, Cell, Name, Table
from fxflops.reports.wording import printable

BAR = 10
"""The length of the longest bar beside a share."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
SHORTEST_NAME, SHORTEST_TEXT, SHORTEST = 24, 16, 8
"""To how many characters a name and a text are cut before columns are left out, and after."""


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


def table(table: Table, strong: Callable[[str], str], width: int | None = None) -> list[str]:
    """A table as lines, none longer than ``width``; ``strong`` makes a heading bold.

    A window too narrow for all of it has names cut in the middle, then columns left out, which are
    named in the last line.
    """
    headings = list(map(printable, table.headings))
    lines = [strong(line) for line in wrapped(table.caption, width)] if table.caption else []
    lines += wrapped(table.text, width) if table.text else []
    if table.stacked:
        rows = [list(map(shown, row)) for row in table.rows]
        return [*lines, strong(headings[0]), *_stacked(headings, rows, table.sides)]
    fitted = _Fitted(table, headings)
    if width is not None:
        fitted.fit(width)
    first, *rest = fitted.lines()
    lines += [strong(first), *rest]
    if fitted.dropped:
        names = ", ".join(headings[position] for position in sorted(fitted.dropped))
        lines += wrapped(f"not shown in this width: {names}", width)
    return lines


def wrapped(text: str, width: int | None) -> list[str]:
    """The text as lines of at most ``width`` characters, broken between words where that can be.

    What is indented stays so.
    """
    text = printable(text)
    if width is None or len(text) <= width:
        return [text]
    indent = " " * (len(text) - len(text.lstrip(" ")))
    lines: list[str] = []
    line = indent
    for word in text.split():
        room = width - len(indent)
        while len(word) > room:  # longer than any line
            if line.strip():
                lines.append(line)
            lines.append(indent + word[:room])
            word, line = word[room:], indent
        if not word:
            continue
        if not line.strip():
            line += word
        elif len(line) + 1 + len(word) <= width:
            line += f" {word}"
        else:
            lines.append(line)
            line = indent + word
    return [*lines, line] if line.strip() else lines


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


class _Fitted:
    """The columns of a table, and to how many characters each of them is cut."""

    def __init__(self, table: Table, headings: Sequence[str]) -> None:
        self.table = table
        self.dropped: set[int] = set()
        self._bar = BAR
        self._cells = [list(headings), *(list(map(shown, row)) for row in table.rows)]
        self._widths = [max(map(len, column)) for column in zip(*self._cells, strict=True)]
        columns = list(zip(*table.rows, strict=True)) or [() for _ in headings]
        self._names = [any(isinstance(cell, Name) for cell in column) for column in columns]
        self._bars = [any(isinstance(cell, Bar) for cell in column) for column in columns]

    def fit(self, width: int) -> None:
        """Make it as narrow as ``width``, by what costs the reader least."""
        last = len(self._widths) - 1
        order = [*self.table.droppable, *range(last, 0, -1)]
        self._cut(width, SHORTEST_NAME, SHORTEST_TEXT)
        if self._total() > width:
            self._bar = max(0, self._bar - (self._total() - width))
        for position in dict.fromkeys(order):
            if self._total() <= width:
                break
            if self._bar and self._bars[position]:
                self._bar = 0
            self.dropped.add(position)
        self._cut(width, SHORTEST, SHORTEST)

    def _kept(self) -> list[int]:
        return [i for i in range(len(self._widths)) if i not in self.dropped]

    def _total(self) -> int:
        kept = self._kept()
        bars = sum(self._bar + 2 for i in kept if self._bars[i]) if self._bar else 0
        return sum(self._widths[i] for i in kept) + 2 * (len(kept) - 1) + bars

    def _cut(self, width: int, name: int, text: int) -> None:
        """Take what is too much from the longest names and texts, down to these lengths."""
        least = {i: name if self._names[i] else text for i in self._kept() if self._is_text(i)}
        while self._total() > width:
            wide = [i for i in least if self._widths[i] > least[i] and i not in self.dropped]
            if not wide:
                return
            longest = max(wide, key=lambda i: self._widths[i])
            others = [self._widths[i] for i in wide if i != longest]
            floor = max(least[longest], *others, 0) if others else least[longest]
            excess = self._total() - width
            self._widths[longest] = max(
                floor if floor < self._widths[longest] else self._widths[longest] - 1,
                self._widths[longest] - excess,
            )

    def _is_text(self, position: int) -> bool:
        return position == 0 or self._names[position] or self.table.sides[position] == "l"

    def lines(self) -> list[str]:
        """The headings in a line, and each row in one or, where a text is broken, in several."""
        kept = self._kept()
        lines = []
        for number, row in enumerate(self._cells):
            cells = [self._cell(number, row[i], i) for i in kept]
            for at in range(max(map(len, cells))):
                parts = [
                    self._aligned(cell[at] if at < len(cell) else "", i)
                    for cell, i in zip(cells, kept, strict=True)
                ]
                for place, i in enumerate(kept):
                    if self._bars[i] and self._bar:
                        parts[place] += f"  {self._drawn(number, i) if at == 0 else '':{self._bar}}"
                lines.append("  ".join(parts).rstrip())
        return lines

    def _cell(self, number: int, text: str, position: int) -> list[str]:
        width = self._widths[position]
        if len(text) <= width:
            return [text]
        if not number or self._names[position]:
            return [middle_cut(text, width)]
        return wrapped(text, width)

    def _aligned(self, text: str, position: int) -> str:
        width = self._widths[position]
        return text.ljust(width) if self.table.sides[position] == "l" else text.rjust(width)

    def _drawn(self, number: int, position: int) -> str:
        """The bar beside a share; one of nothing has no length, one of little a bit of it."""
        cell = self.table.rows[number - 1][position] if number else ""
        if not isinstance(cell, Bar) or not cell.part or cell.longest <= 0:
            return ""
        eighths = max(1, (8 * self._bar * cell.part + cell.longest // 2) // cell.longest)
        full, rest = divmod(eighths, 8)
        return "█" * full + EIGHTHS[rest].strip()


def middle_cut(text: str, width: int) -> str:
    """The text in ``width`` characters, with ``…`` in the place of its middle."""
    if len(text) <= width:
        return text
    if width < 2:
        return "…"[:width]
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"
