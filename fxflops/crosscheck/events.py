"""From the events of a profile to the calls that they belong to.

Each call of the run is inside an event named after its node (`fxflops.crosscheck.stream.Marker`),
so that climbing the tree of events from any of them leads to its node. PyTorch records a call twice
when somebody listens to it: once above the mark, on its way to the listener, and once below, when
it is made. Only what is below counts; that nothing is lost or doubled shows in the sum, which must
be that of an ordinary profile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from torch._C._autograd import DeviceType  # private: what an event's ``device_type`` is

from fxflops.crosscheck.convention import RULES
from fxflops.crosscheck.stream import MARK
from fxflops.errors import CheckError

Event = Any
"""A ``torch.autograd.profiler_util.FunctionEvent``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """What the profiler saw of one call.

    ``flops`` are by the event's name, such as ``aten::conv2d``, and ``events`` counts those of
    them that carry any; ``ruled`` is what `RULES` give for the same events; ``names`` are those of
    all its events. ``seconds`` is the time of the operator itself on the CPU, or that of the
    kernels it launched on the device.
    """

    flops: Mapping[str, int]
    ruled: Mapping[str, int]
    events: Mapping[str, int]
    names: frozenset[str]
    seconds: float


def by_call(events: Sequence[Event], names: Sequence[str], *, on_cuda: bool) -> list[Profiled]:
    """The events of a profile, attributed to the calls of these ``names``.

    Raises CheckError where an event with FLOPs belongs to no call.
    """
    below: dict[str, list[Event]] = {name: [] for name in names}
    marks = {name: event for event in events if (name := _marked(event)) is not None}
    on_the_way = {id(event) for mark in marks.values() for event in _above(mark)}
    for event in events:
        owner = next((name for e in _above(event) if (name := _marked(e)) is not None), None)
        if owner is not None:
            below[owner].append(event)
        elif event.flops and id(event) not in on_the_way:
            raise CheckError(
                f"The profiler's event {event.name} with {event.flops} FLOPs belongs to no call: "
                "the model computes on another thread, or outside of PyTorch's dispatcher."
            )
    return [
        _profiled(below[name], _kernel_seconds(below[name]) if on_cuda else _seconds(marks[name]))
        for name in names
    ]


def flops_of(events: Iterable[Event]) -> dict[str, int]:
    """The profiler's FLOPs by the event's name."""
    flops = Counter[str]()
    for event in events:
        flops[event.name] += event.flops or 0
    return _nonzero(flops)


def _nonzero(flops: Mapping[str, int]) -> dict[str, int]:
    """All but zeros; a negative count stays, to be found."""
    return {name: count for name, count in flops.items() if count}


def _marked(event: Event) -> str | None:
    """The node whose mark this event is."""
    name: str = event.name
    is_mark = name.startswith(MARK) and event.device_type == DeviceType.CPU
    return name.removeprefix(MARK) if is_mark else None


def _above(event: Event) -> Iterable[Event]:
    """The events around ``event``, the innermost first."""
    while (event := event.cpu_parent) is not None:
        yield event


def _profiled(events: Sequence[Event], seconds: float) -> Profiled:
    known = [event for event in events if event.name in RULES]
    ruled = Counter[str]()
    for event in known:
        ruled[event.name] += RULES[event.name](event.input_shapes, event.concrete_inputs)
    return Profiled(
        flops=flops_of(events),
        ruled=_nonzero(ruled),
        events=dict(Counter(event.name for event in events if event.flops)),
        names=frozenset(event.name for event in events),
        seconds=seconds,
    )


def _seconds(mark: Event) -> float:
    """The time inside the mark that the operator took, without the mark's own."""
    return fsum(event.cpu_time_total for event in mark.cpu_children) / 1e6


def _kernel_seconds(events: Iterable[Event]) -> float:
    """The time of the kernels that the events launched, which correlation ids tie to them.

    The device's own copy of a mark spans kernels, and is none.
    """
    return (
        fsum(
            kernel.duration
            for event in events
            for kernel in event.kernels
            if not kernel.name.startswith(MARK)
        )
        / 1e6
    )
