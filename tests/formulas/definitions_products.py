"""Matrix products, convolutions, attention, scatters that reduce, and their derivatives."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch

from tests.formulas import by_definition
from tests.formulas import definitions as by
from tests.formulas.by_definition import ROWS_OF_THEIR_OWN
from tests.formulas.counted import DONE, Array, Number, numbers, total
from tests.formulas.definitions_pointwise import scaled
from tests.formulas.definitions_reduce import softmax_of
from tests.formulas.harness import Case, experts

aten = torch.ops.aten
defines = partial(by_definition.defines, small=False)


SMALL = (2, 4, 5, 6), (6, 2, 3, 2), (6,)
SOLID = (1, 2, 3, 4, 5), (3, 2, 2, 1, 3), (3,)
ROWS_OF_THEIR_OWN.extend(
    (
        Case("small", aten.conv2d.default, (*SMALL, [2, 1], [1, 2], [1, 2], 2)),
        Case("small", aten.conv3d.default, (*SOLID, [1, 2, 1])),
        Case(
            "small",
            aten._slow_conv2d_forward.default,
            ((2, 2, 5, 6), (4, 2, 3, 2), [3, 2], (4,), [2, 1], [1, 0]),
            out=(2, 4, 3, 5),
        ),
        Case(
            "small",
            aten.slow_conv3d.default,
            (SOLID[0], SOLID[1], [2, 1, 3], SOLID[2]),
            out=(1, 3, 2, 4, 3),
        ),
    )
)


def floats(x: Any) -> Any:
    return np.asarray(x, dtype=float)


def multiply_adds(*factors: Array) -> Any:
    """Products of the factors, element by element, added to what is there: 2 FLOP each."""
    left, right = np.broadcast_arrays(*map(floats, factors))
    DONE["contraction"] += 2 * left.size
    return left * right


# Matrix products.


@defines(aten.mm.default, aten.bmm.default, aten.mm.dtype, aten.bmm.dtype, values=False)
def mm(self: Array, mat2: Array) -> Any:
    return by.matmul(self, mat2)


@defines(aten.mv.default)
def mv(self: Array, vec: Array) -> Any:
    return by.matmul(self, vec[:, None])[:, 0]


@defines(aten.dot.default)
def dot(self: Array, tensor: Array) -> Any:
    return by.dot(self, tensor)


@defines(aten.vdot.default)
def vdot(self: Array, other: Array) -> Any:
    return by.dot(self, other)


@defines(aten.inner.default)
def inner(self: Array, other: Array) -> Any:
    return by.linear(self, other)


def any_matmul(x: Array, y: Array) -> Any:
    left = x[None, :] if x.ndim == 1 else x
    right = y[:, None] if y.ndim == 1 else y
    result = by.matmul(left, right)
    if x.ndim == 1:
        result = result[..., 0, :]
    return result[..., 0] if y.ndim == 1 else result


@defines(aten.matmul.default)
def matmul(self: Array, other: Array) -> Any:
    return any_matmul(self, other)


@defines(aten.linalg_matmul.default)
def linalg_matmul(self: Array, other: Array) -> Any:
    return any_matmul(self, other)


@defines(aten.linear.default)
def linear(input: Array, weight: Array, bias: Any) -> Any:
    return by.linear(input, weight, bias)


def accumulated(product: Any, addend: Array, beta: Any, alpha: Any) -> Any:
    grown = scaled(product, alpha)
    return grown if beta == 0 else grown + scaled(addend, beta)


@defines(aten.addmm.default, aten.addmm.dtype, values=False)
def addmm(self: Array, mat1: Array, mat2: Array, beta: Any, alpha: Any) -> Any:
    return accumulated(by.matmul(mat1, mat2), self, beta, alpha)


@defines(aten.addmv.default)
def addmv(self: Array, mat: Array, vec: Array, beta: Any, alpha: Any) -> Any:
    return accumulated(mv(mat, vec), self, beta, alpha)


@defines(aten.baddbmm.default, aten.baddbmm.dtype, values=False)
def baddbmm(self: Array, batch1: Array, batch2: Array, beta: Any, alpha: Any) -> Any:
    return accumulated(by.matmul(batch1, batch2), self, beta, alpha)


@defines(aten.addbmm.default)
def addbmm(self: Array, batch1: Array, batch2: Array, beta: Any, alpha: Any) -> Any:
    """The batch is one more axis that is contracted."""
    left = batch1.transpose(1, 0, 2).reshape(batch1.shape[1], -1)
    right = batch2.reshape(-1, batch2.shape[2])
    return accumulated(by.matmul(left, right), self, beta, alpha)


def outer_of(x: Array, y: Array) -> Any:
    return x[:, None] * y[None, :]


@defines(aten.addr.default)
def addr(self: Array, vec1: Array, vec2: Array, beta: Any, alpha: Any) -> Any:
    return accumulated(outer_of(vec1, vec2), self, beta, alpha)


@defines(aten.outer.default, aten.ger.default)
def outer(self: Array, vec2: Array) -> Any:
    return outer_of(self, vec2)


@defines(aten.linalg_vecdot.default)
def vecdot(x: Array, y: Array, dim: int) -> Any:
    return multiply_adds(x, y).sum(axis=dim)


@defines(aten.tensordot.default)
def tensordot(self: Array, other: Array, dims_self: Any, dims_other: Any) -> Any:
    left = [axis for axis in range(self.ndim) if axis not in dims_self]
    right = [axis for axis in range(other.ndim) if axis not in dims_other]
    depth = math.prod(self.shape[axis] for axis in dims_self)
    rows = self.transpose(*left, *dims_self).reshape(-1, depth)
    columns = other.transpose(*dims_other, *right).reshape(depth, -1)
    shape = [*(self.shape[a] for a in left), *(other.shape[a] for a in right)]
    return by.matmul(rows, columns).reshape(shape)


@defines(aten.bilinear.default)
def bilinear(input1: Array, input2: Array, weight: Array, bias: Any) -> Any:
    shape = input1.shape[:-1]
    x, y = (v.reshape(-1, v.shape[-1]) for v in (input1, input2))
    zero = np.zeros(weight.shape[0]) if bias is None else bias
    result = by.bilinear(x, y, weight, zero)
    if bias is None:
        DONE["elementwise"] -= result.size
    return result.reshape(*shape, weight.shape[0])


# Convolutions.


def swept(
    x: Array, weight: Array, stride: Any, padding: Any, dilation: Any, groups: int, dy: Any = None
) -> Any:
    """Each result against its window; with ``dy`` the gradients of input and weight instead."""
    if not x.shape[1]:
        raise ValueError("PyTorch gives no results of no channels, a bias or not")
    rank = weight.ndim - 2
    stride, padding, dilation = (
        list(v) * rank if len(v) == 1 else list(v) for v in (stride, padding, dilation)
    )
    margins = [(0, 0), (0, 0), *((p, p) for p in padding)]
    padded, kernels = np.pad(floats(x), margins), floats(weight)
    c_out, c_in, *kernel = weight.shape
    sizes = [
        (n - d * (k - 1) - 1) // s + 1
        for n, d, k, s in zip(padded.shape[2:], dilation, kernel, stride, strict=True)
    ]
    result = np.zeros((x.shape[0], c_out, *sizes))
    of_input, of_weight = np.zeros(padded.shape), np.zeros(kernels.shape)
    for image, channel, *at in np.ndindex(*result.shape):
        first = channel // (c_out // groups) * c_in
        taps = [
            slice(p * s, p * s + d * (k - 1) + 1, d)
            for p, s, d, k in zip(at, stride, dilation, kernel, strict=True)
        ]
        window = (image, slice(first, first + c_in), *taps)
        if dy is None:
            result[(image, channel, *at)] = multiply_adds(padded[window], kernels[channel]).sum()
            continue
        gradient = floats(dy)[(image, channel, *at)]
        of_input[window] += kernels[channel] * gradient
        of_weight[channel] += padded[window] * gradient
    if dy is None:
        return result
    inner = tuple(slice(p, n - p) for p, n in zip(padding, padded.shape[2:], strict=True))
    DONE["pairs"] += result.size * kernels[0].size
    return of_input[(slice(None), slice(None), *inner)], of_weight


def convolved(x: Array, weight: Array, bias: Any, *how: Any) -> Any:
    result = numbers(swept(x, weight, *how))
    if bias is None:
        return result
    return result + bias.reshape(1, -1, *[1] * (weight.ndim - 2))


@defines(aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
def conv(
    input: Array, weight: Array, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    return convolved(input, weight, bias, stride, padding, dilation, groups)


@defines(aten.slow_conv3d.default, aten._slow_conv2d_forward.default, values=False)
def slow_conv(self: Array, weight: Array, bias: Any, stride: Any, padding: Any) -> None:
    convolved(self, weight, bias, stride, padding, [1], 1)


def gradients(
    dy: Array, input: Array, weight: Array, stride: Any, padding: Any, dilation: Any,
    transposed: bool, groups: int, mask: Any,
) -> Any:  # fmt: skip
    """Transposed, the gradient takes the place of the input, and the input that of the result."""
    of_input, of_weight, of_bias = mask
    x, g = (dy, input) if transposed else (input, dy)
    before = DONE["pairs"]
    swept(x, weight, stride, padding, dilation, groups, g)
    pairs = DONE["pairs"] - before
    DONE["contraction"] += 2 * pairs * (bool(of_input) + bool(of_weight))
    if of_bias:
        total(dy, (0, *range(2, dy.ndim)))


@defines(aten.convolution_backward.default, values=False)
def convolution_backward(
    grad_output: Array, input: Array, weight: Array, stride: Any, padding: Any, dilation: Any,
    transposed: bool, groups: int, output_mask: Any,
) -> None:  # fmt: skip
    gradients(
        grad_output, input, weight, stride, padding, dilation, transposed, groups, output_mask
    )


@defines(aten.convolution_backward_overrideable.default, values=False)
def overrideable_backward(
    grad_output: Array, input: Array, weight: Array, stride: Any, padding: Any, dilation: Any,
    transposed: bool, groups: int, output_mask: Any,
) -> None:  # fmt: skip
    gradients(
        grad_output, input, weight, stride, padding, dilation, transposed, groups, output_mask
    )


@defines(aten.linear_backward.default, aten.mkldnn_linear_backward.default, values=False)
def linear_backward(self: Array, grad_output: Array, weight: Array, output_mask: Any) -> None:
    of_input, of_weight, of_bias = output_mask
    x, dy = (v.reshape(-1, v.shape[-1]) for v in (self, grad_output))
    if of_input:
        by.matmul(dy, weight)
    if of_weight:
        by.matmul(dy.swapaxes(0, 1), x)
    if of_bias:
        total(dy, (0,))


# Attention.


def attention_gradients(
    query: Array, key: Array, value: Array, dropout_p: float, bias: Any = None
) -> None:
    """(B, heads, L, E); the probabilities are those of the forward."""
    shape = (*query.shape[:-1], key.shape[-2])
    probabilities = np.full(shape, Number(1 / max(shape[-1], 1)))
    dy = np.full((*query.shape[:-1], value.shape[-1]), Number(0.5))
    by.matmul(probabilities.swapaxes(-1, -2), dy)
    dp = by.matmul(dy, value.swapaxes(-1, -2))
    if dropout_p > 0:
        dp = dp * (1 / (1 - dropout_p))
    summed = total(dp * probabilities, (dp.ndim - 1,), True)
    ds = probabilities * (dp - summed)
    if bias is not None:
        axes = tuple(
            axis for axis in range(ds.ndim) if bias.shape[axis] == 1 and ds.shape[axis] != 1
        )
        total(ds, axes, True)
    ds = ds * (1 / math.sqrt(query.shape[-1] or 1))
    by.matmul(ds, key)
    by.matmul(ds.swapaxes(-1, -2), query)


@defines(
    aten._scaled_dot_product_flash_attention_backward.default,
    aten._scaled_dot_product_flash_attention_for_cpu_backward.default,
    aten._scaled_dot_product_cudnn_attention_backward.default,
    values=False,
)
def flash_backward(query: Array, key: Array, value: Array, dropout_p: float) -> None:
    attention_gradients(query, key, value, dropout_p)


@defines(
    aten._scaled_dot_product_efficient_attention_backward.default,
    aten._scaled_dot_product_fused_attention_overrideable_backward.default,
    values=False,
)
def efficient_backward(
    query: Array, key: Array, value: Array, attn_bias: Any, dropout_p: float, grad_input_mask: Any
) -> None:
    asked = attn_bias is not None and grad_input_mask[3]
    attention_gradients(query, key, value, dropout_p, attn_bias if asked else None)


@defines(aten._flash_attention_backward.default, values=False)
def heads_last_backward(query: Array, key: Array, value: Array, dropout_p: float) -> None:
    attention_gradients(*(x.swapaxes(1, 2) for x in (query, key, value)), dropout_p)


@defines(aten._efficient_attention_backward.default, values=False)
def efficient_heads_last_backward(
    query: Array, key: Array, value: Array, bias: Any, dropout_p: float, bias_requires_grad: bool
) -> None:
    heads_first = (x.swapaxes(1, 2) for x in (query, key, value))
    attention_gradients(*heads_first, dropout_p, bias if bias_requires_grad else None)


@defines(aten.scaled_dot_product_attention.default, values=False)
def attention(query: Array, key: Array, value: Array, attn_mask: Any, dropout_p: float) -> Any:
    """A mask is added, whatever its type is; fewer heads of keys and values are shared."""
    shared = query.shape[-3] // key.shape[-3] if query.ndim > 2 and key.shape[-3] else 1
    if shared > 1:
        key, value = key.repeat(shared, axis=-3), value.repeat(shared, axis=-3)
    factor = 1 / math.sqrt(query.shape[-1] or 1)
    scores = by.matmul(query, key.swapaxes(-1, -2)) * factor
    if attn_mask is not None:
        scores = scores + np.asarray(attn_mask)
    weights = softmax_of(scores, -1)
    if dropout_p > 0:
        weights = weights * (1 / (1 - dropout_p))
    return by.matmul(weights, value)


# Scatters that reduce.


@defines(aten.scatter_add.default, aten.put.default, values=False)
def scatter_add(self: Array, index: Any, accumulate: bool = True) -> None:
    if accumulate:
        targets = self.reshape(-1)
        for position in range(np.asarray(index).size):
            targets[position % max(targets.size, 1)] += 1


@defines(aten.index_add.default)
def index_add(self: Array, dim: int, index: Any, source: Array, alpha: Any) -> Any:
    result = np.moveaxis(self.copy(), dim, 0)
    parts = np.moveaxis(scaled(source, alpha), dim, 0)
    for place, part in zip(np.asarray(index).reshape(-1), parts, strict=True):
        result[place] = result[place] + part
    return np.moveaxis(result, 0, dim)


@defines(
    aten._scaled_dot_product_attention_math.default,
    aten._scaled_dot_product_flash_attention_for_cpu.default,
    values=False,
)
def attention_with_mask(
    query: Array, key: Array, value: Array, attn_mask: Any, dropout_p: float
) -> None:
    attention(query, key, value, attn_mask, dropout_p)


@defines(
    aten._scaled_dot_product_efficient_attention.default,
    aten._scaled_dot_product_cudnn_attention.default,
    aten._scaled_dot_product_fused_attention_overrideable.default,
    values=False,
)
def attention_with_bias(
    query: Array, key: Array, value: Array, attn_bias: Any, dropout_p: float
) -> None:
    attention(query, key, value, attn_bias, dropout_p)


@defines(aten._scaled_dot_product_flash_attention.default, values=False)
def flash_attention(query: Array, key: Array, value: Array, dropout_p: float) -> None:
    attention(query, key, value, None, dropout_p)


@defines(aten._triton_scaled_dot_attention.default, values=False)
def triton_attention(q: Array, k: Array, v: Array, dropout_p: float) -> None:
    attention(q, k, v, None, dropout_p)


@defines(aten._flash_attention_forward.default, values=False)
def flash_attention_forward(query: Array, key: Array, value: Array, dropout_p: float) -> None:
    attention(*(x.swapaxes(1, 2) for x in (query, key, value)), None, dropout_p)


@defines(experts.grouped_mm_fallback.default, values=False)
def rows_of_experts(input: Array, weight: Array) -> None:
    for row in floats(input):  # whichever expert it is of
        multiply_adds(row[:, None], weight[0])


@defines(experts.grouped_mm_fallback_backward.default, values=False)
def gradients_of_experts(input: Array, weight: Array, grad_output: Array) -> None:
    for row, gradient in zip(floats(input), floats(grad_output), strict=True):
        multiply_adds(weight[0], gradient[None, :])
        multiply_adds(row[:, None], gradient[None, :])
