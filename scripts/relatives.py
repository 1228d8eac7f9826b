"""RT-DETR's relatives in transformers: counted, and held against FlopCounterMode."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unittest import mock

import torch
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops import models
from fxflops.analysis.records import Analysis
from fxflops.capture.prepare import example_inputs, prepared
from fxflops.models.named import build_empty, called

RELATIVES = (
    "RTDetr",
    "RTDetrV2",
    "DFine",
    "Deimv2",
    "DeformableDetr",
    "LwDetr",
    "RfDetr",
)
STEPS = ((3, 10, 13), (2, 15, 11))
"""Batch, and height and width in steps of the input spec, at which nothing was traced."""

CHECKS_VALUES = "TRANSFORMERS_DISABLE_TORCH_CHECK"
"""Transformers' own switch: some of its checks read values, which the meta device has not."""


class Compared(NamedTuple):
    """One size: our contraction, FlopCounterMode's, and the products by a vector it leaves out."""

    at: dict[str, int]
    fxflops: int
    flop_counter: int
    by_vector: int


def analysed(relative: str) -> Analysis:
    return fxflops.analyze(f"hf:{relative}ForObjectDetection")


def compared(relative: str, analysis: Analysis) -> Iterator[Compared]:
    """Our contraction beside that of the model run on the meta device."""
    named = models.find(f"hf:{relative}ForObjectDetection")
    for steps in STEPS:
        sizes = zip(analysis.inputs.axes, steps, strict=False)  # fewer where the others are fixed
        at = {axis.name: step * axis.multiple for axis, step in sizes}
        # The counter's hooks fail on what requires a gradient where there is none.
        module = prepared(build_empty(named)).requires_grad_(False)
        called(named, module, analysis.inputs)
        tensors = example_inputs(analysis.inputs, at, torch.float32)
        counter = FlopCounterMode(display=False, custom_mapping=BY_VECTOR)
        with mock.patch.dict(os.environ, {CHECKS_VALUES: "1"}), torch.no_grad(), counter:
            module(*tensors)
        of_all = counter.get_flop_counts()["Global"]
        by_vector = of_all.get(torch.ops.aten.mv, 0)
        ours = analysis.at(**at).contraction
        assert isinstance(ours, int)
        yield Compared(at, ours, counter.get_total_flops() - by_vector, by_vector)


def matrix_by_vector(matrix: Sequence[int], *_: object, **__: object) -> int:
    """A multiply-add for each entry of the matrix; FlopCounterMode has no formula for it."""
    return 2 * matrix[0] * matrix[1]


BY_VECTOR = {torch.ops.aten.mv: matrix_by_vector}


def table() -> str:
    rows = [
        (
            "transformers",
            "parameters",
            "input",
            "at",
            "contraction [GFLOP]",
            "FLOPs [GFLOP]",
            "uncounted",
            "FlopCounterMode, two other sizes",
        ),
        ("---", "---:", "---", "---", "---:", "---:", "---", "---"),
        *map(_row, RELATIVES),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _row(relative: str) -> tuple[str, ...]:
    analysis = analysed(relative)
    at = {**analysis.defaults, **analysis.domain.fixed}
    cost = analysis.at()
    uncounted = sorted({str(node.op) for node in analysis.uncounted})
    lower_bound = "≥ " if uncounted else ""
    return (
        f"{relative}ForObjectDetection",
        f"{analysis.parameters:,}",
        f"`{str(analysis.inputs).partition(': ')[2]}`",
        f"{at['H']}x{at['W']}",
        f"{lower_bound}{_giga(cost.contraction)}",
        f"{lower_bound}{_giga(cost.flops)}",
        ", ".join(uncounted),
        " and ".join(map(compiling_flags, compared(relative, analysis))),
    )


def compiling_flags(one: Compared) -> str:
    if one.fxflops == one.flop_counter:
        return "equal"
    if one.fxflops == one.flop_counter + one.by_vector:
        return f"equal but for {one.by_vector:,} (aten.mv)"
    return f"**{one.fxflops - one.flop_counter:+,}**"


def _giga(count: object) -> str:
    assert isinstance(count, int)
    return f"{count / 1e9:.3f}"
