"""``torch.utils.flop_counter.FlopCounterMode``. Source: torch 2.14, torch/utils/flop_counter.py."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from fxflops.conventions.charges import Amount, Charge, Convention, by_operator
from fxflops.conventions.fused import attention_is_fused, in_fused_layers
from fxflops.conventions.products import (
    attention,
    bmm,
    contraction,
    conv,
    conv_transpose,
    linear,
    matmul,
    of_matrices,
    twice,
)
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import cell_products, in_one_kernel, layer_products

aten = torch.ops.aten


def _attention(call: Call) -> Amount:
    return Amount() if attention_is_fused(call) else Amount(2 * attention(call))


def _lstm(call: Call) -> Amount:
    return Amount() if in_one_kernel(call) else Amount(2 * layer_products(call))


RULES = {
    **dict.fromkeys((aten.conv1d, aten.conv2d, aten.conv3d), twice(conv)),
    **dict.fromkeys(
        (aten.conv_transpose1d, aten.conv_transpose2d, aten.conv_transpose3d),
        twice(conv_transpose),
    ),
    aten.linear: twice(linear),
    aten.matmul: twice(of_matrices),
    **dict.fromkeys((aten.mm, aten.addmm), twice(matmul)),
    **dict.fromkeys((aten.bmm, aten.baddbmm), twice(bmm)),
    **dict.fromkeys((aten.einsum, aten.tensordot), twice(contraction)),
    **dict.fromkeys((aten.rnn_tanh, aten.rnn_relu, aten.gru), twice(layer_products)),
    aten.lstm: _lstm,
    **dict.fromkeys(
        (aten.rnn_tanh_cell, aten.rnn_relu_cell, aten.gru_cell, aten.lstm_cell),
        twice(cell_products),
    ),
    aten.scaled_dot_product_attention: _attention,
}


def charges(record: Record) -> Iterator[Charge]:
    """Convolutions and matrix products; nothing inside fused kernels."""
    fused = in_fused_layers(record)
    for charge in by_operator(record, RULES):
        if charge.call.nodes[0].name not in fused:
            yield charge


CONVENTION = Convention(
    title="FlopCounterMode",
    unit="FLOP",
    counts="convolutions and matrix products, a multiply-add as 2",
    misses="fused attention and nn.LSTM on the CPU, the fast path of nn.MultiheadAttention, all "
    "elementwise work, operators of other libraries",
    version="torch 2.14",
    charges=charges,
)
