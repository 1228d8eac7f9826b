"""The values of small tensors that depend on no input, of which a model takes numbers and sizes.

Meta tensors have no values. But those of a model's small buffers, and of what is made of numbers
or computed from either, are kept beside them: ``float(self.stride[0])`` is then what it is in an
eager run, and so is a branch on it. What a model changes in place is not known any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only  # private: the nesting of arguments

from fxflops._torch import OpOverload, _disable_current_modes, tree_leaves

MOST = 64
"""Elements of a tensor whose values are kept."""

VALUES = "_fxflops_values"
"""The attribute of a meta tensor that holds its values."""

aten = torch.ops.aten

FACTORIES = {
    aten.arange.default,
    aten.arange.start,
    aten.arange.start_step,
    aten.eye.default,
    aten.full.default,
    aten.linspace.default,
    aten.ones.default,
    aten.scalar_tensor.default,
    aten.zeros.default,
}
"""What makes a tensor of numbers alone."""


REPEATS = {aten.repeat_interleave.Tensor, aten.repeat_interleave.self_Tensor}
"""What data decide the size of, though PyTorch has no tag on it that says so."""

NUMBERS: dict[Any, Callable[[Any], Any]] = {
    aten.item.default: lambda number: number,
    aten._local_scalar_dense.default: lambda number: number,
    aten.is_nonzero.default: bool,
}
"""What asks a tensor for its one number."""


def keep(made: Tensor, values: Tensor) -> None:
    """Have ``made``, on the meta device, remember what ``values`` holds, if that is little."""
    if values.numel() <= MOST and values.device.type == "cpu" and not values.is_quantized:
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            setattr(made, VALUES, values.detach().clone())


class Constants:
    """The values known in one capture."""

    def __init__(self) -> None:
        self._changed: set[int] = set()

    def of(self, tensor: Tensor) -> Tensor | None:
        """The values, on the CPU, if they are known."""
        values: Tensor | None = getattr(tensor, VALUES, None)
        if values is None or (self._changed and _storage(tensor) in self._changed):
            return None
        return values

    def forget(self, gone: set[int]) -> None:
        """Storages that are gone: their identities may come again."""
        self._changed -= gone

    def number(self, func: OpOverload, args: Sequence[Any]) -> Any:
        """The one number of a tensor, where the call asks for it and it is known; else None."""
        if func not in NUMBERS:
            return None
        values = self.of(args[0])
        return None if values is None or values.numel() != 1 else NUMBERS[func](values.item())

    def result(self, func: OpOverload, args: Sequence[Any], kwargs: Any) -> Any:
        """What a call whose data decide its size gives, where the data are known; else None."""
        is_by_data = torch.Tag.dynamic_output_shape in func.tags or func in REPEATS
        if not is_by_data or not self._is_known(func, args, kwargs):
            return None
        called, named = tree_map_only(Tensor, self.of, (tuple(args), dict(kwargs)))
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            return tree_map_only(Tensor, _on_meta, func(*called, **named))

    def follow(self, func: OpOverload, args: Sequence[Any], kwargs: Any, result: Any) -> None:
        """Compute what the call makes of values that are known."""
        if func is aten.detach_.default:  # as torch.tensor does
            return
        if func._schema.is_mutable:
            given = [*args, *kwargs.values()]
            self._changed |= {_storage(t) for t in tree_leaves(given) if isinstance(t, Tensor)}
            return
        results = result if isinstance(result, (tuple, list)) else (result,)
        if not all(map(_is_small, results)) or not self._is_known(func, args, kwargs):
            return
        called, named = tree_map_only(Tensor, self.of, (tuple(args), dict(kwargs)))
        if named.get("device") is not None:
            named["device"] = torch.device("cpu")
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            try:
                values = func(*called, **named)
            except (RuntimeError, IndexError):  # as the model's own call may, where it is reached
                return
        computed = values if isinstance(values, (tuple, list)) else (values,)
        for made, known in zip(results, computed, strict=True):
            if known.device.type == "cpu":  # a device may be among the arguments
                setattr(made, VALUES, known)

    def _is_known(self, func: OpOverload, args: Sequence[Any], kwargs: Any) -> bool:
        if func not in FACTORIES and not any(self._may_be_known(a) for a in args):
            return False
        if torch.Tag.nondeterministic_seeded in func.tags:
            return False
        leaves = tree_leaves((list(args), kwargs))
        if any(isinstance(x, (torch.SymInt, torch.SymFloat, torch.SymBool)) for x in leaves):
            return False
        tensors = [x for x in leaves if isinstance(x, Tensor)]
        return all(self.of(t) is not None and not isinstance(t, nn.Parameter) for t in tensors)

    def _may_be_known(self, argument: Any) -> bool:
        items = argument if isinstance(argument, (list, tuple)) else (argument,)
        return any(isinstance(item, Tensor) and hasattr(item, VALUES) for item in items)


def _on_meta(values: Tensor) -> Tensor:
    """A tensor on the meta device that remembers its values, if they are few."""
    made = values.to("meta")
    keep(made, values)
    return made


def _is_small(result: Any) -> bool:
    sizes = result.shape if isinstance(result, Tensor) else (MOST + 1,)
    # By the type itself: a symbolic size is asked for it in Python.
    return all(type(size) is int for size in sizes) and prod(sizes) <= MOST


def _storage(tensor: Tensor) -> int:
    identity: int = tensor.untyped_storage()._cdata  # private: one on meta has no address
    return identity
