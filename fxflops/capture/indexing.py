"""Slices that cover a whole axis, which PyTorch leaves out where it knows the sizes.

A slice that is left out has no derivative: so a training step with symbolic sizes must leave out
the same ones. PyTorch does so with ``:`` by itself; of ``:5`` it must know whether there are more
than 5, which here is asked and thus becomes a condition of the domain.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

LEADS_NOWHERE = (None, 0)


def without_covering_slices(tensor: Tensor, index: Any) -> Any:
    """``index`` with ``:`` in place of every slice that starts at 0 and ends beyond the axis."""
    items = list(index) if isinstance(index, tuple) else [index]
    if not any(map(_may_cover, items)) or not all(map(_is_plain, items)):
        return index
    taken = [_axes_of(item) for item in items]
    rest = tensor.dim() - sum(taken)
    axis = 0
    for position, item in enumerate(items):
        if _may_cover(item) and item.stop >= tensor.shape[axis]:
            items[position] = slice(None)
        axis += rest if item is Ellipsis else taken[position]
    return tuple(items) if isinstance(index, tuple) else items[0]


def _may_cover(item: Any) -> bool:
    return (
        isinstance(item, slice)
        and isinstance(item.stop, (int, torch.SymInt))
        and _is(item.start, LEADS_NOWHERE)
        and _is(item.step, (None, 1))
    )


def _is(bound: Any, known: tuple[Any, ...]) -> bool:
    return bound is None or (type(bound) is int and bound in known)


def _is_plain(item: Any) -> bool:
    return item is None or item is Ellipsis or isinstance(item, (int, torch.SymInt, slice, Tensor))


def _axes_of(item: Any) -> int:
    """How many axes of a tensor an index takes."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, Tensor) and item.dtype in (torch.bool, torch.uint8):
        return item.dim()
    return 1
