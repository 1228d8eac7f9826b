"""What PyTorch's allocator gave and took back while something ran, from the profiler's events."""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from fxflops._torch import OpOverload, TorchDispatchMode

MARK = "fxflops::call"


class Used(NamedTuple):
    """Bytes beyond those at the start of the run: before a call, at its most, and after it."""

    op: str
    before: int
    most: int
    after: int


class Marking(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Has each operator call stand in the profile, under its number."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops: list[str] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not isinstance(func, OpOverload) or func is torch.ops.aten.size.default:
            return func(*args, **(kwargs or {}))
        with record_function(f"{MARK}{len(self.ops)}"):
            self.ops.append(str(func))
            return func(*args, **(kwargs or {}))


def peak(run: Callable[[], Any]) -> int:
    """The largest number of bytes that ``run`` has allocated on the CPU at once.

    Its result is held until the profile ends.
    """
    most = now = 0
    for _, size in _profiled(run)[0]:
        now += size
        most = max(most, now)
    return most


def by_call(run: Callable[[], Any]) -> list[Used]:
    """What each operator call of ``run`` uses."""
    marking = Marking()

    def marked() -> Any:
        with marking:
            return run()

    memory, ranges = _profiled(marked)
    times = [time for time, _ in memory]
    levels = [0]
    for _, size in memory:
        levels.append(levels[-1] + size)
    used = []
    for number, op in enumerate(marking.ops):
        begin, end = ranges[number]
        first, last = bisect_right(times, begin), bisect_right(times, end)
        used.append(Used(op, levels[first], max(levels[first : last + 1]), levels[last]))
    return used


def _profiled(
    run: Callable[[], Any],
) -> tuple[Sequence[tuple[int, int]], dict[int, tuple[int, int]]]:
    """The allocator's events (time, bytes), and the times of marked calls by their numbers."""
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = run()
    del result
    memory, ranges = [], {}
    for event in profiler.profiler.kineto_results.events():  # private: all events, with their times
        if event.name() == "[memory]":
            if event.device_type() == torch._C._autograd.DeviceType.CPU:
                memory.append((event.start_ns(), event.nbytes()))
        elif event.name().startswith(MARK):
            number = int(event.name().removeprefix(MARK))
            ranges[number] = event.start_ns(), event.end_ns()
    memory.sort(key=lambda item: item[0])
    return memory, ranges
