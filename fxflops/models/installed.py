"""What the sources of an installed package say, without importing it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from glob import escape, iglob
from importlib.util import find_spec


def folder(package: str) -> str | None:
    """The folder of a package; None where it is not installed."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    places = spec.submodule_search_locations if spec else None
    return next(iter(places), None) if places else None


def texts(package: str, *patterns: str) -> Iterator[tuple[str, str]]:
    """The paths and contents of the package's files that fit one of the patterns, in order."""
    root = folder(package)
    if root is None:
        return
    found = {p for pattern in patterns for p in iglob(f"{escape(root)}/{pattern}", recursive=True)}
    for path in sorted(found):
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                yield path, file.read()


def matches(package: str, pattern: re.Pattern[str], *paths: str) -> Iterable[str]:
    """The first group of each match of ``pattern`` in the package's files, each once."""
    return dict.fromkeys(
        match[1] for _, text in texts(package, *paths) for match in pattern.finditer(text)
    )
