"""Normalization: by layer, group, instance and batch; by root mean square; of weights."""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten


def standardise(elements: Dim, groups: Dim, *affine: Shape | None) -> Cost:
    """(x - mean) * rsqrt(variance + eps), then the parameters of the ``affine`` map that exist.

    5n + groups, and n for a scale and n for a shift  [FLOP]: mean n, center n, variance 2n, eps 1
    per group, scale n. One rsqrt per group.
    """
    maps = sum(parameter is not None for parameter in affine)
    return Cost(elementwise=(5 + maps) * elements + groups, transcendental=groups)


def apply_statistics(elements: Dim, channels: Dim, *affine: Shape | None) -> Cost:
    """(x * a + b) with a = weight * rsqrt(variance + eps) and b = bias - mean * a per channel.

    2n + 4C  [FLOP], or less C for each parameter that is absent; C rsqrt.
    """
    maps = sum(parameter is not None for parameter in affine)
    return Cost(elementwise=2 * elements + (2 + maps) * channels, transcendental=channels)


def update_statistics(channels: Dim) -> Cost:
    """New running ones: (1 - momentum) * running + momentum * new, of mean and unbiased variance.

    7C  [FLOP]: 3C each, and C for n / (n - 1).
    """
    return Cost(elementwise=7 * channels)


@formula(aten.layer_norm.default, aten.native_layer_norm.default, kind="normalization")
def layer_norm(
    input: Shape, normalized_shape: Shape, weight: Shape | None, bias: Shape | None
) -> Cost:
    """M rows of D elements: 7MD + M with both parameters  [FLOP], M rsqrt. arXiv:1607.06450."""
    rows = numel(input[: len(input) - len(normalized_shape)])
    return standardise(numel(input), rows, weight, bias)


@formula(aten.group_norm.default, kind="normalization")
def group_norm(input: Shape, num_groups: int, weight: Shape | None, bias: Shape | None) -> Cost:
    """N * groups rows of the rest: 7n + N * groups  [FLOP]. arXiv:1803.08494, eq. 1-7."""
    return standardise(numel(input), input[0] * num_groups, weight, bias)


@formula(aten.native_group_norm.default, kind="normalization")
def native_group_norm(input: Shape, group: int, weight: Shape | None, bias: Shape | None) -> Cost:
    """`group_norm`."""
    return group_norm(input, group, weight, bias)


@formula(aten.instance_norm.default, kind="normalization")
def instance_norm(
    input: Shape,
    weight: Shape | None,
    bias: Shape | None,
    running_mean: Shape | None,
    use_input_stats: bool,
) -> Cost:
    """Every image and channel by itself: 7n + NC  [FLOP]; with running statistics as in eval.

    arXiv:1607.08022. New statistics are averaged over the batch and update the running ones.
    """
    batch, channels, *_ = input
    if not use_input_stats:
        return apply_statistics(numel(input), channels, weight, bias)
    cost = standardise(numel(input), batch * channels, weight, bias)
    if running_mean is None:
        return cost
    return cost + update_statistics(channels) + Cost(elementwise=2 * batch * channels)


@formula(
    aten.batch_norm.default,
    aten.native_batch_norm.default,
    aten.cudnn_batch_norm.default,
    aten.miopen_batch_norm.default,
    aten._batch_norm_impl_index.default,
    aten._native_batch_norm_legit.default,
    aten._native_batch_norm_legit_functional.default,
    kind="normalization",
)
def batch_norm(
    input: Shape,
    weight: Shape | None,
    bias: Shape | None,
    running_mean: Shape | None,
    training: bool,
) -> Cost:
    """In eval 2n + 4C, in training 7n + C, and 7C for running statistics  [FLOP]; C rsqrt.

    The frozen form, written out, costs what eval costs. Source: arXiv:1502.03167, alg. 1 and 2.
    """
    channels = input[1]
    if not training:
        return apply_statistics(numel(input), channels, weight, bias)
    cost = standardise(numel(input), channels, weight, bias)
    return cost if running_mean is None else cost + update_statistics(channels)


@formula(
    aten._native_batch_norm_legit_no_training.default,
    aten._batch_norm_no_update.default,
    kind="normalization",
)
def batch_norm_in_eval(input: Shape, weight: Shape | None, bias: Shape | None) -> Cost:
    """2n + 4C  [FLOP], C rsqrt."""
    return apply_statistics(numel(input), input[1], weight, bias)


@formula(aten.quantized_batch_norm.default, kind="normalization")
def quantized_batch_norm(input: Shape, weight: Shape | None, bias: Shape | None) -> Cost:
    """`batch_norm_in_eval`, a times the ratio of the scales, b over the result's: 2C  [FLOP]."""
    return batch_norm_in_eval(input, weight, bias) + Cost(elementwise=2 * input[1])


@formula(
    aten._batch_norm_with_update.default,
    aten._batch_norm_with_update_functional.default,
    kind="normalization",
)
def batch_norm_in_training(input: Shape, weight: Shape | None, bias: Shape | None) -> Cost:
    """7n + 8C  [FLOP], C rsqrt."""
    return standardise(numel(input), input[1], weight, bias) + update_statistics(input[1])


@formula(aten._native_batch_norm_legit.no_stats, kind="normalization")
def batch_norm_without_statistics(input: Shape, weight: Shape | None, bias: Shape | None) -> Cost:
    """7n + C  [FLOP], C rsqrt."""
    return standardise(numel(input), input[1], weight, bias)


@formula(aten.rms_norm.default, aten._fused_rms_norm.default, kind="normalization")
def rms_norm(input: Shape, normalized_shape: Shape, weight: Shape | None) -> Cost:
    """(x * rsqrt(mean(x^2) + eps) * weight) of M rows of D: 4MD + M  [FLOP], M rsqrt.

    Square MD, mean MD, eps M, scale MD, weight MD where there is one. arXiv:1910.07467, eq. 4.
    """
    elements, rows = numel(input), numel(input[: len(input) - len(normalized_shape)])
    products = 3 if weight is None else 4
    return Cost(elementwise=products * elements + rows, transcendental=rows)


@formula(aten.norm_except_dim.default, kind="normalization")
def norm_except_dim(v: Shape, *, out: Shape) -> Cost:
    """sqrt(sum(v^2)) per slice: 2n - M  [FLOP], M sqrt."""
    elements, norms = numel(v), numel(out)
    return Cost(elementwise=elements + reduction(elements, norms), transcendental=norms)


@formula(aten._weight_norm.default, aten._weight_norm_interface.default, kind="normalization")
def weight_norm(v: Shape, g: Shape) -> Cost:
    """(v * (g / |v|)) with M norms: 2n - M for them, M divisions, n products  [FLOP]; M sqrt.

    Source: arXiv:1602.07868, eq. 2.
    """
    elements, norms = numel(v), numel(g)
    return Cost(elementwise=2 * elements + reduction(elements, norms) + norms, transcendental=norms)
