"""Sizes that data decide stay symbolic in a model's code.

Python itself requires ``int``, ``len`` and ``float`` to give numbers, and ``min`` and ``max`` to
know which is less; both would fix the size. A size of the input is fixed by them, or narrowed, as
before.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from fxflops.capture.data_sizes import DataSizes
from fxflops.capture.data_sizes.rules import is_of_data
from fxflops.capture.patches.casts import symbolic_casts
from fxflops.capture.patches.names import names_in_modules
from fxflops.capture.patches.nms import one_suppression_for_all_classes

ALSO = ("torchvision",)
"""Packages whose functions models call with such sizes."""


def _extremum(
    usual: Callable[..., Any],
    symbolic: Callable[[Any, Any], Any],
    is_kept: Callable[[object], bool] = is_of_data,
) -> Any:
    def extremum(*values: Any, **options: Any) -> Any:
        operands = list(values[0]) if len(values) == 1 else list(values)
        are_sizes = all(isinstance(value, (int, torch.SymInt)) for value in operands)
        if not options and operands and are_sizes and any(map(is_kept, operands)):
            return reduce(symbolic, operands)
        return usual(operands, **options)

    return extremum


def _length(value: Any) -> Any:
    """``len``, which for a tensor is its first size."""
    if isinstance(value, Tensor) and value.ndim and is_of_data(value.shape[0]):
        return value.shape[0]
    return len(value)


NAMES = {
    "len": _length,
    "min": _extremum(builtins.min, torch.sym_min),
    "max": _extremum(builtins.max, torch.sym_max),
}
"""What does otherwise with such sizes alone."""


def _is_size(value: object) -> bool:
    return isinstance(value, torch.SymInt)


EXTREMA = {
    "min": _extremum(builtins.min, torch.sym_min, _is_size),
    "max": _extremum(builtins.max, torch.sym_max, _is_size),
}
"""What does otherwise with all sizes, as ``int`` does."""


@contextmanager
def as_captured() -> Iterator[None]:
    """Has this thread run a model along the path that a capture takes."""
    with ExitStack() as stack:
        if "torchvision" in sys.modules:
            stack.enter_context(one_suppression_for_all_classes())
        yield


@contextmanager
def sizes_of_data_kept_symbolic(
    data: DataSizes, packages: Collection[str], *, casts: bool
) -> Iterator[None]:
    """Has the model's code keep such sizes; cast by ``int`` and ``float`` once there is one.

    With ``casts``, those of the input are kept where ``min`` and ``max`` are taken, too.
    """
    loaded = {*packages, *(package for package in ALSO if package in sys.modules)}
    with ExitStack() as stack:
        stack.enter_context(names_in_modules(loaded, {**NAMES, **(EXTREMA if casts else {})}))
        data.on_first = lambda: stack.enter_context(symbolic_casts(loaded))
        stack.enter_context(as_captured())
        yield
