"""Results whose size the data decide: what is said of them, since no size of the input tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fxflops.algebra import Dim
from fxflops.algebra.closed_form import text
from fxflops.capture.symint.reader import read_symint
from fxflops.formulas.shapes import numel

AS_MANY_AS_ELEMENTS = {
    "aten::nonzero",
    "aten::nonzero_numpy",
    "aten::argwhere",
    "aten::masked_select",
    "aten::_unique",
    "aten::_unique2",
    "aten::unique_consecutive",
}
AS_MANY_AS_ROWS = {"torchvision::nms", "torchvision::qnms"}
AS_MANY_AS_SLICES = {"aten::unique_dim", "aten::unique_dim_consecutive"}
BY_INDICES = {"aten::index"}
WITHOUT_BOUND = {
    "aten::repeat_interleave": "give it output_size",
    "aten::one_hot": "give it num_classes",
    "aten::bincount": "count the model up to there",
}
"""Those whose numbers decide it, and what to do."""


def data_dependent_size(operator: Any, args: Sequence[Any]) -> str | None:
    """A line on a call whose result's size depends on data, with its bound; None for other calls.

    It is asked of calls that could not be made on meta tensors.
    """
    name = operator._schema.name
    bound, advice = _bound(name, args), WITHOUT_BOUND.get(name)
    if bound is None and advice is None:
        return None
    at_most = "" if bound is None else f", at most {text(bound)}"
    return (
        f"{operator} gives as many results as the data say{at_most}, and no formula of the input's "
        f"sizes can say it: {advice or 'count the model up to there, or take a fixed number'}"
    )


def _bound(name: str, args: Sequence[Any]) -> Dim | None:
    """The most results there can be; None for a call whose size is not from data."""
    first = args[0] if args else None
    if not isinstance(first, Tensor):
        return None
    shape = tuple(read_symint(size) for size in first.shape)
    if name in AS_MANY_AS_ELEMENTS or (name == "aten::where" and len(args) == 1):
        return numel(shape)
    if name in AS_MANY_AS_ROWS:
        return shape[0]
    if name in AS_MANY_AS_SLICES:
        return dict(zip(range(-len(shape), len(shape)), shape * 2, strict=True)).get(args[1])
    masks = [i for i in args[1] if _is_mask(i)] if name in BY_INDICES else []
    return numel(map(read_symint, masks[0].shape)) if masks else None


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)
