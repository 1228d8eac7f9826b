"""Arithmetic on sizes, which ``torch.jit`` shows as operators on tensors without axes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from fxflops.capture.source import TORCH
from fxflops.conventions.record import Record

LAYERS = os.path.join(TORCH, "nn") + os.sep


def products_of_sizes(record: Record) -> int:
    """How many multiplications of sizes the model's Python code does: ``height * width`` is one.

    The model runs on the meta device with sizes that count when they are multiplied.
    """
    made: list[str] = []
    with torch.no_grad(), torch.device("meta"), _counting_sizes(made.append):
        record.model(*record.example)
    return len(made)


@contextmanager
def _counting_sizes(count: Callable[[str], None]) -> Iterator[None]:
    """Make tensors answer for their sizes with numbers that call ``count`` for each product."""

    def counted(operation: str) -> Callable[..., Any]:
        plain: Callable[..., Any] = getattr(int, operation)

        def method(self: int, other: Any) -> Any:
            if not isinstance(other, int):
                return NotImplemented
            if operation in ("__mul__", "__rmul__") and _is_the_models(sys._getframe(1)):
                count(operation)
            return size(plain(self, other))

        return method

    operations = ("add", "radd", "sub", "rsub", "mul", "rmul", "floordiv", "rfloordiv", "mod")
    size: Any = type("Size", (int,), {f"__{o}__": counted(f"__{o}__") for o in operations})

    def sizes(tensor: torch.Tensor, dim: int | None = None) -> Any:
        plain = torch._C.TensorBase.size(tensor)  # private: the method that is replaced
        if not _is_the_models(sys._getframe(1)):
            return plain if dim is None else plain[dim]
        return torch.Size(map(size, plain)) if dim is None else size(plain[dim])

    torch.Tensor.shape = property(sizes)  # type: ignore[assignment]
    torch.Tensor.size = sizes  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del torch.Tensor.shape, torch.Tensor.size


def _is_the_models(frame: Any) -> bool:
    """Whether the frame is of a model or a layer, and not of a kernel that torch has in Python."""
    file = frame.f_code.co_filename
    return not file.startswith(TORCH) or file.startswith(LAYERS)
