"""From a log of allocations to peak memory, sizes of 1 included where that is proven."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from fxflops.algebra import (
    Dim,
    Symbol,
    beyond,
    beyond_one,
    evaluate,
    is_one,
    lower_bound,
    settled,
    substitute,
    symbols_of,
)
from fxflops.capture.allocations import Allocated, Log
from fxflops.capture.guards.to_domain import all_implied, least_values
from fxflops.capture.workspace import Choice, Moment, bounds_of
from fxflops.domain import Domain, Guard
from fxflops.errors import CaptureError, DomainError, SpecError
from fxflops.figures.memory import Memory, Part, Place, largest

if TYPE_CHECKING:
    from fxflops.analysis.records import Analysis

MOST_AT_ONE = 3
"""Sizes that may be 1 together; of more, groups of them are not tried."""

Relog = Callable[[Mapping[str, int], int], Log | None]
"""Logs the call with the sizes named fixed, for so many threads; None where it does not run."""


class Recall(NamedTuple):
    """How to log the allocations of an analyzed model: see `peak_memory`."""

    module: nn.Module
    relog: Relog
    threads: int
    trained: tuple[nn.Parameter, ...] = ()
    optimizer: str | None = None


class PeakMemory:
    """The peak memory of an analyzed model: formulas, values, and the largest size that fits."""

    def __init__(self, analysis: Analysis, record: Memory) -> None:
        self._analysis = analysis
        self.record = record

    def at(self, /, **sizes: int) -> dict[str, int | float | None]:
        """The bytes by name, ``"memory.peak"`` and others, at these sizes."""
        return self._analysis.figure("memory", **sizes)

    def largest(self, free: str, /, *, below: int, **sizes: int) -> int:
        """The largest size ``free`` at which parameters, inputs and the peak are below ``below``.

        The peak is that with workspace, or that of tensors where it is not known; ``sizes`` are
        the others, the defaults where not given. Raises DomainError where no size fits, and
        SpecError for a name that is no free size, or for a model whose memory does not grow.
        """
        symbols = {s.name: s for s in self._analysis.domain.symbols}
        if free not in symbols:
            known = ", ".join(symbols) or "none"
            raise SpecError(f"There is no free size {free!r} to look for. Known: {known}.")
        symbol = symbols[free]

        def needed(value: int) -> int | None:
            """None outside the domain."""
            try:
                numbers = self.at(**{**sizes, free: symbol.size_at(value)})
            except DomainError:
                return None
            return _needed(numbers)

        least = next((v for v in range(symbol.minimum, MOST_TRIED) if needed(v) is not None), None)
        if least is None:
            raise DomainError(
                f"No size {free} below {symbol.size_at(MOST_TRIED)} is in the domain."
            )
        first = needed(least)
        assert first is not None
        if first > below:
            raise DomainError(
                f"{self._analysis.model} does not fit: at {free} = {symbol.size_at(least)} it "
                f"needs {first:,} bytes, more than {below:,}."
            )
        low, high = least, 2 * least + 1
        while (_or_more(needed(high), below)) <= below:
            low, high = high, 2 * high
            if high > FURTHEST:
                raise SpecError(f"Memory does not grow with {free}: every size fits.")
        while high - low > 1:
            middle = (low + high) // 2
            if _or_more(needed(middle), below) <= below:
                low = middle
            else:
                high = middle
        size: int = symbol.size_at(low)
        return size


MOST_TRIED = 4096
FURTHEST = 2**40


def _or_more(bytes_: int | None, below: int) -> int:
    """``bytes_``, or more than fits where the size is outside the domain."""
    return below + 1 if bytes_ is None else bytes_


def _needed(numbers: Mapping[str, int | float | None]) -> int:
    peak = numbers["memory.peak"]
    if peak is None:
        peak = numbers["memory.peak_tensors"]
    if peak is None:
        raise DomainError("The peak is not known at these sizes of 1.")
    rest = sum(int(numbers[f"memory.{n}"] or 0) for n in ("parameters", "buffers", "inputs"))
    return int(peak) + rest


def peak_memory(recall: Recall, domain: Domain) -> Memory:
    """The record of the memory of one call, which holds in ``domain``.

    Raises CaptureError where the model cannot be logged.
    """
    log = recall.relog({}, recall.threads)
    if log is None:
        raise CaptureError("The allocations of this model could not be logged.")
    least = least_values(domain)
    tensors, whole, bounds = _peaks(log, least)
    peaks = [_largest(points) for points in (tensors, whole, bounds)]
    unproven: list[tuple[str, ...]] = []
    peaks = _with_sizes_of_one(
        peaks, log, lambda fixed: recall.relog(fixed, recall.threads), domain, unproven
    )
    unknown = {call.op: None for call in log.calls if call.inside is None}
    module = recall.module
    return Memory(
        peak_tensors=settled(peaks[0], least),
        peak_known=settled(peaks[1], least),
        bound=settled(peaks[2], least),
        tensors=tuple(point.place for point in tensors),
        whole=tuple(point.place for point in whole),
        curve=tuple(
            Place(call.live + call.made, call.op, call.path, call.where) for call in log.calls
        ),
        parameters=_bytes(module.parameters()),
        buffers=_bytes(module.buffers()),
        inputs=log.inputs,
        parts=_parts(recall, log),
        unknown=tuple(unknown),
        unproven=tuple(unproven),
        guards=tuple(
            guard for guard in dict.fromkeys(log.guards) if not all_implied([guard], domain.guards)
        ),
        threads=recall.threads,
        library=str(torch.__version__).partition("+")[0],
    )


def _peaks(log: Log, least: Mapping[Symbol, int]) -> list[tuple[Point, ...]]:
    """The undominated ones of tensors, with workspace, and of bounds that these do not dominate."""
    tensors = undominated(_of_tensors(log.calls), least)
    whole = undominated(_with_workspace(log.calls), least)
    both = undominated([*_at_most(log.calls), *whole], least)
    known = {point.place.bytes for point in whole}
    return [tensors, whole, tuple(point for point in both if point.place.bytes not in known)]


def _largest(points: Sequence[Point]) -> Dim:
    return largest([point.place for point in points])


def _parts(recall: Recall, log: Log) -> tuple[Part, ...]:
    """Of a training step: what is saved, the gradients, and the states of the optimizer."""
    if not recall.trained:
        return ()
    parts = [Part("saved_for_backward", log.saved), Part("gradients", log.gradients)]
    if recall.optimizer is not None:
        # AdamW keeps two moments of each parameter, and the number of its step in float32.
        trained = sum(p.numel() * p.element_size() for p in recall.trained)
        state = 2 * trained + 4 * len(recall.trained) if recall.optimizer == "adamw" else 0
        parts.append(Part("optimizer_states", state))
    return tuple(parts)


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    """Those of all storages, each once."""
    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tensors}
    return sum(storages.values())


class Point(NamedTuple):
    """A place, whose bytes are one of ``bounds``."""

    place: Place
    bounds: tuple[Dim, ...]


def _of_tensors(calls: Sequence[Allocated]) -> list[Point]:
    return [_point(call, call.made) for call in calls]


def _with_workspace(calls: Sequence[Allocated]) -> list[Point]:
    """Those of tensors, and each kernel's own moments of most."""
    inside = [_point(c, moment) for c in calls if c.inside for moment in c.inside.moments]
    return [*_of_tensors(calls), *inside]


