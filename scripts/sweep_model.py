"""What the sweep finds out about one model."""

from __future__ import annotations

import contextlib
import itertools
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops import models
from fxflops.algebra import Symbol, beyond
from fxflops.analysis.records import Analysis
from fxflops.capture.prepare import example_inputs, floating_dtype, hints, prepared
from fxflops.cost import total
from fxflops.errors import FxflopsError
from fxflops.models.named import build_empty, called
from fxflops.spec import Axis, InputSpec

AT = 2
"""At how many sizes the count is held against FlopCounterMode."""

CANDIDATES = 400
BATCHES = (3, 5, 2)
SECONDS_OF_EXPORT = 120


def examine(name: str, *, export: bool = True) -> dict[str, Any]:
    """Whether it is captured, and what then holds; by torch.export, too, with ``export``.

    Its seconds are of processor time, which other work on the machine does not change much.
    """
    torch.backends.mha.set_fastpath_enabled(False)  # of which FlopCounterMode counts nothing
    started = time.process_time()
    try:
        analysis = fxflops.analyze(name)
    except FxflopsError as error:
        seconds = time.process_time() - started
        return {"captured": False, "why": " ".join(str(error).split()), "seconds": seconds}
    found: dict[str, Any] = {
        "captured": True,
        "seconds": time.process_time() - started,
        "inputs": str(analysis.inputs),
        "symbols": list(analysis.domain.names),
        "frontend": analysis.frontend,
        "uncounted": sorted({str(node.op) for node in analysis.uncounted}),
        "holds_at_default": _holds(analysis, analysis.defaults),
    }
    sizes = list(itertools.islice(_inside(analysis), AT))
    alone = [at | {"N": 1} for at in sizes[:1] if "N" in at]
    sizes += [at for at in alone if _holds(analysis, at)]
    found |= {"compared": [_compared(name, analysis, at) for at in sizes]}
    if export and analysis.frontend == "trace":
        found["exported"] = _exported(name, analysis)
    return found


def _exported(name: str, analysis: Analysis) -> list[dict[str, Any]]:
    """The same model by torch.export: with the same free sizes, or else with the batch alone."""
    spec = analysis.inputs
    tried = [_both(name, spec, analysis)]
    others = {axis.name for axis in spec.axes} - {"N"}
    if "same" not in tried[0] and others and "N" in analysis.domain.names:
        sizes = hints(spec, analysis.defaults) | dict(analysis.defaults)
        fixed = spec.fixed({axis: sizes[axis] for axis in others})
        traced = fxflops.analyze(name, fixed, frontend="trace")
        tried.append(_both(name, fixed, traced))
    return tried


def _both(name: str, spec: InputSpec, traced: Analysis) -> dict[str, Any]:
    """Whether torch.export gives the closed forms, and the totals of operators, of the tracer."""
    free = {axis.name for axis in spec.axes}
    known = {axis: size for axis, size in traced.defaults.items() if axis in free}
    started = time.process_time()
    try:
        with _at_most(SECONDS_OF_EXPORT):
            exported = fxflops.analyze(name, spec, defaults=known, frontend="export")
    except (FxflopsError, TakesLongError) as error:
        return {"inputs": str(spec), "why": " ".join(str(error).split())[:300]}
    found = {
        "inputs": str(spec),
        "seconds": time.process_time() - started,
        "same_domain": set(traced.domain.texts()) == set(exported.domain.texts()),
    }
    differ = _differing(traced, exported)
    if differ:
        with _exporting():
            traced = fxflops.analyze(name, spec, defaults=known, frontend="trace")
        found["asks"] = True
        differ = _differing(traced, exported)
    return found | {"same": not differ, "differ": differ}


def _differing(traced: Analysis, exported: Analysis) -> list[str]:
    """The operators whose closed forms are not the same where both analyses hold."""
    bounds = [(a.domain.least, s) for a in (traced, exported) for s in a.domain.symbols]
    least: dict[Symbol, int] = {}
    for known, symbol in bounds:
        least[symbol] = max(least.get(symbol, 1), known.get(symbol.name, 1))
    ours, theirs = (_by_operator(analysis, least) for analysis in (traced, exported))
    return [op for op in {**ours, **theirs} if ours.get(op) != theirs.get(op)]


def _by_operator(analysis: Analysis, least: Mapping[Symbol, int]) -> dict[str, fxflops.Cost]:
    """What each operator costs, bytes included, where symbols are at least ``least``."""
    costs: dict[str, list[fxflops.Cost]] = {}
    for node in analysis.nodes:
        if node.cost is not None:
            costs.setdefault(str(node.op), []).append(node.cost)
    summed = {
        op: total(of_op).map(lambda count: beyond(count, least)) for op, of_op in costs.items()
    }
    return {op: cost for op, cost in summed.items() if cost != fxflops.Cost()}


@contextlib.contextmanager
def _exporting() -> Iterator[None]:
    """Has models that ask, as many of timm and transformers do, be told that they are exported."""
    flags = torch.compiler
    flags._is_compiling_flag = flags._is_exporting_flag = True
    try:
        yield
    finally:
        flags._is_compiling_flag = flags._is_exporting_flag = False


class TakesLongError(BaseException):
    """Above Exception, so that a library that goes on after any of those does not after this."""


@contextlib.contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """Raises TakesLongError where the block takes longer."""

    def stop(*_: object) -> None:
        raise TakesLongError(f"takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


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
