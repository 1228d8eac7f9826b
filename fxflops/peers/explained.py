"""What ``fxflops explain`` found, as a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fxflops.peers.explanation import Explanation, Explanations, LeftOut, Part
from fxflops.reports.document import Document, Table
from fxflops.reports.wording import exact, scaled

SCHEMA = "fxflops-explain/1"
STEPS = ("from the tool's number to ours", "FLOP", "in")
LEFT_OUT = ("left out, says the tool", "modules", "FLOPs of their own", "of these not charged")
SHOWN_MODULES = 2


def document(explanations: Explanations) -> Document:
    """For each tool its number, what it counts, and the way from it to ours."""
    return Document(
        title=title(explanations),
        tables=[table for tool in explanations.tools for table in _tables(tool)],
        notes=absences(explanations),
        data=lambda: as_object(explanations),
    )


def as_object(explanations: Explanations) -> dict[str, Any]:
    """The explanations as nested dicts and lists."""
    return {
        "schema": SCHEMA,
        "model": explanations.model,
        "at": dict(explanations.at),
        "dtype": explanations.dtype,
        "explained": not explanations.failures,
        "tools": [_tool(tool) for tool in explanations.tools],
        "missing": [asdict(tool) for tool in explanations.missing],
    }


def _tool(tool: Explanation) -> dict[str, Any]:
    return {
        "tool": tool.tool,
        "version": tool.measured.version,
        "python": tool.measured.python,
        "unit": tool.unit,
        "counts": tool.counts,
        "misses": tool.misses,
        "measured": tool.measured.total,
        "error": tool.measured.error,
        "why": tool.measured.why,
        "convention": tool.convention,
        "unexplained": tool.unexplained,
        "steps": [
            {"cause": part.cause, "flops": part.amount, "modules": dict(part.modules)}
            for part in tool.parts
        ],
        "fxflops": tool.ours,
        "left_out": [asdict(row) for row in tool.left_out],
        "unproven": list(tool.unproven),
    }


def title(explanations: Explanations) -> str:
    """The model and the size."""
    sizes = ", ".join(f"{name}={size}" for name, size in explanations.at.items())
    return f"{explanations.model} at {sizes} ({explanations.dtype}): the tools' numbers explained"


def headline(tool: Explanation) -> str:
    """The tool, its version, its number."""
    name = f"{tool.title} ({tool.tool}, version {tool.measured.version})"
    if tool.measured.total is None:
        return f"{name} failed"
    return f"{name}: {exact(tool.measured.total)} {tool.unit}"


def conventions(tool: Explanation) -> str:
    """What the tool counts and misses; its error where it failed."""
    sentence = f"It counts {tool.counts}; it misses {tool.misses}."
    if tool.unproven:
        sentence += f" Its convention is NOT PROVEN for {'; '.join(tool.unproven)}."
    if tool.measured.total is not None:
        return sentence
    why = tool.measured.why or "The cause is not known."
    return f"Its error: {tool.measured.error}. Cause: {why}. {sentence}"


def absences(explanations: Explanations) -> list[str]:
    """The tools that are not installed, and how to get each."""
    return [f"NOT RUN: {tool.why}" for tool in explanations.missing]


def steps(tool: Explanation) -> list[tuple[str, str, str]]:
    """The waterfall's rows: the tool's number, what is unexplained, each cause, our number."""
    if tool.measured.total is None:
        first = [("what its convention gives", exact(tool.convention), "")]
    else:
        first = [(tool.title, exact(tool.measured.total), "")]
        if tool.unexplained:
            first.append(("UNEXPLAINED", signed(tool.unexplained), ""))
    last = ("fxflops, contraction + elementwise", exact(tool.ours), "")
    return [*first, *((p.cause, signed(p.amount), modules(p)) for p in tool.parts), last]


def modules(part: Part) -> str:
    """The dearest modules of a cause, and how many more there are."""
    shown = [f"{path or 'the model itself'}" for path, _ in part.modules[:SHOWN_MODULES]]
    more = len(part.modules) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])


def signed(count: int) -> str:
    """The integer with its sign, thousands apart."""
    return f"{count:+,}"


def left_out(tool: Explanation) -> list[tuple[str, str, str, str]]:
    """The module types that the tool warns about, those that compute something first."""
    rows = sorted(tool.left_out, key=lambda row: -row.flops)
    return [_left_out_cells(row) for row in rows if row.flops]


def _left_out_cells(row: LeftOut) -> tuple[str, str, str, str]:
    return row.kind, str(row.modules), scaled(row.flops), scaled(row.missed)


def _tables(tool: Explanation) -> list[Table]:
    way = Table(STEPS, "lrl", steps(tool), caption=headline(tool), text=conventions(tool))
    rows = left_out(tool)
    return [way, *([Table(LEFT_OUT, "lrrr", rows)] if rows else [])]
