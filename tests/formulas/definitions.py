"""Operators written out by their definition, for counting numbers and for the test alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.formulas.counted import (
    Array,
    Number,
    dot,
    erf,
    filled,
    mean,
    numbers,
    rsqrt,
)


def clamp(x: Array, low: float, high: float) -> Array:
    return np.minimum(np.maximum(x, Number(low)), Number(high))


def where(condition: Array, yes: Array, no: Array) -> Array:
    return np.where(condition.astype(bool), yes, no)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    return np.log(1 + np.exp(x))


def gelu(x: Array) -> Array:
    return (x * 0.5) * (1 + erf(x / math.sqrt(2)))


def gelu_tanh(x: Array) -> Array:
    return (x * 0.5) * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))


def elu(x: Array) -> Array:
    return where(x > 0, x, np.exp(x) - 1)


def celu(x: Array, alpha: float) -> Array:
    return where(x > 0, x, alpha * (np.exp(x / alpha) - 1))


def logaddexp(x: Array, y: Array) -> Array:
    return np.log(np.exp(x) + np.exp(y))


def softmax(x: Array, axis: int) -> Array:
    exponentials = np.exp(x - x.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def logsumexp(x: Array, axis: int) -> Array:
    largest = x.max(axis=axis)
    return np.log(np.exp(x - np.expand_dims(largest, axis)).sum(axis=axis)) + largest


def variance(x: Array, axes: tuple[int, ...], correction: int) -> Array:
    centred = x - mean(x, axes)
    count = math.prod(x.shape[axis] for axis in axes)
    return (centred * centred).sum(axis=axes) / (count - correction)


def standardise(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    centred = x - mean(x, axes)
    return centred * rsqrt(mean(centred * centred, axes) + eps)


def layer_norm(x: Array, shape: list[int], weight: Array, bias: Array) -> Array:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return standardise(x, axes, 1e-5) * weight + bias


def group_norm(x: Array, groups: int, weight: Array, bias: Array) -> Array:
    grouped = standardise(x.reshape(x.shape[0], groups, -1), (2,), 1e-5).reshape(x.shape)
    return grouped * _channels(weight) + _channels(bias)


def rms_norm(x: Array, shape: list[int], weight: Array, eps: float) -> Array:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return x * rsqrt(mean(x * x, axes) + eps) * weight


def batch_norm(
    x: Array, weight: Array, bias: Array, mean_: Array, var: Array, training: bool, *_: Any
) -> Array:
    if training:
        return standardise(x, (0, 2, 3), 1e-5) * _channels(weight) + _channels(bias)
    scale = weight * rsqrt(var + 1e-5)
    return x * _channels(scale) + _channels(bias - mean_ * scale)


def _channels(parameter: Array) -> Array:
    return parameter.reshape(1, -1, 1, 1)


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    product = filled(
        (*x.shape[:-1], weight.shape[0]), lambda index: dot(x[index[:-1]], weight[index[-1]])
    )
    return product if bias is None else product + bias


def matmul(x: Array, y: Array) -> Array:
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x = np.broadcast_to(x, (*batch, *x.shape[-2:]))
    y = np.broadcast_to(y, (*batch, *y.shape[-2:]))
    return filled(
        (*batch, x.shape[-2], y.shape[-1]),
        lambda i: dot(x[(*i[:-2], i[-2])], y[(*i[:-2], slice(None), i[-1])]),
    )


def addmm(x: Array, left: Array, right: Array, *, beta: float, alpha: float) -> Array:
    return beta * x + alpha * matmul(left, right)


def attention(query: Array, key: Array, value: Array, mask: Array) -> Array:
    scores = matmul(query, key.swapaxes(-1, -2)) * (1 / math.sqrt(query.shape[-1]))
    return matmul(softmax(scores + mask, -1), value)


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Array:
    margins = [(0, 0), (0, 0), *((p, p) for p in padding)]
    x = np.pad(x, margins, constant_values=Number(0.0))
    c_out, c_in, *kernel = weight.shape
    sizes = [
        (n - d * (k - 1) - 1) // s + 1
        for n, d, k, s in zip(x.shape[2:], dilation, kernel, stride, strict=True)
    ]

    def at(index: tuple[int, ...]) -> Number:
        image, channel, *position = index
        first = channel // (c_out // groups) * c_in
        window = [
            slice(p * s, p * s + d * (k - 1) + 1, d)
            for p, s, d, k in zip(position, stride, dilation, kernel, strict=True)
        ]
        return dot(x[(image, slice(first, first + c_in), *window)], weight[channel])

    product = filled((x.shape[0], c_out, *sizes), at)
    return product if bias is None else product + _channels(bias)


def conv_transpose2d(x: Array, weight: Array, bias: None, stride: list[int]) -> Array:
    """Every input spreads its kernels: the multiply-adds into a result that starts at 0."""
    images, _, height, width = x.shape
    _, c_out, kh, kw = weight.shape
    result = np.zeros((images, c_out, (height - 1) * stride[0] + kh, (width - 1) * stride[1] + kw))
    for image, channel, i, j in np.ndindex(*x.shape):
        for index in np.ndindex(c_out, kh, kw):
            target = (image, index[0], i * stride[0] + index[1], j * stride[1] + index[2])
            product = dot(np.array([x[image, channel, i, j]]), np.array([weight[channel][index]]))
            result[target] += float(product)
    return result


def max_pool2d(x: Array, kernel: list[int], stride: list[int]) -> Array:
    return _pool(x, kernel, stride, lambda window: window.max())


def avg_pool2d(x: Array, kernel: list[int], stride: list[int]) -> Array:
    return _pool(x, kernel, stride, lambda window: window.sum() / window.size)


def _pool(x: Array, kernel: list[int], stride: list[int], of: Any) -> Array:
    sizes = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)]

    def at(index: tuple[int, ...]) -> Any:
        image, channel, *position = index
        window = [slice(p * s, p * s + k) for p, s, k in zip(position, stride, kernel, strict=True)]
        return of(x[(image, channel, *window)].ravel())

    return filled((*x.shape[:2], *sizes), at)


def adaptive_avg_pool2d(x: Array, sizes: list[int]) -> Array:
    def at(index: tuple[int, ...]) -> Any:
        image, channel, *position = index
        window = [
            slice(p * n // size, -(-(p + 1) * n // size))
            for p, n, size in zip(position, x.shape[2:], sizes, strict=True)
        ]
        elements = x[(image, channel, *window)].ravel()
        return elements.sum() / elements.size

    return filled((*x.shape[:2], *sizes), at)


def grid_sampler(x: Array, grid: Array, *_: Any) -> Array:
    """Bilinear, zeros outside, corners not aligned."""
    images, channels, height, width = x.shape
    result = np.empty((images, channels, *grid.shape[1:3]), dtype=object)
    zero = numbers(np.zeros(channels))
    for image, i, j in np.ndindex(*grid.shape[:3]):
        column, row = (
            ((coordinate + 1) * size - 1) / 2
            for coordinate, size in zip(grid[image, i, j], (width, height), strict=True)
        )
        left, top = math.floor(float(column)), math.floor(float(row))
        east, south = column - left, row - top
        west, north = (left + 1) - column, (top + 1) - row
        weights = (north * west, north * east, south * west, south * east)
        corners = ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1))
        pixels = [
            x[image, :, r, c] if 0 <= r < height and 0 <= c < width else zero for r, c in corners
        ]
        terms = [pixel * weight for pixel, weight in zip(pixels, weights, strict=True)]
        result[image, :, i, j] = ((terms[0] + terms[1]) + terms[2]) + terms[3]
    return result


def lstm_cell(
    x: Array, state: list[Array], w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array
) -> tuple[Array, Array]:
    hidden, cell = state
    gates = linear(x, w_ih, b_ih) + linear(hidden, w_hh, b_hh)
    i, f, g, o = np.split(gates, 4, axis=1)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def gru_cell(x: Array, hidden: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array) -> Array:
    of_input = np.split(linear(x, w_ih, b_ih), 3, axis=1)
    of_state = np.split(linear(hidden, w_hh, b_hh), 3, axis=1)
    reset = sigmoid(of_input[0] + of_state[0])
    update = sigmoid(of_input[1] + of_state[1])
    new = np.tanh(of_input[2] + reset * of_state[2])
    return (1 - update) * new + update * hidden


def rnn_tanh_cell(
    x: Array, hidden: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array
) -> Array:
    return np.tanh(linear(x, w_ih, b_ih) + linear(hidden, w_hh, b_hh))


def bilinear(x: Array, y: Array, weight: Array, bias: Array) -> Array:
    inner = filled(
        (x.shape[0], weight.shape[0], weight.shape[2]),
        lambda i: dot(x[i[0]], weight[i[1], :, i[2]]),
    )
    product = filled(inner.shape[:2], lambda i: dot(inner[i], y[i[0]]))
    return product + bias


def cdist(x: Array, y: Array) -> Array:
    difference = x[:, None, :] - y[None, :, :]
    return np.sqrt((difference * difference).sum(axis=-1))


def mse_loss(x: Array, target: Array) -> Array:
    difference = x - target
    squares = difference * difference
    return np.asarray(squares.sum() / squares.size)


def bce_with_logits(x: Array, target: Array, _: None, __: None, reduction: int) -> Array:
    return (np.maximum(x, 0) - x * target) + np.log(1 + np.exp(-np.abs(x)))


def deform_conv2d(
    x: Array, weight: Array, offset: Array, mask: Array, bias: Array, *_: Any
) -> Array:
    """Stride 1, no padding, one offset group, modulated."""
    images, channels, height, width = x.shape
    c_out, _, kh, kw = weight.shape
    rows, columns = offset.shape[2:]
    samples = np.empty((images, channels, kh, kw, rows, columns), dtype=object)
    zero = numbers(np.zeros(channels))
    for image, a, b, i, j in np.ndindex(images, kh, kw, rows, columns):
        tap = a * kw + b
        y = (i + a) + offset[image, 2 * tap, i, j]
        z = (j + b) + offset[image, 2 * tap + 1, i, j]
        top, left = math.floor(float(y)), math.floor(float(z))
        south, east = y - top, z - left
        north, west = (top + 1) - y, (left + 1) - z
        corners = {
            (top, left): north * west,
            (top, left + 1): north * east,
            (top + 1, left): south * west,
            (top + 1, left + 1): south * east,
        }
        terms = [
            (x[image, :, r, c] if 0 <= r < height and 0 <= c < width else zero) * share
            for (r, c), share in corners.items()
        ]
        value = ((terms[0] + terms[1]) + terms[2]) + terms[3]
        samples[image, :, a, b, i, j] = value * mask[image, tap, i, j]
    product = filled(
        (images, c_out, rows, columns), lambda n: dot(samples[n[0], ..., n[2], n[3]], weight[n[1]])
    )
    return product + _channels(bias)


def trilinear(x: Array, weight: Array, y: Array, *_: Any) -> Array:
    """Of (B, D1), (out, D1, D2) and (B, D2), summed over D1, then over D2."""
    inner = filled(
        (x.shape[0], weight.shape[0], weight.shape[2]),
        lambda i: dot(x[i[0]], weight[i[1], :, i[2]]),
    )
    return filled(inner.shape[:2], lambda i: dot(inner[i], y[i[0]]))


def packed_lstm(
    data: Array, batch_sizes: Array, state: list[Array], parameters: list[Array], *_: Any
) -> tuple[Array, Array, Array]:
    """One sequence, one layer."""
    hidden, cell = (part[0] for part in state)
    results = []
    for row in data:
        hidden, cell = lstm_cell(row[None], [hidden, cell], *parameters)
        results.append(hidden[0])
    return np.stack(results), hidden[None], cell[None]


def embedding_bag(
    table: Array, indices: Array, offsets: Array, _: bool, mode: int
) -> tuple[Array, ...]:
    """mode 0 sums, 1 averages, 2 takes the largest."""
    rows = table[indices.astype(float).astype(int)]
    bags = np.split(rows, offsets.astype(float).astype(int)[1:])
    if mode == 2:
        return (np.stack([bag.max(axis=0) for bag in bags]),)
    sums = [bag.sum(axis=0) for bag in bags]
    return (np.stack([s / len(b) if mode else s for s, b in zip(sums, bags, strict=True)]),)


def matrix_norm(x: Array, order: float) -> Array:
    """1: the largest sum of a column; inf: of a row."""
    return np.abs(x).sum(axis=-2 if order == 1 else -1).max(axis=-1)


def renorm(x: Array, p: int, axis: int, bound: float) -> Array:
    """Of slices that are all longer than ``bound``."""
    slices = np.moveaxis(x, axis, 0)
    norms = [np.sqrt((part * part).sum()) for part in slices]
    factors = [bound / (n + 1e-7) if n > bound else Number(1) for n in norms]
    return np.moveaxis(np.stack([s * f for s, f in zip(slices, factors, strict=True)]), 0, axis)


def rounded(x: Array, *, decimals: int) -> Array:
    scaled = x * 10**decimals
    return np.vectorize(lambda n: Number(round(float(n))), otypes=[object])(scaled) / 10**decimals


def segment_mean(x: Array, reduce: str, *, lengths: Array, **_: Any) -> Array:
    counts = lengths.astype(float).astype(int)
    parts = np.split(x, np.cumsum(counts)[:-1])
    return np.stack([p.sum(axis=0) / len(p) for p in parts])
