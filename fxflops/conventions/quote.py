"""A model's number by a convention, as a formula and at a size: what others would quote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fxflops import models
from fxflops.algebra import Dim, evaluate
from fxflops.algebra.closed_form import text
from fxflops.analysis.records import Analysis
from fxflops.capture.prepare import hints, on_meta
from fxflops.conventions.charges import Convention, sum_of
from fxflops.conventions.record import Record, record
from fxflops.errors import ConventionError
from fxflops.models.named import build_empty, called


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The total of one model by one convention, ``value`` where the sizes are known.

    ``unit`` is that of the total, FLOP or MAC; ``counts`` and ``misses`` are what it is made of,
    ``domain`` where the formula holds.
    """

    model: str
    convention: str
    title: str
    version: str
    unit: str
    counts: str
    misses: str
    symbols: tuple[str, ...]
    domain: tuple[str, ...]
    at: Mapping[str, int]
    formula: str
    value: int | None


def quote(
    model: str,
    analysis: Analysis,
    convention: Convention,
    name: str,
    at: Mapping[str, int] | None,
    *,
    dtype: str | None = None,
) -> Quote:
    """The number of ``analysis``, which is of the model ``model``, by ``convention``.

    At the sizes ``at``, with the model's defaults, or as a formula alone for None.

    Raises ConventionError for a model with uncounted operators, and at a size of 1 at which the
    formula does not hold; SpecError and DomainError for sizes at which there is none.
    """
    general = convention_total(convention, record_of(model, analysis, dtype))
    value, sizes = None, dict[str, int]()
    if at is not None:
        values = analysis.values(at)
        sizes = {symbol.name: number * symbol.multiple for symbol, number in values.items()}
        value = evaluate(general, values)
        there = convention_total(convention, record_of(model, analysis, dtype, at=sizes))
        if evaluate(there, values) != value:
            raise ConventionError(
                f"The formula of {convention.title} for {analysis.model} does not hold at "
                f"{', '.join(f'{n}={s}' for n, s in sizes.items())}: take sizes above 1."
            )
    return Quote(
        model=analysis.model,
        convention=name,
        title=convention.title,
        version=convention.version,
        unit=convention.unit,
        counts=convention.counts,
        misses=convention.misses,
        symbols=analysis.domain.names,
        domain=analysis.domain.texts(),
        at=sizes,
        formula=text(general, analysis.domain.names),
        value=value,
    )


def convention_total(convention: Convention, recorded: Record) -> Dim:
    """What the convention's charges add up to, with what the tool then does to the sum."""
    charges = tuple(convention.charges(recorded))
    total = sum_of(charges)
    if convention.correction is not None:
        total = total + convention.correction(recorded, charges)
    return total


def record_of(
    model: str,
    analysis: Analysis,
    dtype: str | None = None,
    *,
    at: Mapping[str, int] | None = None,
) -> Record:
    """The graph of ``analysis``, which is of the model ``model``, with its calls.

    A capture assumes sizes of at least 2; an axis that is at its least in ``at`` is fixed there.

    Raises ConventionError for a model with uncounted operators: a part has no explanation.
    """
    if analysis.uncounted:
        ops = ", ".join(sorted({f"{node.op} ({node.unknown})" for node in analysis.uncounted}))
        raise ConventionError(f"{analysis.model} has uncounted operators: {ops}.")
    least = {axis.name: axis.multiple for axis in analysis.inputs.axes}
    known = at or {}
    spec = analysis.inputs.fixed({n: s for n, s in known.items() if s == least[n]})
    named = models.find(model)
    module = called(named, on_meta(build_empty(named), dtype), spec)
    return record(module, spec, hints(spec, {**analysis.defaults, **known}))
