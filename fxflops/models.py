"""From a name to a model: the zoo, torchvision, and any callable.

rtdetr_r50                  a name that an installed package offers (group "fxflops.models")
torchvision:resnet50        a model of torchvision
package.module:callable     what the callable returns, or the module that it is
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fxflops.errors import ModelError
from fxflops.inputs import InputSpec, parse

if TYPE_CHECKING:
    from torch import nn

ENTRY_POINTS = "fxflops.models"
LIBRARIES = ("torchvision",)
"""Packages whose models have names of their own: ``torchvision:resnet50``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModel:
    """A model that has not been built yet, and the input that its source proposes for it."""

    name: str
    build: Callable[[], nn.Module]
    inputs: InputSpec | None = None
    defaults: Mapping[str, int] = field(default_factory=dict)
    is_new: bool = False
    """Whether each call of ``build`` gives a module that nobody else has."""


def find(name: str) -> NamedModel:
    """The model of this name.

    Raises ModelError, with the closest names, where there is none.
    """
    library, colon, rest = name.partition(":")
    if not colon:
        return _from_zoo(name)
    if library == "torchvision":
        return _from_torchvision(rest)
    return _from_callable(library, rest)


def is_installed(name: str) -> bool:
    """Whether the name is one of an installed package, not a path to some Python object."""
    library, colon, _ = name.partition(":")
    return not colon or library in LIBRARIES


def zoo() -> dict[str, Mapping[str, Any]]:
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


def build(model: NamedModel) -> nn.Module:
    """Build it with real weights, as its source initialises them.

    Raises ModelError when it raises, or returns something else than a module.
    """
    from torch import nn

    try:
        module = model.build()
    except Exception as error:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"Cannot build {model.name}: {message}") from error
    if not isinstance(module, nn.Module):
        raise ModelError(f"{model.name} gives a {type(module).__name__}, not a torch.nn.Module.")
    return module


def build_empty(model: NamedModel) -> nn.Module:
    """Build it on the meta device, or with real weights where its constructor needs numbers."""
    import torch

    try:
        with torch.device("meta"):
            return build(model)
    except ModelError:
        return build(model)


def _from_zoo(name: str) -> NamedModel:
    offered = zoo()
    if name not in offered:
        raise ModelError(f"There is no model {name!r}{_closest(name, offered)}.")
    entry = offered[name]
    return NamedModel(
        name=name,
        build=entry["build"],
        inputs=parse(entry["inputs"]),
        defaults=entry["defaults"],
        is_new=True,
    )


def _from_torchvision(name: str) -> NamedModel:
    import inspect

    from torchvision import models

    known = models.list_models()
    if name not in known:
        raise ModelError(f"torchvision has no model {name!r}{_closest(name, known)}.")
    weights = ("weights", "weights_backbone")  # which would be downloaded
    accepted = inspect.signature(models.get_model_builder(name)).parameters
    without = {option: None for option in weights if option in accepted}
    return NamedModel(
        name=f"torchvision:{name}",
        build=lambda: models.get_model(name, **without),
        inputs=parse("image: N 3 H%32 W%32"),
        defaults={"N": 1, "H": 224, "W": 224},
        is_new=True,
    )


def _from_callable(module_name: str, attribute: str) -> NamedModel:
    from torch import nn

    name = f"{module_name}:{attribute}"
    sys.path.insert(0, "")  # as `python -m` does, for the console script
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise ModelError(f"Cannot import {module_name}: {error}") from error
    finally:
        sys.path.remove("")
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ModelError(f"{module_name} has no {attribute!r}{_closest(part, vars(found))}.")
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        return NamedModel(name=name, build=lambda: found)
    if not callable(found):
        raise ModelError(f"{name} is a {type(found).__name__}: neither a module nor callable.")
    return NamedModel(name=name, build=found)


def _closest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    import difflib

    public = [other for other in known if not other.startswith("_")]
    matches = difflib.get_close_matches(name, public, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(matches)}?".rstrip("?") if matches else ""
