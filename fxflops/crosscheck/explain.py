"""Each tool's number, held against its convention over our graph, and led to our number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fxflops import conventions
from fxflops.algebra import Symbol, evaluate
from fxflops.conventions.charges import Convention
from fxflops.conventions.quote import record_of
from fxflops.conventions.record import Record
from fxflops.conventions.waterfall import Waterfall, waterfall
from fxflops.crosscheck.peers import Measured, measure
from fxflops.errors import CheckError
from fxflops.pipeline import analyze

TOOLS = (
    *("torch-profiler", "flop-counter", "fvcore", "ptflops", "ptflops-aten"),
    *("thop", "ultralytics-thop", "calflops", "torchinfo", "torchprofile"),
)
"""The conventions that are a tool's, which can be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one cause adds to the tool's number [FLOP], in all and by module path, dearest first."""

    cause: str
    amount: int
    modules: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A module type that a tool says it leaves out: how many there are, and what they compute.

    ``flops`` are those of the operators that these modules call themselves, not in a child;
    ``missed`` is the part of it that the tool charges nothing for.
    """

    kind: str
    modules: int
    flops: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One tool on one model: ``measured`` + ``unexplained`` + parts = ``ours``.

    ``convention`` is what the tool's convention gives over our graph, in the tool's ``unit``.
    """

    tool: str
    title: str
    unit: str
    counts: str
    misses: str
    measured: Measured
    convention: int
    parts: tuple[Part, ...]
    ours: int
    left_out: tuple[LeftOut, ...]

    @property
    def unexplained(self) -> int | None:
        """The convention's total less the measured one; None where nothing was measured."""
        measured = self.measured.total
        return None if measured is None else self.convention - measured

    @property
    def explained(self) -> bool:
        """Whether the number is explained to the last unit, or its absence is."""
        return bool(self.measured.why) if self.unexplained is None else self.unexplained == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanations:
    """All tools that were asked about one model at one size."""

    model: str
    at: Mapping[str, int]
    dtype: str
    tools: tuple[Explanation, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """What is not explained, one line each."""
        return tuple(
            f"{tool.title}: {tool.measured.error}, for a cause that is not known"
            if tool.unexplained is None
            else f"{tool.title}: measured {tool.measured.total}, its convention gives "
            f"{tool.convention}; {tool.unexplained} unexplained"
            for tool in self.tools
            if not tool.explained
        )


def tool_names(names: Sequence[str]) -> tuple[str, ...]:
    """These tools by their usual names; all of them for ``all``.

    Raises SpecError for an unknown name and CheckError for a convention that is no tool's.
    """
    if list(names) == ["all"]:
        return TOOLS
    chosen = []
    for name in names:
        found = conventions.name_of(conventions.find(name))
        if found not in TOOLS:
            raise CheckError(f"{found} is a convention of ours; tools are {', '.join(TOOLS)}.")
        chosen.append(found)
    return tuple(dict.fromkeys(chosen))


def explain(
    model: str,
    inputs: str | None = None,
    *,
    against: Sequence[str],
    sizes: Mapping[str, int],
    dtype: str | None = None,
    pythons: Mapping[str, str] | None = None,
) -> Explanations:
    """Run each tool of ``against`` on a named model at ``sizes``, and explain its number.

    ``pythons`` are the interpreters to run tools with, by the tool's name, or ``""`` for all.

    Raises CheckError for a model with uncounted operators and for a tool that is not installed,
    and what `analyze` raises.
    """
    names = tool_names(against)
    analysis = analyze(model, inputs, defaults=sizes, dtype=dtype)
    values = analysis.values()
    at = {symbol.name: value * symbol.multiple for symbol, value in values.items()}
    recorded = record_of(model, analysis, dtype, at=at)
    chosen = pythons or {}
    explanations = []
    for name in names:
        measured = measure(
            name,
            model,
            inputs=str(analysis.inputs),
            sizes=at,
            dtype=dtype,
            python=chosen.get(name, chosen.get("")),
        )
        explanations.append(_explanation(name, recorded, values, measured))
    return Explanations(
        model=analysis.model, at=at, dtype=analysis.dtype, tools=tuple(explanations)
    )


def _explanation(
    name: str, recorded: Record, values: Mapping[Symbol, int], measured: Measured
) -> Explanation:
    convention: Convention = conventions.find(name)
    fall = waterfall(recorded, convention)
    result = Explanation(
        tool=name,
        title=convention.title,
        unit=convention.unit,
        counts=convention.counts,
        misses=convention.misses,
        measured=measured,
        convention=evaluate(fall.start, values),
        parts=tuple(_parts(fall, values)),
        ours=evaluate(fall.end, values),
        left_out=tuple(_left_out(measured.left_out, recorded, fall, values)),
    )
    assert result.convention + sum(part.amount for part in result.parts) == result.ours
    return result


def _parts(fall: Waterfall, values: Mapping[Symbol, int]) -> Iterator[Part]:
    for step in fall.steps:
        modules = {path: evaluate(amount, values) for path, amount in step.modules.items()}
        amount = sum(modules.values())
        if amount or any(modules.values()):
            dearest = sorted(modules.items(), key=lambda item: -abs(item[1]))
            yield Part(cause=step.cause, amount=amount, modules=tuple(dearest))


def _left_out(
    kinds: Sequence[str], recorded: Record, fall: Waterfall, values: Mapping[Symbol, int]
) -> Iterator[LeftOut]:
    types = {
        path: type(module).__name__
        for path, module in recorded.model.named_modules(remove_duplicate=False)
    }
    for kind in kinds:
        costs = {
            node.name: evaluate(node.cost.flops, values)
            for node in recorded.nodes
            if types.get(node.path) == kind and node.cost is not None
        }
        yield LeftOut(
            kind=kind,
            modules=sum(1 for other in types.values() if other == kind),
            flops=sum(costs.values()),
            missed=sum(cost for name, cost in costs.items() if name not in fall.charged),
        )
