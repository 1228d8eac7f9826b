"""What bounds the time of every call on a device: its rate of FLOPs, or its bandwidth.

A call takes at least max(FLOPs / rate, bytes / bandwidth). The sum over the calls of the unfused
graph is an *estimate*: fusion takes bytes away, kernels reach no peak. The *lower bound* is the
larger of all FLOPs over the rate, and of inputs, parameters and outputs, once each, over the
bandwidth: no implementation of the same arithmetic is faster. Source: Williams, Waterman and
Patterson, Roofline, CACM 52(4), 2009.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from fxflops.algebra import Dim, evaluate
from fxflops.devices import PICO, Device
from fxflops.report import Answer, Number
from fxflops.reports.document import Cell, Name, Table
from fxflops.reports.wording import decimal, scaled, share

MICRO = 10**6
"""Picoseconds."""

MOST_NODES = 10
LEVELS = 2


class Node(NamedTuple):
    """A call: what it computes and moves."""

    op: str
    path: str
    where: str
    flops: Dim
    bytes: Dim


class Timed(NamedTuple):
    """A call at some sizes, in picoseconds, and what binds it."""

    node: Node
    flops: int
    bytes: int
    time: Fraction
    bound: str


class Roofline(NamedTuple):
    """The device, the calls that are counted, and the bytes that must move at least once."""

    device: Device
    rate: int
    nodes: tuple[Node, ...]
    once: Dim
    uncounted: int

    @classmethod
    def of(cls, analysis: Any) -> Roofline:
        """That of an `Analysis` on its device. Raises SpecError where the device has no rate."""
        counted = [node for node in analysis.nodes if node.cost is not None]
        return cls(
            device=analysis.device,
            rate=analysis.device.rate(analysis.dtype),
            nodes=tuple(
                Node(str(n.op), n.path, n.where, n.cost.flops, n.cost.bytes) for n in counted
            ),
            once=analysis.once_moved,
            uncounted=len(analysis.nodes) - len(counted),
        )

    @property
    def is_asked(self) -> bool:
        """It is shown on the first screen: nobody has it without asking."""
        return True

    def times(self, answer: Answer) -> list[Timed]:
        """Each call that does something; none where the sizes are left open."""
        if answer.values is None:
            return []
        found = []
        known: dict[Dim, int] = {}
        for node in self.nodes:
            for count in (node.flops, node.bytes):
                if count not in known:
                    known[count] = evaluate(count, answer.values)
            flops, moved = known[node.flops], known[node.bytes]
            if not flops and not moved:
                continue
            limits = {
                "compute": Fraction(flops * PICO, self.rate),
                "bandwidth": Fraction(moved * PICO, self.device.bandwidth),
                "overhead": Fraction(self.device.overhead),
            }
            bound = max(limits, key=lambda name: limits[name])
            found.append(Timed(node, flops, moved, limits[bound], bound))
        return found

    def lower_bound(self, answer: Answer) -> tuple[Fraction, str] | None:
        """Picoseconds, and what binds; None where the sizes are left open."""
        if answer.values is None:
            return None
        flops = sum(timed.flops for timed in self.times(answer))
        once = evaluate(self.once, answer.values)
        limits = (
            (Fraction(flops * PICO, self.rate), "compute"),
            (Fraction(once * PICO, self.device.bandwidth), "bandwidth"),
        )
        return max(limits, key=lambda limit: limit[0])

    def numbers(self, answer: Answer) -> Iterator[Number]:
        """The lower bound, the estimate, and the intensity at which the two limits meet."""
        bound = self.lower_bound(answer)
        on = f"on {self.device.name}"
        yield _microseconds("lower_bound", f"lower bound {on}", bound and bound[0])
        times = self.times(answer)
        total = sum((timed.time for timed in times), Fraction(0)) if bound else None
        yield _microseconds("estimate", f"estimate {on}, unfused", total)
        ridge = self.rate, self.device.bandwidth
        yield Number("roofline.ridge", "ridge", ridge, "FLOP/byte", is_ratio=True)

    def tables(self, answer: Answer) -> Iterator[Table]:
        """Modules and the slowest calls, with what binds them."""
        times = self.times(answer)
        if not times:
            return
        total = sum((timed.time for timed in times), Fraction(0))
        heads = ("µs", "share", "compute-bound", "FLOPs", "bytes", "FLOP/byte")
        rows: list[list[Cell]] = []
        for row in answer.report.modules:
            level = row.name.count(".") + 1 if row.name else 0
            within = [t for t in times if _is_within(t.node.path, row.name)]
            if level > LEVELS or not within:
                continue
            short = row.name.rpartition(".")[2] if row.name else answer.report.model
            name = Name(row.name or answer.report.model, short, level)
            rows.append([name, *_cells(within, total)])
        yield Table(("module", *heads), "l" + "r" * len(heads), rows, caption="Time by module")
        slowest = sorted(times, key=lambda timed: timed.time, reverse=True)[:MOST_NODES]
        yield Table(
            ("call", "module", "µs", "share", "FLOPs", "bytes", "FLOP/byte", "bound by"),
            "llrrrrrl",
            [
                [
                    Name(timed.node.op),
                    Name(timed.node.path),
                    _us(timed.time),
                    _share(timed.time, total),
                    scaled(timed.flops),
                    scaled(timed.bytes),
                    _intensity(timed.flops, timed.bytes),
                    timed.bound,
                ]
                for timed in slowest
            ],
            caption="The slowest calls",
        )

    def notes(self, answer: Answer) -> Iterator[str]:
        """What the times are and are not, and where the device's numbers come from."""
        yield (
            f"{self.device.name}: {scaled(self.rate)}FLOP/s for {answer.report.dtype}, "
            f"{scaled(self.device.bandwidth)}B/s. The lower bound is no prediction; the estimate "
            "sums max(FLOPs / rate, bytes / bandwidth) over the calls of the unfused graph."
        )
        bound = self.lower_bound(answer)
        if bound is not None:
            yield f"The lower bound is set by {bound[1]}."
        if self.uncounted:
            yield f"The times leave out {self.uncounted} uncounted calls."
        yield f"Sources: {'; '.join(self.device.sources)}."

    def details(self, answer: Answer) -> Iterator[tuple[str, Any]]:
        """The device, and every call with its time and what binds it."""
        yield (
            "roofline.device",
            {
                "name": self.device.name,
                "rate": self.rate,
                "bandwidth": self.device.bandwidth,
                "memory": self.device.memory,
                "sources": list(self.device.sources),
            },
        )
        bound = self.lower_bound(answer)
        yield "roofline.bound_by", bound and bound[1]
        yield (
            "roofline.nodes",
            [
                {
                    "op": timed.node.op,
                    "path": timed.node.path,
                    "where": timed.node.where,
                    "flops": timed.flops,
                    "bytes": timed.bytes,
                    "seconds": float(timed.time / PICO),
                    "bound_by": timed.bound,
                }
                for timed in self.times(answer)
            ],
        )


