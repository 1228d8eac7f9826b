"""Where PyTorch on the CPU runs one fused kernel instead of the products that a graph shows."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from fxflops.conventions.record import Call, Record


def attention_is_fused(call: Call) -> bool:
    """Whether this ``scaled_dot_product_attention`` runs as a fused kernel.

    It does unless the axes or head sizes differ, the features of a head are not side by side in
    memory, or there is dropout. Source: torch 2.14,
    aten/src/ATen/native/transformers/sdp_utils_cpp.cpp.
    """
    query, key, value = (call.kwargs[name] for name in ("query", "key", "value"))
    return (
        len(query) == len(key) == len(value)
        and query[-1] == key[-1] == value[-1]
        and query[0] == key[0] == value[0]
        and not call.kwargs["dropout_p"]
        and not call.spread & {"query", "key", "value"}
    )


def on_the_fast_path(record: Record) -> frozenset[str]:
    """The names of the operators that run inside ``aten._native_multi_head_attention``.

    ``nn.MultiheadAttention`` calls it in inference for self-attention of batches. Source: torch
    2.14, torch/nn/modules/activation.py, ``MultiheadAttention.forward``. On the meta device it
    never does, so our graph has the operators themselves.
    """
    return frozenset(node.name for call in fast_path_calls(record) for node in call.nodes)


def fast_path_calls(record: Record) -> Iterator[Call]:
    """The calls of ``nn.MultiheadAttention`` that take its fast path."""
    operators = {call.nodes[0].name: call for call in record.operators}
    for call in record.modules:
        module = call.target
        if type(module) is not nn.MultiheadAttention or len(call.argument(0, "query")) != 3:
            continue
        packed = any(
            node.op.name() == "aten::linear"
            and operators[node.name].kwargs["weight"][0] == 3 * module.embed_dim
            for node in call.nodes
        )
        if (
            packed  # query, key and value are one tensor
            and module.batch_first
            and module.in_proj_bias is not None
            and module.bias_k is None
            and not module.add_zero_attn
            and module.num_heads % 2 == 0
            and not _has_numbers_for_a_mask(call)
        ):
            yield call


def encoder_layers(record: Record) -> Iterator[Call]:
    """The calls that run as one ``aten._transformer_encoder_layer_fwd``.

    ``nn.TransformerEncoderLayer`` calls it in inference, unless somebody has hooked it. Source:
    torch 2.14, torch/nn/modules/transformer.py, ``TransformerEncoderLayer.forward``.
    """
    for call in record.modules:
        layer = call.target
        if (
            type(layer) is nn.TransformerEncoderLayer
            and len(call.argument(0, "src")) == 3
            and layer.self_attn.batch_first
            and layer.self_attn.in_proj_bias is not None
            and layer.activation_relu_or_gelu
            and layer.norm1.eps == layer.norm2.eps
            and layer.self_attn.num_heads % 2 == 0
        ):
            yield call


def in_fused_layers(record: Record) -> frozenset[str]:
    """The names of the operators inside fused layers: of attention, and of whole encoder layers."""
    encoders = {node.name for call in encoder_layers(record) for node in call.nodes}
    return on_the_fast_path(record) | encoders


def _has_numbers_for_a_mask(call: Call) -> bool:
    """Whether a mask of ``nn.MultiheadAttention`` is of floating point.

    One of booleans is first filled into one of floating point, which the graph shows.
    """
    masks = [call.argument(3, "key_padding_mask"), call.argument(5, "attn_mask")]
    filled = [node for node in call.nodes if node.op.name() == "aten::masked_fill_.Scalar"]
    return len(filled) < sum(mask is not None for mask in masks)
