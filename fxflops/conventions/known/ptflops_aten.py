"""ptflops' ``aten`` back end. Source: ptflops 0.7.5, ptflops/aten_ops.py, aten_engine.py."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch

from fxflops.algebra import Dim
from fxflops.conventions.charges import Amount, Charge, Convention, by_operator
from fxflops.conventions.fused import attention_is_fused, encoder_layers, on_the_fast_path
from fxflops.conventions.products import (
    attention,
    bmm,
    contraction,
    conv,
    conv_transpose,
    linear,
    matmul,
    of_matrices,
    once,
)
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import (
    cell_biases,
    cell_products,
    directions,
    in_one_kernel,
    layer_biases,
    layer_products,
    steps,
)
from fxflops.formulas.shapes import numel

aten = torch.ops.aten


def _bias(call: Call) -> Dim:
    return 0 if call.kwargs["bias"] is None else numel(call.out)


def _conv(call: Call) -> Amount:
    return Amount(conv(call), _bias(call))


def _conv_transpose(call: Call) -> Amount:
    return Amount(conv_transpose(call), _bias(call))


def _linear(call: Call) -> Amount:
    """With its bias where it arrives as ``addmm``: of a matrix, or of contiguous memory.

    Else PyTorch multiplies and adds the bias in place, which is not counted. Source: torch 2.14,
    aten/src/ATen/native/Linear.cpp.
    """
    whole = len(call.kwargs["input"]) == 2 or "input" not in call.strided
    return Amount(linear(call), _bias(call) if whole else 0)


def _addmm(call: Call) -> Amount:
    return Amount(matmul(call), numel(call.out))


def _attention(call: Call) -> Amount:
    return Amount() if attention_is_fused(call) else Amount(attention(call))


def _layer(call: Call) -> Amount:
    """With the biases, as in a linear layer: not those of an input that is not contiguous."""
    sequence = call.kwargs["input"]
    turned = call.kwargs["batch_first"] and 1 not in sequence[:2]
    biases = layer_biases(call)
    if turned or "input" in call.strided:
        sides = 2 if call.kwargs["bidirectional"] else 1
        first = [one.biases[0] for one in islice(directions(call), sides) if one.biases]
        biases = biases - steps(call) * sum(map(numel, first))
    return Amount(layer_products(call), biases)


def _lstm(call: Call) -> Amount:
    return Amount() if in_one_kernel(call) else _layer(call)


def _cell(call: Call) -> Amount:
    return Amount(cell_products(call), cell_biases(call))


RULES = {
    **dict.fromkeys((aten.conv1d, aten.conv2d, aten.conv3d), _conv),
    **dict.fromkeys(
        (aten.conv_transpose1d, aten.conv_transpose2d, aten.conv_transpose3d), _conv_transpose
    ),
    aten.linear: _linear,
    aten.matmul: once(of_matrices),
    aten.mm: once(matmul),
    aten.addmm: _addmm,
    aten.bmm: once(bmm),
    **dict.fromkeys((aten.einsum, aten.tensordot), once(contraction)),
    **dict.fromkeys((aten.rnn_tanh, aten.rnn_relu, aten.gru), _layer),
    aten.lstm: _lstm,
    **dict.fromkeys((aten.rnn_tanh_cell, aten.rnn_relu_cell, aten.gru_cell, aten.lstm_cell), _cell),
    aten.scaled_dot_product_attention: _attention,
}


def charges(record: Record) -> Iterator[Charge]:
    """Convolutions and matrix products as they are dispatched; nothing inside fused kernels.

    It hooks the model's children, and so spells out an encoder layer that is one of them.
    """
    fused = on_the_fast_path(record) | {
        node.name for call in encoder_layers(record) if "." in call.path for node in call.nodes
    }
    for charge in by_operator(record, RULES):
        if charge.call.nodes[0].name not in fused:
            yield charge


CONVENTION = Convention(
    title="ptflops (aten)",
    unit="MAC",
    counts="convolutions and matrix products, a multiply-add as 1, and their biases",
    misses="fused attention, nn.LSTM, the fast path of nn.MultiheadAttention, all other "
    "elementwise work",
    version="ptflops 0.7.5",
    charges=charges,
)
