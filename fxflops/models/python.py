"""Models by the path to a callable that returns them, or to the module itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fxflops.errors import ModelError
from fxflops.models.named import NamedModel, closest

if TYPE_CHECKING:
    from torch import Tensor


def find(module_name: str, attribute: str) -> NamedModel:
    """What ``attribute`` of the module is. Raises ModelError where there is no such thing."""
    from torch import nn

    name, found = f"{module_name}:{attribute}", imported(module_name, attribute)
    if isinstance(found, nn.Module):
        return NamedModel(name=name, build=lambda: found)
    if not callable(found):
        raise ModelError(f"{name} is a {type(found).__name__}: neither a module nor callable.")
    return NamedModel(name=name, build=found)


def loss(path: str) -> Callable[[Any], Tensor]:
    """The loss ``package.module:callable``. Raises ModelError where there is no such thing."""
    module_name, colon, attribute = path.partition(":")
    if not colon:
        raise ModelError(f"The loss {path} is no path to a callable: write package.module:loss.")
    found = imported(module_name, attribute)
    if not callable(found):
        raise ModelError(f"The loss {path} is a {type(found).__name__}, not a callable.")
    called: Callable[[Any], Tensor] = found
    return called


def imported(module_name: str, attribute: str) -> Any:
    """The attribute of the module, imported. Raises ModelError where there is no such thing."""
    sys.path.insert(0, "")  # as `python -m` does, for the console script
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise ModelError(f"Cannot import {module_name}: {error}") from error
    finally:
        sys.path.remove("")
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ModelError(f"{module_name} has no {attribute!r}{closest(part, vars(found))}.")
        found = getattr(found, part)
    return found
