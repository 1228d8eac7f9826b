"""Builtin names that the modules of some packages find replaced."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def names_in_modules(packages: Collection[str], names: Mapping[str, Any]) -> Iterator[None]:
    """Has all loaded modules of ``packages`` find these under ``names``, but for their own."""
    changed = [
        (vars(module), name)
        for path, module in list(sys.modules.items())
        if module is not None and path.partition(".")[0] in packages
        for name in names
        if name not in vars(module)
    ]
    for namespace, name in changed:
        namespace[name] = names[name]
    try:
        yield
    finally:
        for namespace, name in changed:
            del namespace[name]
