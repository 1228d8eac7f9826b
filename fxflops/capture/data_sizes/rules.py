"""Which operators give as many results as the data say, and at most how many.

Each rule makes the result of a call, with a size from `DataSizes`; None where the call's size is
not from data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import torch
from torch import Tensor

from fxflops._torch import OpOverload
from fxflops.algebra import Dim, symbols_of
from fxflops.capture.calls import bind
from fxflops.capture.data_sizes.sizes import DataSizes
from fxflops.capture.symint.int_node import IntNode
from fxflops.capture.symint.node import DataDecideError
from fxflops.capture.symint.reader import read_symint
from fxflops.formulas.shapes import numel

aten = torch.ops.aten
MASKS = (torch.bool, torch.uint8)

Rule: TypeAlias = Callable[[DataSizes, OpOverload, dict[str, Any]], Any]


def result_of_data(
    sizes: DataSizes, operator: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """The result of a call whose size data decide; None of any other call."""
    rule = RULES.get(operator)
    if rule is None and operator.namespace == "torchvision" and _name(operator) in SUPPRESSIONS:
        rule = _suppressed
    if rule is None:
        return None
    return rule(sizes, operator, bind(operator, args, kwargs))


Asked: TypeAlias = tuple[OpOverload, tuple[object, ...], Dim]
"""Of which operator, and which tensors, a size is; and its bound."""


def asked(operator: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Asked]:
    """The sizes that a call of a run has from data: what its rule asks `DataSizes` for."""

    class Asking(DataSizes):
        def size(self, operator: OpOverload, bound: Dim, *of: object) -> int | torch.SymInt:
            found.append((operator, of, bound))
            return 1

    found: list[Asked] = []
    if operator in (aten.index.Tensor, aten.cat.default, aten.slice.Tensor, aten.unbind.int):
        indices = args[1] if operator is aten.index.Tensor else ()
        return [(aten.nonzero.default, (m,), _elements(m)) for m in indices if _is_mask(m)]
    result_of_data(Asking(), operator, args, kwargs)
    return found


def _name(operator: OpOverload) -> str:
    return str(operator._schema.name.rpartition("::")[2])


def is_of_data(size: object) -> bool:
    """Whether a size is made of one that data decide."""
    if not isinstance(size, torch.SymInt) or not isinstance(size.node, IntNode):
        return False
    return any(symbol.is_data for symbol in symbols_of(size.node.value))


def _elements(tensor: Tensor) -> Dim:
    return numel(map(read_symint, tensor.shape))


def _places(count: int | torch.SymInt, axes: int | None = None) -> Tensor:
    """``count`` positions: a row each with ``axes`` numbers, or one number."""
    return torch.empty(
        (count,) if axes is None else (count, axes), dtype=torch.int64, device="meta"
    )


def _nonzero(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> Tensor:
    tensor = call["self"]
    return _places(_selected(sizes, operator, tensor), tensor.dim())


def _nonzero_by_axis(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> list[Tensor]:
    tensor = call["self"] if "self" in call else call["condition"]
    count = _selected(sizes, operator, tensor)
    return [_places(count) for _ in range(max(tensor.dim(), 1))]


def _selected(sizes: DataSizes, operator: OpOverload, mask: Tensor) -> int | torch.SymInt:
    """How many elements of a mask are not 0, the same whoever asks."""
    return sizes.size(aten.nonzero.default, _elements(mask), mask)


def _indexed(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> Tensor | None:
    """By masks: each of them is as many indices along its axes."""
    tensor, indices = call["self"], call["indices"]
    if not any(map(_is_mask, indices)):
        return None
    plain: list[Tensor | None] = []
    for index in indices:
        if _is_mask(index):
            count = _selected(sizes, operator, index)
            plain += [_places(count) for _ in range(index.dim())]
        else:
            plain.append(index)
    result: Tensor = aten.index.Tensor(tensor, plain)
    return result


def _put(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> Tensor | None:
    """Into the places of masks, which changes no size."""
    if not any(map(_is_mask, call["indices"])):
        return None
    tensor: Tensor = call["self"]
    return tensor if operator._schema.is_mutable else torch.empty_like(tensor)


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index.dtype in MASKS


def _masked_select(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> Tensor:
    """As often as an element of the mask is repeated to be as large as the tensor."""
    tensor, mask = call["self"], call["mask"]
    shape: torch.Size = torch.broadcast_shapes(tensor.shape, mask.shape)  # type: ignore[no-untyped-call]
    count = _selected(sizes, operator, mask)
    repeated = prod(shape) // mask.numel() if len(shape) else 1
    return torch.empty((count * repeated,), dtype=tensor.dtype, device="meta")


def _suppressed(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> Tensor:
    boxes, scores = call["dets"], call["scores"]
    bound = read_symint(boxes.shape[0])
    return _places(sizes.size(operator, bound, boxes, scores, call["iou_threshold"]))


def _unique(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> tuple[Tensor, ...]:
    """The values, each element's position among them, how often each occurs."""
    tensor = call["self"]
    count = sizes.size(operator, _elements(tensor), tensor)
    values = torch.empty((count,), dtype=tensor.dtype, device="meta")
    return _with_positions(values, tensor.shape, count, call)


