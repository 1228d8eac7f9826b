"""thop (pytorch-OpCounter). Source: thop 0.1.1, thop/profile.py, thop/vision/basic_hooks.py."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from fxflops.conventions.charges import Amount, Charge, Convention, Rule, by_module, times
from fxflops.conventions.layers import (
    ADAPTIVE_AVERAGE_POOLS,
    AVERAGE_POOLS,
    BATCH_NORMS,
    CONVOLUTIONS,
    INSTANCE_NORMS,
    TRANSPOSED,
    has_affine,
    image,
    linear,
    output,
    upsampling,
)
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import (
    CELLS,
    LAYERS,
    evaluations_by_axes,
    thop_cell,
    thop_layer,
)
from fxflops.formulas.shapes import numel


def _conv(call: Call) -> Amount:
    """prod(out) * C_in/groups * prod(kernel), of a transposed convolution, too, where it errs."""
    kernel, groups = call.target.weight.shape[2:], call.target.groups
    return Amount(numel(output(call)) * (image(call)[1] // groups) * numel(kernel))


def _linear(call: Call) -> Amount:
    return Amount(linear(call))


def _norm(call: Call) -> Amount:
    return Amount(other=numel(image(call)) * (4 if has_affine(call.target) else 2))


def _per_input(call: Call) -> Amount:
    return Amount(other=numel(image(call)))


def _softmax(call: Call) -> Amount:
    shape = image(call)
    return Amount(other=3 * numel(shape) - numel(shape) // shape[call.target.dim])


def _average_pool(call: Call) -> Amount:
    return Amount(other=numel(output(call)))


def _adaptive_average_pool(call: Call) -> Amount:
    """(size of a window, rounded by nothing, and one division) per output."""
    shape, out = image(call), output(call)
    return Amount(other=numel(out) * numel(shape[2:]) // numel(out[2:]) + numel(out))


PER_OUTPUT = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}
RULES: dict[type[nn.Module], Rule] = {
    **dict.fromkeys((*CONVOLUTIONS, *TRANSPOSED), _conv),
    **dict.fromkeys((*BATCH_NORMS, *INSTANCE_NORMS, nn.SyncBatchNorm, nn.LayerNorm), _norm),
    nn.PReLU: _per_input,
    nn.Softmax: _softmax,
    **dict.fromkeys(AVERAGE_POOLS, _average_pool),
    **dict.fromkeys(ADAPTIVE_AVERAGE_POOLS, _adaptive_average_pool),
    nn.Linear: _linear,
    **dict.fromkeys(
        (nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d), upsampling(PER_OUTPUT)
    ),
    **dict.fromkeys(LAYERS, thop_layer(evaluations_by_axes, projects=False)),
    **dict.fromkeys(CELLS, thop_cell),
}


def charges(record: Record) -> Iterator[Charge]:
    """Modules of known types; one that k parents share has k hooks, and is added k times."""
    hooks, met = record.multiplicity(), record.multiplicity(stop=RULES)
    for charge in by_module(record, RULES):
        module = charge.call.target
        yield from times(charge, hooks[module] * met[module], "a shared module is counted again")


CONVENTION = Convention(
    title="thop",
    unit="MAC",
    counts="layers of known types, a multiply-add as 1; norms as 4 per element",
    misses="every function: F.linear, matmul, attention, grid_sample, arithmetic; biases",
    version="thop 0.1.1",
    charges=charges,
    unproven={
        "nn.AdaptiveAvgPool1d into several windows": "it rounds a fraction of floats",
        "nn.AdaptiveAvgPool2d into several windows": "it rounds a fraction of floats",
        "nn.AdaptiveAvgPool3d into several windows": "it rounds a fraction of floats",
    },
)
