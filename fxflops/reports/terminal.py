"""What rich renders, as text."""

from __future__ import annotations

import io
import os
import shutil
import sys

from rich.console import Console, RenderableType
from rich.text import Text

WIDTH = 120
UNLIMITED = 400  # where there is no terminal, nothing wraps


def rendered(*parts: RenderableType) -> str:
    """One below the other, with colors where the terminal shows them."""
    terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((WIDTH, 0)).columns if terminal else UNLIMITED
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, highlight=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, (str, Text)))
    return stream.getvalue()
