"""Attention: softmax(Q K^T / sqrt(E) + mask) V, whole, whichever kernel computes it.

With a = B * heads * L * S scores, keys of width E and values of width Ev: 2a(E + Ev) contraction,
a for the scale, a for a mask, a in training for the dropout's scale, and `softmax_cost` of the rows
of scores. A causal mask is a selection by index, and so free; what it hides is charged in full, as
PyTorch does. Source: arXiv:1706.03762, eq. 1.
"""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.activation import gelu
from fxflops.formulas.norm import layer_norm
from fxflops.formulas.pointwise import COMPARISON
from fxflops.formulas.shapes import Shape, numel
from fxflops.formulas.softmax import SOFTMAX_OF_A_SCORE, softmax_cost
from fxflops.registry import existing, formula

aten = torch.ops.aten


def attention(rows: Dim, keys: Dim, widths: Dim, mask: Shape | None, dropout_p: float = 0) -> Cost:
    """``rows`` queries of all heads against ``keys``; ``widths`` is E + Ev."""
    products = cost_of_score(widths, has_mask=mask is not None, dropout_p=dropout_p)
    return softmax_cost(rows, keys) + (products - SOFTMAX_OF_A_SCORE) * (rows * keys)


def cost_of_score(widths: Dim, *, has_mask: bool, dropout_p: float) -> Cost:
    """What a row costs more for each key more: two products, the scale, the softmax."""
    passes = 1 + has_mask + (dropout_p > 0)
    return SOFTMAX_OF_A_SCORE + Cost(contraction=2 * widths, elementwise=passes)


def flex_attention(query: Shape, value: Shape, per_score: Cost) -> Cost:
    """`attention` without a mask, and what a function does to each score: ``per_score``.

    A mask is a selection. Blocks of scores that a mask leaves out are charged, as PyTorch does.
    Source: arXiv:2412.05496, sec. 3.
    """
    rows, (*_, keys, width) = numel(query[:-1]), value
    return attention(rows, keys, query[-1] + width, None) + per_score * (rows * keys)


@formula(aten.scaled_dot_product_attention.default, kind="attention")
def scaled_dot_product_attention(
    query: Shape,
    value: Shape,
    attn_mask: Shape | None,
    dropout_p: float,
    *,
    out: Shape,
) -> Cost:
    """`attention`; the heads of keys and values may be fewer: grouped queries share them."""
    *_, keys, width = value
    return attention(numel(out[:-1]), keys, query[-1] + width, attn_mask, dropout_p)


@formula(
    aten._scaled_dot_product_attention_math.default,
    aten._scaled_dot_product_attention_math_for_mps.default,
    aten._scaled_dot_product_flash_attention_for_cpu.default,
    kind="attention",
)
def attention_with_mask(
    query: Shape,
    value: Shape,
    attn_mask: Shape | None,
    dropout_p: float,
    *,
    out: tuple[Shape, ...],
) -> Cost:
    """`scaled_dot_product_attention`; further results are what its backward will need."""
    return scaled_dot_product_attention(query, value, attn_mask, dropout_p, out=out[0])


@formula(
    aten._scaled_dot_product_efficient_attention.default,
    aten._scaled_dot_product_cudnn_attention.default,
    aten._scaled_dot_product_fused_attention_overrideable.default,
    kind="attention",
)
def attention_with_bias(
    query: Shape,
    value: Shape,
    attn_bias: Shape | None,
    dropout_p: float,
    *,
    out: tuple[Shape, ...],
) -> Cost:
    """`scaled_dot_product_attention`."""
    return scaled_dot_product_attention(query, value, attn_bias, dropout_p, out=out[0])


@formula(aten._scaled_dot_product_flash_attention.default, kind="attention")
def flash_attention(
    query: Shape, value: Shape, dropout_p: float, *, out: tuple[Shape, ...]
) -> Cost:
    """`scaled_dot_product_attention` without a mask."""
    return scaled_dot_product_attention(query, value, None, dropout_p, out=out[0])


@formula(*existing("aten._scaled_dot_product_flash_attention.quantized"), kind="attention")
def quantised_flash_attention(
    query: Shape,
    value: Shape,
    q_descale: Shape | None,
    k_descale: Shape | None,
    v_descale: Shape | None,
    dropout_p: float,
    *,
    out: tuple[Shape, ...],
) -> Cost:
    """`flash_attention` of queries, keys and values by a scale for each head: `descaled`."""
    cost = flash_attention(query, value, dropout_p, out=out)
    scores = numel(query[:-1]) * value[-2]
    return cost + descaled(scores, numel(out[0]), q_descale, k_descale, v_descale)


def descaled(
    scores: Dim,
    results: Dim,
    q_descale: Shape | None,
    k_descale: Shape | None,
    v_descale: Shape | None,
) -> Cost:
    """A product of every score for the scales of queries and of keys, of every result for values'.

    A scale belongs to a head, and so comes out of the products of matrices.
    """
    of_scores = (q_descale is not None) + (k_descale is not None)
    of_results = v_descale is not None
    return Cost(elementwise=of_scores * scores + int(of_results) * results)


