"""What the model's own code is told of tensors and factories while it is captured.

It runs on meta tensors with symbolic sizes and must take the branches of an eager run on the CPU.
So tensors say that they are on the CPU, and what is made there is made on meta. What is made of
numbers, such as ``torch.tensor([height, 0.5])``, gets the dtype and shape that PyTorch infers from
the numbers of this capture; the values are lost, which on the meta device all values are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fxflops._torch import _disable_current_modes, tree_leaves
from fxflops.capture.constants import keep
from fxflops.capture.indexing import without_covering_slices
from fxflops.capture.source import TORCH

SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)
REAL = (bool, int, float, *SYMBOLIC)

OF_DATA = {torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor, Tensor.new}
"""They make a tensor of nested lists of numbers."""

OF_ENDS = {
    maker: (
        operator.default,
        operator.Tensor_Scalar,
        operator.Scalar_Tensor,
        operator.Tensor_Tensor,
    )
    for maker, operator in (
        (torch.linspace, torch.ops.aten.linspace),
        (torch.logspace, torch.ops.aten.logspace),
    )
}
"""What makes numbers between two ends: the operators by which of the ends are tensors."""

OF_A_NUMBER = {torch.full, torch.full_like, torch.scalar_tensor, Tensor.new_full}
"""They make a tensor of one number, the last of their arguments."""

META, CPU = torch.device("meta"), torch.device("cpu")


class AsOnCpu(TorchFunctionMode):
    """Answers the model's code as an eager run on the CPU would.

    ``record`` writes down a call, of which operator, arguments and result are given; ``values`` are
    those of a tensor, if they are known.
    """

    def __init__(
        self,
        record: Callable[[Any, tuple[Any, ...], Tensor], Tensor],
        values: Callable[[Tensor], Tensor | None],
    ) -> None:
        super().__init__()
        self._record = record
        self._values = values

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in TOUCHED and "device" not in kwargs:
            return func(*args, **kwargs)
        answer = ANSWERS.get(func)
        if answer is not None and not _is_asked_by_torch():
            return answer(args[0]) if len(args) == 1 and not kwargs else func(*args, **kwargs)
        if func is Tensor.tolist:
            values = self._values(args[0])
            if values is not None:
                return values.tolist()
            if args[0].is_meta:  # where PyTorch's own kernel in Python may call itself
                raise RuntimeError("A list is made of a tensor whose values are not known")
        if func in INDEXES and torch.is_grad_enabled():
            args = (args[0], without_covering_slices(*args[:2]), *args[2:])
        if func is Tensor.__setitem__ and len(args) == 3 and isinstance(args[2], REAL):
            return _set_number(args[0], args[1])
        if func in MOVES:
            args, kwargs = tuple(map(_on_meta, args)), {k: _on_meta(v) for k, v in kwargs.items()}
            if func is Tensor.cpu:
                func, args = Tensor.to, (*args, META)
        elif kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": _on_meta(kwargs["device"])}
        if func in OF_DATA:
            return _of_data(func, args, kwargs)
        if func in OF_ENDS:
            return self._spaced(func, *args, **kwargs)
        if func in OF_A_NUMBER:
            args = (*args[:-1], _number(args[-1])) if len(args) > 1 or not kwargs else args
            kwargs = {k: _number(v) if k in NUMBERS else v for k, v in kwargs.items()}
            if func is torch.scalar_tensor:
                args = tuple(map(_number, args))
        return func(*args, **kwargs)

    def _spaced(self, func: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """``torch.linspace`` or ``logspace``, whose kernels take no symbolic number of steps."""
        called = {**dict(zip(("start", "end", "steps", "base"), args, strict=False)), **kwargs}
        steps = called.get("steps")
        called = {name: _number(value) for name, value in called.items()}
        if not isinstance(steps, torch.SymInt) or called.get("out") is not None:
            return func(**called)
        with _disable_current_modes():
            dtype = func(**{**called, "steps": 1, "device": META}).dtype
            made = torch.empty((steps,), dtype=dtype, device=META)
        ends = called["start"], called["end"]
        operator = OF_ENDS[func][sum(isinstance(e, Tensor) << i for i, e in enumerate(ends))]
        return self._record(operator, (*ends, steps), made)


NUMBERS = {"fill_value", "s"}


def _is_asked_by_torch() -> bool:
    """Whether PyTorch's own code asks, which chooses kernels by the device: here those for meta."""
    frame = sys._getframe(2)
    while frame.f_code.co_name == "__torch_function__" and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(TORCH)


