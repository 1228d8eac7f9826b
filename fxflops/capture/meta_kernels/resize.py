"""Resizing of images with symbolic sizes, where autograd is above the recorder.

PyTorch's own step from a scale factor to the size of the result takes plain integers only, and so
would fix every size of the image. Here it is done in symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

aten = torch.ops.aten

NEAREST = {
    ("nearest", 1): aten.upsample_nearest1d.default,
    ("nearest", 2): aten.upsample_nearest2d.default,
    ("nearest", 3): aten.upsample_nearest3d.default,
    ("nearest-exact", 1): aten._upsample_nearest_exact1d.default,
    ("nearest-exact", 2): aten._upsample_nearest_exact2d.default,
    ("nearest-exact", 3): aten._upsample_nearest_exact3d.default,
}
WEIGHTED = {
    ("linear", 1): aten.upsample_linear1d.default,
    ("bilinear", 2): aten.upsample_bilinear2d.default,
    ("trilinear", 3): aten.upsample_trilinear3d.default,
    ("bicubic", 2): aten.upsample_bicubic2d.default,
}
SMOOTHED = {
    ("bilinear", 2): aten._upsample_bilinear2d_aa.default,
    ("bicubic", 2): aten._upsample_bicubic2d_aa.default,
}


class Resizing(TorchFunctionMode):
    """Does what ``torch.nn.functional.interpolate`` does; what it does not know is PyTorch's."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = _resized(*args, **(kwargs or {})) if func is F.interpolate else None
        return func(*args, **(kwargs or {})) if result is None else result


def _resized(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor | None:
    axes = input.dim() - 2
    if (size is None) == (scale_factor is None):
        return None
    sizes = _per_axis(size, axes) if scale_factor is None else _scaled(input, scale_factor)
    if sizes is None:
        return None
    kind, weighted = (mode, axes), SMOOTHED if antialias else WEIGHTED
    result: Tensor | None = None
    if kind in NEAREST:
        result = NEAREST[kind](input, sizes)
    elif kind in weighted:
        result = weighted[kind](input, sizes, bool(align_corners))
    return result


def _scaled(image: Tensor, factors: float | Sequence[float]) -> list[int | torch.SymInt] | None:
    """The size after scaling, rounded down, as PyTorch does."""
    axes = image.shape[2:]
    each = _per_axis(factors, len(axes))
    if each is None:
        return None
    scaled = zip(axes, each, strict=True)
    return [n * int(f) if float(f).is_integer() else torch.sym_int(n * f) for n, f in scaled]


def _per_axis(option: Any, axes: int) -> list[Any] | None:
    """One for each axis; None where there are more or fewer."""
    each = list(option) if isinstance(option, (list, tuple)) else [option] * axes
    return each if len(each) == axes else None
