"""What ``fxflops diff`` has to say, fit for a pull request in markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fxflops.algebra import Dim, evaluate
from fxflops.algebra.closed_form import coefficients, text
from fxflops.comparing.common import texts
from fxflops.comparing.difference import Difference, Total
from fxflops.comparing.growth import Growth, percent
from fxflops.cost import METRICS, SUMS, Cost
from fxflops.report import SHOWN
from fxflops.reports.count import DEFINITION
from fxflops.reports.document import Cell, Document, Name, Table
from fxflops.reports.wording import calls, exact, scaled
from fxflops.solving.measures import at_sizes

SCHEMA = "fxflops-diff/1"
LABELS = {metric.name: metric.label for metric in (*METRICS, *SUMS)}
FIRST = ("flops", *(name for name in SHOWN if name != "flops"))
MOST_CALLS = 40
"""Calls that are listed; the JSON has all of them."""

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def document(found: Difference, grown: Sequence[Growth] = ()) -> Document:
    """The difference; what grows too much comes first."""
    return Document(
        title=title(found),
        mark=_mark(found, grown),
        tables=tuple(
            filter(None, (_totals(found), _modules(found), _operators(found), _calls(found)))
        ),
        notes=_notes(found),
        data=lambda: data(found, grown),
        records=lambda: _records(found),
    )


def title(found: Difference) -> str:
    """Both sides, the sizes, and the FLOPs' difference."""
    old, new = found.answers
    at = at_sizes({**new.sizes, **old.sizes})
    names = f"{found.old.name} → {found.new.name}{at}"
    if found.is_empty:
        return f"{names}: no difference"
    flops = next(total for total in found.totals if total.name == "flops")
    if flops.difference == 0:
        return f"{names}: the same FLOPs"
    if flops.old is None or flops.new is None:
        return f"{names}: FLOPs {symbolic(flops.difference or 0, found.common.names)}"
    grown = percent((flops.old, 1), (flops.new, 1))
    by = f" ({_signed_text(grown)} %)" if grown else ""
    return f"{names}: FLOPs {_signed(flops.new - flops.old)}{by}"


def symbolic(value: Dim, order: Sequence[str]) -> str:
    """A difference as people read it: ``+1152·N·H·W − 3/512·N·H²``."""
    if value == 0:
        return "0"
    parts = []
    for monomial, coefficient in coefficients(value, order).items():
        sign = "−" if coefficient.startswith("-") else "+"
        size = coefficient.removeprefix("-")
        powers = re.sub(r"\*\*(\d+)", lambda m: m[1].translate(SUPERSCRIPTS), monomial)
        product = powers.replace("*", "·")
        if monomial == "1":
            parts.append(f"{sign}{size}")
        else:
            parts.append(f"{sign}{product}" if size == "1" else f"{sign}{size}·{product}")
    first, *rest = parts
    return " ".join([first, *(f"{part[0]} {part[1:]}" for part in rest)])


def _signed(value: int | None) -> str:
    return (
        "?"
        if value is None
        else f"{'+' if value > 0 else '−' if value < 0 else ''}{exact(abs(value))}"
    )


def _signed_text(number: str) -> str:
    return f"−{number[1:]}" if number.startswith("-") else f"+{number}"


def _mark(found: Difference, grown: Sequence[Growth]) -> str:
    marks = [growth.text for growth in grown]
    if not found.complete:
        unknown = [calls(side.report.uncounted_calls) for side in (found.old, found.new)]
        marks.insert(0, f"INCOMPLETE: {unknown[0]} uncounted before, {unknown[1]} after")
    return "; ".join(marks)


def _totals(found: Difference) -> Table | None:
    rows: list[Sequence[Cell]] = []
    for total in sorted(found.totals, key=_order):
        if total.difference == 0 or (total.difference is None and total.old == total.new):
            continue
        rows.append(
            [
                LABELS.get(total.name, total.name),
                exact(total.old),
                exact(total.new),
                _more(total),
                _grown(total),
                Name("" if total.difference is None else _formula(found, total.difference)),
            ]
        )
    if not rows:
        return None
    return Table(("quantity", "before", "after", "difference", "growth", "formula"), "lrrrrl", rows)


def _order(total: Total) -> int:
    return FIRST.index(total.name) if total.name in FIRST else len(FIRST)


def _more(total: Total) -> str:
    known = total.old is not None and total.new is not None
    return _signed(total.new - total.old) if known else "?"  # type: ignore[operator]


def _grown(total: Total) -> str:
    if not total.old or total.new is None:
        return ""
    return f"{_signed_text(percent((total.old, 1), (total.new, 1)))} %"


def _formula(found: Difference, value: Dim) -> str:
    return symbolic(value, found.common.names)


def _cost(found: Difference, cost: Cost) -> list[Cell]:
    """The FLOPs' difference in numbers and as a formula, or that of the first quantity with one."""
    name = next((name for name in FIRST if getattr(cost, name) != 0), "flops")
    value: Dim = getattr(cost, name)
    number = _at(found, value)
    label = "" if name == "flops" else f"{LABELS[name]} "
    return [label + ("?" if number is None else _scaled(number)), Name(_formula(found, value))]


