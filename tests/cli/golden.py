"""Writes each command's help anew: ``python -m tests.cli.golden``. Read what it changes."""

import contextlib
import io
import os
from pathlib import Path

from fxflops.cli import COMMANDS, main

FOLDER = Path(__file__).with_name("golden")


def help_of(command: str) -> str:
    """What ``fxflops COMMAND --help`` prints at 80 columns; that of ``""`` is the default's."""
    written = io.StringIO()
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        with contextlib.redirect_stdout(written), contextlib.suppress(SystemExit):
            main([command, "--help"] if command else ["--help"])
    finally:
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns
    return written.getvalue()


def files() -> dict[str, str]:
    """The name of each golden file, and what it is to hold."""
    return {f"{command or 'default'}.txt": help_of(command) for command in ("", *COMMANDS)}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