def _at_most(calls: Sequence[Allocated]) -> list[Point]:
    """Bounds of those moments that are not known."""
    return [_point(c, moment) for c in calls if c.inside for moment in c.inside.at_most]


def _point(call: Allocated, moment: Moment) -> Point:
    bounds = tuple(call.live + bound for bound in bounds_of(moment))
    more = moment.dim if isinstance(moment, Choice) else moment
    return Point(Place(call.live + more, call.op, call.path, call.where), bounds)


def undominated(points: Sequence[Point], least: Mapping[Symbol, int]) -> tuple[Point, ...]:
    """Those of which some sizes, at ``least`` these, may need the bytes; of equal ones the first.

    What is not shown to be dominated is kept.
    """
    distinct: dict[Dim, Point] = {}
    for point in points:
        distinct.setdefault(point.place.bytes, point)
    above = {b: [beyond(bound, least) for bound in p.bounds] for b, p in distinct.items()}
    # The larger ones first, at sizes that are: few others are compared with more than one then.
    order = sorted(above, key=lambda bytes_: max(map(_rank, above[bytes_])), reverse=True)
    kept: list[Dim] = []
    for bytes_ in order:
        if not any(_dominates(above[other], above[bytes_]) for other in kept):
            kept = [other for other in kept if not _dominates(above[bytes_], above[other])]
            kept.append(bytes_)
    return tuple(distinct[bytes_] for bytes_ in kept)


