"""What a page computes with: the formulas of a count, each written once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fxflops.cost import METRICS, QUANTITIES, SUMS
from fxflops.reports.document import Document
from fxflops.reports.wording import calls, exact, printable

COUNTED = "fxflops/1"
MADE_OF = {
    "flops": (("flops",), 1),
    "macs": (("contraction",), 2),
    "bytes": (("bytes_read", "bytes_written"), 1),
}
"""The columns that a sum is made of, and what it is divided by."""
FIRST = ("flops", "macs")
LIVE_FIGURES = ("MACs", "parameters", "trained parameters", "arithmetic intensity")


def exploration(document: Document) -> dict[str, Any] | None:
    """The data of a page to explore, or None for a document that is no count.

    A row refers to its formulas by position in ``formulas``, to the module around it by position
    in ``modules``.
    """
    data = document.data()
    if data["schema"] != COUNTED:
        return None
    columns = [name for name, value in data["totals"].items() if "formula" in value]
    table = _Formulas(columns)
    uncounted = [
        [printable(i["op"]), i["calls"], printable(i["reason"]), list(map(printable, i["where"]))]
        for i in data["uncounted"]
    ]
    missing = calls(sum(item["calls"] for item in data["uncounted"]))
    return {
        "model": printable(data["model"]),
        "title": data["model"],
        "about": _about(data),
        "incomplete": f"INCOMPLETE: {missing} uncounted" if uncounted else "",
        "columns": columns,
        "quantities": quantities(columns),
        "sizes": [_exact(size) for size in data["sizes"]],
        "conditions": data["conditions"],
        "modules": _modules(data["modules"], table),
        "operators": [[printable(r["op"]), r["calls"], *table.row(r)] for r in data["operators"]],
        "uncounted": uncounted,
        "free": [[printable(i["op"]), i["calls"], printable(i["reason"])] for i in data["free"]],
        "parts": [[name, note, *table.row(row)] for name, note, row in _parts(data)],
        "partsTitle": "What deployment saved" if "passes" in data else "Parts of the training step",
        "constants": _constants(data),
        "figures": _figures(document, {metric.label for metric in (*METRICS, *SUMS)}),
        "totals": _totals(data, columns),
        "formulas": table.texts,
    }


class _Formulas:
    """Formulas by position, equal ones once."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = columns
        self._positions: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        return list(self._positions)

    def row(self, counts: Mapping[str, Any]) -> list[int]:
        """The positions of a row's formulas, column by column."""
        return [self.position(counts[name]["formula"]) for name in self.columns]

    def of(self, quantity: Mapping[str, Any] | None) -> int | None:
        """The position of a quantity's formula, if it is known."""
        return None if quantity is None else self.position(quantity["formula"])

    def position(self, text: str) -> int:
        """That of a formula, which is added if it is new."""
        return self._positions.setdefault(text, len(self._positions))


def quantities(columns: Sequence[str]) -> list[dict[str, Any]]:
    """What can be shown of a row: FLOPs and MACs first, then the metrics, then bytes."""
    by_name = {metric.name: metric for metric in (*METRICS, *SUMS)}
    names = [*FIRST, *(name for name in by_name if name not in FIRST)]
    shown = []
    for name in names:
        metric = by_name[name]
        of, per = MADE_OF.get(name, ((name,), 1))
        if set(of) <= set(columns):
            about = {"label": metric.label, "unit": metric.unit, "meaning": metric.meaning}
            shown.append({"name": name, **about, "of": list(of), "per": per})
    return shown


def embedded(data: object) -> str:
    """``data`` as JSON for a block of data in HTML: no tag ends or begins in it."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _exact(size: Mapping[str, Any]) -> dict[str, str | None]:
    """A size with its integers as text, since JavaScript reads numbers as floats."""
    return {key: None if value is None else str(value) for key, value in size.items()}


def _about(data: Mapping[str, Any]) -> str:
    names = ", ".join(item["pass"] for item in data.get("passes", ()))
    graph = f"{data['graph']} graph ({names})" if names else f"{data['graph']} graph"
    return f"{data['inputs']} · {data['dtype']} · {graph} · {data['frontend']}"


def _modules(rows: Iterable[Mapping[str, Any]], table: _Formulas) -> list[list[Any]]:
    positions: dict[str, int] = {}
    modules: list[list[Any]] = []
    for row in rows:
        path = row["path"]
        above = path
        while above and above not in positions:
            above = above.rpartition(".")[0]
        name = path[len(above) + 1 :] if above else path
        modules.append(
            [
                positions.get(above),
                printable(name),
                printable(row["type"]),
                row["uncounted"],
                table.of(row["parameters"]),
                *_output(row["results"], table),
                *table.row(row),
            ]
        )
        positions[path] = len(modules) - 1
    return modules


def _output(results: Sequence[Any], table: _Formulas) -> tuple[list[int] | None, bool]:
    """The shape of the first tensor that a module returns, and whether it returns others, too."""
    first = next((tensors for tensors in results if tensors), None)
    if first is None:
        return None, False
    shape = [table.position(formula) for formula in first[0]["formula"]]
    return shape, len(results) > 1 or len(first) > 1


def _parts(data: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """What the graph's total is made of or does not contain."""
    parts: list[tuple[str, str, Mapping[str, Any]]] = []
    for item in data.get("passes", ()):
        places = item["places"]
        where = "1 place" if places == 1 else f"{places} places"
        parts.append((f"saved: {item['pass']}", where, item["saved"]))
    if "saved" in data:
        parts.append(("saved: all passes", "in each call", data["saved"]))
    parts += [(f"once per {m}", "not in each call", row) for m, row in data.get("once", {}).items()]
    parts += [(phase, "in the total", row) for phase, row in data.get("phases", {}).items()]
    if data.get("optimizer"):
        parts.append((f"the step of {data['optimizer']['name']}", "apart", data["optimizer"]))
    return parts


def _constants(data: Mapping[str, Any]) -> list[list[str]]:
    """Counts that no size changes."""
    constants = [["parameters", exact(data["totals"]["parameters"]["value"])]]
    if "trained" in data:
        constants.append(["trained parameters", exact(data["trained"]["value"])])
    return constants


def _figures(document: Document, live: set[str]) -> list[list[str]]:
    """Figures that the page does not compute: those of the sizes of the report."""
    if document.symbolic:
        return []
    known = {*live, *LIVE_FIGURES}
    shown = [figure for figure in document.figures if figure.name not in known]
    return [[f.name, f"{f.exact or f.short} {f.unit.partition(',')[0]}".strip()] for f in shown]


def _totals(data: Mapping[str, Any], columns: Iterable[str]) -> dict[str, str] | None:
    """The totals as fxflops has them, for the page to check its own arithmetic by."""
    if data["totals"]["flops"]["value"] is None:
        return None
    return {name: str(data["totals"][name]["value"]) for name in columns if name in QUANTITIES}
