"""The outcome of ``fxflops check``, as a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from fxflops.cost import Cost
from fxflops.crosscheck.reconcile import Check, CheckedCall, Group, Run, Total, Unmeasured
from fxflops.reports.document import Document, Table
from fxflops.reports.wording import exact, scaled

SCHEMA = "fxflops-check/2"
TOTALS = ("counter", "work", "kernels", "measured [FLOP]", "fxflops, same rules", "", "fxflops")
GROUPS = ("torch.profiler", "why", "kernels", "nodes", "measured", "fxflops", "difference [FLOP]")
COUNTS = ("flops", "transcendental", "comparison")
UNMEASURED = ("not measured", "why", "calls", "FLOPs", *COUNTS[1:], "ms", "share")
SLOWEST = ("slowest node", "module", "ms", "share", "FLOPs", "GFLOP/s", "torch.profiler")
NODES = (
    "node",
    "operator",
    "torch.profiler [FLOP]",
    "same rules",
    "verdict",
    "FlopCounterMode [FLOP]",
    "its verdict",
    "fxflops [FLOP]",
    "why",
    "ms",
)
TEXTS = {
    "node",
    "operator",
    "verdict",
    "its verdict",
    "counter",
    "work",
    "kernels",
    "",
    "why",
    "module",
    GROUPS[0],
    UNMEASURED[0],
    SLOWEST[0],
}
KERNELS = {
    "math": "attention and recurrent layers spelt out as matrix products",
    "default": "those that PyTorch chooses",
}


def document(check: Check, *, nodes: bool = False) -> Document:
    """``check`` in tables; ``nodes`` adds one of every node, which the data has in any case."""
    tables = [
        _table(TOTALS, [total_cells(row) for row in check.totals]),
        _table(GROUPS, [group_cells(row) for row in check.groups]),
        _table(UNMEASURED, [unmeasured_cells(row) for row in check.unmeasured]),
        _table(SLOWEST, [slowest_cells(row) for row in check.slowest]),
    ]
    if nodes:
        calls = [call for run in check.runs for call in run.calls if run.kernels == "default"]
        tables.append(_table(NODES, [node_cells(call) for call in calls]))
    return Document(
        title=title(check),
        tables=tables,
        notes=remarks(check),
        conclusion=verdict(check),
        data=lambda: as_object(check),
    )


def as_object(check: Check) -> dict[str, Any]:
    """The outcome as nested dicts and lists."""
    return {
        "schema": SCHEMA,
        "model": check.model,
        "device": check.device,
        "torch": check.torch,
        "rules_of": check.rules_of,
        "dtype": check.dtype,
        "at": dict(check.at),
        "passed": check.passed,
        "failures": list(check.failures),
        "graph_only": check.graph_only,
        "totals": [{**asdict(row), "agrees": row.agrees} for row in check.totals],
        "groups": [asdict(row, dict_factory=_named) for row in check.groups],
        "unmeasured": [asdict(row, dict_factory=_named) for row in check.unmeasured],
        "slowest": [row.name for row in check.slowest],
        "runs": [asdict(run, dict_factory=_named) for run in check.runs],
    }


def _named(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A record's fields, the counts of its costs by name."""
    return {name: dict(v.items()) if isinstance(v, Cost) else v for name, v in items}


def title(check: Check) -> str:
    """The model, the size, where it ran."""
    sizes = ", ".join(f"{name}={size}" for name, size in check.at.items())
    at = f" at {sizes}" if sizes else ""
    return f"{check.model}{at} ({check.dtype}): measured ({check.device}, torch {check.torch})"


def remarks(check: Check) -> list[str]:
    """What the columns mean, and the times of whole calls."""
    return [
        f"The profiler's rules are those of torch {check.rules_of}, held against each event.",
        "same rules: our count of what the counter has a rule for; fxflops: our count in full.",
        *(times(run) for run in check.runs),
    ]


def times(run: Run) -> str:
    """The median time of a call, and the part of it where the profiler counts nothing."""
    return (
        f"{run.kernels} kernels ({KERNELS[run.kernels]}): {milliseconds(run.seconds)} ms a call, "
        f"{milliseconds(run.in_calls)} ms in its operators under the profiler, medians of "
        f"{run.repetitions}; {percent(run.unmeasured_share)} in nodes without profiler FLOPs."
    )


def verdict(check: Check) -> str:
    """One sentence."""
    if check.passed:
        return "Static and measured agree as integers, node by node; each difference is explained."
    return "Static and measured DISAGREE."


def total_cells(row: Total) -> list[str]:
    """One counter with one choice of kernels."""
    return [
        row.counter,
        row.work,
        row.kernels,
        exact(row.measured),
        exact(row.ours),
        "equal" if row.agrees else "MISMATCH",
        exact(row.full),
    ]


def group_cells(row: Group) -> list[str]:
    """The calls with one verdict."""
    return [
        str(row.kind),
        row.reason,
        row.kernels,
        str(row.calls),
        exact(row.measured),
        exact(integer(row.cost, "flops")),
        exact(row.difference),
    ]


def unmeasured_cells(row: Unmeasured) -> list[str]:
    """One operator that the profiler gives no FLOPs."""
    counts = [scaled(integer(row.cost, name)) for name in COUNTS]
    time = [milliseconds(row.seconds), percent(row.share)]
    return [row.op, row.reason, str(row.calls), *counts, *time]


def slowest_cells(row: CheckedCall) -> list[str]:
    """One node, with the rate at which it computes."""
    rate = row.flops_per_second
    return [
        row.name,
        row.path,
        milliseconds(row.seconds),
        percent(row.share),
        scaled(integer(row.cost, "flops")),
        f"{rate / 1e9:.2f}" if rate else "",
        str(row.profiler.kind),
    ]


def node_cells(row: CheckedCall) -> list[str]:
    """One node with both verdicts."""
    profiler, flop_counter = row.profiler, row.flop_counter
    return [
        row.name,
        row.op,
        exact(profiler.measured.total),
        exact(profiler.ours.total),
        str(profiler.kind),
        exact(flop_counter.measured.total),
        str(flop_counter.kind),
        exact(integer(row.cost, "flops")),
        profiler.reason,
        milliseconds(row.seconds),
    ]


def integer(cost: Cost, name: str) -> int | None:
    """A quantity of a cost at some size."""
    count = getattr(cost, name)
    return count if isinstance(count, int) else None


def milliseconds(seconds: float) -> str:
    """Three decimals below 10 ms, one above."""
    return f"{1000 * seconds:.{1 if seconds >= 0.01 else 3}f}"


def percent(share: float) -> str:
    """With one decimal."""
    return f"{100 * share:.1f} %"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    return Table(headings, "".join("l" if h in TEXTS else "r" for h in headings), rows)
