"""torchprofile. Source: torchprofile 0.1.0, torchprofile/handlers.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from fxflops.algebra import Dim
from fxflops.conventions.charges import Amount, Charge, Convention, Rule, by_operator
from fxflops.conventions.fused import in_fused_layers
from fxflops.conventions.products import (
    attention,
    bmm,
    conv,
    einsum,
    linear,
    matmul,
    once,
    padded_by_name,
)
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import cell_products, directions, hidden, steps
from fxflops.conventions.traced_sizes import products_of_sizes
from fxflops.formulas.shapes import numel

aten = torch.ops.aten
NEAREST, BICUBIC = 1, 2


def _conv(call: Call) -> Amount:
    """Nothing for a padding given by its name: the trace has another operator then."""
    return Amount() if padded_by_name(call) else Amount(conv(call))


def _lstm(call: Call) -> Amount:
    """By the sizes of states, which are the projected ones where there is a projection."""
    each = list(directions(call))
    sides = 2 if call.kwargs["bidirectional"] else 1
    width = call.out[1][-1]
    products: Dim = 0
    for layer in range(len(each) // sides):
        features = call.kwargs["input"][-1] if layer == 0 else width * sides
        products = products + 4 * width * (features + width)
    return Amount(steps(call) * sides * products)


def _cell(products_of_hidden: int) -> Rule:
    """Both products, and so many multiplications per hidden feature."""
    return lambda call: Amount(cell_products(call), products_of_hidden * hidden(call))


def _conv_transpose(call: Call) -> Amount:
    """By its output, where it errs, with whatever axis of the weight is not that of the output."""
    out, weight = call.out, call.kwargs["weight"]
    channels = weight[1] if out[1] == weight[0] else weight[0]
    return Amount(numel(out) * channels * numel(weight[2:]))


def _per_output(times: int) -> Rule:
    return lambda call: Amount(other=numel(call.out) * times)


def _einsum(call: Call) -> Amount:
    """The product of all letters' sizes, nothing with an ellipsis."""
    return Amount() if "..." in call.kwargs["equation"] else Amount(einsum(call))


def _addmv(call: Call) -> Dim:
    return numel(call.kwargs["mat"])


def _norm(call: Call) -> Amount:
    return Amount(other=0 if call.kwargs["weight"] is None else numel(call.out))


def _grid_sampler(call: Call) -> Amount:
    mode = call.kwargs["interpolation_mode"]
    return Amount(other=numel(call.out) * {NEAREST: 0, BICUBIC: 16}.get(mode, 4))


POOLS = (
    *(aten.avg_pool1d, aten.avg_pool2d, aten.avg_pool3d, aten.mean),
    *(aten.adaptive_avg_pool1d, aten.adaptive_avg_pool2d, aten.adaptive_avg_pool3d),
)
RULES = {
    **dict.fromkeys((aten.conv1d, aten.conv2d, aten.conv3d), _conv),
    **dict.fromkeys(
        (aten.conv_transpose1d, aten.conv_transpose2d, aten.conv_transpose3d), _conv_transpose
    ),
    aten.linear: once(linear),
    **dict.fromkeys((aten.matmul, aten.addmm), once(matmul)),
    **dict.fromkeys((aten.bmm, aten.baddbmm), once(bmm)),
    aten.einsum: _einsum,
    aten.lstm: _lstm,
    **dict.fromkeys((aten.rnn_tanh_cell, aten.rnn_relu_cell), _cell(0)),
    aten.gru_cell: _cell(2),
    aten.lstm_cell: _cell(3),
    aten.addmv: once(_addmv),
    aten.scaled_dot_product_attention: once(attention),
    **dict.fromkeys((aten.mul, aten.mul_), _per_output(1)),
    **dict.fromkeys((aten.batch_norm, aten.instance_norm, aten.layer_norm, aten.group_norm), _norm),
    **dict.fromkeys((*POOLS, aten.leaky_relu), _per_output(1)),
    aten.upsample_bilinear2d: _per_output(4),
    aten.grid_sampler: _grid_sampler,
}


def charges(record: Record) -> Iterator[Charge]:
    """The operators of its trace: those of our graph that the result depends on."""
    fused = in_fused_layers(record)
    for charge in by_operator(record, RULES):
        if charge.call.is_used and charge.call.nodes[0].name not in fused:
            yield charge


def _products_of_sizes(record: Record, charges: Iterable[Charge]) -> Dim:
    return products_of_sizes(record)


CONVENTION = Convention(
    title="torchprofile",
    unit="MAC",
    counts="convolutions, matrix products and attention, a multiply-add as 1; mul, norms and "
    "average pools as 1 per output, grid_sample as 4",
    misses="nn.RNN and nn.GRU, convolutions whose padding is given by its name, biases, "
    "additions, divisions, activations, softmax",
    version="torchprofile 0.1.0",
    charges=charges,
    correction=_products_of_sizes,
    corrects="charged for products of sizes, which its trace shows as tensors",
    unproven={
        "aten.baddbmm.default of an addend that is repeated": "the tool fails on it",
        "aten.scaled_dot_product_attention.default of groups": "the tool fails on it",
        "nn.MultiheadAttention on its fast path": "the tool fails on it without attention weights",
    },
)
