"""The counters' numbers beside the formula's, node by node, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from fxflops.cost import COUNTERS, Cost, total
from fxflops.crosscheck.convention import RULES_OF, split
from fxflops.crosscheck.graph import CountedCall
from fxflops.crosscheck.measure import Kernels, MeasuredCall, Measurement
from fxflops.crosscheck.verdict import (
    Kind,
    Verdict,
    of_flop_counter,
    of_free,
    of_free_by_flop_counter,
    of_profiler,
)

PROFILER, FLOP_COUNTER = "torch.profiler", "FlopCounterMode"
SLOWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCall:
    """One call of the run: what is counted of it, both verdicts, and its time.

    ``seconds`` is the median of the operator's time under the profiler: on the CPU its own, on
    CUDA that of its kernels; ``share`` is its part of that of all calls. A call that only the run
    has, not the graph, is free.
    """

    name: str
    op: str
    path: str
    where: str
    in_graph: bool
    cost: Cost
    profiler: Verdict
    flop_counter: Verdict
    events: Mapping[str, int]
    seconds: float
    share: float
    flops_per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A counter's total [FLOP] of one kind of work, and ours in its convention and in full."""

    kernels: Kernels
    counter: str
    work: str
    measured: int
    ours: int
    full: int

    @property
    def agrees(self) -> bool:
        """Whether both are the same integer."""
        return self.measured == self.ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The calls with the same verdict on the profiler for the same reason; FLOPs are sums.

    ``difference`` is ``cost.flops`` less ``measured``; over all groups it leads from the
    profiler's total to ours.
    """

    kernels: Kernels
    kind: Kind
    reason: str
    calls: int
    measured: int
    cost: Cost
    difference: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """An operator to which the profiler gives no FLOPs: what we count of it, its share of time."""

    op: str
    calls: int
    reason: str
    cost: Cost
    seconds: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The calls with one choice of kernels, and their times [s].

    ``seconds`` is the wall time of a whole call of the model without the profiler,
    ``in_calls`` that of its operators under it, ``unmeasured_share`` the part of the latter in
    calls to which the profiler gives no FLOPs.
    """

    kernels: Kernels
    calls: tuple[CheckedCall, ...]
    seconds: float
    in_calls: float
    unmeasured_share: float
    repetitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The outcome for one model at one size on one device.

    ``torch`` is the version that ran, ``rules_of`` that whose rules the profiler is held against.
    ``graph_only`` is how many free calls of the graph the run does not make.
    ``slowest`` and ``unmeasured`` are of the kernels that PyTorch chooses. It passes when no line
    is in ``failures``: every count is the same integer as ours in its convention.
    """

    model: str
    device: str
    torch: str
    rules_of: str
    dtype: str
    at: Mapping[str, int]
    graph_only: int
    totals: tuple[Total, ...]
    groups: tuple[Group, ...]
    unmeasured: tuple[Unmeasured, ...]
    slowest: tuple[CheckedCall, ...]
    runs: tuple[Run, ...]
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether static and measured agree."""
        return not self.failures


def reconcile(
    *,
    model: str,
    dtype: str,
    at: Mapping[str, int],
    formula: Cost,
    graph: Sequence[CountedCall],
    measurements: Sequence[Measurement],
    device: str,
    version: str,
) -> Check:
    """Hold what was measured against what the graph's calls cost, and both against ``formula``.

    ``formula`` is the symbolic total with the sizes put in. The last of the ``measurements`` is
    that of the kernels PyTorch chooses.
    """
    runs = tuple(_run(graph, measurement) for measurement in measurements)
    counted = total(call.cost for call in graph)
    totals = tuple(
        row for run, m in zip(runs, measurements, strict=True) for row in _totals(run, m, counted)
    )
    default = runs[-1]
    in_run = {call.name for call in default.calls}
    return Check(
        model=model,
        device=device,
        torch=version,
        rules_of=RULES_OF,
        dtype=dtype,
        at=dict(at),
        graph_only=sum(call.named.name not in in_run for call in graph),
        totals=totals,
        groups=tuple(group for run in runs for group in _groups(run)),
        unmeasured=_unmeasured(default),
        slowest=tuple(sorted(default.calls, key=lambda c: c.seconds, reverse=True)[:SLOWEST]),
        runs=runs,
        failures=(
            *_formula_failures(formula, counted),
            *_negative_failures(graph),
            *(f for run in runs for f in _failures(run)),
            *_total_failures(totals),
        ),
    )


def _run(graph: Sequence[CountedCall], measurement: Measurement) -> Run:
    nodes = {call.named.name: call for call in graph}
    spent = fsum(seen.profiled.seconds for seen in measurement.calls)
    calls = tuple(
        _checked(nodes[seen.node] if seen.node else None, seen, measurement.kernels, spent)
        for seen in measurement.calls
    )
    unmeasured = fsum(call.share for call in calls if not call.profiler.measured.total)
    return Run(
        kernels=measurement.kernels,
        calls=calls,
        seconds=measurement.seconds,
        in_calls=spent,
        unmeasured_share=unmeasured,
        repetitions=measurement.repetitions,
    )


