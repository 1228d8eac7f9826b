"""torchinfo's "total mult-adds". Source: torchinfo 1.8.0, torchinfo/layer_info.py.

It multiplies the parameters of each layer by sizes of its output: of a convolution by all but the
channels, of anything else by the first alone, so that the axis of tokens is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from fxflops.algebra import Dim
from fxflops.conventions.charges import Amount, Charge, Convention
from fxflops.conventions.layers import output
from fxflops.conventions.record import Call, Record
from fxflops.formulas.shapes import numel

TOKENS = "the axis of tokens is left out"


def _parameters(call: Call) -> Amount:
    out = output(call)
    products: Dim = 0
    other: Dim = 0
    multiplies = isinstance(call.target, (nn.modules.conv._ConvNd, nn.Linear, nn.RNNBase))
    for name, parameter in call.target.named_parameters():
        if name in ("weight", "bias"):
            convolves = "Conv" in type(call.target).__name__
            count = parameter.numel() * (numel((out[0], *out[2:])) if convolves else out[0])
        elif "weight" in name or "bias" in name:
            count = parameter.numel() * numel(out[:2])
        else:
            continue
        if multiplies and "weight" in name:
            products = products + count
        else:
            other = other + count
    return Amount(products, other)


def charges(record: Record) -> Iterator[Charge]:
    """Every call of a module that has parameters and no children."""
    for call in record.modules:
        has_children = any(True for _ in call.target.children())
        if not has_children and any(True for _ in call.target.parameters()):
            yield Charge(
                call=call,
                amount=_parameters(call),
                slip=TOKENS if isinstance(call.target, nn.Linear) and len(output(call)) > 2 else "",
            )


CONVENTION = Convention(
    title="torchinfo",
    unit="MAC",
    counts="layers with parameters, each parameter once per output position of a convolution, "
    "and once per image of any other layer",
    misses="the axis of tokens of linear layers, everything without parameters, functions",
    version="torchinfo 1.8.0",
    charges=charges,
)
