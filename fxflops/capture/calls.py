"""What a node of a captured graph is called with: arguments, tensors, their shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.fx
from torch import Tensor

from fxflops._torch import OpOverload
from fxflops.capture.result import SizeReader


def bind(op: OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by the names of the operator's schema, defaults filled in."""
    bound = {}
    for position, argument in enumerate(op._schema.arguments):
        if position < len(args):
            bound[argument.name] = args[position]
        elif argument.name in kwargs:
            bound[argument.name] = kwargs[argument.name]
        else:
            bound[argument.name] = argument.default_value
    return bound


def shaped(value: Any, read: SizeReader) -> Any:
    """``value`` with every tensor replaced by its shape and every size by its dim.

    A ratio of sizes, such as a scale factor, becomes something that equals nothing else: what it
    did to the shapes is in them.
    """
    if isinstance(value, Tensor):
        return tuple(read(size) for size in value.shape)
    if isinstance(value, torch.SymInt):
        return read(value)
    if isinstance(value, torch.SymFloat):
        return object()
    if isinstance(value, (list, tuple)):
        return tuple(shaped(item, read) for item in value)
    return value


def values(arguments: Any) -> Any:
    """The arguments of a graph node with the tensors and sizes that its inputs compute."""
    return torch.fx.node.map_arg(arguments, lambda node: node.meta["val"])


def tensors(value: Any) -> list[Tensor]:
    """The tensors in nested lists and tuples."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in tensors(item)]
    return []


def aliases(left: Tensor, right: Tensor) -> bool:
    """Whether one tensor is a view of the other, or both are of a third; also on meta."""
    # Private: _cdata identifies a storage that, on the meta device, has no address.
    return bool(left.untyped_storage()._cdata == right.untyped_storage()._cdata)
