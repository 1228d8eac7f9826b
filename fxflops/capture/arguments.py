"""A call's arguments, copied without their data, as tensors by position."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree  # private: the containers that torch.export knows, too

from fxflops._torch import python_dispatch
from fxflops.capture.constants import keep
from fxflops.errors import SpecError
from fxflops.spec import InputSpec, TensorInput, joined, of_argument

Arrange: TypeAlias = Callable[[Sequence[Tensor]], tuple[tuple[Any, ...], dict[str, Any]]]
"""Tensors by position -> the arguments that have them, by position and by keyword."""


def flattened(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[InputSpec, Arrange]:
    """The spec of the tensors in a call's arguments, their sizes fixed, and how to put them back.

    They are also those in objects, such as caches; but parameters there, and tensors without
    elements, are constants. A tensor that is in several places is one; the spec of one, alone or as
    text, is one with the axes that it says. The arguments are copied, and each call gets another
    copy.

    Raises SpecError for a tensor without elements, and for what cannot be copied.
    """
    (args, kwargs), specs = _with_stand_ins((args, dict(kwargs)))
    leaves = pytree.tree_leaves((args, dict(kwargs)))
    direct = {id(leaf): leaf for leaf in leaves if isinstance(leaf, Tensor)}
    tensors = list(direct.values())
    described(tensors)  # all of them have elements
    memo: dict[int, Any] = {key: on_meta(tensor) for key, tensor in direct.items()}
    for leaf in leaves:
        if isinstance(leaf, nn.Module):
            memo |= {id(buffer): on_meta(buffer) for buffer in leaf.buffers()}
    twins = [memo[key] for key in direct]

    def found(tensor: Tensor, twin: Tensor) -> None:
        if tensor.numel():
            tensors.append(tensor)
            twins.append(twin)

    try:
        copied = copied_on_meta((args, dict(kwargs)), memo, found)
    except Exception as error:
        raise SpecError(
            f"Cannot copy the arguments of the call, which fxflops does to leave them as they are: "
            f"{error}"
        ) from error

    def arrange(given: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        placed: dict[int, Any] = {
            id(twin): tensor for twin, tensor in zip(twins, given, strict=True)
        }
        with python_dispatch._disable_current_modes():  # a copy is no call of the model
            arranged: tuple[tuple[Any, ...], dict[str, Any]] = copied_on_meta(copied, placed)
        return arranged

    spec = described(tensors).tensors
    return joined(specs.get(id(t), as_is) for t, as_is in zip(tensors, spec, strict=True)), arrange


def _with_stand_ins(arguments: Any) -> tuple[Any, dict[int, TensorInput]]:
    """The arguments with a tensor where they have the spec of one, and the specs by tensor."""
    specs: dict[int, TensorInput] = {}

    def stand_in(path: Any, leaf: Any) -> Any:
        spec = of_argument(leaf) if isinstance(leaf, str) else leaf
        if not isinstance(spec, TensorInput):
            return leaf
        key = getattr(path[-1], "key", None) if path else None
        if isinstance(key, str) and key.isidentifier():
            spec = replace(spec, name=key)
        kind = getattr(torch, spec.dtype) if spec.dtype else None
        held.append(torch.empty((1,) * len(spec.axes), dtype=kind, device="meta"))
        specs[id(held[-1])] = spec
        return held[-1]

    held: list[Tensor] = []
    replaced = pytree.tree_map_with_path(stand_in, arguments)
    return (replaced if specs else arguments), specs


def described(tensors: Iterable[Tensor]) -> InputSpec:
    """The spec of these tensors. Raises SpecError for one without elements."""
    return InputSpec(tuple(_like(tensor, index) for index, tensor in enumerate(tensors)))


def copied_on_meta(
    value: Any,
    memo: dict[int, Any],
    found: Callable[[Tensor, Tensor], None] = lambda tensor, twin: None,
) -> Any:
    """A deep copy whose tensors, all on the meta device, hold no data; none is copied for it.

    ``found`` is told of each tensor that is no parameter, and of what stands for it in the copy.
    """
    with _Twins(found):
        for held in _without_help(value):
            if isinstance(held, torch.Generator):  # whose state is a tensor with data
                memo[id(held)] = held.clone_state()
            elif id(held) not in memo:
                _copy_container(held, memo)
        return copy.deepcopy(value, memo)


def _without_help(value: Any) -> Iterator[Any]:
    """What `copy.deepcopy` would not copy right here, by itself.

    Generators of random numbers, and dicts and lists of classes of their own that do not say how
    they are copied.
    """
    waiting, seen = [value], set()
    while waiting:
        held = waiting.pop()
        if id(held) in seen or isinstance(held, (type, FunctionType, ModuleType, Tensor)):
            continue
        seen.add(id(held))
        if isinstance(held, torch.Generator):
            yield held
        elif isinstance(held, (dict, list)):
            waiting += dict.values(held) if isinstance(held, dict) else list.__iter__(held)
            if type(held).__module__ not in ("builtins", "collections") and not any(
                getattr(type(held), name, None) is not getattr(base_of(held), name, None)
                for name in ("__deepcopy__", "__reduce__", "__reduce_ex__")
            ):
                yield held
        elif isinstance(held, tuple):
            waiting += tuple.__iter__(held)
        attributes = getattr(held, "__dict__", None)
        if type(attributes) is dict:
            waiting += attributes.values()


def base_of(container: Any) -> Any:
    """The builtin type whose methods change a container, whatever its class makes of them."""
    return next(b for b in (OrderedDict, defaultdict, dict, list) if isinstance(container, b))


def _copy_container(container: Any, memo: dict[int, Any]) -> None:
    """Copy it as `copy.deepcopy` does, but by the methods of its builtin type."""
    base = base_of(container)
    memo[id(container)] = made = base.__new__(type(container))
    if base is list:
        list.extend(made, [copy.deepcopy(item, memo) for item in list.__iter__(container)])
    else:
        if base is defaultdict:
            defaultdict.__init__(made, container.default_factory)
        for key, value in zip(base.keys(container), base.values(container), strict=True):
            base.__setitem__(made, copy.deepcopy(key, memo), copy.deepcopy(value, memo))
    if type(getattr(container, "__dict__", None)) is dict:
        made.__dict__.update(
            {name: copy.deepcopy(held, memo) for name, held in container.__dict__.items()}
        )


def on_meta(tensor: Tensor) -> Tensor:
    """The same shape, strides, dtype and kind on the meta device."""
    if tensor.layout is not torch.strided:
        return tensor.detach().to("meta")
    empty = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    keep(empty, tensor)
    return empty.requires_grad_(tensor.requires_grad and tensor.is_leaf)


class _Twins(TorchFunctionMode):
    """Has a deep copy make meta tensors in place of copies of tensors, in this thread."""

    def __init__(self, found: Callable[[Tensor, Tensor], None]) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.__deepcopy__:
            tensor, memo = args
            if id(tensor) not in memo:
                memo[id(tensor)] = twin = on_meta(tensor)
                self._found(tensor, twin)
            return memo[id(tensor)]
        if func is Tensor.clone:  # as nn.Parameter.__deepcopy__ does
            return on_meta(args[0].detach())
        return func(*args, **(kwargs or {}))


def _like(tensor: Tensor, index: int) -> TensorInput:
    if not tensor.numel():
        raise SpecError(
            f"Tensor {index} of the input is {list(tensor.shape)}: a size is at least 1."
        )
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorInput(name=f"input{index}", axes=tuple(map(int, tensor.shape)), dtype=dtype)
