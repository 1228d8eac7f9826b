"""Sizes that stay symbolic where a model casts them: ``int(size)`` and ``len(tensor)``.

Python itself requires these two to give integers, which would fix the size. So while a model runs
as it would compiled, the modules of its packages find other objects under the two names, which do
with sizes what Dynamo does: keep them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


class _IntOfSizes(type):
    """The type of what stands for ``int``: called it casts, otherwise it is ``int`` itself."""

    def __call__(cls, *values: Any, **base: Any) -> Any:
        if len(values) == 1 and isinstance(values[0], torch.SymInt):
            return values[0]
        if len(values) == 1 and isinstance(values[0], torch.SymFloat):
            return math.trunc(values[0])
        return int(*values, **base)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, (int, torch.SymInt))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, int)

    def __getattr__(cls, name: str) -> Any:
        return getattr(int, name)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is int

    def __hash__(cls) -> int:
        return hash(int)


class IntOfSizes(metaclass=_IntOfSizes):
    """``int`` for modules in which sizes are symbolic."""


def len_of_sizes(value: Any) -> Any:
    """``len``, which for a tensor is its first size."""
    return value.shape[0] if isinstance(value, Tensor) and value.ndim else len(value)


NAMES = {"int": IntOfSizes, "len": len_of_sizes}


@contextmanager
def symbolic_casts(packages: Collection[str]) -> Iterator[None]:
    """Has all loaded modules of ``packages`` cast sizes with these names, but for their own."""
    changed = [
        (vars(module), name)
        for path, module in list(sys.modules.items())
        if module is not None and path.partition(".")[0] in packages
        for name in NAMES
        if name not in vars(module)
    ]
    for namespace, name in changed:
        namespace[name] = NAMES[name]
    try:
        yield
    finally:
        for namespace, name in changed:
            del namespace[name]
