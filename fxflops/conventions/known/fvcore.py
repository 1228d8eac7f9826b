"""fvcore's ``FlopCountAnalysis``. Source: fvcore 0.1.5, fvcore/nn/flop_count.py, jit_handles.py."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from fxflops.conventions.charges import Amount, Charge, Convention, Rule, by_operator
from fxflops.conventions.fused import on_the_fast_path
from fxflops.conventions.products import (
    bmm,
    conv,
    conv_transpose,
    einsum,
    linear,
    matmul,
    once,
    padded_by_name,
    sums,
)
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import cell_products
from fxflops.formulas.shapes import numel

aten = torch.ops.aten


def _conv(call: Call) -> Amount:
    """Nothing for a padding given by its name: the trace has another operator then."""
    return Amount() if padded_by_name(call) else Amount(conv(call))


def _matmul(call: Call) -> Amount:
    """By the left operand as it is, which errs where it is repeated for a larger right one."""
    left, right = call.kwargs["self"], call.kwargs["other"]
    return Amount(numel(left) * right[-1])


def _batch_norm(call: Call) -> Amount:
    return Amount(other=numel(call.out) * (1 if call.kwargs["weight"] is None else 2))


def _norm(call: Call) -> Amount:
    return Amount(other=numel(call.out) * (4 if call.kwargs["weight"] is None else 5))


def _einsum(call: Call) -> Amount:
    """Half of what ``numpy.einsum_path`` says, which is too little where nothing is added up."""
    products = einsum(call)
    return Amount(products if sums(call.kwargs["equation"]) else products // 2)


def _per_output(times: int) -> Rule:
    return lambda call: Amount(other=numel(call.out) * times)


def _per_input(call: Call) -> Amount:
    return Amount(other=numel(call.kwargs["self"]))


RULES = {
    **dict.fromkeys((aten.conv1d, aten.conv2d, aten.conv3d), _conv),
    **dict.fromkeys(
        (aten.conv_transpose1d, aten.conv_transpose2d, aten.conv_transpose3d),
        once(conv_transpose),
    ),
    aten.linear: once(linear),
    aten.matmul: _matmul,
    **dict.fromkeys((aten.mm, aten.addmm), once(matmul)),
    **dict.fromkeys(
        (aten.rnn_tanh_cell, aten.rnn_relu_cell, aten.gru_cell, aten.lstm_cell),
        once(cell_products),
    ),
    aten.bmm: once(bmm),
    aten.einsum: _einsum,
    aten.batch_norm: _batch_norm,
    **dict.fromkeys((aten.group_norm, aten.layer_norm, aten.instance_norm), _norm),
    aten.upsample_nearest2d: _per_output(1),
    aten.upsample_bilinear2d: _per_output(4),
    aten.adaptive_avg_pool2d: _per_input,
    aten.grid_sampler: _per_output(4),
}


def charges(record: Record) -> Iterator[Charge]:
    """The operators of its trace: those of our graph that the result depends on."""
    fused = on_the_fast_path(record)
    for charge in by_operator(record, RULES):
        if charge.call.is_used and charge.call.nodes[0].name not in fused:
            yield charge


CONVENTION = Convention(
    title="fvcore",
    unit="MAC",
    counts="convolutions and matrix products, a multiply-add as 1; norms as 1 to 5 per element, "
    "grid_sample as 4, nearest upsampling as 1 per output",
    misses="attention by scaled_dot_product_attention, recurrent layers, convolutions whose "
    "padding is given by its name, biases, activations, arithmetic",
    version="fvcore 0.1.5",
    charges=charges,
    unproven={
        "aten.einsum.default": "it reads a number printed with four digits",
        "aten.matmul.default of a vector": "the tool fails on it",
    },
)
