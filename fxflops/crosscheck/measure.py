"""A model run under PyTorch's two counters, call by call, and timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from fxflops.crosscheck.convention import split
from fxflops.crosscheck.events import Profiled, by_call, flops_of
from fxflops.crosscheck.stream import (
    Call,
    FlopCounted,
    FlopCounterListener,
    Listener,
    Marker,
    Named,
    align,
    require_same,
)
from fxflops.errors import CheckError

Kernels = Literal["math", "default"]
"""Fused kernels spelt out as the operators that they replace, or those that PyTorch chooses."""

WARM_UPS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCall:
    """One call of the run: its node, or None where the graph does not have it; what was seen.

    The time in ``profiled`` is the median over the repetitions.
    """

    name: str
    node: str | None
    call: Call
    profiled: Profiled
    flop_counter: FlopCounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What the counters saw in every repetition, and the median time of a whole call [s].

    ``ordinary`` are the FLOPs by event of a profile of the model alone, nobody else listening;
    ``flop_counter`` is the total of ``FlopCounterMode``, likewise [FLOP].
    """

    kernels: Kernels
    calls: tuple[MeasuredCall, ...]
    ordinary: Mapping[str, int]
    flop_counter: int
    seconds: float
    repetitions: int


def measure(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    nodes: Sequence[Named],
    *,
    kernels: Kernels,
    recurrent: bool,
    repetitions: int,
) -> Measurement:
    """Count and time ``repetitions`` calls of ``model``, whose graph has ``nodes``.

    With the kernels ``"math"``, attention is computed by matrix products, and with ``recurrent``
    the steps of recurrent layers, too, which both counters can then see.

    Raises CheckError when the run's calls are not the graph's, when an event with FLOPs belongs
    to no call, when the parts do not sum up to the whole, when two repetitions differ in a count,
    and when an output is not finite.
    """
    device = inputs[0].device

    def listened(listener: Listener) -> None:
        with listener:
            model(*inputs)
        _synchronize(device)

    with _settings(kernels, recurrent):
        for _ in range(WARM_UPS):
            _require_finite(model(*inputs))
        listened(first := Listener())
        calls = first.calls
        nodes_of = align(nodes, calls)
        names = [name or f"run_only_{position}" for position, name in enumerate(nodes_of)]

        runs: list[list[Profiled]] = []
        seconds: list[float] = []
        for _ in range(repetitions):
            seconds.append(_timed(model, inputs, device))
            marker = Marker(names)
            events = _profile(device, partial(listened, marker))
            require_same(marker.calls, calls)
            runs.append(by_call(events, names, on_cuda=device.type == "cuda"))
        ordinary = flops_of(_profile(device, partial(model, *inputs)))
        counted = _flop_counter(listened, calls)
        with FlopCounterMode(display=False) as counter:
            model(*inputs)
    profiled = _median(runs, names)
    _require_sums(profiled, ordinary, counted, counter.get_total_flops())
    return Measurement(
        kernels=kernels,
        calls=tuple(
            MeasuredCall(name=name, node=node, call=call, profiled=seen, flop_counter=flops)
            for name, node, call, seen, flops in zip(
                names, nodes_of, calls, profiled, counted, strict=True
            )
        ),
        ordinary=ordinary,
        flop_counter=counter.get_total_flops(),
        seconds=statistics.median(seconds),
        repetitions=repetitions,
    )


@contextmanager
def _settings(kernels: Kernels, recurrent: bool) -> Iterator[None]:
    """Inference without the fused transformer layers, which the graph does not have either."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        if kernels == "math":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if recurrent:
                stack.enter_context(_without(torch.backends.mkldnn))
                stack.enter_context(_without(torch.backends.cudnn))
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast_path)


@contextmanager
def _without(library: Any) -> Iterator[None]:
    """With a library of kernels (``torch.backends.cudnn``, …) switched off."""
    before = library.enabled
    library.enabled = False
    try:
        yield
    finally:
        library.enabled = before


def _profile(device: torch.device, run: Callable[[], Any]) -> list[Any]:
    """The profiler's events of what ``run`` does, kernels included where there are any."""
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    _synchronize(device)
    with profile(activities=activities, record_shapes=True, with_flops=True) as profiler:
        run()
        _synchronize(device)
    return list(profiler.events() or ())


def _flop_counter(listened: Callable[[Listener], None], calls: Sequence[Call]) -> list[FlopCounted]:
    """What ``FlopCounterMode`` says of each call."""
    with Listener() as executed, FlopCounterMode(display=False) as counter:
        listener = FlopCounterListener(counter, executed)
        listened(listener)
    require_same(listener.calls, calls)
    return listener.counted


def _median(runs: Sequence[Sequence[Profiled]], names: Sequence[str]) -> list[Profiled]:
    """What every repetition saw, with the median of its times.

    Raises CheckError, with the node's name, where a repetition has other FLOPs.
    """
    medians = []
    for name, seen in zip(names, zip(*runs, strict=True), strict=True):
        for other in seen:
            if other.flops != seen[0].flops:
                raise CheckError(
                    f"The profiler counted {dict(other.flops)} at {name} in one repetition and "
                    f"{dict(seen[0].flops)} in another."
                )
        seconds = statistics.median(other.seconds for other in seen)
        medians.append(replace(seen[0], seconds=seconds))
    return medians


def _require_sums(
    profiled: Sequence[Profiled],
    ordinary: Mapping[str, int],
    counted: Sequence[FlopCounted],
    flop_counter: int,
) -> None:
    """Raise CheckError where the calls together are not what an ordinary count of the model is.

    Which product it is may differ: PyTorch folds a batch into one matrix (mm in the place of bmm)
    only where nobody listens.
    """
    parts = [split(seen.flops) for seen in profiled]
    whole = split(ordinary)
    for what, in_calls, in_model in (
        (
            "The profiler's contraction",
            sum(flops.contraction for flops in parts),
            whole.contraction,
        ),
        (
            "The profiler's elementwise work",
            sum(flops.elementwise for flops in parts),
            whole.elementwise,
        ),
        ("The flop counter's contraction", sum(call.flops for call in counted), flop_counter),
    ):
        if in_calls != in_model:
            raise CheckError(
                f"{what}: {in_model} FLOP are measured in the model, {in_calls} in its calls; the "
                "calls do not make up the model."
            )


def _timed(model: nn.Module, inputs: tuple[Tensor, ...], device: torch.device) -> float:
    """The wall time of one call without the profiler [s]."""
    _synchronize(device)
    start = time.perf_counter()
    model(*inputs)
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _require_finite(outputs: object) -> None:
    from fxflops._torch import tree_leaves

    for output in tree_leaves(outputs):
        real = isinstance(output, Tensor) and output.is_floating_point()
        if real and not bool(torch.isfinite(output).all()):
            raise CheckError("The model's output is not finite; nothing measured on it counts.")
