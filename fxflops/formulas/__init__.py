"""What each operator costs: one file per family, found and loaded by their presence here."""

import sys
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

LIBRARY_OF = {"vision": "torchvision"}
"""Families for operators of another library, which are loaded once a model has imported it."""


def load() -> None:
    """Import every family, which registers its formulas in `fxflops.registry`."""
    for family in _families():
        if family not in LIBRARY_OF or LIBRARY_OF[family] in sys.modules:
            import_module(f"{__name__}.{family}")


@cache
def _families() -> tuple[str, ...]:
    return tuple(module.name for module in iter_modules(__path__))
