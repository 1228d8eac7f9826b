"""calflops, its FLOPs. Source: calflops 0.3.2, calflops/pytorch_ops.py, calculate_pipline.py.

It replaces the functions of ``torch.nn.functional`` and some of ``torch``, and hooks recurrent
layers and cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from fxflops.algebra import Dim
from fxflops.conventions.charges import (
    Amount,
    Charge,
    Convention,
    Rule,
    by_function,
    by_module,
    times,
)
from fxflops.conventions.fused import on_the_fast_path
from fxflops.conventions.layers import elementwise
from fxflops.conventions.products import all_sizes, sums
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import CELLS, LAYERS, hooked_cell, hooked_layer
from fxflops.formulas.shapes import Shape, numel


def _linear(call: Call) -> Amount:
    return Amount(2 * numel(call.argument(0, "input")) * call.argument(1, "weight")[0])


def _conv(call: Call) -> Amount:
    """By the output; one padded to the ``"same"`` size it computes itself, a pixel too small."""
    weight, bias = call.argument(1, "weight"), call.argument(2, "bias")
    out: Dim = numel(call.out)
    if call.argument(4, "padding") == "same":
        shape = call.argument(0, "input")
        dilation = _each(call.argument(5, "dilation"), 1, len(shape) - 2)
        lengths = (
            size - d * (k - 1) % 2
            for size, k, d in zip(shape[2:], weight[2:], dilation, strict=True)
        )
        out = shape[0] * weight[0] * numel(lengths)
    return Amount(2 * out * numel(weight[1:]), 0 if bias is None else out)


def _conv_transpose(call: Call) -> Amount:
    """By its input; groups divide twice, and the bias is by the output of a plain convolution."""
    shape, weight = call.argument(0, "input"), call.argument(1, "weight")
    axes = len(shape) - 2
    groups = call.argument(6, "groups") or 1
    products = numel(shape[2:]) * shape[0] * numel(weight[2:]) * shape[1] * (weight[1] // groups)
    if call.argument(2, "bias") is None:
        return Amount(2 * products)
    stride, padding, dilation = (
        _each(call.argument(position, name), usual, axes)
        for position, name, usual in ((3, "stride", 1), (4, "padding", 0), (7, "dilation", 1))
    )
    out = [
        (size + 2 * p - (d * (k - 1) + 1)) // s + 1
        for size, k, s, p, d in zip(shape[2:], weight[2:], stride, padding, dilation, strict=True)
    ]
    return Amount(2 * products, weight[1] * shape[0] * numel(out))


def _each(setting: Any, usual: int, axes: int) -> tuple[int, ...]:
    if setting is None:
        setting = usual
    return setting if isinstance(setting, tuple) else (setting,) * axes


def _per_input(call: Call) -> Amount:
    return Amount(other=numel(call.argument(0, "input")))


def _batch_norm(call: Call) -> Amount:
    affine = call.argument(3, "weight") is not None
    return Amount(other=numel(call.argument(0, "input")) * (2 if affine else 1))


def _norm(position: int) -> Rule:
    """4 per element, 5 with a weight, which is the argument at ``position``."""

    def rule(call: Call) -> Amount:
        affine = call.argument(position, "weight") is not None
        return Amount(other=numel(call.argument(0, "input")) * (5 if affine else 4))

    return rule


def _upsample(call: Call) -> Amount:
    """The elements of the input, or the pixels of one map of the output where a size is given."""
    size = call.argument(1, "size")
    if size is None:
        return _per_input(call)
    return Amount(other=numel(size) if isinstance(size, tuple) else size)


def _matmul(call: Call) -> Amount:
    return Amount(2 * numel(call.argument(0, "input")) * call.argument(1, "other")[-1])


def _addmm(call: Call) -> Amount:
    added, left, right = (call.argument(i, n) for i, n in enumerate(("input", "mat1", "mat2")))
    return Amount(2 * numel(left) * right[-1], numel(added))


def _einsum(call: Call) -> Amount:
    """By ``numpy.einsum_path``: 2 for each meeting of letters where something is added up.

    numpy adds 1, and prints four digits, off which calflops reads the number: no formula follows
    that. Three operands and more meet in an order that numpy chooses.
    """
    equation, *operands = call.args
    return Amount(all_sizes(equation, operands) * (2 if sums(equation) else 1))


_PER_INPUT = (
    *("relu", "prelu", "elu", "leaky_relu", "relu6", "silu", "gelu", "softmax"),
    *(f"{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3)),
    *(f"adaptive_{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3)),
)
FUNCTIONS: dict[str, Rule] = {
    "F.linear": _linear,
    **dict.fromkeys(("F.conv1d", "F.conv2d", "F.conv3d"), _conv),
    **dict.fromkeys(
        ("F.conv_transpose1d", "F.conv_transpose2d", "F.conv_transpose3d"), _conv_transpose
    ),
    **dict.fromkeys((f"F.{name}" for name in _PER_INPUT), _per_input),
    "torch.einsum": _einsum,
    "F.batch_norm": _batch_norm,
    "F.instance_norm": _norm(3),
    **dict.fromkeys(("F.layer_norm", "F.group_norm"), _norm(2)),
    **dict.fromkeys(("F.interpolate", "F.upsample"), _upsample),
    **dict.fromkeys(("torch.matmul", "Tensor.matmul"), _matmul),
    **dict.fromkeys(("torch.addmm", "Tensor.addmm", "torch.baddbmm"), _addmm),
    **dict.fromkeys(("torch.mul", "Tensor.mul", "torch.add", "Tensor.add"), elementwise),
}


def _twice_without_gates(shape: Shape) -> Dim:
    """A multiplication and an addition for each weight, the first addition of a gate apart."""
    return 2 * shape[0] * shape[1] - shape[0]


MODULES: dict[type[nn.Module], Rule] = {
    **dict.fromkeys(LAYERS, hooked_layer(_twice_without_gates)),
    **dict.fromkeys(CELLS, hooked_cell(_twice_without_gates)),
}


def charges(record: Record) -> Iterator[Charge]:
    """Functions and recurrent layers, as often as a walk through children meets their module."""
    met, fused = record.multiplicity(), on_the_fast_path(record)
    for charge in by_module(record, MODULES):
        yield from times(charge, met[charge.call.target], "a shared module is counted again")
    for charge in by_function(record, FUNCTIONS):
        if not any(node.name in fused for node in charge.call.nodes):
            module = record.model.get_submodule(charge.call.path)
            yield from times(charge, met[module], "a shared module is counted again")


CONVENTION = Convention(
    title="calflops",
    unit="FLOP",
    counts="functions of torch.nn.functional, a multiply-add as 2; activations, pools and softmax "
    "as 1 per input, norms as 2 to 5",
    misses="scaled_dot_product_attention, bmm, grid_sample, the operators + - * / and @, biases "
    "of linear layers",
    version="calflops 0.3.2",
    charges=charges,
    unproven={
        "aten.einsum.default": "it reads a number printed with four digits",
        "F.interpolate of several factors": "the tool fails on it",
        "aten.conv1d.default of one image": "the tool fails on it",
        "aten.conv2d.default of one image": "the tool fails on it",
        "aten.conv3d.default of one image": "the tool fails on it",
    },
)
