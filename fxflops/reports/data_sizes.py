"""What an answer says of sizes that data decide: their bounds, and what they are taken to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fxflops.algebra import evaluate
from fxflops.algebra.closed_form import text
from fxflops.domain import DataSize
from fxflops.report import Answer
from fxflops.reports.document import Cell, Name, Table
from fxflops.reports.wording import share

WORST = "worst case"
CUT = "counted up to there"
"""How the reason of a call ends beyond which nothing is counted."""


def assumption(answer: Answer) -> list[str]:
    """What stands after the input in a title: the sizes given, and of how many the worst case.

    After what the model's name says of the size of its input.
    """
    data = answer.report.domain.data
    about = [answer.report.about] if answer.report.about else []
    if not data or answer.values is None:
        return about
    given = [size for size in data if not _is_worst(answer, size)]
    said = [f"{size.name}={answer.values[size.symbol]}" for size in given]
    worst = len(data) - len(given)
    if worst:
        others = "other " if given else ""
        sizes = f"{others}size" if worst == 1 else f"{others}sizes"
        said.append(f"{WORST} of {worst} {sizes} from data")
    return [*about, ", ".join(said)]


def _is_worst(answer: Answer, size: DataSize) -> bool:
    assert answer.values is not None
    return bool(answer.values[size.symbol] == evaluate(size.bound, answer.values))


LONGEST = 60
"""Characters of a bound in a table of numbers; that of formulas, and JSON, have all of it."""


def table(answer: Answer, *, symbolic: bool = False) -> Table:
    """A line for each size; for those of one line with one bound a line together."""
    rows: list[list[Cell]] = []
    for group in _groups(answer):
        first = group[0]
        together = f"{first.name} … {group[-1].name}, each"
        name = first.name if len(group) == 1 else together
        assumed = _assumed(answer, first)
        worst = f" ({WORST})" if answer.values is not None and _is_worst(answer, first) else ""
        bound = text(first.bound, answer.report.domain.names)
        if len(bound) > LONGEST and not symbolic:
            bound = f"{bound[:LONGEST]}…"
        rows.append(
            [
                Name(name),
                "" if assumed is None else f"{assumed:,}{worst}",
                Name(first.operator),
                Name(first.where),
                Name(bound),
            ]
        )
    return Table(("size from data", "assumed", "results of", "at", "at most"), "lrlll", rows)


def _groups(answer: Answer) -> Iterator[list[DataSize]]:
    group: list[DataSize] = []
    for size in answer.report.domain.data:
        if group and not _is_like(answer, group[0], size):
            yield group
            group = []
        group.append(size)
    if group:
        yield group


def _is_like(answer: Answer, first: DataSize, other: DataSize) -> bool:
    if first[1:] != other[1:]:
        return False
    return _assumed(answer, first) == _assumed(answer, other)


def _assumed(answer: Answer, size: DataSize) -> int | None:
    return None if answer.values is None else answer.values[size.symbol]


def notes(answer: Answer) -> Iterator[str]:
    """How to have other sizes, the model's branches on them, and what suppression costs."""
    report = answer.report
    if not report.domain.data:
        return
    yield (
        "Data decide the sizes U: each is at most its bound, the worst case, which is assumed "
        "where none is given (--assume U1=100, or in Python at(U1=100))."
    )
    if conditions := report.domain.data_texts:
        yield f"As long as {', '.join(conditions)}: elsewhere the model takes another branch."
    yield from suppression(answer)


def suppression(answer: Answer) -> Iterator[str]:
    """How much of the total the worst case of suppression is."""
    rows = [r for r in answer.report.operators if r.name.startswith("torchvision.nms.")]
    if rows and answer.value("flops"):
        part = sum(answer.quantity(row.cost.flops).value or 0 for row in rows)
        yield (
            f"torchvision.nms is charged as if no box suppressed another: {share_of(answer, part)} "
            "of the FLOPs here."
        )


def share_of(answer: Answer, part: int) -> str:
    """The part of the total, in percent."""
    return share(part, answer.value("flops") or None)


def data(answer: Answer) -> dict[str, Any]:
    """The keys that only an answer with such sizes has."""
    domain = answer.report.domain
    if not domain.data:
        return {}
    return {
        "data_sizes": [
            {
                "name": size.name,
                "bound": text(size.bound, domain.names),
                "operator": size.operator,
                "where": size.where,
                "assumed": _assumed(answer, size),
            }
            for size in domain.data
        ],
        "data_domain": list(domain.data_texts),
    }
