"""Normalization and its derivatives."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from tests.formulas import by_definition
from tests.formulas.counted import Array, mean, rsqrt, total
from tests.formulas.definitions_reduce import p_norm

aten = torch.ops.aten
defines = partial(by_definition.defines, small=False)


def affine(x: Array, weight: Any, bias: Any) -> Any:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def standardised(x: Array, axes: tuple[int, ...], eps: float) -> Any:
    centred = x - mean(x, axes)
    return centred * rsqrt(mean(centred * centred, axes) + eps)


def by_channel(parameter: Any, rank: int) -> Any:
    return None if parameter is None else parameter.reshape(1, -1, *[1] * (rank - 2))


def last(x: Array, shape: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim - len(shape), x.ndim))


@defines(aten.layer_norm.default, aten.native_layer_norm.default)
def layer_norm(input: Array, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    return (affine(standardised(input, last(input, normalized_shape), eps), weight, bias),)


def in_groups(x: Array, groups: int, weight: Any, bias: Any, eps: float) -> Any:
    rows = x.reshape(x.shape[0], groups, -1) if x.size else x.reshape(x.shape[0], groups, 0)
    result = standardised(rows, (2,), eps).reshape(x.shape)
    return affine(result, by_channel(weight, x.ndim), by_channel(bias, x.ndim))


@defines(aten.group_norm.default)
def group_norm(input: Array, num_groups: int, weight: Any, bias: Any, eps: float) -> Any:
    return in_groups(input, num_groups, weight, bias, eps)


@defines(aten.native_group_norm.default)
def native_group_norm(input: Array, group: int, weight: Any, bias: Any, eps: float) -> Any:
    return (in_groups(input, group, weight, bias, eps),)


def frozen(
    x: Array, weight: Any, bias: Any, running_mean: Any, running_var: Any, eps: float
) -> Any:
    scale = rsqrt(running_var + eps)
    scale = scale if weight is None else weight * scale
    shift = running_mean * scale
    shift = -shift if bias is None else bias - shift
    return x * by_channel(scale, x.ndim) + by_channel(shift, x.ndim)


def updated(running: Array, new: Array, momentum: float, factor: float | None = None) -> Any:
    """The new running statistics; those of a variance are unbiased by a factor."""
    new = new if factor is None else new * factor
    return running * (1 - momentum) + new * momentum


def in_training(
    x: Array,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    momentum: float,
    eps: float,
) -> Any:  # fmt: skip
    axes = (0, *range(2, x.ndim))
    middle = mean(x, axes)
    centred = x - middle
    variance = mean(centred * centred, axes)
    result = affine(
        centred * rsqrt(variance + eps), by_channel(weight, x.ndim), by_channel(bias, x.ndim)
    )
    if running_mean is not None:
        n = x.size // x.shape[1] if x.shape[1] else 0
        updated(running_mean, middle.reshape(-1), momentum)
        updated(running_var, variance.reshape(-1), momentum, n / (n - 1) if n > 1 else 1.0)
    return result


@defines(aten.batch_norm.default, aten._batch_norm_impl_index.default, low=0.1)
def batch_norm(
    input: Array, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float,
) -> Any:  # fmt: skip
    if training:
        return (in_training(input, weight, bias, running_mean, running_var, momentum, eps),)
    return (frozen(input, weight, bias, running_mean, running_var, eps),)


@defines(
    aten.native_batch_norm.default,
    aten._native_batch_norm_legit.default,
    aten._native_batch_norm_legit_functional.default,
)
def native_batch_norm(
    input: Array, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float,
) -> Any:  # fmt: skip
    assert training
    return (in_training(input, weight, bias, running_mean, running_var, momentum, eps),)


@defines(aten.cudnn_batch_norm.default, aten.miopen_batch_norm.default, low=0.1, values=False)
def vendor_batch_norm(
    input: Array, weight: Any, bias: Any, running_mean: Any, running_var: Any, epsilon: float
) -> None:
    frozen(input, weight, bias, running_mean, running_var, epsilon)


@defines(
    aten._native_batch_norm_legit_no_training.default,
    aten._batch_norm_no_update.default,
    low=0.1,
)
def no_training(
    input: Array, weight: Any, bias: Any, running_mean: Any, running_var: Any, eps: float
) -> Any:
    return (frozen(input, weight, bias, running_mean, running_var, eps),)


@defines(
    aten._batch_norm_with_update.default,
    aten._batch_norm_with_update_functional.default,
)
def with_update(
    input: Array, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: float,
    eps: float,
) -> Any:  # fmt: skip
    return (in_training(input, weight, bias, running_mean, running_var, momentum, eps),)


@defines(aten._native_batch_norm_legit.no_stats)
def no_stats(input: Array, weight: Any, bias: Any, momentum: float, eps: float) -> Any:
    return (in_training(input, weight, bias, None, None, momentum, eps),)


@defines(aten.instance_norm.default, low=0.1)
def instance_norm(
    input: Array, weight: Any, bias: Any, running_mean: Any, running_var: Any,
    use_input_stats: bool, momentum: float, eps: float,
) -> Any:  # fmt: skip
    if not use_input_stats:
        return frozen(input, weight, bias, running_mean, running_var, eps)
    axes = tuple(range(2, input.ndim))
    middle = mean(input, axes)
    centred = input - middle
    variance = mean(centred * centred, axes)
    result = affine(
        centred * rsqrt(variance + eps),
        by_channel(weight, input.ndim),
        by_channel(bias, input.ndim),
    )
    if running_mean is not None:
        of_batch = [mean(s.reshape(s.shape[:2]), (0,), False) for s in (middle, variance)]
        updated(running_mean, of_batch[0], momentum)
        updated(running_var, of_batch[1], momentum, 1.5)
    return result


@defines(aten.rms_norm.default)
def rms_norm(input: Array, normalized_shape: Any, weight: Any, eps: float | None) -> Any:
    axes = last(input, normalized_shape)
    known = np.finfo(float).eps if eps is None else eps
    return affine(input * rsqrt(mean(input * input, axes) + known), weight, None)


@defines(aten._fused_rms_norm.default)
def fused_rms_norm(input: Array, normalized_shape: Any, weight: Any, eps: float | None) -> Any:
    return (rms_norm(input, normalized_shape, weight, eps),)


@defines(aten.norm_except_dim.default)
def norm_except_dim(v: Array, pow: int, dim: int) -> Any:
    return p_norm(v, pow, tuple(axis for axis in range(v.ndim) if axis != dim), True)


@defines(aten._weight_norm.default, aten._weight_norm_interface.default)
def weight_norm(v: Array, g: Array, dim: int) -> Any:
    return (v * (g / p_norm(v, 2, tuple(a for a in range(v.ndim) if a != dim), True)),)


# Derivatives.


def rows_backward(
    dy: Array, x: Array, middle: Any, r: Any, weight: Any, axes: Any, others: Any, mask: Any
) -> Any:
    """Of layer and group norm; what two of the results need is computed once."""
    of_input, of_scale, of_shift = mask
    dx = scale = None
    if of_input or of_scale:
        normal = (x - middle) * r
    if of_input:
        g = dy if weight is None else dy * weight
        dx = r * (g - mean(g, axes) - normal * mean(g * normal, axes))
    if of_scale:
        scale = total(dy * normal, others)
    shift = total(dy, others) if of_shift else None
    return dx, scale, shift


@defines(aten.native_layer_norm_backward.default, values=False)
def layer_norm_backward(
    grad_out: Array, input: Array, normalized_shape: Any, mean: Array, rstd: Array, weight: Any,
    output_mask: Any,
) -> Any:  # fmt: skip
    axes = last(input, normalized_shape)
    others = tuple(range(input.ndim - len(normalized_shape)))
    rows_backward(grad_out, input, mean, rstd, weight, axes, others, output_mask)


@defines(aten.native_group_norm_backward.default, values=False)
def group_norm_backward(
    grad_out: Array, input: Array, mean: Array, rstd: Array, weight: Any, N: int, C: int,
    HxW: int, group: int, output_mask: Any,
) -> Any:  # fmt: skip
    shape = (N, group, C // group, HxW)
    dy, x = grad_out.reshape(shape), input.reshape(shape)
    middle, r = (v.reshape(N, group, 1, 1) for v in (mean, rstd))
    w = None if weight is None else weight.reshape(1, group, C // group, 1)
    rows_backward(dy, x, middle, r, w, (2, 3), (0, 3), output_mask)


@defines(aten._fused_rms_norm_backward.default, values=False)
def rms_norm_backward(
    grad_out: Array, input: Array, normalized_shape: Any, rstd: Array, weight: Any,
    output_mask: Any,
) -> Any:  # fmt: skip
    axes = last(input, normalized_shape)
    others = tuple(range(input.ndim - len(normalized_shape)))
    of_input, of_scale = output_mask
    normal = input * rstd
    if of_input:
        g = grad_out if weight is None else grad_out * weight
        rstd * (g - normal * mean(g * normal, axes))
    if of_scale:
        total(grad_out * normal, others)


def channels_backward(dy: Array, x: Array, weight: Any, middle: Array, r: Array, mask: Any) -> Any:
    axes = (0, *range(2, x.ndim))
    n = x.size // x.shape[1]
    of_input, of_scale, of_shift = mask
    if of_input or of_shift:
        summed = total(dy, axes)
    if of_input or of_scale:
        centred = x - by_channel(middle, x.ndim)
        d = total(dy * centred, axes)
    dx = None
    if of_input:
        a = r if weight is None else weight * r
        k = (d / n) * r * r
        shift = by_channel(summed / n, x.ndim)
        dx = by_channel(a, x.ndim) * (dy - shift - centred * by_channel(k, x.ndim))
    return dx, (d * r if of_scale else None), (summed if of_shift else None)


def constants_backward(
    dy: Array, x: Array, weight: Any, middle: Array, variance: Array, eps: float, mask: Any
) -> Any:
    axes = (0, *range(2, x.ndim))
    of_input, of_scale, of_shift = mask
    dx = scale = None
    if of_input or of_scale:
        r = rsqrt(variance + eps)
    if of_input:
        dx = dy * by_channel(r if weight is None else weight * r, x.ndim)
    if of_scale:
        scale = total(dy * (x - by_channel(middle, x.ndim)), axes) * r
    return dx, scale, (total(dy, axes) if of_shift else None)


@defines(aten.native_batch_norm_backward.default, low=0.1)
def batch_norm_backward(
    grad_out: Array, input: Array, weight: Any, running_mean: Any, running_var: Any,
    save_mean: Array, save_invstd: Array, train: bool, eps: float, output_mask: Any,
) -> Any:  # fmt: skip
    if train:
        return channels_backward(grad_out, input, weight, save_mean, save_invstd, output_mask)
    return constants_backward(grad_out, input, weight, running_mean, running_var, eps, output_mask)


@defines(aten.batch_norm_backward.default, values=False)
def batch_norm_with_update_backward(
    grad_out: Array, input: Array, weight: Any, save_mean: Array, save_var: Array, update: bool,
    output_mask: Any,
) -> None:  # fmt: skip
    assert update
    channels_backward(grad_out, input, weight, save_mean, save_var, output_mask)


@defines(aten.cudnn_batch_norm_backward.default, values=False)
def cudnn_batch_norm_backward(
    grad_output: Array, input: Array, weight: Any, save_mean: Array, save_var: Array
) -> None:
    channels_backward(grad_output, input, weight, save_mean, save_var, (True, True, True))


@defines(aten.miopen_batch_norm_backward.default, values=False)
def miopen_batch_norm_backward(
    grad_output: Array, input: Array, weight: Any, save_mean: Array, save_var: Array
) -> None:
    channels_backward(grad_output, input, weight, save_mean, save_var, (True, True, True))
