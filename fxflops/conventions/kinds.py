"""What kinds of calls a record has, and for which of them a convention is proven.

A test runs each tool for real on small modules (tests/conventions/zoo.py) and compares its number
with the convention's. A kind that no such module has is not proven, nor is one that a convention's
``unproven`` names: there the tool fails, or counts what no formula follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from fxflops.conventions.charges import Convention
from fxflops.conventions.fused import fast_path_calls
from fxflops.conventions.layers import image, output
from fxflops.conventions.proven import PROVEN
from fxflops.conventions.record import Call, Record

aten = torch.ops.aten
OURS = "fxflops"
"""The version of a convention that is no tool's."""


def _has_a_vector(call: Call) -> bool:
    return min(len(call.kwargs["self"]), len(call.kwargs["other"])) == 1


def _is_of_one_image(call: Call) -> bool:
    return len(call.kwargs["input"]) < len(call.kwargs["weight"])


def _repeats_its_addend(call: Call) -> bool:
    return bool(call.kwargs["self"] != call.out)


def _is_of_groups(call: Call) -> bool:
    return bool(call.kwargs["enable_gqa"])


OPERATORS: tuple[tuple[tuple[Any, ...], Callable[[Call], bool], str], ...] = (
    ((aten.matmul,), _has_a_vector, "of a vector"),
    ((aten.conv1d, aten.conv2d, aten.conv3d), _is_of_one_image, "of one image"),
    ((aten.baddbmm,), _repeats_its_addend, "of an addend that is repeated"),
    ((aten.scaled_dot_product_attention,), _is_of_groups, "of groups"),
)
"""Operators of which some calls are another kind than the rest."""


def kinds(record: Record) -> tuple[str, ...]:
    """The kinds of calls, each once: ``aten.conv2d.padding``, ``nn.LSTM``."""
    return tuple(dict.fromkeys(_kinds(record)))


def _kinds(record: Record) -> Iterator[str]:
    for call in record.operators:
        packet = getattr(call.target, "overloadpacket", None)
        variants = [
            suffix for packets, holds, suffix in OPERATORS if packet in packets and holds(call)
        ]
        yield " ".join([str(call.target), *variants])
    for call in record.modules:
        if type(call.target).__module__.startswith("torch.nn.modules."):
            yield " ".join([f"nn.{call.name}", *_of_layer(call)])
    for call in record.functions:
        if call.target == "F.interpolate" and isinstance(
            call.argument(2, "scale_factor"), (tuple, list)
        ):
            yield "F.interpolate of several factors"
    if any(True for _ in fast_path_calls(record)):
        yield "nn.MultiheadAttention on its fast path"


def _of_layer(call: Call) -> Iterator[str]:
    """What sets a call of a layer apart from others of it."""
    layer = call.target
    if isinstance(layer, nn.MultiheadAttention) and len(call.argument(0, "query")) == 2:
        yield "of one sequence"
    if isinstance(layer, nn.modules.pooling._AdaptiveAvgPoolNd):
        pooled = zip(image(call)[2:], output(call)[2:], strict=True)
        if any(out not in (1, size) for size, out in pooled):
            yield "into several windows"


def unproven(record: Record, convention: Convention) -> tuple[str, ...]:
    """The kinds of calls in ``record`` for which ``convention`` is not proven, with the reason."""
    if convention.version == OURS:
        return ()
    found = []
    for kind in kinds(record):
        if kind in convention.unproven:
            found.append(f"{kind} ({convention.unproven[kind]})")
        elif kind not in PROVEN:
            found.append(kind)
    return tuple(found)
