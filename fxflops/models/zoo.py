"""Models by the names that installed packages offer in the entry-point group."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import fields
from fxflops.models.named import Architecture, NamedModel
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
        architecture=partial(_architecture, name, entry) if "configuration" in entry else None,
    )


def _architecture(name: str, entry: Mapping[str, Any]) -> Architecture:
    """The fields of the entry's configuration, of which its constructor makes the model."""
    configuration = entry["configuration"]

    def build(values: Mapping[str, Any]) -> Any:
        changed = configuration
        for path, value in values.items():
            changed = fields.replaced(changed, path, value)
        return entry["construct"](changed)

    return Architecture(value=lambda path: fields.get(configuration, path, name), build=build)


def catalogue() -> dict[str, Mapping[str, Any]]:
    """What the installed packages offer: name -> ``build``, ``inputs``, ``defaults``.

    An entry may also have a ``configuration``, and ``construct``, which makes the model of one.

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
