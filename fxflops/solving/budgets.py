"""Budgets, ``flops=10G, parameters=30M``: what may not be exceeded, and by what it is.

budgets = budget ("," budget)*
budget  = quantity ("=" | "<=") number
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fxflops.algebra import Dim, evaluate
from fxflops.cost import METRICS, SUMS
from fxflops.errors import SpecError, shown
from fxflops.report import Answer, Report, Row
from fxflops.reports.document import Cell, Document, Name, Table
from fxflops.reports.wording import calls, share
from fxflops.solving.conditions import Condition, number
from fxflops.solving.measures import Measure, Ratio, measure, short, written

EXAMPLE = '"flops=10G, parameters=30M"'
PARAMETERS = "parameters"
ADDITIVE = frozenset(metric.name for metric in (*METRICS, *SUMS)) | {PARAMETERS}
"""What modules have a part of."""

HALF = 2


class Overrun(NamedTuple):
    """A budget that is not kept: the quantity's value there, and the module that costs most of it.

    ``proven`` is False where the value is a lower bound that is inside the budget.
    """

    condition: Condition
    value: Ratio | None
    culprit: str = ""
    part: int | None = None
    proven: bool = True

    @property
    def text(self) -> str:
        """``FLOPs 8.206 GFLOP, over the budget of 5 GFLOP``, in exact numbers where these agree."""
        of = self.condition.measure
        if self.value is None:
            return f"{of.label} has no value to hold against its budget"
        if not self.proven:
            return f"{of.label} ≥ {short(self.value, of.unit)}, not proven to be in its budget"
        value, bound = (short(number, of.unit) for number in (self.value, self.condition.bound))
        if value == bound:
            value, bound = written(self.value), written(self.condition.bound)
        culprit = f"; the dearest module is {self.culprit}" if self.culprit else ""
        return f"{of.label} {value}, over the budget of {bound}{culprit}"


def budgets(report: Report, text: str) -> tuple[Condition, ...]:
    """The budgets that ``text`` writes, each a condition with ``<=``.

    Raises SpecError for what cannot be read and for an unknown quantity.
    """
    found = []
    for part in filter(str.strip, text.split(",")):
        name, equals, bound = part.replace("<=", "=").partition("=")
        if not equals:
            raise SpecError(f"'{shown(part.strip())}' is no budget: write it like {EXAMPLE}.")
        of = measure(report, name.strip())
        found.append(Condition(of, "<=", number(bound.strip(), of), " ".join(part.split())))
    if not found:
        raise SpecError(f"There is no budget: give one such as {EXAMPLE}.")
    return tuple(found)


def overruns(answer: Answer, wanted: Sequence[Condition]) -> list[Overrun]:
    """The budgets that are not kept at the sizes of ``answer``, or not proven to be.

    Raises SpecError where the sizes are not known.
    """
    if answer.values is None:
        missing = ",".join(f"{n}=…" for n in answer.report.domain.names)
        raise SpecError(
            f"A budget needs numbers: give the sizes {missing}.",
            command_line=f"--max needs numbers: give --at {missing}.",
        )
    found = []
    for condition in wanted:
        of = condition.measure
        value = of.at(answer)
        if value is None or not condition.holds_for(value):
            found.append(Overrun(condition, value, *culprit(answer, of)))
        elif of.lower and not answer.report.complete:
            found.append(Overrun(condition, value, proven=False))
    return found


def culprit(answer: Answer, of: Measure) -> tuple[str, int | None]:
    """The module that costs most: down from the root while a child has more than half."""
    if of.name not in ADDITIVE:
        return "", None
    read = _reader(answer, of.name)
    costs = {row.name: read(row) for row in answer.report.modules}
    path = ""
    while True:
        children = [
            name for name in costs if name and name.rpartition(".")[0] == path and name != path
        ]
        if not children:
            break
        dearest = max(children, key=costs.__getitem__)
        if path and HALF * costs[dearest] <= costs[path]:
            break
        path = dearest
    return path, costs[path] if path else None


def _reader(answer: Answer, name: str) -> Callable[[Row], int]:
    values = answer.values
    assert values is not None

    def read(row: Row) -> int:
        count: Dim = (row.parameters or 0) if name == PARAMETERS else getattr(row.cost, name)
        return int(evaluate(count, values))

    return read


def with_budgets(document: Document, answer: Answer, wanted: Sequence[Condition]) -> Document:
    """The document with what exceeds its budget before all else, and the budgets in its data."""
    over = overruns(answer, wanted)
    document = document._replace(data=_with_data(document, answer, wanted, over))
    if not over:
        return document
    marks = "; ".join(overrun.text for overrun in over)
    mark = f"{document.mark}; {marks}" if document.mark else marks
    return document._replace(mark=mark, tables=(_table(answer, over), *document.tables))


def _table(answer: Answer, over: Sequence[Overrun]) -> Table:
    rows: list[Sequence[Cell]] = []
    for overrun in over:
        of, value = overrun.condition.measure, overrun.value
        beyond = "" if value is None else written(_excess(value, overrun.condition.bound))
        whole = value[0] if value else None
        rows.append(
            [
                of.label,
                "?" if value is None else written(value),
                written(overrun.condition.bound),
                beyond if overrun.proven else f"{calls(answer.report.uncounted_calls)} uncounted",
                Name(overrun.culprit),
                share(overrun.part, whole),
            ]
        )
    headings = ("over budget", "value", "budget", "too much", "dearest module", "share")
    return Table(headings, "lrrrlr", rows)


def _excess(value: Ratio, bound: Ratio) -> Ratio:
    above, below = value[0] * bound[1] - bound[0] * value[1], value[1] * bound[1]
    return (above // below, 1) if above % below == 0 else (above, below)


def _with_data(
    document: Document, answer: Answer, wanted: Sequence[Condition], over: Sequence[Overrun]
) -> Callable[[], Mapping[str, Any]]:
    def data() -> Mapping[str, Any]:
        from fxflops.cost import ratio

        exceeded = {overrun.condition: overrun for overrun in over}
        found = []
        for condition in wanted:
            value = condition.measure.at(answer)
            overrun = exceeded.get(condition)
            found.append(
                {
                    "quantity": condition.measure.name,
                    "value": value and (value[0] if value[1] == 1 else ratio(*value)),
                    "budget": ratio(*condition.bound)
                    if condition.bound[0] % condition.bound[1]
                    else condition.bound[0] // condition.bound[1],
                    "within": overrun is None,
                    "culprit": overrun.culprit if overrun else "",
                }
            )
        return {**document.data(), "budgets": found}

    return data