def _set_number(tensor: Tensor, index: Any) -> None:
    """``tensor[index] = number``, in which the number is no call of its own, as on the CPU."""
    with _disable_current_modes():
        number = torch.empty((), dtype=tensor.dtype, device=META)
    items = index if isinstance(index, tuple) else (index,)
    if not all(map(_is_view_index, items)):
        tensor[index] = number
        return
    part = tensor[index]
    if part.dim() == 0:
        part.copy_(number)
    else:
        part.fill_(number)


def _is_view_index(item: Any) -> bool:
    is_number = isinstance(item, (int, torch.SymInt)) and not isinstance(item, bool)
    return item is None or item is Ellipsis or isinstance(item, slice) or is_number


def _on_meta(device: Any) -> Any:
    if type(device) is torch.device:
        return META if device.type == "cpu" else device
    return META if type(device) is str and device.partition(":")[0] == "cpu" else device


def _type_on_cpu(tensor: Tensor) -> str:
    return tensor.type().replace("torch.meta.", "torch.")


def _number(value: Any) -> Any:
    """A number of the same type in place of a symbolic one: that which it has in this capture."""
    return value.node.hint if isinstance(value, SYMBOLIC) else value


def _numbers(data: Any) -> Any:
    """Nested lists with numbers in place of symbolic ones."""
    if isinstance(data, (list, tuple)):
        return [_numbers(item) for item in data]
    if str(getattr(data, "dtype", "")) == "object":  # a NumPy array that holds symbolic sizes
        return _numbers(data.tolist())
    return _number(data)


def _of_data(func: Callable[..., Tensor], args: Any, kwargs: Mapping[str, Any]) -> Tensor:
    position = 1 if func in (Tensor.new_tensor, Tensor.new) else 0
    name = "obj" if func is torch.asarray else "data"
    is_of_sizes = func is Tensor.new and (len(args) != 2 or isinstance(args[1], torch.Size))
    if is_of_sizes or (len(args) <= position and name not in kwargs):
        return func(*args, **kwargs)
    given = kwargs[name] if name in kwargs else args[position]
    data = _numbers(given)
    if name in kwargs:
        made = func(*args, **{**kwargs, name: data})
    else:
        made = func(*args[:position], data, *args[position + 1 :], **kwargs)
    if isinstance(data, list):
        _require_regular(data, made.dtype)
    if all(type(number) in (bool, int, float) for number in tree_leaves(given)):
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            keep(made, torch.tensor(data, dtype=made.dtype, device=CPU))
    return made


def _require_regular(data: list[Any], dtype: torch.dtype) -> None:
    """Raises what PyTorch raises for data that fill no rectangle, at which meta does not look."""
    with _disable_current_modes(), torch._C.DisableTorchFunction():
        torch.tensor(_on_cpu(data), dtype=dtype, device=CPU)


def _on_cpu(data: Any) -> Any:
    """Tensors on the CPU in place of those on meta, whose elements cannot be read."""
    if isinstance(data, list):
        return [_on_cpu(item) for item in data]
    if not isinstance(data, Tensor):
        return data
    return torch.ones([int(size) for size in data.shape], dtype=data.dtype, device=CPU)


ANSWERS: dict[Any, Callable[[Tensor], Any]] = {
    Tensor.device.__get__: lambda tensor: CPU,
    Tensor.is_meta.__get__: lambda tensor: False,  # type: ignore[attr-defined]
    Tensor.is_cpu.__get__: lambda tensor: True,  # type: ignore[attr-defined]
    Tensor.type: _type_on_cpu,
}
INDEXES = {Tensor.__getitem__, Tensor.__setitem__}
MOVES = {Tensor.to, Tensor.cpu}
TOUCHED = {Tensor.tolist, *ANSWERS, *INDEXES, *MOVES, *OF_DATA, *OF_ENDS, *OF_A_NUMBER}
"""All that are called otherwise than they stand in the model's code; and those given a device."""