def _unique_along(
    sizes: DataSizes, operator: OpOverload, call: dict[str, Any]
) -> tuple[Tensor, ...] | None:
    tensor, dim = call["self"], call["dim"]
    if dim is None:
        return _unique(sizes, operator, call)
    if not -tensor.dim() <= dim < tensor.dim():
        return None
    shape = list(tensor.shape)
    length = shape[dim]
    count = shape[dim] = sizes.size(operator, read_symint(length), tensor, dim)
    values = torch.empty(shape, dtype=tensor.dtype, device="meta")
    return _with_positions(values, (length,), count, call)


def _with_positions(
    values: Tensor, positions: Sequence[Any], count: int | torch.SymInt, call: dict[str, Any]
) -> tuple[Tensor, ...]:
    def asked(name: str, shape: Sequence[Any]) -> Tensor:
        return torch.empty(shape if call[name] else (0,), dtype=torch.int64, device="meta")

    if "return_counts" not in call:
        return values, asked("return_inverse", positions)
    return values, asked("return_inverse", positions), asked("return_counts", (count,))


def _slice(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> Tensor | None:
    """The first k of U are ``Min(U, k)``, without asking which of the two is less."""
    tensor, dim, start, end = call["self"], call["dim"], call["start"] or 0, call["end"]
    size = tensor.shape[dim]
    if sizes.is_empty or call["step"] != 1 or not any(map(is_of_data, (size, start, end))):
        return None
    if any(isinstance(edge, int) and edge < 0 for edge in (start, end)):
        return None
    if end is None or (isinstance(end, int) and end >= ALL):
        length = size
    else:
        length = torch.sym_min(end, size)
    if not isinstance(start, int) or start:
        length = torch.sym_max(length - start, 0)
    shape, strides = list(tensor.shape), tensor.stride()
    offset = tensor.storage_offset() + start * strides[dim]
    shape[dim] = length
    result: Tensor = tensor.as_strided(shape, strides, offset)
    return result


def _joined(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> Tensor | None:
    """Of many sizes from data, as those of a loop over classes: their sum is a size of its own.

    It is its bound, exactly; formulas are polynomials in it, and not in all products of the many.
    """
    tensors, dim = call["tensors"], call["dim"]
    if len(tensors) <= MOST_JOINED or sizes.is_empty:
        return None
    shape = list(tensors[0].shape)
    along = [tensor.shape[dim] for tensor in tensors if tensor.dim() == len(shape)]
    dtypes = {tensor.dtype for tensor in tensors}
    if len(along) < len(tensors) or len(dtypes) > 1:
        return None
    if sum(map(is_of_data, along)) <= MOST_JOINED and not sizes.has_known(operator):
        return None
    total = sum(map(read_symint, along), 0)
    shape[dim] = sizes.size(operator, total, total)
    return torch.empty(shape, dtype=tensors[0].dtype, device="meta")


MOST_JOINED = 8


def _unbound(sizes: DataSizes, operator: OpOverload, call: dict[str, Any]) -> None:
    """Raises DataDecideError where a tensor is taken apart into as many as the data say."""
    size = call["self"].shape[call["dim"]]
    if is_of_data(size):
        raise DataDecideError(
            f"the model loops over {size.node} rows of a tensor, as many as the data say"
        )


ALL = 2**63 - 1

RULES: dict[OpOverload, Rule] = {
    aten.nonzero.default: _nonzero,
    aten.argwhere.default: _nonzero,
    aten.nonzero_numpy.default: _nonzero_by_axis,
    aten.where.default: _nonzero_by_axis,
    aten.index.Tensor: _indexed,
    aten.cat.default: _joined,
    aten.index_put.default: _put,
    aten.index_put_.default: _put,
    aten.masked_select.default: _masked_select,
    aten.slice.Tensor: _slice,
    aten.unbind.int: _unbound,
    aten._unique.default: _unique,
    aten._unique2.default: _unique,
    aten.unique_dim.default: _unique_along,
    aten.unique_consecutive.default: _unique_along,
    aten.unique_dim_consecutive.default: _unique_along,
}
SUPPRESSIONS = ("nms", "qnms")
"""Operators of torchvision, which is loaded later."""
