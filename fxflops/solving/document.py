"""What ``fxflops solve`` has to say: the sizes, what they cost, and what the next size costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fxflops.reports.count import DEFINITION
from fxflops.reports.document import Document, Table
from fxflops.reports.wording import calls
from fxflops.solving.conditions import Condition
from fxflops.solving.measures import Measure, Ratio, at_sizes, short, written
from fxflops.solving.solution import Found, Solution

SCHEMA = "fxflops-solve/1"


def document(solution: Solution) -> Document:
    """The solution as a document; its title is the answer in one sentence."""
    report = solution.report
    sought = {symbol.name for unknown in solution.unknowns for symbol in unknown.symbols}
    others = {n: s for n, s in _example(solution).sizes.items() if n not in sought}
    return Document(
        title=sentence(solution),
        mark=_mark(solution),
        tables=(_table(solution),),
        notes=(
            f"{report.model}{at_sizes(others)} ({report.dtype}, {report.graph} graph): "
            f"{_question(solution)}.",
            DEFINITION,
            _method(solution),
            *([f"The domain: {', '.join(texts)}."] if (texts := report.domain.texts()) else []),
            *report.notes,
        ),
        data=lambda: data(solution),
        records=lambda: _records(solution),
    )


def sentence(solution: Solution) -> str:
    """The answer: ``H = W = 512: 90.23 GFLOP. The next size, 544, has 101.24.``."""
    if not solution.found:
        assert solution.smallest is not None
        at = sizes_of(solution, solution.smallest)
        cost = _costs(solution, solution.smallest) or "does not satisfy the conditions"
        return f"Nothing fits: the smallest size, {at}, has {cost}."
    if len(solution.unknowns) > 1:
        many = len(solution.found)
        first = solution.found[0]
        if many == 1:
            return f"{sizes_of(solution, first)}: {_costs(solution, first)}."
        kind = "are best" if solution.objective else "fit of which none can grow alone"
        return f"{many} choices of {', '.join(u.name for u in solution.unknowns)} {kind}."
    found = solution.found[0]
    costs = _costs(solution, found)
    answer = f"{sizes_of(solution, found)}{f': {costs}' if costs else ''}."
    if solution.unbounded:
        return f"No {solution.unknowns[0].name} is too large: no condition bounds it from above."
    if solution.following is None:
        return f"{answer} {_end(solution)}".rstrip()
    return f"{answer} {_following(solution, found, solution.following)}"


def sizes_of(solution: Solution, found: Found) -> str:
    """``H = W = 512, N = 4``."""
    return ", ".join(
        f"{unknown.name} = {found.sizes[unknown.symbols[0].name]}" for unknown in solution.unknowns
    )


def _following(solution: Solution, found: Found, following: Found) -> str:
    size = following.sizes[solution.unknowns[0].symbols[0].name]
    broken = [c for c in solution.conditions if not c.holds(following.answer)]
    if not broken:
        return f"The next size, {size}, fits, too, but is worse."
    condition = broken[0]
    value, at = condition.measure.at(following.answer), condition.measure.at(found.answer)
    if value is None or at is None or _is_size(solution, condition.measure):
        return f"The next size, {size}, does not satisfy {condition.text}."
    unit = condition.measure.unit
    text = short(value, unit, like=at)
    if text == short(condition.bound, unit, like=at):
        text = written(value)  # rounding would hide by how little it is beyond
    elif len(_shown(solution)) == 1:
        text = text.partition(" ")[0]
    else:
        text = _labeled(condition.measure, text)
    return f"The next size, {size}, has {text}."


def _end(solution: Solution) -> str:
    """Why there is no next size."""
    [unknown] = solution.unknowns
    if solution.objective is not None:
        return ""
    if solution.ceiling is not None:
        return f"Larger sizes than {unknown.size(unknown.steps)} were not looked at."
    if unknown.ranged:
        return f"It is the largest that the range to {unknown.last} and the domain have."
    return "It is the largest in the domain."


def _costs(solution: Solution, found: Found) -> str:
    parts = []
    for measure in _shown(solution):
        value = measure.at(found.answer)
        parts.append(_labeled(measure, "no value" if value is None else short(value, measure.unit)))
    return ", ".join(parts)


def _labeled(measure: Measure, text: str) -> str:
    """FLOPs are said by their unit alone, which the definition below is of."""
    if measure.name == "flops":
        return text
    if measure.name in ("parameters", "trained"):
        return f"{text} {measure.label}"
    return f"{measure.label} {text}"


def _shown(solution: Solution) -> list[Measure]:
    """What the conditions and the objective name, sizes apart, each once."""
    named = [condition.measure for condition in solution.conditions]
    named += [solution.objective.measure] if solution.objective else []
    by_name = {measure.name: measure for measure in named if not _is_size(solution, measure)}
    return list(by_name.values())


def _is_size(solution: Solution, measure: Measure) -> bool:
    return measure.name in solution.report.domain.names


def _example(solution: Solution) -> Found:
    found = solution.found[0] if solution.found else solution.smallest
    assert found is not None
    return found


def _mark(solution: Solution) -> str:
    report = solution.report
    if report.complete:
        return ""
    incomplete = f"INCOMPLETE: {calls(report.uncounted_calls)} uncounted"
    return f"at most this size, {incomplete}" if solution.found else incomplete


def _question(solution: Solution) -> str:
    conditions = " and ".join(condition.text for condition in solution.conditions)
    what = ", ".join(unknown.name for unknown in solution.unknowns)
    objective = f", {solution.objective.text}" if solution.objective else ""
    return f"{conditions} for {what}{objective}"


def _method(solution: Solution) -> str:
    if not solution.in_full:
        return (
            "Exact: found by bisection where each condition is proven to change at most once; "
            "elsewhere every size was looked at."
        )
    if solution.ceiling is not None:
        unknown = solution.unknowns[0]
        return (
            f"Exact up to {unknown.name} = {unknown.size(unknown.steps)}: every size was looked "
            f"at, since nothing is proven of the conditions. A range looks further."
        )
    return (
        "Exact: every size in the range was looked at, since nothing is proven of the conditions."
    )


def _table(solution: Solution) -> Table:
    measures = _shown(solution)
    rows: list[Sequence[str]] = []
    for said, found in _rows(solution):
        sizes = [str(found.sizes[u.symbols[0].name]) for u in solution.unknowns]
        cells = [_exact(measure.at(found.answer)) for measure in measures]
        rows.append([*sizes, *cells, said])
    headings = [*(unknown.name for unknown in solution.unknowns), *map(_heading, measures), ""]
    return Table(headings, "r" * (len(headings) - 1) + "l", rows)


def _rows(solution: Solution) -> list[tuple[str, Found]]:
    rows = [("fits", found) for found in solution.found]
    if solution.following is not None:
        fits = all(condition.holds(solution.following.answer) for condition in solution.conditions)
        rows.append(("fits, worse" if fits else "does not fit", solution.following))
    if solution.smallest is not None:
        rows.append(("does not fit", solution.smallest))
    return rows


def _heading(measure: Measure) -> str:
    return f"{measure.label} [{measure.unit}]" if measure.unit else measure.label


def _exact(value: Ratio | None) -> str:
    return "none" if value is None else written(value)


def _records(solution: Solution) -> list[list[object]]:
    names = solution.report.domain.names
    measures = _shown(solution)
    lines: list[list[object]] = [["fits", *names, *(measure.name for measure in measures)]]
    for said, found in _rows(solution):
        values = [_plain(measure.at(found.answer)) for measure in measures]
        lines.append([said.startswith("fits"), *(found.sizes[name] for name in names), *values])
    return lines


def data(solution: Solution) -> Mapping[str, Any]:
    """The solution as nested dicts and lists; see ``schema.json``."""
    following, smallest = solution.following, solution.smallest
    return {
        "schema": SCHEMA,
        "model": solution.report.model,
        "graph": solution.report.graph,
        "dtype": solution.report.dtype,
        "complete": solution.report.complete,
        "domain": list(solution.report.domain.texts()),
        "conditions": [_condition(condition) for condition in solution.conditions],
        "unknowns": [
            {
                "symbols": [symbol.name for symbol in unknown.symbols],
                "from": unknown.start,
                "to": unknown.last if unknown.ranged or solution.ceiling else None,
                "step": unknown.step,
            }
            for unknown in solution.unknowns
        ],
        "objective": solution.objective and solution.objective.text,
        "searched": "in full" if solution.in_full else "by bisection",
        "unbounded": solution.unbounded,
        "found": [_point(solution, found) for found in solution.found],
        "following": following and _point(solution, following),
        "smallest": smallest and _point(solution, smallest),
        "notes": list(solution.report.notes),
    }


def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "quantity": condition.measure.name,
        "sign": condition.sign,
        "bound": _plain(condition.bound),
        "unit": condition.measure.unit,
    }


def _point(solution: Solution, found: Found) -> dict[str, Any]:
    values = {measure.name: _plain(measure.at(found.answer)) for measure in _shown(solution)}
    return {"sizes": dict(found.sizes), "values": values}


def _plain(value: Ratio | None) -> int | float | None:
    """The integer, or the nearest float of a fraction."""
    if value is None:
        return None
    from fxflops.cost import ratio

    return value[0] if value[1] == 1 else ratio(*value)
