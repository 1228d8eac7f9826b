"""What each operator costs: one file per family, found and loaded by their presence here."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules


@cache
def load() -> None:
    """Import every family, which registers its formulas in `fxflops.registry`."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
