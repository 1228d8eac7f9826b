"""The largest terms of a formula at some sizes, and how totals grow with each size of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fxflops.algebra.growth import elasticity, largest_terms
from fxflops.reports.document import Cell, Name, Table
from fxflops.reports.wording import decimal, exact, share

if TYPE_CHECKING:
    from fractions import Fraction

    from fxflops.algebra import Dim
    from fxflops.report import Answer

MOST = 8
"""Terms that are shown; the rest are one row."""

GROWING = ("flops", "contraction", "bytes", "parameters")
HEADINGS = ("FLOPs", "contraction", "bytes", "parameters")


def growth(answer: Answer) -> Iterator[Table]:
    """Both tables, where the sizes are known."""
    if answer.values is None:
        return
    yield Table(
        headings=("largest terms of FLOPs", "FLOP", "share"), sides="lrr", rows=_terms(answer)
    )
    yield Table(
        headings=("1 % more of", *HEADINGS), sides="l" + "r" * len(HEADINGS), rows=_grown(answer)
    )


def _terms(answer: Answer) -> list[list[Cell]]:
    values = answer.values
    assert values is not None
    flops = answer.report.total.flops
    whole = answer.quantity(flops).value
    terms = largest_terms(flops, values, answer.order)
    rows: list[list[Cell]] = [
        [Name(text), exact(value), share(value, whole)] for text, value in terms[:MOST]
    ]
    rest = (whole or 0) - sum(value for _, value in terms[:MOST])
    if len(terms) > MOST:
        rows.append([Name(f"{len(terms) - MOST} more"), exact(rest), share(rest, whole)])
    return rows


def _grown(answer: Answer) -> list[list[Cell]]:
    values = answer.values
    assert values is not None
    report = answer.report
    counts: list[Dim] = [
        report.parameters if name == "parameters" else getattr(report.total, name)
        for name in GROWING
    ]
    return [
        [Name(symbol.name), *(_percent(elasticity(count, symbol, values)) for count in counts)]
        for symbol in report.domain.symbols
    ]


def _percent(found: Fraction | None) -> str:
    """``+1.93 %``."""
    if found is None:
        return ""
    shown = decimal(found.numerator, found.denominator, 2)
    return f"{shown} %" if shown.startswith("-") else f"+{shown} %"