def _microseconds(name: str, label: str, picoseconds: Fraction | None) -> Number:
    value = None
    if picoseconds is not None:
        scaled_ = picoseconds / (MICRO)
        value = scaled_.numerator, scaled_.denominator
    return Number(f"roofline.{name}_us", label, value, "µs", is_ratio=True)


def _is_within(path: str, module: str) -> bool:
    return not module or path == module or path.startswith(f"{module}.")


def _cells(within: list[Timed], total: Fraction) -> list[Cell]:
    time = sum((timed.time for timed in within), Fraction(0))
    computing = sum((t.time for t in within if t.bound == "compute"), Fraction(0))
    flops, moved = sum(timed.flops for timed in within), sum(timed.bytes for timed in within)
    return [
        _us(time),
        _share(time, total),
        _share(computing, time),
        scaled(flops),
        scaled(moved),
        _intensity(flops, moved),
    ]


def _us(time: Fraction) -> str:
    microseconds = time / (MICRO)
    return decimal(microseconds.numerator, microseconds.denominator, 2)


def _share(part: Fraction, whole: Fraction) -> str:
    ratio = part / whole if whole else Fraction(0)
    return share(ratio.numerator, ratio.denominator)


def _intensity(flops: int, moved: int) -> str:
    return decimal(flops, moved, 2) if moved else ""
