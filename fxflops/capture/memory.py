"""What the functions of a model's packages remember of earlier calls: `functools.lru_cache`.

A remembered tensor is work that a call does not show, and it is on another device, or of symbolic
sizes. So no tensor is remembered when a model starts to run, nor afterwards of that run. What else
is remembered stays: packages keep what must be there once, such as their registered operators.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CellType, FunctionType
from typing import Any

from torch import Tensor

Remembering = type(lru_cache(lambda: None))
CONTAINERS = {"dict", "list", "tuple", "_lru_list_elem"}
"""What holds results; the last one is a cache's own, in which it keeps their order."""


def caches_of(packages: Collection[str]) -> tuple[Any, ...]:
    """What the functions and methods of all loaded modules of ``packages`` remember."""
    return tuple(cache for package in packages for cache in _of_package(package))


@contextmanager
def forgotten(caches: Collection[Any]) -> Iterator[None]:
    """Has tensors that ``caches`` remember computed anew, here and afterwards."""
    _forget_tensors(caches)
    try:
        yield
    finally:
        _forget_tensors(caches)


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


def _of_package(package: str) -> Iterator[Any]:
    for path, module in list(sys.modules.items()):
        if module is not None and path.partition(".")[0] == package:
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == path:
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
