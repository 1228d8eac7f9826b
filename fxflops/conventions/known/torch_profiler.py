"""``torch.profiler`` with ``with_flops``.

Source: torch 2.14, torch/csrc/profiler/util.cpp, ``computeFlops``. It knows six events:
``aten::conv2d``, ``mm``, ``addmm``, ``bmm``, ``baddbmm``, ``add`` and ``mul``. The last two are
charged by the shape of their first argument, however far it is broadcast.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from fxflops.conventions.charges import Amount, Charge, Convention, Rule, by_operator
from fxflops.conventions.fused import attention_is_fused, encoder_layers, in_fused_layers
from fxflops.conventions.products import (
    attention,
    bmm,
    contraction,
    conv,
    linear,
    matmul,
    of_matrices,
    padded_by_name,
    sums,
    twice,
)
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import (
    cell_products,
    directions,
    hidden,
    in_one_kernel,
    layer_products,
    steps,
)
from fxflops.formulas.shapes import numel

aten = torch.ops.aten


def _first_argument(call: Call) -> Amount:
    return Amount(other=numel(call.kwargs["self"]))


def _conv2d(call: Call) -> Amount:
    """Nothing for an image without a batch, and for a padding that is given by its name."""
    known = len(call.kwargs["input"]) == 4 and not padded_by_name(call)
    return Amount(2 * conv(call)) if known else Amount()


def _layer(hidden_products: int) -> Rule:
    """The products, and so many multiplications per hidden feature and step."""

    def rule(call: Call) -> Amount:
        rows = sum(
            one.weights[1][0] // GATES[call.target.overloadpacket] for one in directions(call)
        )
        return Amount(2 * layer_products(call), steps(call) * rows * hidden_products)

    return rule


def _lstm(call: Call) -> Amount:
    """In one kernel nothing but the sum of both biases, once for each direction of each layer."""
    if not in_one_kernel(call):
        return _layer(3)(call)
    return Amount(other=sum(numel(one.biases[0]) for one in directions(call) if one.biases))


def _cell(hidden_products: int) -> Rule:
    return lambda call: Amount(2 * cell_products(call), hidden_products * hidden(call))


def _bilinear(call: Call) -> Amount:
    """A product with the first input's features, one with the second's, and the bias."""
    _, first, second = call.kwargs["weight"]
    out = numel(call.out)
    bias = 0 if call.kwargs["bias"] is None else out
    return Amount(2 * out * second * (first + 1), bias)


def _einsum(call: Call) -> Amount:
    """Its products; a multiplication where nothing is added up, by its first operand."""
    operands = call.kwargs["tensors"]
    multiplies = len(operands) == 2 and not sums(call.kwargs["equation"])
    return Amount(2 * contraction(call), numel(operands[0]) if multiplies else 0)


def _instance_norm(call: Call) -> Amount:
    """1 for each vector of channels, which it repeats for every image."""
    names = ("weight", "bias", "running_mean", "running_var")
    return Amount(other=sum(call.kwargs[name] is not None for name in names))


def _rms_norm(call: Call) -> Amount:
    passes = 1 if call.kwargs["weight"] is None else 2
    return Amount(other=passes * numel(call.out))


def _attention(call: Call) -> Amount:
    """Nothing where it is fused; spelt out, its products, and the scaling of query and key."""
    if attention_is_fused(call):
        return Amount()
    scaled = numel(call.kwargs["query"]) + numel(call.kwargs["key"])
    return Amount(2 * attention(call), scaled)


GATES = {aten.rnn_tanh: 1, aten.rnn_relu: 1, aten.gru: 3, aten.lstm: 4}
RULES = {
    aten.conv2d: _conv2d,
    aten.linear: twice(linear),
    aten.matmul: twice(of_matrices),
    **dict.fromkeys((aten.mm, aten.addmm), twice(matmul)),
    **dict.fromkeys((aten.bmm, aten.baddbmm), twice(bmm)),
    aten.einsum: _einsum,
    aten.tensordot: twice(contraction),
    **dict.fromkeys((aten.rnn_tanh, aten.rnn_relu), _layer(0)),
    aten.gru: _layer(1),
    aten.lstm: _lstm,
    **dict.fromkeys((aten.rnn_tanh_cell, aten.rnn_relu_cell), _cell(0)),
    aten.gru_cell: _cell(1),
    aten.lstm_cell: _cell(3),
    aten.bilinear: _bilinear,
    aten.outer: _first_argument,
    aten.repeat: lambda call: Amount(other=len(call.kwargs["repeats"])),
    aten.instance_norm: _instance_norm,
    aten.rms_norm: _rms_norm,
    aten.rrelu: lambda call: Amount(other=1),
    aten.scaled_dot_product_attention: _attention,
    **dict.fromkeys((aten.add, aten.mul), _first_argument),
}


def _deformable(record: Record) -> Iterator[Charge]:
    """The product inside torchvision's deformable convolution, which versions of it call mm."""
    for call in record.operators:
        if str(call.target) == "torchvision.deform_conv2d.default":
            yield Charge(call=call, amount=twice(contraction)(call))


def charges(record: Record) -> Iterator[Charge]:
    """By operator; of a fused layer it sees the products, but for an encoder's first linear one."""
    fused = in_fused_layers(record)
    hidden_in_activation = {
        f"{call.path}.linear1".removeprefix(".") for call in encoder_layers(record)
    }
    for charge in (*by_operator(record, RULES), *_deformable(record)):
        call = charge.call
        if call.nodes[0].name not in fused:
            yield charge
        elif call.path in hidden_in_activation:
            continue
        elif call.target.overloadpacket is aten.scaled_dot_product_attention:
            yield Charge(call=call, amount=Amount(2 * attention(call)))
        elif charge.amount.products != 0:
            yield Charge(call=call, amount=Amount(charge.amount.products))


CONVENTION = Convention(
    title="torch.profiler",
    unit="FLOP",
    counts="conv2d and matrix products, a multiply-add as 2; add and mul by their first argument",
    misses="fused attention, nn.LSTM, convolutions of other ranks or with padding given by its "
    "name, every other elementwise operator",
    version="torch 2.14",
    charges=charges,
)
