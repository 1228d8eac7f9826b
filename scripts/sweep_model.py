"""What the sweep finds out about one model."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops import models
from fxflops.capture.prepare import example_inputs, floating_dtype, hints, prepared
from fxflops.errors import FxflopsError
from fxflops.inputs import Axis
from fxflops.models.named import build_empty, called
from fxflops.records import Analysis

AT = 2
"""At how many sizes the count is held against FlopCounterMode."""

CANDIDATES = 400
BATCHES = (3, 5, 2)


def examine(name: str) -> dict[str, Any]:
    """Whether it is captured, and what then holds."""
    torch.backends.mha.set_fastpath_enabled(False)  # of which FlopCounterMode counts nothing
    started = time.perf_counter()
    try:
        analysis = fxflops.analyze(name)
    except FxflopsError as error:
        seconds = time.perf_counter() - started
        return {"captured": False, "why": " ".join(str(error).split()), "seconds": seconds}
    found: dict[str, Any] = {
        "captured": True,
        "seconds": time.perf_counter() - started,
        "inputs": str(analysis.inputs),
        "symbols": list(analysis.domain.names),
        "frontend": analysis.frontend,
        "uncounted": sorted({str(node.op) for node in analysis.uncounted}),
        "holds_at_default": _holds(analysis, analysis.defaults),
    }
    sizes = list(itertools.islice(_inside(analysis), AT))
    return found | {"compared": [_compared(name, analysis, at) for at in sizes]}


def _inside(analysis: Analysis) -> Iterator[dict[str, int]]:
    """Sizes in the domain, none of them one that was traced with."""
    spec = analysis.inputs
    traced = hints(spec, analysis.defaults)
    steps = [_values(axis, analysis.defaults, traced) for axis in spec.axes]
    if not steps:
        yield {}
        return
    tried = itertools.product(*(range(len(values)) for values in steps))
    by_distance = sorted(itertools.islice(tried, CANDIDATES), key=sum)
    for chosen in by_distance:
        at = {a.name: v[i] for a, v, i in zip(spec.axes, steps, chosen, strict=True)}
        if _holds(analysis, at):
            yield at


def _values(axis: Axis, defaults: Mapping[str, int], traced: Mapping[str, int]) -> list[int]:
    if axis.name == "N":
        return [n for n in BATCHES if n not in traced.values() and n >= axis.minimum]
    start = max(defaults.get(axis.name, traced[axis.name]), axis.minimum)
    around = [start + k * axis.multiple for k in (3, -1, 2, 5, -2, 7, 8, 0)]
    return [n for n in around if n >= axis.minimum and n != traced[axis.name]]


def _holds(analysis: Analysis, at: Mapping[str, int]) -> bool:
    try:
        analysis.domain.values(dict(at), analysis.model)
    except FxflopsError:
        return False
    return True


def _compared(name: str, analysis: Analysis, at: Mapping[str, int]) -> dict[str, Any]:
    """Our contraction, and FlopCounterMode's, of the model run on the meta device."""
    named = models.find(name)
    # FlopCounterMode's own hooks fail on parameters that need gradients where there are none.
    module = prepared(build_empty(named)).requires_grad_(False)
    called(named, module, analysis.inputs)
    tensors = example_inputs(analysis.inputs, at, floating_dtype(module))
    ours = analysis.at(**at).contraction
    try:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            module(*tensors)
    except Exception as error:
        return {"at": dict(at), "fxflops": ours, "failed": f"{type(error).__name__}: {error}"[:300]}
    return {"at": dict(at), "fxflops": ours, "FlopCounterMode": counter.get_total_flops()}
