"""The shape of a result, without running the kernel that would compute it.

PyTorch's meta kernels decompose, check and compute strides in Python where sizes are symbolic,
which for a few frequent operators is most of the time of a capture (and importing what they need,
Dynamo included, is more than that). For these operators, on tensors of one floating-point type and
where sizes plainly agree, the result is a contiguous tensor whose shape one line gives: always for
some operators, on contiguous tensors for the others. Every other call runs the kernel. Tests hold
each rule against the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

Sizes: TypeAlias = tuple[int | torch.SymInt, ...]

aten = torch.ops.aten

HARMLESS = {"alpha", "approximate", "enable_gqa", "rounding_mode", "scale"}
"""Keyword arguments that change neither shape nor type."""


class Rule(NamedTuple):
    """How to know a result: its sizes from the arguments, and when that is all there is to it."""

    sizes: Callable[..., Sizes | None]
    any_layout: bool = False
    dtype: torch.dtype | None = None
    in_place: bool = False


def result_of(operator: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The result of the call as a meta tensor, or None where no rule applies."""
    if operator is aten.arange.default:
        return _arange(*args, **kwargs)
    rule = RULES.get(operator)
    if rule is None or kwargs.keys() - HARMLESS:
        return None
    tensors = [argument for argument in args if isinstance(argument, Tensor)]
    masked = operator in WHERE
    numbers = tensors[masked:]
    dtype = numbers[0].dtype if numbers else torch.bool
    if not dtype.is_floating_point or any(tensor.dtype != dtype for tensor in numbers):
        return None
    if not rule.any_layout and not all(tensor.is_contiguous() for tensor in tensors):
        return None
    sizes = rule.sizes(*args)
    if sizes is None:
        return None
    if rule.in_place:
        return tensors[0] if all(map(_is_same, sizes, tensors[0].shape)) else None
    return torch.empty(sizes, dtype=rule.dtype or dtype, device="meta")


def _broadcast(*args: Any) -> Sizes | None:
    """The broadcast shape of the tensors, where sizes are one and the same, or 1."""
    result: list[int | torch.SymInt] = []
    for tensor in args:
        if not isinstance(tensor, Tensor):
            continue
        sizes: list[int | torch.SymInt] = list(tensor.shape)
        if len(sizes) > len(result):
            result, sizes = sizes, result
        for axis, size in enumerate(sizes, start=len(result) - len(sizes)):
            if _is_one(result[axis]):
                result[axis] = size
            elif not _is_one(size) and not _is_same(result[axis], size):
                return None
    return tuple(result)


def _first(input: Tensor, *_: object) -> Sizes:
    return tuple(input.shape)


def _softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Sizes | None:
    return tuple(input.shape) if dtype is None else None


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Sizes:
    return (*input.shape[:-1], weight.shape[0])


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: object) -> Sizes | None:
    for other in (key, value):
        same = map(_is_same, query.shape[:-2], other.shape[:-2])
        if other.dim() != query.dim() or not all(same):
            return None
    return (*query.shape[:-1], value.shape[-1])


def _grid_sampler(input: Tensor, grid: Tensor, *_: object) -> Sizes | None:
    if not _is_same(input.shape[0], grid.shape[0]):
        return None
    return (*input.shape[:2], *grid.shape[1:-1])


def _arange(end: Any, *, dtype: torch.dtype | None = None, **_: object) -> Tensor | None:
    if not isinstance(end, (int, torch.SymInt)):
        return None
    return torch.empty((end,), dtype=dtype or torch.int64, device="meta")


def _is_one(size: int | torch.SymInt) -> bool:
    return isinstance(size, int) and size == 1


def _is_same(left: int | torch.SymInt, right: int | torch.SymInt) -> bool:
    """Whether two sizes are equal as they stand; a capture has one node for each symbolic size."""
    if isinstance(left, int) or isinstance(right, int):
        return isinstance(left, int) and isinstance(right, int) and left == right
    return left.node is right.node


WHERE = {aten.where.self, aten.where.ScalarOther, aten.where.ScalarSelf}

ARITHMETIC = (
    aten.add.Tensor,
    aten.clamp.default,
    aten.cos.default,
    aten.div.Tensor,
    aten.exp.default,
    aten.gelu.default,
    aten.hardsigmoid.default,
    aten.hardswish.default,
    aten.hardtanh.default,
    aten.log.default,
    aten.mul.Tensor,
    aten.neg.default,
    aten.pow.Scalar,
    aten.pow.Tensor_Scalar,
    aten.relu.default,
    aten.rsqrt.default,
    aten.rsub.Scalar,
    aten.sigmoid.default,
    aten.silu.default,
    aten.sin.default,
    aten.sub.Tensor,
    aten.tanh.default,
)
IN_PLACE = (
    aten.add_.Tensor,
    aten.hardswish_.default,
    aten.hardtanh_.default,
    aten.mul_.Tensor,
    aten.relu_.default,
    aten.silu_.default,
)
COMPARISONS = (aten.gt.Scalar, aten.gt.Tensor, aten.lt.Scalar, aten.lt.Tensor)

RULES: dict[object, Rule] = {
    aten.batch_norm.default: Rule(_first),
    aten.grid_sampler.default: Rule(_grid_sampler, any_layout=True),
    aten.layer_norm.default: Rule(_first, any_layout=True),
    aten.linear.default: Rule(_linear, any_layout=True),
    aten.scaled_dot_product_attention.default: Rule(_attention, any_layout=True),
    aten.softmax.int: Rule(_softmax),
    **dict.fromkeys((*ARITHMETIC, *WHERE), Rule(_broadcast)),
    **dict.fromkeys(COMPARISONS, Rule(_broadcast, dtype=torch.bool)),
    **dict.fromkeys(IN_PLACE, Rule(_broadcast, in_place=True)),
}
