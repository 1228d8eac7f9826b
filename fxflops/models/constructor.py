"""What a model's constructor was given, and models made by it with other values.

Libraries build a model by a name, and give its class what the name stands for. So what a class was
given is read off while the library builds the model once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

from fxflops.errors import ModelError
from fxflops.models import fields
from fxflops.models.named import Architecture, NamedModel, build_empty

if TYPE_CHECKING:
    from torch import nn


def of_result(named: NamedModel) -> Architecture:
    """The keywords of the constructor of what ``named`` builds."""
    kind, args, keywords = _given(named)

    def build(values: Mapping[str, Any]) -> nn.Module:
        changed: Any = fields.copied(keywords)
        for path, value in values.items():
            changed = fields.replaced(changed, path, value)
        made: nn.Module = kind(*fields.copied(args), **changed)
        return made

    what = f"{named.name} ({kind.__name__})"
    return Architecture(value=lambda path: fields.get(keywords, path, what), build=build)


def of_callable(named: NamedModel, called: Callable[..., Any]) -> Architecture:
    """The parameters of what is called; beside them, keywords of what it returns.

    A parameter without a default has no value of its own.
    """
    known = inspect.signature(called).parameters
    usual = {
        name: None if p.default is p.empty else p.default
        for name, p in known.items()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }

    def of_its_result(path: str) -> bool:
        return path.partition(".")[0] not in usual and not all(
            p.default is p.empty for p in known.values()
        )

    def value(path: str) -> Any:
        if not of_its_result(path):
            return fields.get(usual, path, named.name)
        return of_result(named).value(path)

    def build(values: Mapping[str, Any]) -> Any:
        if any(map(of_its_result, values)):
            if not all(map(of_its_result, values)):
                raise ModelError(
                    f"{named.name}: {', '.join(values)} are parameters both of it and of the model "
                    "that it returns. Free those of one of them."
                )
            return of_result(named).build(values)
        changed: Any = usual
        for path, one in values.items():
            changed = fields.replaced(changed, path, one)
        firsts = {path.partition(".")[0] for path in values}
        return called(**{name: changed[name] for name in firsts})

    return Architecture(value=value, build=build)


def _given(named: NamedModel) -> tuple[type[Any], tuple[Any, ...], dict[str, Any]]:
    """The class of the model, and what its constructor is given by position and by keyword."""
    given: dict[int, tuple[object, tuple[Any, ...], dict[str, Any]]] = {}

    def heard(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == "__init__":
            read = _read(frame)
            if read is not None and id(read[0]) not in given:
                given[id(read[0])] = read  # which keeps the object, and so its id

    before = sys.getprofile()
    sys.setprofile(heard)
    try:
        module = build_empty(named)
    finally:
        sys.setprofile(before)
    if id(module) not in given:
        raise ModelError(f"{named.name} is not built by a constructor: nothing of it can be freed.")
    _, args, keywords = given[id(module)]
    return type(module), args, keywords


def _read(frame: FrameType) -> tuple[object, tuple[Any, ...], dict[str, Any]] | None:
    """The object, and the arguments of the call that begins."""
    code, found = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames[:count]
    if not names:
        return None
    args: tuple[Any, ...] = ()
    keywords = {name: found[name] for name in names[1:] if name in found}
    rest = count
    if code.co_flags & inspect.CO_VARARGS:
        args = found.get(code.co_varnames[rest], ())
        rest += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        keywords |= found.get(code.co_varnames[rest], {})
    if args:  # which come after those that have names
        positional = code.co_varnames[1 : code.co_argcount]
        args = (*(keywords.pop(name) for name in positional), *args)
    # Some constructors change the lists that they are given.
    return found.get(names[0]), fields.copied(args), fields.copied(keywords)
