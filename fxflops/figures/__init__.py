"""Figures of a model as a whole, which do not add up over its calls: one file each.

The file ``NAME.py`` holds the record ``Name``, a named tuple that a `Report` keeps, the cache
stores field by field, and every format shows. It has what `fxflops.report.FigureRecord` asks for,
and a class method ``of(analysis)`` that makes it. Like `Report` it imports neither torch nor sympy.
"""

from importlib import import_module
from typing import Any

FIGURES = {"span": "always", "memory": "asked", "roofline": "asked"}
"""The files here, in the order of reports; ``"always"`` derived, or only where ``"asked"`` for."""


def record(name: str) -> Any:
    """The class of the figure's record."""
    return getattr(import_module(f"fxflops.figures.{name}"), name.title().replace("_", ""))


def derived(analysis: Any, asked: tuple[str, ...] = ()) -> dict[str, Any]:
    """The records of an `Analysis` by name: those of every analysis, and those asked for."""
    return {
        name: record(name).of(analysis)
        for name, when in FIGURES.items()
        if when == "always" or name in asked
    }
