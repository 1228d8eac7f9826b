"""The outcome of ``fxflops check``, as a table, markdown or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.table import Table

from fxflops.crosscheck.reconcile import Check, Compared, Unmeasured
from fxflops.reports.markdown import markdown_table
from fxflops.reports.terminal import rendered
from fxflops.reports.wording import exact, scaled

SCHEMA = "fxflops-check/1"
COMPARED = ("family", "attention", "profiler [FLOP]", "fxflops [FLOP]", "difference", "verdict")
UNMEASURED = ("not measured by the profiler", "calls", "FLOPs", "transcendental", "comparison")


def render(check: Check, format: str) -> str:
    """``check`` as ``table``, ``markdown`` or ``json``."""
    if format == "json":
        return json.dumps(as_object(check), indent=2) + "\n"
    compared = [compared_cells(row) for row in check.compared]
    unmeasured = [unmeasured_cells(row) for row in check.unmeasured]
    if format == "markdown":
        parts = [
            f"### {title(check)}",
            markdown_table(COMPARED, compared),
            markdown_table(UNMEASURED, unmeasured),
            f"{times(check)}.\n\n**{verdict(check)}**",
        ]
        return "\n\n".join(parts) + "\n"
    return rendered(
        title(check),
        "",
        _table(COMPARED, compared, 2),
        "",
        _table(UNMEASURED, unmeasured, 1),
        "",
        times(check),
        verdict(check),
    )


def as_object(check: Check) -> dict[str, Any]:
    """The outcome as nested dicts and lists."""
    return {
        "schema": SCHEMA,
        "model": check.model,
        "device": check.device,
        "torch": check.torch,
        "at": dict(check.at),
        "passed": check.passed,
        "compared": [
            {**asdict(row), "difference": row.difference, "agrees": row.agrees}
            for row in check.compared
        ],
        "unmeasured": [asdict(row) for row in check.unmeasured],
        "measurements": [asdict(measured) for measured in check.measurements],
        "failures": list(check.failures),
    }


def title(check: Check) -> str:
    """The model, the size, where it ran."""
    sizes = ", ".join(f"{name}={size}" for name, size in check.at.items())
    at = f" at {sizes}" if sizes else ""
    return f"{check.model}{at}: torch.profiler ({check.device}, torch {check.torch}) and fxflops"


def times(check: Check) -> str:
    """The median time of a call with each attention backend."""
    return "; ".join(
        f"{m.attention} attention: {1000 * m.seconds:.1f} ms a call, median of {m.repetitions}"
        for m in check.measurements
    )


def verdict(check: Check) -> str:
    """One sentence."""
    if check.passed:
        return "Static and measured agree as integers; each difference is explained."
    return "Static and measured DISAGREE."


def compared_cells(row: Compared) -> list[str]:
    """One family with one attention backend."""
    if not row.agrees:
        outcome = "MISMATCH"
    elif row.hidden:
        outcome = "the products of fused attention"
    else:
        outcome = "equal"
    return [
        row.family,
        row.attention,
        exact(row.measured),
        exact(row.counted),
        exact(row.difference),
        outcome,
    ]


def unmeasured_cells(row: Unmeasured) -> list[str]:
    """One operator that the profiler gives no FLOPs."""
    counts = (row.cost.flops, row.cost.transcendental, row.cost.comparison)
    return [row.op, str(row.calls), *(scaled(n) for n in counts if isinstance(n, int))]


def _table(headings: tuple[str, ...], rows: list[list[str]], text_columns: int) -> Table:
    table = Table(box=None)
    for position, heading in enumerate(headings):
        is_text = position < text_columns or heading == "verdict"
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
