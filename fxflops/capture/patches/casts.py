"""Sizes that stay symbolic where a model casts them: ``int``, ``float``, ``len``.

Python itself requires these to give numbers, which would fix the size. So while a model runs
as it would compiled, the modules of its packages find other objects under these names, which do
with sizes what Dynamo does: keep them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from fxflops.capture.patches.names import names_in_modules


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


class _FloatOfSizes(type):
    """The type of what stands for ``float``: called it casts, otherwise it is ``float`` itself."""

    def __call__(cls, *values: Any) -> Any:
        if len(values) == 1 and isinstance(values[0], (torch.SymInt, torch.SymFloat)):
            return torch.sym_float(values[0])
        return float(*values)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, (float, torch.SymFloat))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, float)

    def __getattr__(cls, name: str) -> Any:
        return getattr(float, name)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is float

    def __hash__(cls) -> int:
        return hash(float)


class FloatOfSizes(metaclass=_FloatOfSizes):
    """``float`` for modules in which sizes are symbolic."""


NAMES = {"int": IntOfSizes, "len": len_of_sizes, "float": FloatOfSizes}


@contextmanager
def symbolic_casts(packages: Collection[str]) -> Iterator[None]:
    """Has all loaded modules of ``packages`` cast sizes with these names, but for their own."""
    with names_in_modules(packages, NAMES):
        yield
