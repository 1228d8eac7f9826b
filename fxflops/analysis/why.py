"""What ``fxflops why`` has to say: the calls of a module with their formulas, as a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fxflops.algebra import Symbol, evaluate
from fxflops.analysis.records import Analysis, NodeCost, prefixes
from fxflops.analysis.spelled import Count, Why, why
from fxflops.cost import METRICS
from fxflops.errors import CaptureError, SpecError, shown
from fxflops.reports.document import Cell, Document, Name, Table
from fxflops.reports.wording import calls, exact

SCHEMA = "fxflops-why/1"
HEADINGS = ("count", "formula", "in short", "here")
UNITS = {metric.name: metric.unit for metric in METRICS}
MOST_NAMES = 3


def of(analysis: Analysis, path: str) -> tuple[Why, ...]:
    """The calls of a module, or the one of this name, each with its formula.

    Raises SpecError where there is neither, and CaptureError for an analysis that was pickled.
    """
    nodes = [node for node in analysis.nodes if node.name == path]
    if not nodes and path in analysis.module_types:
        nodes = [node for node in analysis.nodes if path in prefixes(node.path)]
        if not nodes:
            raise SpecError(f"The module {shown(path)} of {analysis.model} is not called.")
    if not nodes:
        from fxflops.models.named import closest

        near = closest(path, [*analysis.module_types, *(node.name for node in analysis.nodes)])
        raise SpecError(f"{analysis.model} has no module or call {shown(path)!r}{near}.")
    if all(node.call is None and node.free is None and node.cost for node in nodes):
        raise CaptureError("A pickled analysis has no calls: analyze the model again for them.")
    return tuple(why(node, analysis.domain.names) for node in nodes)


def document(analysis: Analysis, path: str, sizes: Mapping[str, int] | None = None) -> Document:
    """A table for each call, equal ones in one.

    Raises what `of` does, and SpecError and DomainError for sizes at which there is no formula.
    """
    found = of(analysis, path)
    given = {**analysis.defaults, **(sizes or {})}
    values = None
    if given.keys() >= set(analysis.domain.input_names):
        values = analysis.domain.values(given, analysis.model)
    at = ", ".join(f"{name}={given[name]}" for name in analysis.domain.names if name in given)
    groups: dict[Any, list[Why]] = {}
    for one in found:
        groups.setdefault((one.node.op, one.call, one.counts, one.node.free), []).append(one)
    working = [group for group in groups.values() if group[0].node.free is None]
    idle = [
        one.node for group in groups.values() if group[0].node.free is not None for one in group
    ]
    return Document(
        title=f"{analysis.model} · {path or 'the whole model'} · {calls(len(found))}"
        + (f" · {at}" if at else ""),
        tables=[_table(group, values) for group in working],
        notes=[*_free(idle), *_domain(analysis)],
        data=lambda: _data(analysis, path, found, given, values),
    )


def _table(group: Sequence[Why], values: Mapping[Symbol, int] | None) -> Table:
    first = group[0]
    times = f" ×{len(group)}" if len(group) > 1 else ""
    rows: list[list[Cell]] = []
    for count in first.counts:
        more = f" + ({count.remainder})" if count.remainder else ""
        here = "" if values is None else exact(evaluate(count.total, values))
        rows.append([count.name, Name(f"{count.spelled}{more}"), Name(count.closed), here])
    if first.node.cost is None:
        rows.append(["uncounted", first.node.unknown or "", "", "?"])
    return Table(HEADINGS, "lllr", rows, caption=f"{first.call}{times}", text=_text(group))


def _text(group: Sequence[Why]) -> str:
    """Where the calls stand, and the rule with its source."""
    first = group[0]
    names = list(dict.fromkeys(one.node.path or one.node.name for one in group))
    where = ", ".join(names[:MOST_NAMES])
    where += f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    lines = list(dict.fromkeys(one.node.where for one in group if one.node.where))
    said = [f"In {where}" + (f", at {'; '.join(lines[:MOST_NAMES])}" if lines else "") + "."]
    for rule, place in zip(first.rules, first.defined, strict=True):
        said.append(f"Rule: {rule.rstrip('.')} ({place}).")
    said += [f"Source: {source}." for source in first.sources]
    if first.node.source != "fxflops":
        said.append(f"Rule: that of {first.node.source}.")
    return " ".join(said)


def _free(nodes: Sequence[NodeCost]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for node in nodes:
        reasons.setdefault(node.free or "", []).append(str(node.op))
    return [
        f"No cost: {reason}: {', '.join(dict.fromkeys(ops))} ({calls(len(ops))})."
        for reason, ops in reasons.items()
    ]


def _domain(analysis: Analysis) -> list[str]:
    texts = analysis.domain.texts()
    return [f"The formulas hold where {', '.join(texts)}."] if texts else []


def _data(
    analysis: Analysis,
    path: str,
    found: Sequence[Why],
    sizes: Mapping[str, int],
    values: Mapping[Symbol, int] | None,
) -> dict[str, Any]:
    def count(of: Count) -> dict[str, Any]:
        value = None if values is None else evaluate(of.total, values)
        return {
            "count": of.name,
            "unit": UNITS[of.name],
            "spelled": of.spelled,
            "remainder": of.remainder,
            "formula": of.closed,
            "value": value,
        }

    return {
        "schema": SCHEMA,
        "model": analysis.model,
        "path": path,
        "at": {name: sizes[name] for name in analysis.domain.names if name in sizes},
        "domain": list(analysis.domain.texts()),
        "calls": [
            {
                "name": one.node.name,
                "op": str(one.node.op),
                "path": one.node.path,
                "where": one.node.where,
                "call": one.call,
                "counts": [count(of) for of in one.counts],
                "rules": list(one.rules),
                "sources": list(one.sources),
                "defined": list(one.defined),
                "free": one.node.free,
                "uncounted": one.node.unknown if one.node.cost is None else None,
            }
            for one in found
        ],
    }