def _checked(
    counted: CountedCall | None, seen: MeasuredCall, kernels: Kernels, spent: float
) -> CheckedCall:
    cost, seconds = counted.cost if counted else Cost.zero(), seen.profiled.seconds
    flops = _integer(cost.flops)
    return CheckedCall(
        name=seen.name,
        op=str(seen.call.op),
        path=counted.path if counted else "",
        where=counted.named.where if counted else "",
        in_graph=counted is not None,
        cost=cost,
        profiler=of_profiler(counted, seen, kernels) if counted else of_free(seen),
        flop_counter=of_flop_counter(counted, seen, kernels)
        if counted
        else of_free_by_flop_counter(seen),
        events=seen.profiled.events,
        seconds=seconds,
        share=seconds / spent if spent else 0.0,
        flops_per_second=flops / seconds if flops and seconds else None,
    )


def _totals(run: Run, measurement: Measurement, counted: Cost) -> tuple[Total, ...]:
    """Each counter's total by kind of work, from an ordinary count of the model."""
    profiled = split(measurement.ordinary)

    def row(counter: str, work: str, measured: int, ours: Iterable[int], full: object) -> Total:
        return Total(
            kernels=run.kernels,
            counter=counter,
            work=work,
            measured=measured,
            ours=sum(ours),
            full=_integer(full),
        )

    profiler = [call.profiler.ours for call in run.calls]
    flop_counter = [call.flop_counter.ours for call in run.calls]
    return (
        row(
            PROFILER,
            "contraction",
            profiled.contraction,
            (flops.contraction for flops in profiler),
            counted.contraction,
        ),
        row(
            PROFILER,
            "elementwise",
            profiled.elementwise,
            (flops.elementwise for flops in profiler),
            counted.elementwise,
        ),
        row(
            FLOP_COUNTER,
            "contraction",
            measurement.flop_counter,
            (flops.contraction for flops in flop_counter),
            counted.contraction,
        ),
    )


def _groups(run: Run) -> tuple[Group, ...]:
    """The calls by verdict and reason, in the order of the verdicts."""
    found: dict[tuple[Kind, str], list[CheckedCall]] = {}
    for call in run.calls:
        verdict = call.profiler
        reason = "" if verdict.kind is Kind.UNEXPLAINED else verdict.reason
        found.setdefault((verdict.kind, reason), []).append(call)
    order = list(Kind)
    groups = []
    for (kind, reason), calls in sorted(found.items(), key=lambda g: (order.index(g[0][0]), g[0])):
        cost = total(call.cost for call in calls)
        measured = sum(call.profiler.measured.total for call in calls)
        groups.append(
            Group(
                kernels=run.kernels,
                kind=kind,
                reason=reason,
                calls=len(calls),
                measured=measured,
                cost=cost,
                difference=_integer(cost.flops) - measured,
            )
        )
    return tuple(groups)


def _unmeasured(run: Run) -> tuple[Unmeasured, ...]:
    """The operators of which the profiler measures nothing, the slowest first."""
    found: dict[str, list[CheckedCall]] = {}
    for call in run.calls:
        if call.profiler.kind is Kind.NOT_MEASURED:
            found.setdefault(call.op, []).append(call)
    rows = [
        Unmeasured(
            op=op,
            calls=len(calls),
            reason=", ".join(sorted({call.profiler.reason for call in calls})),
            cost=total(call.cost for call in calls),
            seconds=fsum(call.seconds for call in calls),
            share=fsum(call.share for call in calls),
        )
        for op, calls in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: row.seconds, reverse=True))


def _failures(run: Run) -> Iterable[str]:
    """What does not match, one line for each call and counter."""
    for call in run.calls:
        for counter, verdict in ((PROFILER, call.profiler), (FLOP_COUNTER, call.flop_counter)):
            if verdict.kind is Kind.UNEXPLAINED:
                yield (
                    f"{call.name} ({call.op} at {call.where or 'no known line'}), {run.kernels} "
                    f"kernels: {counter} counts {verdict.measured.total}, {verdict.reason}"
                )


def _formula_failures(formula: Cost, counted: Cost) -> Iterable[str]:
    """Where the symbolic total is not the count at the size."""
    for name in COUNTERS:
        by_formula, by_count = getattr(formula, name), getattr(counted, name)
        if by_formula != by_count:
            yield f"{name}: the formula gives {by_formula}, a count at this size {by_count}"


def _negative_failures(graph: Iterable[CountedCall]) -> Iterable[str]:
    """Calls of which less than nothing is counted, one line for each and counter."""
    for call in graph:
        for name in COUNTERS:
            count = getattr(call.cost, name)
            if isinstance(count, int) and count < 0:
                where = call.named.where or "no known line"
                yield (
                    f"{call.named.name} ({call.named.call.op} at {where}): {name} is {count}, "
                    "less than nothing"
                )


def _total_failures(totals: Iterable[Total]) -> Iterable[str]:
    """Where a counter's total is not ours by its rules."""
    for row in totals:
        if not row.agrees:
            yield (
                f"{row.counter}, {row.work}, {row.kernels} kernels: measured {row.measured} in "
                f"all, by the same rules {row.ours}"
            )


def _integer(count: object) -> int:
    assert isinstance(count, int)
    return count
