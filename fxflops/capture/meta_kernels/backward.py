"""Meta kernels of the operators that a training step calls most often; see `forward`.

Of tensors of one type, with results that are contiguous: those of contiguous arguments, or of any
(`ANY_LAYOUT`). Tests hold each rule against the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from fxflops.capture.meta_kernels.forward import (
    _convolution,
    _is_contiguous,
    _is_same,
    _is_same_shape,
    _max_pool,
)

aten = torch.ops.aten


def result_of(operator: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of the call as meta tensors, or None where no rule applies."""
    rule = RULES.get(operator)
    if rule is None:
        return None
    numbers = [a for a in args if isinstance(a, Tensor) and a.is_floating_point()]
    if not numbers or any(t.dtype != numbers[0].dtype for t in numbers):
        return None
    tensors = (a for a in args if isinstance(a, Tensor))
    if operator not in ANY_LAYOUT and not all(map(_is_contiguous, tensors)):
        return None
    return rule(*args, **kwargs)


def _like(tensor: Tensor, sizes: Sequence[Any]) -> Tensor:
    return torch.empty(sizes, dtype=tensor.dtype, device="meta")


def _masked(tensors: Sequence[Tensor], output_mask: Sequence[bool]) -> tuple[Tensor | None, ...]:
    return tuple(t if asked else None for t, asked in zip(tensors, output_mask, strict=True))


def _pairwise(left: Tensor, right: Tensor, *_: Any, **__: Any) -> Tensor | None:
    return _like(left, left.shape) if _is_same_shape(left.shape, right.shape) else None


def _convolved(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor | None:
    if transposed:
        return None
    sizes = _convolution(input, weight, bias, stride, padding, dilation, groups)
    return None if sizes is None else _like(input, sizes)


def _convolution_backward(
    grad_output: Tensor, input: Tensor, weight: Tensor, bias_sizes: Any, *options: Any
) -> tuple[Tensor | None, ...]:
    *_, output_mask = options
    bias = grad_output.shape[1:2]
    return _masked([_like(weight, s) for s in (input.shape, weight.shape, bias)], output_mask)


def _batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, ...] | None:
    if not training:
        return None
    channels = input.shape[1:2]
    return _like(input, input.shape), _like(input, channels), _like(input, channels)


def _batch_norm_backward(
    grad_out: Tensor, input: Tensor, weight: Tensor | None, *options: Any
) -> tuple[Tensor | None, ...]:
    *_, output_mask = options
    channels = input.shape[1:2]
    return _masked([_like(input, s) for s in (input.shape, channels, channels)], output_mask)


def _layer_norm(
    input: Tensor,
    normalized_shape: Sequence[Any],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, ...] | None:
    rank = input.dim() - len(normalized_shape)
    if not _is_same_shape(input.shape[rank:], normalized_shape):
        return None
    rows = (*input.shape[:rank], *(1 for _ in normalized_shape))
    return _like(input, input.shape), _like(input, rows), _like(input, rows)


def _layer_norm_backward(
    grad_out: Tensor, input: Tensor, normalized_shape: Sequence[Any], *options: Any
) -> tuple[Tensor | None, ...]:
    *_, output_mask = options
    shapes = (input.shape, normalized_shape, normalized_shape)
    return _masked([_like(input, shape) for shape in shapes], output_mask)


def _max_pool_with_indices(input: Tensor, *options: Any) -> tuple[Tensor, Tensor] | None:
    sizes = _max_pool(input, *options)
    if sizes is None:
        return None
    return _like(input, sizes), torch.empty(sizes, dtype=torch.int64, device="meta")


def _max_pool_backward(grad_output: Tensor, input: Tensor, *_: Any) -> Tensor:
    return _like(input, input.shape)


def _softmax(input: Tensor, dim: int, half_to_float: bool) -> Tensor | None:
    return None if half_to_float else _like(input, input.shape)


def _product(left: Tensor, right: Tensor) -> Tensor | None:
    if not _is_same(left.shape[-1], right.shape[-2]):
        return None
    if not _is_same_shape(left.shape[:-2], right.shape[:-2]):
        return None
    return _like(left, (*left.shape[:-1], right.shape[-1]))


def _biased_product(bias: Tensor, left: Tensor, right: Tensor) -> Tensor | None:
    result = _product(left, right)
    if result is None or not _is_same_shape(bias.shape, result.shape[1:]):
        return None
    return result


def _sampled(input: Tensor, grid: Tensor, *_: Any) -> Tensor | None:
    if not _is_same(input.shape[0], grid.shape[0]):
        return None
    return _like(input, (*input.shape[:2], *grid.shape[1:3]))


def _resize_backward(
    grad_output: Tensor, output_size: Sequence[Any], input_size: Sequence[Any], *_: Any
) -> Tensor:
    """PyTorch's own kernels take plain integers only."""
    return _like(grad_output, input_size)


RESIZES_BACKWARD = (
    aten._upsample_bicubic2d_aa_backward.default,
    aten._upsample_bilinear2d_aa_backward.default,
    aten._upsample_nearest_exact1d_backward.default,
    aten._upsample_nearest_exact2d_backward.default,
    aten._upsample_nearest_exact3d_backward.default,
    aten.upsample_bicubic2d_backward.default,
    aten.upsample_bilinear2d_backward.default,
    aten.upsample_linear1d_backward.default,
    aten.upsample_nearest1d_backward.default,
    aten.upsample_nearest2d_backward.default,
    aten.upsample_nearest3d_backward.default,
    aten.upsample_trilinear3d_backward.default,
)

ANY_LAYOUT = {
    aten.addmm.default,
    aten.bmm.default,
    aten.convolution.default,
    aten.grid_sampler_2d.default,
    aten.mm.default,
    *RESIZES_BACKWARD,
}

RULES: dict[object, Callable[..., Any]] = {
    aten._softmax.default: _softmax,
    aten._softmax_backward_data.default: _pairwise,
    aten.addmm.default: _biased_product,
    aten.bmm.default: _product,
    aten.convolution.default: _convolved,
    aten.convolution_backward.default: _convolution_backward,
    aten.gelu_backward.default: _pairwise,
    aten.grid_sampler_2d.default: _sampled,
    aten.max_pool2d_with_indices.default: _max_pool_with_indices,
    aten.max_pool2d_with_indices_backward.default: _max_pool_backward,
    aten.mm.default: _product,
    aten.native_batch_norm.default: _batch_norm,
    aten.native_batch_norm_backward.default: _batch_norm_backward,
    aten.native_layer_norm.default: _layer_norm,
    aten.native_layer_norm_backward.default: _layer_norm_backward,
    aten.sigmoid_backward.default: _pairwise,
    aten.silu_backward.default: _pairwise,
    aten.threshold_backward.default: _pairwise,
    **dict.fromkeys(RESIZES_BACKWARD, _resize_backward),
}
