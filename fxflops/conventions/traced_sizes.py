"""Arithmetic on sizes, which ``torch.jit`` shows as operators on tensors without axes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from fxflops.capture.source import TORCH
from fxflops.conventions.fused import encoder_layers, fast_path_calls
from fxflops.conventions.record import Record

LAYERS = os.path.join(TORCH, "nn") + os.sep


def products_of_sizes(record: Record) -> int:
    """How many multiplications of sizes the trace of the model has: ``height * width`` is one.

    The model runs on the meta device with sizes that note when they are multiplied. A product that
    is only compared with something leaves nothing in the trace, and the code of a layer on its fast
    path does not run.
    """
    made: set[object] = set()
    quiet = {call.target for call in (*fast_path_calls(record), *encoder_layers(record))}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.device("meta"))
        asleep = stack.enter_context(_asleep_in(quiet))
        stack.enter_context(_noting_products(made, asleep))
        record.model(*record.example)
    return len(made)


@contextmanager
def _asleep_in(modules: Collection[nn.Module]) -> Iterator[Callable[[], bool]]:
    """Whether one of these modules is running."""
    running: list[nn.Module] = []
    handles = [
        handle
        for module in modules
        for handle in (
            module.register_forward_pre_hook(lambda module, _: running.append(module)),
            module.register_forward_hook(lambda *_: running.pop() and None),
        )
    ]
    try:
        yield lambda: bool(running)
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _noting_products(made: set[object], asleep: Callable[[], bool]) -> Iterator[None]:
    """Make tensors answer for their sizes with numbers that keep the products they are made of."""

    def number(value: int, products: frozenset[object]) -> Any:
        counted = size(value)
        counted.products = products
        return counted

    def arithmetic(operation: str) -> Callable[..., Any]:
        plain: Callable[..., Any] = getattr(int, operation)

        def method(self: Any, other: Any) -> Any:
            if not isinstance(other, int):
                return NotImplemented
            products = self.products | getattr(other, "products", frozenset())
            multiplies = operation in ("__mul__", "__rmul__")
            if multiplies and _is_the_models(sys._getframe(1)) and not asleep():
                product = object()
                made.add(product)
                products |= {product}
            return number(plain(self, other), products)

        return method

    def comparison(operation: str) -> Callable[..., Any]:
        plain: Callable[..., Any] = getattr(int, operation)

        def method(self: Any, other: Any) -> Any:
            if isinstance(other, int) and _is_the_models(sys._getframe(1)):
                made.difference_update(self.products | getattr(other, "products", frozenset()))
            return plain(self, other)

        return method

    operations = ("add", "radd", "sub", "rsub", "mul", "rmul", "floordiv", "rfloordiv", "mod")
    methods: dict[str, Any] = {f"__{o}__": arithmetic(f"__{o}__") for o in operations}
    methods |= {f"__{o}__": comparison(f"__{o}__") for o in ("eq", "ne", "lt", "le", "gt", "ge")}
    size: Any = type("Size", (int,), {**methods, "__hash__": int.__hash__})

    def sizes(tensor: torch.Tensor, dim: int | None = None) -> Any:
        plain = torch._C.TensorBase.size(tensor)  # private: the method that is replaced
        if not _is_the_models(sys._getframe(1)):
            return plain if dim is None else plain[dim]
        none: frozenset[object] = frozenset()
        if dim is None:
            return torch.Size(number(value, none) for value in plain)
        return number(plain[dim], none)

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
