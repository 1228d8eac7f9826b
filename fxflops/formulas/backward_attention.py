"""Derivatives of attention, whichever kernel computes them.

There are a = B * heads * L * S probabilities P, keys of width E and values of width Ev, and dO is
the gradient of the result. Four products, 4a(E + Ev) contraction: dV = P^T dO, dP = dO V^T; with
dS = P * (dP - rowsum(dP * P)) / sqrt(E), dQ = dS K and dK = dS^T Q. P itself is a value of the
forward: kernels that do not keep it compute Q K^T again, which is not charged, though PyTorch's
counter charges it (2aE). Elementwise: softmax's derivative, 4a less one for each row, and a for the
scale; a more in training with dropout; the sum that is the gradient of a mask that was broadcast.
Source: arXiv:2205.14135, app. B.2.
"""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten


def attention_backward(rows: Dim, keys: Dim, widths: Dim, dropout_p: float) -> Cost:
    """``rows`` queries of all heads against ``keys``; ``widths`` is E + Ev."""
    scores = rows * keys
    passes = 5 if dropout_p > 0 else 4
    summed = rows * reduction(keys, 1)
    return Cost(contraction=4 * scores * widths, elementwise=passes * scores + summed)


@formula(
    aten._scaled_dot_product_flash_attention_backward.default,
    aten._scaled_dot_product_flash_attention_for_cpu_backward.default,
    aten._scaled_dot_product_cudnn_attention_backward.default,
    kind="attention backward",
)
def scaled_dot_product_attention_backward(query: Shape, value: Shape, dropout_p: float) -> Cost:
    """`attention_backward`; the heads of keys and values may be fewer."""
    *_, keys, width = value
    return attention_backward(numel(query[:-1]), keys, query[-1] + width, dropout_p)


@formula(
    aten._scaled_dot_product_efficient_attention_backward.default,
    aten._scaled_dot_product_fused_attention_overrideable_backward.default,
    kind="attention backward",
)
def attention_with_bias_backward(
    query: Shape,
    value: Shape,
    attn_bias: Shape | None,
    dropout_p: float,
    grad_input_mask: tuple[bool, ...],
) -> Cost:
    """`attention_backward`, and the sum that is the bias's gradient where it is asked for."""
    cost = scaled_dot_product_attention_backward(query, value, dropout_p)
    if attn_bias is None or not grad_input_mask[3]:
        return cost
    scores = numel(query[:-1]) * value[-2]
    return cost + Cost(elementwise=reduction(scores, numel(attn_bias)))


@formula(aten._flash_attention_backward.default, kind="attention backward")
def flash_attention_backward(
    query: Shape, key: Shape, value: Shape, cum_seq_q: Shape | None, dropout_p: float
) -> Cost | None:
    """`attention_backward` with the heads after the sequence: (B, L, heads, E).

    Not known for packed sequences, whose lengths are data.
    """
    if cum_seq_q is not None:
        return None
    return attention_backward(numel(query[:-1]), key[1], query[-1] + value[-1], dropout_p)


@formula(aten._efficient_attention_backward.default, kind="attention backward")
def efficient_attention_backward(
    query: Shape,
    key: Shape,
    value: Shape,
    bias: Shape | None,
    cu_seqlens_q: Shape | None,
    dropout_p: float,
    bias_requires_grad: bool,
) -> Cost | None:
    """`flash_attention_backward`, with a bias."""
    if cu_seqlens_q is not None:
        return None
    cost = attention_backward(numel(query[:-1]), key[1], query[-1] + value[-1], dropout_p)
    if bias is None or not bias_requires_grad:
        return cost
    return cost + Cost(elementwise=reduction(numel(query[:-1]) * key[1], numel(bias)))
