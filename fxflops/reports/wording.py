"""The sentences and number formats that the reports for people share."""

from __future__ import annotations

from fxflops.summary import SHOWN, Row, Summary

UNITS = {
    "flops": "FLOP, contraction + elementwise",
    "contraction": "FLOP, 1 multiply-add = 2",
    "elementwise": "FLOP",
    "transcendental": "calls of exp, log, sqrt, sin, …",
    "comparison": "comparisons of real numbers",
    "bytes_read": "bytes, unfused graph",
    "bytes_written": "bytes, unfused graph",
}
NAMES = {name: name.replace("_", " ").replace("flops", "FLOPs") for name in SHOWN}
HEADLINE_FIRST = ("flops", *(name for name in SHOWN if name != "flops"))


def title(summary: Summary) -> str:
    """The model, the sizes, the dtype and the graph."""
    sizes = ", ".join(f"{name}={size}" for name, size in summary.at.items())
    at = f" at {sizes}" if sizes else ""
    return f"{summary.model}{at} ({summary.dtype}, {summary.graph} graph, {summary.frontend})"


def scaled(value: int | None) -> str:
    """Four significant digits and an SI prefix: ``136.4 G``."""
    if value is None:
        return "?"
    if value < 1000:
        return str(value)
    size = float(value)
    for prefix in ("k", "M", "G", "T", "P", "E"):
        size /= 1000
        if size < 999.95 or prefix == "E":
            break
    digits = max(0, 3 - len(str(int(size))))
    return f"{size:.{digits + 1 if digits < 3 else 3}f} {prefix}"


def exact(value: int | None) -> str:
    """The integer with its thousands apart."""
    return "?" if value is None else f"{value:,}"


def share(part: int | None, whole: int | None) -> str:
    """A percentage with one decimal."""
    return f"{100 * part / whole:.1f} %" if part is not None and whole else ""


def cells(row: Row, summary: Summary) -> list[str]:
    """A row of the tables: FLOPs, their share of the whole, and the other quantities."""
    flops = row.quantities["flops"].value
    others = [scaled(row.quantities[name].value) for name in HEADLINE_FIRST[1:]]
    return [scaled(flops), share(flops, summary.totals["flops"].value), *others]


def verdict(summary: Summary) -> list[str]:
    """What the reader must know to quote the numbers: definition, domain, completeness, notes."""
    lines = [
        "FLOPs are contraction + elementwise, a multiply-add is 2 FLOP; MACs are contraction / 2."
    ]
    if summary.domain:
        lines.append(f"The formulas hold where {', '.join(summary.domain)}.")
    if summary.uncounted:
        calls = sum(item.calls for item in summary.uncounted)
        lines.append(f"LOWER BOUND: {calls} operator calls are uncounted:")
        lines += [
            f"  {item.op}, {item.calls} calls ({item.reason}), at {'; '.join(item.where[:3])}"
            for item in summary.uncounted
        ]
    return [*lines, *summary.notes]


PLACES = {
    "merge-repvgg": "RepVGG blocks merged",
    "fold-batch-norm": "batch norms folded",
    "hoist": "calls hoisted",
}


def deployment(summary: Summary) -> list[tuple[str, str, Row]]:
    """Of a deployed graph, row by row: what each pass did and saved, and what is done once."""
    if summary.saved is None:
        return []
    changed = {row.name: f"{row.calls} {PLACES[row.name]}" for row in summary.passes}
    return [
        *((f"saved: {row.name}", changed[row.name], row) for row in summary.passes),
        ("saved: all passes", "", summary.saved),
        *((f"once per {row.name}", "", row) for row in summary.once),
    ]


PHASES = {
    "forward": "forward, with the loss",
    "activations": "backward: gradients of activations",
    "weights": "backward: gradients of weights",
}


def parts(summary: Summary) -> list[tuple[str, str, Row]]:
    """What the graph's total is made of or does not contain, row by row."""
    rows = [*deployment(summary), *((PHASES[row.name], "", row) for row in summary.phases)]
    if summary.optimizer is not None:
        rows.append((f"apart: the step of {summary.optimizer.name}", "", summary.optimizer))
    return rows


def graph_line(summary: Summary) -> str:
    """Which graph is counted: ``deployed (merge-repvgg, hoist)``."""
    names = ", ".join(row.name for row in summary.passes)
    return f"{summary.graph} ({names})" if names else summary.graph


def figures(summary: Summary) -> list[tuple[str, str]]:
    """The single numbers beside the counters, by name."""
    rows = [("MACs", scaled(_macs(summary))), ("parameters", exact(summary.parameters))]
    if summary.trained is not None:
        rows.append(("trained parameters", exact(summary.trained)))
    if summary.intensity is not None:
        rows.append(("arithmetic intensity", f"{summary.intensity:.2f} FLOP/byte"))
    if summary.span is not None and summary.parallelism is not None:
        rows.append(("span (critical path)", f"{scaled(summary.span)}FLOP"))
        rows.append(("parallelism (work / span)", f"{summary.parallelism:.2f}"))
    return rows


def _macs(summary: Summary) -> int | None:
    contraction = summary.totals["contraction"].value
    return None if contraction is None else contraction // 2
