"""What a model remembers of earlier calls: in its modules, and in caches of its packages.

A remembered tensor is work that the next call does not show, and it is on another device, or of
symbolic sizes. So a run leaves nothing behind: attributes of modules are what they were before, and
`functools.lru_cache` of functions of the model's packages holds no tensor, neither when the model
starts to run nor afterwards. What else such a cache holds stays: packages keep there what must be
there once, such as their registered operators.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CellType, FunctionType, ModuleType
from typing import Any, TypeAlias

from torch import Tensor, nn

from fxflops.capture.prepare import packages_of

Container: TypeAlias = dict[Any, Any] | list[Any] | set[Any]
Remembering = type(lru_cache(lambda: None))
PLAIN = (bool, int, float, str, Tensor)
"""What keeps nothing else."""

CONTAINERS = {"dict", "list", "tuple", "_lru_list_elem"}
"""What holds results; the last one is a cache's own, in which it keeps their order."""


@contextmanager
def restored_module_state(model: nn.Module) -> Iterator[None]:
    """Has ``model`` run as if it had not run since it was made, here and afterwards."""
    packages = set(packages_of(model))
    caches = _caches_of(tuple(_loaded(packages)))
    _forget_tensors(caches)
    kept = [(container, _entries(container)) for container in _containers(model, packages)]
    try:
        yield
    finally:
        for container, entries in kept:
            _restore(container, entries)
        _forget_tensors(caches)


def _containers(model: nn.Module, packages: Collection[str]) -> Iterator[Container]:
    """The attributes of the model's modules and objects, and the containers in them."""
    waiting: list[Any] = [model]
    seen = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or value is None or isinstance(value, PLAIN):
            continue
        seen.add(id(value))
        if isinstance(value, nn.Module):
            yield vars(value)
            waiting += vars(value).values()
        elif isinstance(value, dict):
            yield value
            if value:
                waiting += value.values()
        elif isinstance(value, (list, set)):
            yield value
            waiting += value
        elif isinstance(value, tuple):
            waiting += value
        elif type(value).__module__.partition(".")[0] in packages:
            waiting.append(getattr(value, "__dict__", None))


def _entries(container: Container) -> tuple[Any, ...]:
    return tuple(container.items() if isinstance(container, dict) else container)


def _restore(container: Container, entries: tuple[Any, ...]) -> None:
    if not container and not entries:
        return
    container.clear()
    if isinstance(container, list):
        container.extend(entries)
    else:
        container.update(entries)


def _forget_tensors(caches: Collection[Any]) -> None:
    for cache in caches:
        if cache.cache_info().currsize and _holds_tensors(cache):
            cache.cache_clear()


def _holds_tensors(cache: object) -> bool:
    """Whether a tensor is among what the cache refers to, or in containers there."""
    waiting, seen = gc.get_referents(cache), set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            return True
        if id(value) not in seen and type(value).__name__ in CONTAINERS:
            seen.add(id(value))
            waiting += gc.get_referents(value)
    return False


def _loaded(packages: Collection[str]) -> Iterator[ModuleType]:
    for path, module in list(sys.modules.items()):
        if module is not None and path.partition(".")[0] in packages:
            yield module


@lru_cache(maxsize=8)
def _caches_of(loaded: tuple[ModuleType, ...]) -> tuple[Any, ...]:
    """What the functions of these modules, and the methods of their classes, remember."""
    return tuple(cache for module in loaded for cache in _of_module(module))


def _of_module(module: ModuleType) -> Iterator[Any]:
    for value in list(vars(module).values()):
        if isinstance(value, type) and value.__module__ == module.__name__:
            for attribute in list(vars(value).values()):
                yield from _of_function(attribute)
        else:
            yield from _of_function(value)


def _of_function(value: object) -> Iterator[Any]:
    """The cache that a function is, or that it calls, as a decorator's wrapper does."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, Remembering):
        yield value
    elif isinstance(value, FunctionType):
        yield from filter(_remembers, map(_content, value.__closure__ or ()))


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty: the function has not been defined to its end
        return None


def _remembers(value: object) -> bool:
    return isinstance(value, Remembering)
