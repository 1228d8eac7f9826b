"""What tools that hook modules read off a call of a layer: its input, output, and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from fxflops.algebra import Dim, maximum
from fxflops.conventions.charges import Amount, Rule
from fxflops.conventions.record import Call
from fxflops.formulas.shapes import Shape, numel


def image(call: Call) -> Shape:
    """The shape of the first argument."""
    shape: Shape = call.args[0] if call.args else next(iter(call.kwargs.values()))
    return shape


def output(call: Call) -> Shape:
    """The shape of the result, the first one where there are several."""
    out: Any = call.out
    while out and isinstance(out[0], tuple):
        out = out[0]
    shape: Shape = out
    return shape


def conv_by_output(call: Call) -> Dim:
    """prod(out) * C_in/groups * prod(kernel), of a convolution that is not transposed."""
    return numel(output(call)) * numel(call.target.weight.shape[1:])


def conv_by_input(call: Call) -> Dim:
    """prod(in) * C_out/groups * prod(kernel), of a transposed convolution."""
    return numel(image(call)) * numel(call.target.weight.shape[1:])


def linear(call: Call) -> Dim:
    """prod(out) * in_features."""
    return numel(output(call)) * int(call.target.in_features)


def has_affine(module: nn.Module) -> bool:
    """Whether a norm scales and shifts, by either name of the setting."""
    return bool(getattr(module, "affine", False) or getattr(module, "elementwise_affine", False))


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
ADAPTIVE_AVERAGE_POOLS = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
ADAPTIVE_MAX_POOLS = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)


def upsampling(per_output: Mapping[str, int]) -> Rule:
    """The rule for ``nn.Upsample``: so much per output in each mode, 0 in those not named."""

    def rule(call: Call) -> Amount:
        return Amount(other=numel(output(call)) * per_output.get(call.target.mode, 0))

    return rule


def elementwise(call: Call) -> Amount:
    """The larger size on each axis, axes counted from the first: a slip where ranks differ."""
    operands = [call.argument(0, "input"), call.argument(1, "other")]
    shapes: list[Shape] = [operand for operand in operands if isinstance(operand, tuple)]
    rank = max(map(len, shapes), default=0)
    padded = [shape + (1,) * (rank - len(shape)) for shape in shapes]
    return Amount(other=numel(_larger(sizes) for sizes in zip(*padded, strict=True)))


def _larger(sizes: tuple[Dim, ...]) -> Dim:
    distinct = [size for size in dict.fromkeys(sizes) if size != 1] or [1]
    larger = distinct[0]
    for size in distinct[1:]:
        larger = maximum(larger, size)
    return larger
