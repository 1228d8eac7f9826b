"""Peak memory: the largest number of bytes that one call has allocated at once.

``peak_tensors`` is that of tensors alone, the same on every device: allocations and releases in the
order of the program, with the lifetimes that Python and autograd give them. ``peak`` adds what
kernels take from PyTorch's allocator while they run, on the CPU with so many threads; it is not
known where the workspace of a call is not. Both are maxima of formulas, of which those are kept
that some sizes inside the domain may need. What is there before the call is apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fxflops.algebra import Dim, evaluate, maximum
from fxflops.algebra.closed_form import guard_text
from fxflops.domain import Guard
from fxflops.report import Answer, Number
from fxflops.reports.document import Cell, Name, Table
from fxflops.reports.wording import exact, scaled

UNIT = "bytes"


class Place(NamedTuple):
    """A call, and the bytes that live while it runs or after it."""

    bytes: Dim
    op: str
    path: str
    where: str


class Part(NamedTuple):
    """Some of the bytes that a training step holds, by what they are for."""

    name: str
    bytes: Dim


class Memory(NamedTuple):
    """Where the peaks are, and the bytes before the call: of parameters, buffers and inputs.

    ``tensors`` are the places of which one is the peak of tensors, and ``whole`` those of the peak
    with workspace, without those in ``unknown``: the operators whose workspace is not known.
    ``bound`` is what those moments that are not known do not exceed: where it is above
    ``peak_known``, that is no peak. ``peak_tensors`` and ``peak_known`` are the
    maxima of these, with what sizes of 1 change; where all of a group of ``unproven`` are 1, they
    do not hold, nor where one of ``guards`` does not, at sizes above 1. ``curve`` are the calls
    that allocate, in order. ``threads`` and ``library`` are what the workspace is for.
    """

    peak_tensors: Dim
    peak_known: Dim
    bound: Dim
    tensors: tuple[Place, ...]
    whole: tuple[Place, ...]
    curve: tuple[Place, ...]
    parameters: Dim
    buffers: Dim
    inputs: Dim
    parts: tuple[Part, ...]
    unknown: tuple[str, ...]
    unproven: tuple[tuple[str, ...], ...]
    guards: tuple[Guard, ...]
    threads: int
    library: str

    @property
    def is_asked(self) -> bool:
        """It is shown on the first screen: nobody has it without asking."""
        return True

    @classmethod
    def of(cls, analysis: Any) -> Memory:
        """That of an `Analysis`, whose model is run again on meta tensors."""
        record: Memory = analysis.memory.record
        return record

    def peak(self, answer: Answer) -> Dim | None:
        """With workspace; None where that is not known."""
        if self.unknown:
            return None
        if answer.values is None:
            return self.peak_known if self.bound == 0 else None
        known = evaluate(self.peak_known, answer.values)
        return self.peak_known if evaluate(self.bound, answer.values) <= known else None

    def holds(self, answer: Answer) -> bool:
        """Whether the peaks hold at the answer's sizes; in formulas alone they are taken to."""
        values = answer.values or {}
        ones = {symbol.name for symbol, value in values.items() if value == 1}
        if any(ones.issuperset(group) for group in self.unproven):
            return False
        return bool(ones) or not values or all(guard.holds(values) for guard in self.guards)

    def numbers(self, answer: Answer) -> Iterator[Number]:
        """Peaks, and what is there before the call."""

        def number(name: str, label: str, count: Dim | None) -> Number:
            if count is None:
                return Number(f"memory.{name}", label, None, UNIT, has_formula=True)
            quantity = answer.quantity(count)
            return Number(f"memory.{name}", label, quantity.value, UNIT, quantity)

        known = self.holds(answer)
        yield number("peak_tensors", "peak of tensors", self.peak_tensors if known else None)
        label = f"peak, CPU with {_threads(self.threads)}"
        yield number("peak", label, self.peak(answer) if known else None)
        yield number("parameters", "parameters in memory", self.parameters)
        yield number("buffers", "buffers in memory", self.buffers)
        yield number("inputs", "inputs in memory", self.inputs)
        for part in self.parts:
            yield number(part.name, f"{part.name.replace('_', ' ')} in memory", part.bytes)

    def tables(self, answer: Answer) -> Iterator[Table]:
        """The places of the peaks."""
        known = self.peak(answer) is not None
        for caption, places in (
            ("Where the peak of tensors is", self.tensors),
            ("Where the peak with workspace is", self.whole if known else ()),
        ):
            if places:
                yield _table(caption, places, answer)

    def notes(self, answer: Answer) -> Iterator[str]:
        """What the peaks are of, and why one of them is not known."""
        yield (
            "The peaks are bytes that one call allocates beyond what is there before it, a second "
            f"call; workspace is that of PyTorch {self.library} on the CPU with "
            f"{_threads(self.threads)}."
        )
        if not self.holds(answer):
            yield "The peaks at these sizes are not known: the model runs otherwise there."
        elif self.peak(answer) is None:
            yield self._why(answer)
        if self.guards and answer.values is None:
            names = answer.report.domain.names
            where = ", ".join(guard_text(g.value, g.sign, names) for g in self.guards)
            yield f"The peaks hold where {where}."

    def _why(self, answer: Answer) -> str:
        """Between what bounds a peak is that is not known, and why it is not."""

        def shown(count: Dim) -> str:
            quantity = answer.quantity(count)
            return quantity.formula if quantity.value is None else exact(quantity.value)

        least = shown(self.peak_known)
        if self.unknown:
            return (
                f"The peak is at least {least} bytes, and not known: there is no formula for the "
                f"workspace of {', '.join(self.unknown)}."
            )
        if answer.values is None:
            return (
                f"The peak is known where {shown(self.bound)} is at most {least} bytes, which is "
                "the peak then, and which it is never below."
            )
        return f"The peak is at least {least} bytes, and at most {shown(self.bound)}."

    def details(self, answer: Answer) -> Iterator[tuple[str, Any]]:
        """Threads, library, the places, and the curve of live bytes over the call."""
        yield "memory.threads", self.threads
        yield "memory.library", f"torch {self.library}"
        yield "memory.unknown_workspace", list(self.unknown)
        for name, places in (("at", self.tensors), ("at_with_workspace", self.whole)):
            yield f"memory.{name}", [_place(place, answer) for place in places]
        yield "memory.curve", [_place(place, answer) for place in self.curve]


def largest(places: Sequence[Place]) -> Dim:
    """The maximum of their bytes."""
    most: Dim = 0
    for place in places:
        most = maximum(most, place.bytes)
    return most


def _threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def _place(place: Place, answer: Answer) -> dict[str, Any]:
    quantity = answer.quantity(place.bytes)
    return {
        "op": place.op,
        "path": place.path,
        "where": place.where,
        "formula": quantity.formula,
        "value": quantity.value,
    }


def _table(caption: str, places: Sequence[Place], answer: Answer) -> Table:
    """The places, the largest first; of formulas alone, each with its formula."""
    quantities = [answer.quantity(place.bytes) for place in places]
    if answer.values is None:
        shown: list[tuple[Cell, Place]] = [
            (Name(q.formula), p) for q, p in zip(quantities, places, strict=True)
        ]
    else:
        found = sorted(zip(quantities, places, strict=True), key=lambda qp: -(qp[0].value or 0))
        shown = [(scaled(q.value), p) for q, p in found]
    rows: list[list[Cell]] = [
        [bytes_, Name(place.path or "(the model itself)"), Name(place.op), place.where]
        for bytes_, place in shown
    ]
    return Table((UNIT, "module", "operator", "line"), "rlll", rows, caption=caption)
