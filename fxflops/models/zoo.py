"""Models by the names that installed packages offer in the entry-point group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fxflops.errors import ModelError
from fxflops.models.named import NamedModel
from fxflops.spec import parse

ENTRY_POINTS = "fxflops.models"


def named(name: str, entry: Mapping[str, Any]) -> NamedModel:
    """The model that some package offers as ``name``."""
    return NamedModel(
        name=name,
        build=entry["build"],
        inputs=parse(entry["inputs"]),
        defaults=entry["defaults"],
        is_new=True,
    )


def catalogue() -> dict[str, Mapping[str, Any]]:
    """What the installed packages offer: name -> ``build``, ``inputs``, ``defaults``.

    Raises ModelError when a package's offer cannot be loaded.
    """
    offered: dict[str, Mapping[str, Any]] = {}
    from importlib.metadata import entry_points  # takes long

    for entry in entry_points(group=ENTRY_POINTS):
        try:
            offered |= entry.load()()
        except Exception as error:
            raise ModelError(f"The models of {entry.value} cannot be loaded: {error}") from error
    return offered
