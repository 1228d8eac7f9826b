"""``fxflops cache``: what is kept of earlier answers."""

from __future__ import annotations

import argparse

from fxflops import cache
from fxflops.cli.options import say

HELP = """Show how much is kept of earlier answers, and where; or delete it.

Answers for models of installed packages are kept, those for other Python objects only with
--cache: their classes may call functions whose change fxflops would not see. An answer is used as
long as fxflops, Python, torch and its settings, the installed packages, the model's own sources and
the environment variables that they read are the same. A folder or file that belongs to another
user, or that others may write to, is ignored."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cache``."""
    parser.add_argument("--clear", action="store_true", help="delete all answers")


def run(arguments: argparse.Namespace) -> int:
    """Print the folder, the number of files and their size; or delete them."""
    folder = cache.printable(cache.directory())
    if arguments.clear:
        say(f"Deleted {_answers(cache.clear())} in {folder}.\n")
        return 0
    files = cache.files()
    size = sum(status.st_size for status in files.values())
    say(
        f"{_answers(len(files))}, {size / 1e6:.1f} MB of at most "
        f"{cache.LARGEST_CACHE / 1e6:.1f} MB, in {folder}.\n"
    )
    return 0


def _answers(number: int) -> str:
    return f"{number} answer" if number == 1 else f"{number} answers"
