"""A model's number by a convention, as a formula and at a size: what others would quote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from fxflops import models
from fxflops.algebra import Dim, evaluate
from fxflops.algebra.closed_form import text
from fxflops.analysis.records import Analysis
from fxflops.capture.prepare import hints, on_meta, symbol_of
from fxflops.conventions.charges import Convention, sum_of
from fxflops.conventions.kinds import unproven
from fxflops.conventions.record import Record, record
from fxflops.errors import ConventionError
from fxflops.models.named import build_empty, called
from fxflops.models.sequences import of_whole_sequences


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The total of one model by one convention, ``value`` where the sizes are known.

    ``unit`` is that of the total, FLOP or MAC; ``counts`` and ``misses`` are what it is made of,
    ``domain`` where the formula holds. ``unproven`` are the kinds of calls in the model for which
    the convention is not proven against the tool.
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
    unproven: tuple[str, ...] = ()


def quote(
    model: str,
    analysis: Analysis,
    convention: Convention,
    name: str,
    at: Mapping[str, int] | None,
    *,
    dtype: str | None = None,
    trust: bool = False,
) -> Quote:
    """The number of ``analysis``, which is of the model ``model``, by ``convention``.

    At the sizes ``at``, with the model's defaults, or as a formula alone for None.

    A formula assumes sizes of at least 2; where one at a size of 1 differs, the quote is of it.

    Raises ConventionError for a model with uncounted operators; SpecError and DomainError for sizes
    at which there is none.
    """
    recorded = record_of(model, analysis, dtype, trust=trust)
    total = convention_total(convention, recorded)
    value, sizes, domain = None, dict[str, int](), analysis.domain.texts()
    if at is not None:
        values = analysis.values(at)
        sizes = {symbol.name: symbol.size_at(number) for symbol, number in values.items()}
        value = evaluate(total, values)
        if smallest := at_their_least(analysis, sizes):
            there = record_of(model, analysis, dtype, at=smallest, trust=trust)
            total_there = convention_total(convention, there)
            if evaluate(total_there, values) != value:
                recorded, total = there, total_there
                value = evaluate(total, values)
                domain += tuple(f"{name} = {size}" for name, size in smallest.items())
    return Quote(
        model=analysis.model,
        convention=name,
        title=convention.title,
        version=convention.version,
        unit=convention.unit,
        counts=convention.counts,
        misses=convention.misses,
        symbols=analysis.domain.names,
        domain=domain,
        at=sizes,
        formula=text(total, analysis.domain.names),
        value=value,
        unproven=unproven(recorded, convention),
    )


def at_their_least(analysis: Analysis, sizes: Mapping[str, int]) -> dict[str, int]:
    """Those of the sizes at which a capture with symbols may not hold: 1, or one multiple."""
    least = {axis.name: symbol_of(axis).size_at(1) for axis in analysis.inputs.axes}
    return {name: size for name, size in sizes.items() if size == least.get(name)}


def convention_total(convention: Convention, recorded: Record) -> Dim:
    """What the convention's charges add up to, with what the tool then does to the sum."""
    charges = tuple(convention.charges(recorded))
    total = sum_of(charges)
    if convention.correction is not None:
        total = total + convention.correction(recorded, charges)
    return total


def record_of(
    model: str | nn.Module,
    analysis: Analysis,
    dtype: str | None = None,
    *,
    at: Mapping[str, int] | None = None,
    trust: bool = False,
) -> Record:
    """The graph of ``analysis``, which is of ``model``, with its calls.

    A capture assumes sizes of at least 2; an axis that is at its least in ``at`` is fixed there.

    Raises ConventionError for a model with uncounted operators: a part has no explanation.
    """
    if analysis.uncounted:
        ops = ", ".join(sorted({f"{node.op} ({node.unknown})" for node in analysis.uncounted}))
        raise ConventionError(f"{analysis.model} has uncounted operators: {ops}.")
    if analysis.domain.data:
        names = ", ".join(size.name for size in analysis.domain.data[:3])
        raise ConventionError(
            f"{analysis.model} has sizes that data decide ({names}), for which other tools are not "
            "quoted: count it, or check it."
        )
    if analysis.inputs.past is not None:
        raise ConventionError("Other tools are not quoted for calls with a cache: omit the past.")
    known = at or {}
    spec = analysis.inputs.fixed(at_their_least(analysis, known))
    if isinstance(model, str):
        named = models.find(model, trust=trust)
        module = called(named, on_meta(build_empty(named), dtype), spec)
    else:
        module = of_whole_sequences(on_meta(model, dtype))
    return record(module, spec, hints(spec, {**analysis.defaults, **known}))
