"""What each operator costs: one file per family, found and loaded by their presence here.

Other packages bring formulas of their own by an entry point in the group "fxflops.formulas" that
names the module whose import registers them.
"""

import sys
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from fxflops.errors import FormulaError

ENTRY_POINTS = "fxflops.formulas"

LIBRARY_OF = {
    "vision": "torchvision",
    "decomposed": "torch.ao.quantization.fx._decomposed",
    "experts": "transformers.integrations.moe",
}
"""Families for operators of another library, which are loaded once a model has imported it."""


def load() -> None:
    """Import every family and what packages bring, which registers it in `fxflops.registry`.

    Raises FormulaError for formulas of a package that cannot be loaded.
    """
    for family in _families():
        if family not in LIBRARY_OF or LIBRARY_OF[family] in sys.modules:
            import_module(f"{__name__}.{family}")
    packages()


@cache
def _families() -> tuple[str, ...]:
    return tuple(module.name for module in iter_modules(__path__))


@cache
def packages() -> tuple[str, ...]:
    """The packages that bring formulas, loaded once.

    Raises FormulaError for one that cannot be loaded.
    """
    from importlib.metadata import entry_points  # takes long

    found = []
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:
            message = " ".join(str(error).split()) or type(error).__name__
            raise FormulaError(
                f"The formulas of {entry.value} cannot be loaded: {message}. "
                f"Repair or uninstall the package that brings {entry.name!r}."
            ) from error
        found.append(entry.module.partition(".")[0])
    return tuple(found)