def _rank(bytes_: Dim) -> int:
    rank: int = evaluate(bytes_, dict.fromkeys(symbols_of(bytes_), 64))
    return rank


def _dominates(left: Sequence[Dim], right: Sequence[Dim]) -> bool:
    """Whether one that is among ``left`` is never below one that is among ``right``."""
    return all(_is_at_least(one, other) for one in left for other in right)


def _is_at_least(left: Dim, right: Dim) -> bool:
    bound = lower_bound(left - right)
    return bound is not None and bound >= 0


def _with_sizes_of_one(
    peaks: Sequence[Dim],
    log: Log,
    relog: Callable[[Mapping[str, int]], Log | None],
    domain: Domain,
    unproven: list[tuple[str, ...]],
) -> list[Dim]:
    """The peaks with terms for sizes of 1, which vanish from 2 on.

    A log is of sizes above 1, and of those sizes of 1 at which all its guards hold; for others the
    call is logged with these sizes fixed. Groups for which there is no such log go to ``unproven``.
    """
    may_be_one = [s for s in domain.symbols if s.minimum == 1 and domain.least.get(s.name, 1) == 1]
    extended = list(peaks)
    logs: dict[frozenset[Symbol], Log] = {frozenset(): log}
    for number in range(1, len(may_be_one) + 1):
        for group in map(frozenset, itertools.combinations(may_be_one, number)):
            ones: dict[Symbol, Dim] = dict.fromkeys(group, 1)
            known = _at(domain.guards, ones)
            if known is None or any(_is_false(guard) for guard in known):
                continue
            there = _covering(logs, group, known)
            if there is None and number <= MOST_AT_ONE:
                new = relog({s.name: s.size_at(1) for s in sorted(group)})
                if new is not None:
                    logs[group] = new
                    there = _covering(logs, group, known)
            if there is None:
                unproven.append(tuple(s.name for s in sorted(group)))
                continue
            here = prod(map(is_one, sorted(group)))
            for position, points in enumerate(_peaks(there, {})):
                at_one = substitute(_largest(points), ones)
                current = substitute(extended[position], ones)
                if beyond_one(current) != beyond_one(at_one):
                    extended[position] += here * (at_one - current)
    return extended


def _covering(
    logs: Mapping[frozenset[Symbol], Log], group: frozenset[Symbol], known: Sequence[Guard]
) -> Log | None:
    """A log whose guards all hold where ``group`` is 1."""
    for fixed, found in logs.items():
        guards = _at(found.guards, dict.fromkeys(group, 1)) if fixed <= group else None
        if guards is not None and all_implied(guards, known):
            return found
    return None


def _at(guards: Iterable[Guard], ones: Mapping[Symbol, Dim]) -> list[Guard] | None:
    try:
        return [guard._replace(value=substitute(guard.value, ones)) for guard in guards]
    except ZeroDivisionError:
        return None


def _is_false(guard: Guard) -> bool:
    return isinstance(guard.value, int) and not guard.holds({})
