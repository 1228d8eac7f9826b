"""Models that Python code makes: the path to a callable or a module, or a Python file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from fxflops.errors import ModelError, shown
from fxflops.models import constructor
from fxflops.models.named import NamedModel, closest

if TYPE_CHECKING:
    from torch import Tensor


def find(module_name: str, attribute: str) -> NamedModel:
    """What ``attribute`` of the module is. Raises ModelError where there is no such thing."""
    return _model(f"{module_name}:{attribute}", imported(module_name, attribute))


def _model(name: str, found: Any) -> NamedModel:
    from torch import nn

    if isinstance(found, nn.Module):
        return NamedModel(name=name, build=lambda: found)
    if not callable(found):
        raise ModelError(f"{name} is a {type(found).__name__}: neither a module nor callable.")
    return of_function(name, found)


def of_function(name: str, function: Callable[..., Any]) -> NamedModel:
    """The model that a function builds, or a class is."""
    named = NamedModel(name=name, build=function)
    return replace(named, architecture=lambda: constructor.of_callable(named, function))


def of_file(path: str, attribute: str | None) -> NamedModel:
    """What the attribute of a Python file is, or the only model that the file defines.

    Raises ModelError for a file that cannot be executed, or defines no model or several.
    """
    defined = _executed(path)
    if attribute is None:
        attribute = _only_model(defined, path)
    return _model(f"{path}:{attribute}", _attribute(defined, path, attribute))


def _executed(path: str) -> ModuleType:
    """The module of a Python file, executed once in a process."""
    if not os.path.isfile(path):
        raise ModelError(f"There is no file {shown(path)}.")
    place = os.path.realpath(path)
    name = f"fxflops_file_{hashlib.sha256(place.encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(place))  # as `python FILE` does
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"Cannot import {shown(path)}: {said}") from error
    finally:
        sys.path.remove(os.path.dirname(place))
    return module


def _only_model(module: ModuleType, path: str) -> str:
    """The name of the one thing in the file that gives a model without being told anything."""
    from torch import nn

    found: list[str] = []
    lacking: list[str] = []
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue  # it is of another file
        if isinstance(value, nn.Module):
            found.append(name)
        elif isinstance(value, FunctionType) or (
            isinstance(value, type) and issubclass(value, nn.Module)
        ):
            (lacking if _asks(value) else found).append(name)
    if len(found) != 1:
        several = ", ".join(f"{path}:{name}" for name in found)
        what = f"several models: give one of {several}" if found else "no model"
        asking = f" ({', '.join(lacking)} must be given arguments)" if lacking and not found else ""
        raise ModelError(f"{shown(path)} has {what}{asking}.")
    return found[0]


def _asks(called: Callable[..., Any]) -> bool:
    """Whether a call must give arguments."""
    parameters = inspect.signature(called).parameters.values()
    return any(
        parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in parameters
    )


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
    return _attribute(found, module_name, attribute)


def _attribute(found: Any, name: str, attribute: str) -> Any:
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ModelError(f"{name} has no {attribute!r}{closest(part, vars(found))}.")
        found = getattr(found, part)
    return found
