"""``fxflops list [PATTERN]``: the names of models that can be counted."""

from __future__ import annotations

import argparse
from fnmatch import fnmatchcase

from fxflops.cli.options import say
from fxflops.errors import ModelError, shown

HELP = """Print the names of models that can be counted, one on each line.

They are those of the installed packages, as they are to be written: with the library that a model
is of. PATTERN is a part of the name, or a pattern such as 'timm:vit_*' or 'resnet*' for the whole
of it, with the library or without."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``list``."""
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", default="*", help="default: *")


def run(arguments: argparse.Namespace) -> int:
    """Print the names that fit. Raises ModelError where none does."""
    from fxflops.models import bare

    pattern = arguments.pattern.casefold()
    if not any(character in pattern for character in "*?["):
        pattern = f"*{pattern}*"
    known = list(bare.every())
    fitting = [name for name in known if any(fnmatchcase(n, pattern) for n in _written(name))]
    if not fitting:
        near = bare.nearest(arguments.pattern.strip("*"), known)
        raise ModelError(f"No model's name fits {shown(arguments.pattern)!r}{near}.")
    say("".join(f"{name}\n" for name in fitting))
    return 0


def _written(name: str) -> tuple[str, str]:
    """The name with its library, and without."""
    whole = name.casefold()
    return whole, whole.rpartition(":")[2]
