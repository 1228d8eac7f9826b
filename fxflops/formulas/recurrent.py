"""Recurrent layers and cells: RNN, LSTM (also with projections) and GRU.

Every gate is W x + b + U h + c, whose two products are the contraction. A layer's ``params`` hold
for each layer and direction the weights and, with ``has_biases``, the biases; a step is one element
of the batch at one time. Packed sequences have just the steps that are no padding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import existing, formula

aten = torch.ops.aten

# Per unit of the hidden state, its gates' sums W x + U h included, their biases not.
RNN_TANH = Cost(elementwise=1, transcendental=1)  # tanh(a)
RNN_RELU = Cost(elementwise=1, comparison=1)  # max(a, 0)
# r, z = sigmoid(a); n = tanh(a_n + r * b_n), whose sum is the candidate's W x + U h;
# h = (1 - z) * n + z * h: sums 3, sigmoids 2 * 2, r * b 1, update 4. arXiv:1406.1078, eq. 5-8.
GRU = Cost(elementwise=12, transcendental=3)
# i, f, o = sigmoid(a), g = tanh(a), c = f * c + i * g, h = o * tanh(c): sums 4, sigmoids 3 * 2,
# cell 3, output 1. arXiv:1402.1128, eq. 1-6.
LSTM = Cost(elementwise=14, transcendental=5)


def cell(steps: Dim, hidden: Dim, per_unit: Cost, *parameters: Shape) -> Cost:
    """``steps`` steps of one cell: every weight is met once, every bias added once."""
    weights = sum((numel(shape) for shape in parameters if len(shape) == 2), 0)
    biases = sum((numel(shape) for shape in parameters if len(shape) == 1), 0)
    return (per_unit * hidden + Cost(contraction=2 * weights, elementwise=biases)) * steps


def layers(per_unit: Cost) -> Callable[..., Cost]:
    """2 * steps * weights contraction, and the ``per_unit`` work and the biases  [FLOP].

    In training, dropout scales every layer's result but the last's.
    """
    gates = GATES[per_unit]

    def count(
        input: Shape,
        params: tuple[Shape, ...],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        *,
        out: tuple[Shape, ...],
    ) -> Cost:
        steps = numel(input[:-1])
        each = len(params) // (num_layers * (2 if bidirectional else 1))
        cost = Cost.zero()
        for first in range(0, len(params), each):
            _, recurrent, *_ = own = params[first : first + each]
            cost = cost + cell(steps, recurrent[0] // gates, per_unit, *own)
        if train and dropout > 0:
            cost = cost + Cost(elementwise=(num_layers - 1) * numel(out[0]))
        return cost

    return count


def packed(per_unit: Cost) -> Callable[..., Cost]:
    """`layers` of a packed sequence: a row of ``data`` is a step."""
    of_padded = layers(per_unit)

    def count(
        data: Shape,
        params: tuple[Shape, ...],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        *,
        out: tuple[Shape, ...],
    ) -> Cost:
        return of_padded(
            data, params, has_biases, num_layers, dropout, train, bidirectional, out=out
        )

    return count


GATES = {RNN_TANH: 1, RNN_RELU: 1, GRU: 3, LSTM: 4}

for _operators, _per_unit in (
    ((aten.rnn_tanh.input,), RNN_TANH),
    ((aten.rnn_relu.input,), RNN_RELU),
    ((aten.gru.input,), GRU),
    ((aten.lstm.input, *existing("aten._lstm_mps.default")), LSTM),
):
    formula(*_operators, kind="recurrent")(layers(_per_unit))

for _operator, _per_unit in (
    (aten.rnn_tanh.data, RNN_TANH),
    (aten.rnn_relu.data, RNN_RELU),
    (aten.gru.data, GRU),
    (aten.lstm.data, LSTM),
):
    formula(_operator, kind="recurrent")(packed(_per_unit))

BY_MODE = (RNN_RELU, RNN_TANH, LSTM, GRU)
"""The numbers by which kernels of cuDNN, MIOpen and oneDNN know the kinds."""


@formula(aten._cudnn_rnn.default, aten.miopen_rnn.default, kind="recurrent")
def kernel_of_layers(
    input: Shape,
    weight: tuple[Shape, ...],
    mode: int,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    *,
    out: tuple[Shape, ...],
) -> Cost:
    """`layers`, packed or not."""
    of_kind = layers(BY_MODE[mode])
    return of_kind(input, weight, True, num_layers, dropout, train, bidirectional, out=out)


@formula(aten.mkldnn_rnn_layer.default, kind="recurrent")
def kernel_of_layer(
    input: Shape,
    weight0: Shape,
    weight1: Shape,
    weight2: Shape,
    weight3: Shape,
    mode: int,
    hidden_size: int,
    has_biases: bool,
) -> Cost:
    """One layer in one direction, packed or not; the last two weights are the biases."""
    biases = (weight2, weight3) if has_biases else ()
    return cell(numel(input[:-1]), hidden_size, BY_MODE[mode], weight0, weight1, *biases)


def single(per_unit: Cost) -> Callable[..., Cost]:
    """One step of a `cell` for each row of ``input``."""

    def count(
        input: Shape, w_ih: Shape, w_hh: Shape, b_ih: Shape | None, b_hh: Shape | None
    ) -> Cost:
        biases: list[Any] = [bias for bias in (b_ih, b_hh) if bias is not None]
        return cell(numel(input[:-1]), w_hh[-1], per_unit, w_ih, w_hh, *biases)

    return count


for _operator, _per_unit in (
    (aten.rnn_tanh_cell.default, RNN_TANH),
    (aten.rnn_relu_cell.default, RNN_RELU),
    (aten.gru_cell.default, GRU),
    (aten.lstm_cell.default, LSTM),
):
    formula(_operator, kind="recurrent")(single(_per_unit))


@formula(aten._thnn_fused_gru_cell.default, kind="recurrent")
def fused_gru_cell(hx: Shape, input_bias: Shape | None, hidden_bias: Shape | None) -> Cost:
    """What a step of a GRU has besides the products of the gates, which are given."""
    return fused(hx, GRU, input_bias, hidden_bias)


@formula(aten._thnn_fused_lstm_cell.default, kind="recurrent")
def fused_lstm_cell(cx: Shape, input_bias: Shape | None, hidden_bias: Shape | None) -> Cost:
    """What a step of an LSTM has besides the products of the gates, which are given."""
    return fused(cx, LSTM, input_bias, hidden_bias)


def fused(state: Shape, per_unit: Cost, *biases: Shape | None) -> Cost:
    """The ``per_unit`` work of a state (B, units), and the biases of all gates."""
    steps, hidden = state
    return cell(steps, hidden, per_unit, *(bias for bias in biases if bias is not None))