@formula(
    aten._flash_attention_forward.default,
    *existing("aten._flash_attention_forward_no_dropout_inplace.default"),
    kind="attention",
)
def flash_attention_forward(
    query: Shape, key: Shape, value: Shape, cum_seq_q: Shape | None, dropout_p: float
) -> Cost | None:
    """`attention` with the heads after the sequence: (B, L, heads, E).

    Not known for packed sequences, whose lengths are data.
    """
    if cum_seq_q is not None:
        return None
    return attention(numel(query[:-1]), key[1], query[-1] + value[-1], None, dropout_p)


@formula(*existing("aten._flash_attention_forward.quantized"), kind="attention")
def quantised_flash_attention_forward(
    query: Shape,
    key: Shape,
    value: Shape,
    cum_seq_q: Shape | None,
    q_descale: Shape | None,
    k_descale: Shape | None,
    v_descale: Shape | None,
    dropout_p: float,
) -> Cost | None:
    """`flash_attention_forward`, `descaled`."""
    cost = flash_attention_forward(query, key, value, cum_seq_q, dropout_p)
    rows = numel(query[:-1])
    scales = descaled(rows * key[1], rows * value[-1], q_descale, k_descale, v_descale)
    return None if cost is None else cost + scales


@formula(aten._cudnn_attention_forward.default, kind="attention")
def cudnn_attention_forward(
    query: Shape,
    value: Shape,
    attn_bias: Shape | None,
    cum_seq_q: Shape | None,
    dropout_p: float,
    *,
    out: tuple[Shape, ...],
) -> Cost | None:
    """`scaled_dot_product_attention`, (B, heads, L, E). Not known for packed sequences."""
    if cum_seq_q is not None:
        return None
    return scaled_dot_product_attention(query, value, attn_bias, dropout_p, out=out[0])


@formula(aten._triton_scaled_dot_attention.default, kind="attention")
def triton_attention(q: Shape, v: Shape, dropout_p: float, *, out: Shape) -> Cost:
    """`scaled_dot_product_attention` without a mask."""
    return scaled_dot_product_attention(q, v, None, dropout_p, out=out)


@formula(aten._efficient_attention_forward.default, kind="attention")
def efficient_attention_forward(
    query: Shape,
    key: Shape,
    value: Shape,
    bias: Shape | None,
    cu_seqlens_q: Shape | None,
    dropout_p: float,
) -> Cost | None:
    """`flash_attention_forward`, with a bias."""
    if cu_seqlens_q is not None:
        return None
    return attention(numel(query[:-1]), key[1], query[-1] + value[-1], bias, dropout_p)


def multi_head_attention(query: Shape, keys: Dim, heads: int, mask: Shape | None) -> Cost:
    """Four projections with bias, and `attention` in ``heads`` heads of D / heads each.

    ``query`` is (B, L, D). Queries and results are B * L rows, keys and values B * S: each row
    meets D * D weights, 2D^2 contraction and D for the bias  [FLOP].
    """
    batch, length, width = query
    projected = 2 * batch * (length + keys)
    return attention(batch * heads * length, keys, 2 * width // heads, mask) + Cost(
        contraction=2 * projected * width * width, elementwise=projected * width
    )


@formula(aten._native_multi_head_attention.default, kind="attention")
def native_multi_head_attention(
    query: Shape,
    key: Shape,
    num_head: int,
    mask: Shape | None,
    need_weights: bool,
    average_attn_weights: bool,
) -> Cost:
    """`multi_head_attention`; the mean over the heads' weights where they are asked for."""
    batch, length, _ = query
    keys = key[1]
    averaged = need_weights and average_attn_weights
    scores = batch * num_head * length * keys if averaged else 0
    return multi_head_attention(query, keys, num_head, mask) + Cost(elementwise=scores)


@formula(aten._triton_multi_head_attention.default, kind="attention")
def triton_multi_head_attention(
    query: Shape, key: Shape, num_head: int, mask: Shape | None
) -> Cost:
    """`multi_head_attention`."""
    return multi_head_attention(query, key[1], num_head, mask)


@formula(aten._transformer_encoder_layer_fwd.default, kind="attention")
def transformer_encoder_layer(
    src: Shape,
    num_heads: int,
    use_gelu: bool,
    norm_weight_1: Shape,
    norm_bias_1: Shape,
    norm_weight_2: Shape,
    norm_bias_2: Shape,
    ffn_weight_1: Shape,
    mask: Shape | None,
) -> Cost:
    """Attention, two linear layers with an activation, two residuals, two layer norms.

    PyTorch's counter has no formula for it: it gives 0. Source: arXiv:1706.03762, sec. 3.
    """
    batch, length, width = src
    rows, elements = batch * length, numel(src)
    hidden, _ = ffn_weight_1
    inner = (*src[:-1], hidden)
    feed_forward = Cost(
        contraction=2 * 2 * rows * width * hidden, elementwise=rows * (hidden + width)
    )
    activation = gelu("none", out=inner) if use_gelu else COMPARISON * numel(inner)
    norms = layer_norm(src, (width,), norm_weight_1, norm_bias_1) + layer_norm(
        src, (width,), norm_weight_2, norm_bias_2
    )
    residuals = Cost(elementwise=2 * elements)
    attended = multi_head_attention(src, length, num_heads, mask)
    return attended + feed_forward + activation + norms + residuals


@formula(aten._transform_bias_rescale_qkv.default, counter="elementwise", kind="attention")
def transform_bias_rescale_qkv(*, out: tuple[Shape, ...]) -> Dim:
    """4n for n elements of the queries: a bias for all three, the scale of the queries  [FLOP]."""
    return 4 * numel(out[0])
