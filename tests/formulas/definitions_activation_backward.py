"""Derivatives of activations, of softmax, of losses."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch

from tests.formulas import by_definition
from tests.formulas import definitions as by
from tests.formulas.counted import Array, erf, total
from tests.formulas.definitions_pointwise import scaled, zeros

aten = torch.ops.aten
defines = partial(by_definition.defines, small=False)
MEAN = 1


def within(x: Array, low: float, high: float) -> Array:
    return np.asarray((x > low).astype(bool) & (x < high).astype(bool))


@defines(aten.threshold_backward.default)
def threshold(grad_output: Array, self: Array, threshold: float) -> Any:
    return by.where(self > threshold, grad_output, zeros(grad_output))


@defines(aten.hardtanh_backward.default)
def hardtanh(grad_output: Array, self: Array, min_val: float, max_val: float) -> Any:
    return by.where(within(self, min_val, max_val), grad_output, zeros(grad_output))


@defines(aten.hardshrink_backward.default)
def hardshrink(grad_out: Array, self: Array, lambd: float) -> Any:
    return by.where(within(self, -lambd, lambd), zeros(grad_out), grad_out)


@defines(aten.softshrink_backward.default)
def softshrink(grad_output: Array, self: Array, lambd: float) -> Any:
    return by.where(within(self, -lambd, lambd), zeros(grad_output), grad_output)


@defines(aten.leaky_relu_backward.default)
def leaky_relu(grad_output: Array, self: Array, negative_slope: float) -> Any:
    return by.where(self > 0, grad_output, grad_output * negative_slope)


@defines(aten.hardsigmoid_backward.default)
def hardsigmoid(grad_output: Array, self: Array) -> Any:
    return by.where(within(self, -3, 3), grad_output / 6, zeros(grad_output))


@defines(aten.hardswish_backward.default)
def hardswish(grad_output: Array, self: Array) -> Any:
    inside = grad_output * (self / 3 + 0.5)
    assert within(self, -3, 3).all()
    return inside


@defines(aten.sigmoid_backward.default)
def sigmoid(grad_output: Array, output: Array) -> Any:
    return grad_output * (1 - output) * output


@defines(aten.tanh_backward.default)
def tanh(grad_output: Array, output: Array) -> Any:
    return grad_output * (1 - output * output)


@defines(aten.silu_backward.default)
def silu(grad_output: Array, self: Array) -> Any:
    s = by.sigmoid(self)
    return grad_output * s * (1 + self * (1 - s))


@defines(aten.log_sigmoid_backward.default, values=False)
def log_sigmoid(grad_output: Array, self: Array) -> None:
    grad_output * by.sigmoid(-self)


@defines(aten.mish_backward.default)
def mish(grad_output: Array, self: Array) -> Any:
    s, t = by.sigmoid(self), np.tanh(by.softplus(self))
    return grad_output * (t + self * s * (1 - t * t))


@defines(aten.logit_backward.default, low=0.2, high=0.8)
def logit(grad_output: Array, self: Array) -> Any:
    return grad_output / (self * (1 - self))


@defines(aten.native_dropout_backward.default)
def dropout(grad_output: Array, mask: Any, scale: float) -> Any:
    return by.where(mask, grad_output * scale, zeros(grad_output))


@defines(aten.gelu_backward.default)
def gelu(grad_output: Array, self: Array, approximate: str) -> Any:
    if approximate == "none":
        below = (1 + erf(self / math.sqrt(2))) / 2
        density = np.exp(self * self / -2) * (1 / math.sqrt(2 * math.pi))
        return grad_output * (below + self * density)
    b = math.sqrt(2 / math.pi)
    squares = self * self
    t = np.tanh(b * (self + 0.044715 * (self * squares)))
    slope = b * (1 + 3 * 0.044715 * squares)
    return grad_output * ((1 + t) / 2 + self / 2 * (1 - t * t) * slope)


@defines(aten.glu_backward.default)
def glu(grad_output: Array, self: Array, dim: int) -> Any:
    a, b = np.split(self, 2, axis=dim)
    if a.shape != grad_output.shape:
        raise ValueError(a.shape)
    s = by.sigmoid(b)
    of_a = grad_output * s
    return np.concatenate([of_a, of_a * a * (1 - s)], axis=dim)


@defines(aten.elu_backward.default)
def elu(
    grad_output: Array, alpha: float, scale: float, input_scale: float, is_result: bool,
    self_or_result: Array,
) -> Any:  # fmt: skip
    x = self_or_result
    if is_result:
        negative = scaled(grad_output * (x + alpha * scale), input_scale)
        return by.where(x > 0, scaled(grad_output, scale), negative)
    negative = grad_output * scaled(np.exp(scaled(x, input_scale)), alpha * input_scale)
    return scaled(by.where(x > 0, grad_output, negative), scale)


@defines(aten.softplus_backward.default)
def softplus(grad_output: Array, self: Array, beta: float) -> Any:
    z = np.exp(scaled(self, beta))
    return grad_output * z / (1 + z)


@defines(aten._prelu_kernel_backward.default)
def prelu(grad_output: Array, self: Array, weight: Array) -> Any:
    above = self > 0
    none = zeros(grad_output)
    return by.where(above, grad_output, grad_output * weight), by.where(
        above, none, grad_output * self
    )


@defines(aten._softmax_backward_data.default)
def softmax(grad_output: Array, output: Array, dim: int) -> Any:
    summed = total(grad_output * output, (dim % max(output.ndim, 1),), True)
    return output * (grad_output - summed)


@defines(aten._log_softmax_backward_data.default)
def log_softmax(grad_output: Array, output: Array, dim: int) -> Any:
    summed = total(grad_output, (dim % max(output.ndim, 1),), True)
    return grad_output - np.exp(output) * summed


# Losses. With a mean the gradient is divided by their number once.


def shared(dy: Any, reduction: int, count: int) -> Any:
    return dy / max(count, 1) if reduction == MEAN else dy


@defines(aten.mse_loss_backward.default)
def mse_loss(grad_output: Any, self: Array, target: Array, reduction: int) -> Any:
    return 2 * (self - target) * shared(grad_output, reduction, self.size)


@defines(aten.smooth_l1_loss_backward.default, low=0.1, high=0.9)
def smooth_l1(grad_output: Any, self: Array, target: Array, reduction: int, beta: float) -> Any:
    """Of pairs that are nearer than beta, the dearer ones."""
    difference = self - target
    assert (np.abs(difference) < beta).all()
    return difference / beta * shared(grad_output, reduction, self.size)


@defines(aten.huber_loss_backward.default, low=0, high=0.9)
def huber(grad_output: Any, self: Array, target: Array, reduction: int, delta: float) -> Any:
    """Of pairs that are nearer than delta."""
    difference = self - target
    assert (np.abs(difference) <= delta).all()
    return difference * shared(grad_output, reduction, self.size)


@defines(aten.binary_cross_entropy_backward.default, low=0.2, high=0.8)
def bce(grad_output: Any, self: Array, target: Array, weight: Any, reduction: int) -> Any:
    dy = shared(grad_output, reduction, self.size)
    gradient = (self - target) / (self * (1 - self)) * dy
    return gradient if weight is None else gradient * weight


@defines(aten.soft_margin_loss_backward.default)
def soft_margin(grad_output: Any, self: Array, target: Array, reduction: int) -> Any:
    z = np.exp(-target * self)
    return -target * z / (1 + z) * shared(grad_output, reduction, self.size)


@defines(aten.nll_loss_backward.default, aten.nll_loss2d_backward.default, values=False)
def nll_loss(grad_output: Any, target: Any, weight: Any, reduction: int) -> None:
    dy = shared(grad_output, reduction, target.size)
    if weight is not None:
        dy * weight[target]
