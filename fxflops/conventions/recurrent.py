"""What recurrent layers and cells hold, as tools read it off a module or a call of an operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from fxflops.algebra import Dim
from fxflops.conventions.charges import Amount, Rule
from fxflops.conventions.layers import image
from fxflops.conventions.record import Call
from fxflops.formulas.shapes import Shape, numel

LAYERS = (nn.RNN, nn.GRU, nn.LSTM)
CELLS = (nn.RNNCell, nn.GRUCell, nn.LSTMCell)

ADDITIONS: dict[type[nn.Module], int] = {
    **dict.fromkeys((nn.RNN, nn.RNNCell), 1),
    **dict.fromkeys((nn.GRU, nn.GRUCell), 1 + 3 + 3),
    **dict.fromkeys((nn.LSTM, nn.LSTMCell), 4 + 3 + 3),
}
"""The operations per hidden feature that calflops and ptflops see besides the products."""


def evaluations_by_axes(call: Call) -> Dim:
    """The first two axes, features in the place of the batch where there is none."""
    return numel(image(call)[:2])


def hooked_layer(products: Callable[[Shape], Dim]) -> Rule:
    """The rule of calflops and ptflops for a layer; ``products`` is what they count of a weight.

    They look at the weights of one direction, double, and leave the projection out.
    """

    def rule(call: Call) -> Amount:
        module = call.target
        total: Dim = 0
        other = 0
        for layer in range(module.num_layers):
            for kind in KINDS:
                total = total + products(getattr(module, f"weight_{kind}_l{layer}").shape)
            other += ADDITIONS[type(module)] * module.hidden_size
            if module.bias:
                other += sum(getattr(module, f"bias_{k}_l{layer}").numel() for k in KINDS)
        times = evaluations_by_axes(call) * (2 if module.bidirectional else 1)
        return Amount(times * total, times * other)

    return rule


KINDS = ("ih", "hh")


def hooked_cell(products: Callable[[Shape], Dim]) -> Rule:
    """The rule of calflops and ptflops for a cell."""

    def rule(call: Call) -> Amount:
        module = call.target
        total = products(module.weight_ih.shape) + products(module.weight_hh.shape)
        other = ADDITIONS[type(module)] * module.hidden_size
        if module.bias:
            other += module.bias_ih.numel() + module.bias_hh.numel()
        rows = image(call)[0]
        return Amount(rows * total, rows * other)

    return rule


def thop_layer(evaluations: Callable[[Call], Dim], *, projects: bool) -> Rule:
    """The rule of thop for a layer, of both packages; one of them knows of projections."""

    def rule(call: Call) -> Amount:
        module = call.target
        directions = 2 if module.bidirectional else 1
        projection = module.proj_size if projects else 0
        total, other = _thop_cell(module, module.input_size, projection)
        inner = _thop_cell(module, (projection or module.hidden_size) * directions, projection)
        more = module.num_layers - 1
        times = evaluations(call) * directions
        return Amount(times * (total + more * inner[0]), times * (other + more * inner[1]))

    return rule


def thop_cell(call: Call) -> Amount:
    """The rule of thop for a cell: per row."""
    total, other = _thop_cell(call.target, call.target.input_size, 0)
    shape = image(call)
    rows = shape[0] if len(shape) == 2 else 1
    return Amount(rows * total, rows * other)


def _thop_cell(module: nn.Module, features: int, projection: int) -> tuple[int, int]:
    """Products and everything else of one evaluation."""
    hidden: int = module.hidden_size  # type: ignore[assignment]
    gates = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}[_layer_of(type(module))]
    inner = {1: 0, 3: 1 + 3, 4: 3 + 1}[gates] * hidden
    gate = hidden * (3 if module.bias else 1)
    products = gates * hidden * (features + (projection or hidden)) + hidden * projection
    return products, gates * gate + inner


def _layer_of(kind: type[nn.Module]) -> type[nn.Module]:
    return LAYERS[CELLS.index(kind)] if kind in CELLS else kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """One direction of one layer in a call of ``aten.lstm``, ``gru`` or ``rnn_…``."""

    weights: tuple[Shape, ...]
    biases: tuple[Shape, ...]


def directions(call: Call) -> Iterator[Direction]:
    """All directions of all layers, by the parameters that the operator is given."""
    parameters: Sequence[Shape] = call.kwargs["params"]
    weights = [shape for shape in parameters if len(shape) == 2]
    biases = [shape for shape in parameters if len(shape) == 1]
    count = call.kwargs["num_layers"] * (2 if call.kwargs["bidirectional"] else 1)
    per_weight, per_bias = len(weights) // count, len(biases) // count
    for index in range(count):
        yield Direction(
            weights=tuple(weights[index * per_weight : (index + 1) * per_weight]),
            biases=tuple(biases[index * per_bias : (index + 1) * per_bias]),
        )


def steps(call: Call) -> Dim:
    """How many rows of features the layer is given: of all sequences, at all times."""
    given: Shape = call.kwargs["input"]
    return numel(given[:-1])


def layer_products(call: Call) -> Dim:
    """Multiply-adds of all weights at every step."""
    weights = sum(numel(shape) for one in directions(call) for shape in one.weights)
    return steps(call) * weights


def layer_biases(call: Call) -> Dim:
    """Additions of all biases at every step."""
    return steps(call) * sum(numel(shape) for one in directions(call) for shape in one.biases)


def cell_products(call: Call) -> Dim:
    """Multiply-adds of a cell's two weights."""
    rows: Dim = numel(call.kwargs["input"][:-1])
    return rows * (numel(call.kwargs["w_ih"]) + numel(call.kwargs["w_hh"]))


def cell_biases(call: Call) -> Dim:
    """Additions of a cell's biases."""
    shapes = [call.kwargs.get(name) for name in ("b_ih", "b_hh")]
    rows: Dim = numel(call.kwargs["input"][:-1])
    return rows * sum(numel(shape) for shape in shapes if shape is not None)


def hidden(call: Call) -> Dim:
    """One number per hidden feature of a cell, in all rows."""
    rows: Dim = numel(call.kwargs["input"][:-1])
    features: Dim = call.kwargs["w_hh"][1]
    return rows * features


def in_one_kernel(call: Call) -> bool:
    """Whether this ``aten.lstm`` runs as a kernel of oneDNN, one per layer and direction.

    It does in inference on the CPU unless it projects. Source: torch 2.14,
    aten/src/ATen/native/RNN.cpp, ``use_mkldnn``.
    """
    return all(len(one.weights) == 2 for one in directions(call))
