"""Text in columns, with headings in bold where a terminal shows them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], sides: str, *, headed: bool = True) -> list[str]:
    """The rows as lines; ``sides`` has ``l`` or ``r`` for each column, flush left or right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    return [bold(lines[0]), *lines[1:]] if headed else lines


def bold(line: str) -> str:
    """The line in bold on a terminal, and as it is elsewhere and under ``NO_COLOR``."""
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        return f"\x1b[1m{line}\x1b[0m"
    return line
