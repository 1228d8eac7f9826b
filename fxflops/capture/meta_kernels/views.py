"""Which view of a tensor another shape is, if any.

PyTorch decides in Python, where sizes are symbolic, whether a reshape is a view or a copy; that is
slow, and asks of each size whether it is 1. Here such a question is asked only where the answer
makes the difference, so that few formulas need a capture of their own at a size of 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import prod
from types import NoneType
from typing import Any, TypeAlias

import torch
from torch import Tensor

Size: TypeAlias = int | torch.SymInt

aten = torch.ops.aten


def view_of(operator: object, args: tuple[Any, ...]) -> Any:
    """What a call gives that moves no number, or only to reshape; None where no rule applies."""
    if operator in PARTS:
        return PARTS[operator](*args)
    shape_of = SHAPES.get(operator)
    if shape_of is None or args[0].numel() == 0:
        return None
    tensor, sizes = args[0], shape_of(*args)
    if operator is aten.flatten.using_ints and sizes and len(sizes) == tensor.dim():
        return tensor  # one axis is flattened into itself
    if sizes is None or prod(sizes) != tensor.numel():
        return None
    strides = view_strides(tensor.shape, tensor.stride(), sizes)
    if strides is not None:
        return tensor.as_strided(sizes, strides, tensor.storage_offset())
    if operator in ALWAYS_VIEWS:
        return None
    return torch.empty(sizes, dtype=tensor.dtype, device="meta")


def view_strides(
    sizes: Sequence[Size], strides: Sequence[Size], new_sizes: Sequence[Size]
) -> tuple[Size, ...] | None:
    """The strides of the view of ``new_sizes``; None where that needs a copy.

    Requires that the numbers of elements agree. Axes that are contiguous with one another are one
    block of memory, from the inside out; each block must be the product of some of the new sizes.
    """
    blocks = _blocks(sizes, strides)
    new_strides: list[Size] = []
    left, step = blocks.pop()
    for size in reversed(new_sizes):
        if _is_one(left) and blocks and not _is_one(size):
            left, step = blocks.pop()
        if left % size != 0:
            return None
        new_strides.append(step)
        step, left = step * size, left // size
    return tuple(reversed(new_strides))


def _blocks(sizes: Sequence[Size], strides: Sequence[Size]) -> list[tuple[Size, Size]]:
    """The maximal blocks of memory as (elements, stride of the innermost)."""
    blocks: list[tuple[Size, Size]] = []
    for size, stride in reversed(list(zip(sizes, strides, strict=True))):
        if blocks:
            elements, step = blocks[0]
            if stride == elements * step:
                blocks[0] = elements * size, step
                continue
            if size == 1:
                continue
            if elements == 1:
                blocks.pop(0)
        blocks.insert(0, (size, stride))
    return blocks or [(1, 1)]


def axis_of(dim: int, rank: int) -> int:
    """The axis that ``dim``, which may count from the end, names. Raises IndexError."""
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension {dim} is out of range for {rank} axes")
    return dim % rank


def _is_one(size: Size) -> bool:
    return type(size) is int and size == 1


def _unsqueezed(input: Tensor, dim: int) -> Tensor:
    dim = axis_of(dim, input.dim() + 1)
    sizes, strides = list(input.shape), list(input.stride())
    strides.insert(dim, sizes[dim] * strides[dim] if dim < len(sizes) else 1)
    sizes.insert(dim, 1)
    return input.as_strided(sizes, strides, input.storage_offset())


def _expanded(input: Tensor, size: Sequence[Size], *_: object) -> Tensor | None:
    new = len(size) - input.dim()
    strides: list[Size] = [0] * new
    sizes = list(size)
    for axis, (old, stride) in enumerate(zip(input.shape, input.stride(), strict=True), start=new):
        wanted = sizes[axis]
        if isinstance(wanted, int) and wanted == -1:
            sizes[axis] = old
        strides.append(0 if _is_one(old) and not _is_one(sizes[axis]) else stride)
        if not _is_one(old) and sizes[axis] != old:
            return None
    return input.as_strided(sizes, strides, input.storage_offset())


def _reshape(input: Tensor, shape: Sequence[Size]) -> Sequence[Size] | None:
    inferred = [axis for axis, size in enumerate(shape) if isinstance(size, int) and size == -1]
    if not inferred:
        return shape
    sizes = list(shape)
    sizes[inferred[0]] = input.numel() // prod(s for a, s in enumerate(shape) if a != inferred[0])
    return sizes


def _flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Sequence[Size] | None:
    if not input.dim():
        return None
    start, end = axis_of(start_dim, input.dim()), axis_of(end_dim, input.dim())
    if start > end:
        return None
    return (*input.shape[:start], prod(input.shape[start : end + 1]), *input.shape[end + 1 :])


def _unflatten(input: Tensor, dim: int, sizes: Sequence[Size]) -> Sequence[Size] | None:
    dim = axis_of(dim, input.dim())
    inner = _reshape(input.new_empty(input.shape[dim]), sizes)
    return inner and (*input.shape[:dim], *inner, *input.shape[dim + 1 :])


def _narrowed(input: Tensor, dim: int, start: Size, length: Size) -> Tensor:
    sizes = (*input.shape[:dim], length, *input.shape[dim + 1 :])
    offset = input.storage_offset() + start * input.stride(dim)
    return input.as_strided(sizes, input.stride(), offset)


def _split_with_sizes(
    input: Tensor, split_sizes: Sequence[Size], dim: int = 0
) -> tuple[Tensor, ...] | None:
    dim = axis_of(dim, input.dim())
    ends = list(accumulate(split_sizes))
    if ends[-1] != input.shape[dim]:
        return None
    starts = (0, *ends[:-1])
    return tuple(_narrowed(input, dim, *part) for part in zip(starts, split_sizes, strict=True))


def _split(input: Tensor, split_size: Size, dim: int = 0) -> tuple[Tensor, ...] | None:
    size = input.shape[dim]
    if not isinstance(size, int) or not isinstance(split_size, int) or split_size < 1:
        return None
    whole, rest = divmod(size, split_size)
    return _split_with_sizes(input, [split_size] * whole + [rest] * (rest > 0), dim)


def _chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...] | None:
    size = input.shape[dim]
    return _split(input, -(-size // chunks), dim) if isinstance(size, int) and size else None


def _unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...] | None:
    size = input.shape[dim]
    return tuple(_selected(input, dim, i) for i in range(size)) if isinstance(size, int) else None


def _selected(input: Tensor, dim: int, index: Size) -> Tensor:
    dim = axis_of(dim, input.dim())
    sizes = (*input.shape[:dim], *input.shape[dim + 1 :])
    strides = (*input.stride()[:dim], *input.stride()[dim + 1 :])
    return input.as_strided(sizes, strides, input.storage_offset() + index * input.stride(dim))


def _slice(
    input: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor | None:
    dim = axis_of(dim, input.dim())
    size = input.shape[dim]
    if step != 1:
        return None
    if start in (None, 0) and (end is None or (isinstance(end, int) and end >= ALL)):
        return input.as_strided(input.shape, input.stride(), input.storage_offset())
    if not all(isinstance(known, (int, NoneType)) for known in (size, start, end)):
        return None
    start, stop, _ = slice(start, end).indices(size)
    return _narrowed(input, dim, start, max(stop - start, 0))


def _dropout(input: Tensor, p: float, train: bool) -> Tensor | None:
    """In eval mode nothing is dropped, and nothing moved: the result is the input itself."""
    return None if train else input


ALL = 2**63 - 1
"""The end of a slice that has none."""

PARTS: dict[object, Callable[..., Any]] = {
    aten.chunk.default: _chunk,
    aten.dropout.default: _dropout,
    aten.expand.default: _expanded,
    aten.slice.Tensor: _slice,
    aten.split.Tensor: _split,
    aten.split_with_sizes.default: _split_with_sizes,
    aten.unbind.int: _unbind,
    aten.unsqueeze.default: _unsqueezed,
}

SHAPES: dict[object, Callable[..., Sequence[Size] | None]] = {
    aten.flatten.using_ints: _flatten,
    aten.reshape.default: _reshape,
    aten.unflatten.int: _unflatten,
    aten.view.default: _reshape,
}
ALWAYS_VIEWS = {aten.unflatten.int, aten.view.default}
