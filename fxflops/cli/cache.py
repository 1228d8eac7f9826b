"""``fxflops cache``: what is kept of earlier answers."""

from __future__ import annotations

import argparse
import os

from fxflops import cache
from fxflops.cli.options import say

HELP = """Show how much is kept of earlier answers, and where; or delete it.

Answers for models of installed packages are kept, those for other Python objects only with
--cache: their classes may call functions whose change fxflops would not see. An answer is used as
long as fxflops, Python, torch, the installed packages and the model's own sources are the same."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cache``."""
    parser.add_argument("--clear", action="store_true", help="delete all answers")


def run(arguments: argparse.Namespace) -> int:
    """Print the folder, the number of files and their size; or delete them."""
    if arguments.clear:
        say(f"Deleted {cache.clear()} answers in {cache.directory()}.\n")
        return 0
    files = cache.files()
    size = sum(map(os.path.getsize, files))
    say(
        f"{len(files)} answers, {size / 1e6:.1f} MB of at most "
        f"{cache.LARGEST_CACHE / 1e6:.1f} MB, in {cache.directory()}.\n"
    )
    return 0