def _scaled(value: int) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{scaled(abs(value))}"


def _at(found: Difference, value: Dim) -> int | None:
    old, new = found.answers
    values = found.common.values({**new.sizes, **old.sizes})
    if isinstance(value, int):
        return value
    return None if values is None else int(evaluate(value, values))


def _modules(found: Difference) -> Table | None:
    rows: list[Sequence[Cell]] = []
    for change in found.modules:
        paths = [p or found.new.report.model for p in (change.old, change.new) if p is not None]
        path = " → ".join(dict.fromkeys(paths))
        rows.append([change.kind, Name(path), change.type, *_cost(found, change.difference)])
    if not rows:
        return None
    text = "What the calls in a module itself, not in its children, cost more."
    return Table(("module", "path", "type", "difference", "formula"), "lllrl", rows, text=text)


def _operators(found: Difference) -> Table | None:
    rows: list[Sequence[Cell]] = []
    for change in found.operators:
        rows.append(
            [Name(change.op), f"{change.old} → {change.new}", *_cost(found, change.difference)]
        )
    if not rows:
        return None
    return Table(("operator", "calls", "difference", "formula"), "lrrl", rows)


def _calls(found: Difference) -> Table | None:
    rows: list[Sequence[Cell]] = []
    for change in (found.calls or ())[:MOST_CALLS]:
        lines = " → ".join(dict.fromkeys(filter(None, (change.old, change.new))))
        cost: list[Cell] = (
            ["?", ""] if change.difference is None else _cost(found, change.difference)
        )
        rows.append([change.kind, Name(change.op), Name(lines), *cost])
    if not rows:
        return None
    return Table(("call", "operator", "line", "difference", "formula"), "lllrl", rows)


def _notes(found: Difference) -> list[str]:
    notes = [] if found.is_empty else [DEFINITION]
    if domain := texts(found.old.report.domain, found.new.report.domain):
        notes.append(f"The formulas hold where {', '.join(domain)}.")
    if found.calls is None and not found.is_empty:
        notes.append("A saved report has no calls: they are listed for models and revisions.")
    if len(found.calls or ()) > MOST_CALLS:
        more = len(found.calls or ()) - MOST_CALLS
        notes.append(f"{calls(more)} more are in --format json.")
    lines = [note for side in (found.old, found.new) for note in side.report.notes]
    return [*notes, *dict.fromkeys(lines)]


def _records(found: Difference) -> list[list[object]]:
    names = (*FIRST, *(f"{name}_formula" for name in FIRST))
    lines: list[list[object]] = [["kind", "change", "name", *names]]

    def line(kind: str, change: str, name: str, cost: Cost) -> None:
        dims = [getattr(cost, name) for name in FIRST]
        formulas = [text(dim, found.common.names) for dim in dims]
        lines.append([kind, change, name, *(_at(found, dim) for dim in dims), *formulas])

    for module in found.modules:
        there = module.new if module.new is not None else module.old
        line("module", module.kind, there or "", module.difference)
    for op in found.operators:
        line("operator", f"{op.old} → {op.new}", op.op, op.difference)
    return lines


def data(found: Difference, grown: Sequence[Growth] = ()) -> Mapping[str, Any]:
    """The difference as nested dicts and lists; see ``schema.json``."""
    old, new = found.answers

    def quantities(cost: Cost | None) -> dict[str, Any] | None:
        if cost is None:
            return None
        return {
            name: {
                "formula": text(getattr(cost, name), found.common.names),
                "value": _at(found, getattr(cost, name)),
            }
            for name in SHOWN
        }

    return {
        "schema": SCHEMA,
        "old": found.old.name,
        "new": found.new.name,
        "complete": found.complete,
        "empty": found.is_empty,
        "at": {**new.sizes, **old.sizes},
        "symbols": list(found.common.names),
        "domain": texts(found.old.report.domain, found.new.report.domain),
        "totals": {
            total.name: {
                "old": total.old,
                "new": total.new,
                "difference": None
                if total.difference is None
                else text(total.difference, found.common.names),
            }
            for total in found.totals
        },
        "modules": [
            {
                "change": change.kind,
                "old": change.old,
                "new": change.new,
                "type": change.type,
                "difference": quantities(change.difference),
            }
            for change in found.modules
        ],
        "operators": [
            {
                "op": change.op,
                "old": change.old,
                "new": change.new,
                "difference": quantities(change.difference),
            }
            for change in found.operators
        ],
        "calls": None
        if found.calls is None
        else [
            {
                "change": change.kind,
                "op": change.op,
                "module": change.module,
                "old": change.old,
                "new": change.new,
                "difference": quantities(change.difference),
            }
            for change in found.calls
        ],
        "beyond": [growth.text for growth in grown],
    }
