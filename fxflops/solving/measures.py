"""What a condition may name: a metric, a sum, a figure, a ratio, the parameters, or a size.

`measure` makes them out of `METRICS` and `SUMS` of `fxflops.cost` and of the report's figures: what
is added there can be named here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from fxflops.algebra import Dim
from fxflops.cost import METRICS, SUMS, Metric
from fxflops.errors import SpecError, shown
from fxflops.report import Answer, FigureRecord, Number, Report
from fxflops.reports.wording import PREFIXES, decimal, exact

Ratio: TypeAlias = tuple[int, int]
"""A number as a fraction, its denominator positive."""

INTENSITY = "intensity"


class Measure(NamedTuple):
    """A quantity of a report by name.

    Where it is a quotient of dims these are ``dims``, and it is known only where the second is
    positive. Otherwise ``read`` gives it of an answer, and ``parts`` are dims with which it never
    decreases, if such are known. ``lower`` says that it is a lower bound where calls are uncounted,
    ``is_ratio`` that it is then nothing at all.
    """

    name: str
    label: str
    unit: str
    read: Callable[[Answer], Ratio | None]
    dims: tuple[Dim, Dim] | None = None
    parts: tuple[Dim, ...] | None = None
    lower: bool = True
    is_ratio: bool = False

    def at(self, answer: Answer) -> Ratio | None:
        """Its value as a fraction; None where it has none, as a quotient by 0."""
        return self.read(answer)


def names(report: Report) -> tuple[str, ...]:
    """Everything that a condition on this report may name."""
    additive = (metric.name for metric in (*SUMS, *METRICS))
    figures = (number.name for number in report.at(None).numbers())
    trained = ("trained",) if report.training is not None else ()
    return (*additive, INTENSITY, *figures, "parameters", *trained, *report.domain.names)


def measure(report: Report, name: str) -> Measure:
    """The quantity called ``name``.

    Raises SpecError for a name that the report does not have, and FormulaError for MACs that are no
    integer.
    """
    found = {metric.name: metric for metric in (*SUMS, *METRICS)}.get(name)
    if found is not None:
        dim: Dim = getattr(report.total, name)
        return _quotient(name, found.label, short_unit(found), dim, 1)
    if name == INTENSITY:
        total = report.total
        return _quotient(
            name, "arithmetic intensity", "FLOP/byte", total.flops, total.bytes, is_ratio=True
        )
    if name == "parameters":
        return _quotient(name, name, "", report.parameters, 1, lower=False)
    if name == "trained" and report.training is not None:
        return _quotient(name, "trained parameters", "", report.training.trained, 1, lower=False)
    for symbol in report.domain.symbols:
        if symbol.name == name:
            return _quotient(name, name, "", symbol.size, 1, lower=False)
    for record in report.figures.values():
        for number in record.numbers(report.at(None)):
            if number.name == name:
                return _of_a_figure(record, number)
    known = ", ".join(names(report))
    raise SpecError(f"There is no quantity '{shown(name)}'. Known: {known}.")


def short_unit(metric: Metric) -> str:
    """The unit alone: ``FLOP`` of ``FLOP, contraction + elementwise``."""
    return metric.unit.partition(",")[0].partition(" of ")[0]


def at_sizes(sizes: Mapping[str, int]) -> str:
    """``" at N=1, H=640"``; nothing where no size is known."""
    return f" at {', '.join(f'{name}={size}' for name, size in sizes.items())}" if sizes else ""


def short(value: Ratio, unit: str, like: Ratio | None = None) -> str:
    """Four significant digits, a prefix and the unit: ``90.23 GFLOP``.

    With ``like`` the prefix and the number of places are those of that other value.
    """
    power, places = scale(like or value)
    number = decimal(value[0], value[1] * 1000**power, places)
    prefix = PREFIXES[power - 1] if power else ""
    named = "B" if unit == "bytes" else unit
    joined = (
        f"{prefix}{named}" if named in ("B", "FLOP") else " ".join(filter(None, (prefix, named)))
    )
    return f"{number} {joined}".rstrip()


def scale(value: Ratio) -> tuple[int, int]:
    """The power of 1000 to write a value in, and how many places leave four digits."""
    numerator, denominator = value
    whole = abs(numerator) // denominator
    power = max(0, min(len(PREFIXES), (len(str(whole)) - 1) // 3))
    digits = len(str(whole // 1000**power))
    return power, 0 if power == 0 and denominator == 1 else max(0, 4 - digits)


def written(value: Ratio) -> str:
    """The value to quote: an integer in full, another number with six places."""
    numerator, denominator = value
    return exact(numerator) if denominator == 1 else decimal(numerator, denominator, 6)


def _quotient(
    name: str,
    label: str,
    unit: str,
    above: Dim,
    below: Dim,
    *,
    lower: bool = True,
    is_ratio: bool = False,
) -> Measure:
    def read(answer: Answer) -> Ratio | None:
        numerator, denominator = answer.quantity(above).value, answer.quantity(below).value
        assert numerator is not None  # the sizes are known
        assert denominator is not None
        return (numerator, denominator) if denominator > 0 else None

    return Measure(name, label, unit, read, (above, below), lower=lower, is_ratio=is_ratio)


def _of_a_figure(record: FigureRecord, number: Number) -> Measure:
    """A number of a figure: by its closed form if it has one, or else as the figure gives it.

    A figure may say by ``grows_with(name)`` with which dims the number never decreases.
    """
    name, label, unit = number.name, number.label, number.unit.partition(",")[0]

    def read(answer: Answer) -> Ratio | None:
        value = next(n.value for n in record.numbers(answer) if n.name == name)
        return value if value is None or isinstance(value, tuple) else (value, 1)

    if number.formula is not None:
        closed = (number.formula.dim, 1)
        return Measure(name, label, unit, read, closed, is_ratio=number.is_ratio)
    grows_with = getattr(record, "grows_with", None)
    parts = None if grows_with is None else grows_with(name)
    return Measure(name, label, unit, read, parts=parts, is_ratio=number.is_ratio)
