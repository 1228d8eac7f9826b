"""Each tool's number, held against its convention over our graph, and led to our number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from fxflops import conventions
from fxflops.algebra import Symbol, evaluate
from fxflops.conventions.charges import Convention
from fxflops.conventions.kinds import unproven
from fxflops.conventions.quote import record_of
from fxflops.conventions.record import Record
from fxflops.conventions.waterfall import Waterfall, waterfall
from fxflops.errors import CheckError, SpecError
from fxflops.peers.process import Measured, MissingToolError, measure
from fxflops.pipeline import analyze
from fxflops.reports.steps import Step, Steps
from fxflops.spec import InputSpec

TOOLS = (
    *("torch-profiler", "flop-counter", "fvcore", "ptflops", "ptflops-aten"),
    *("thop", "ultralytics-thop", "calflops", "torchinfo", "torchprofile"),
)
"""The conventions that are a tool's, which can be run."""

ALL = "all"


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

    ``convention`` is what the tool's convention gives over our graph, in the tool's ``unit``;
    ``unproven`` are the kinds of calls for which it is not proven to be the tool's.
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
    unproven: tuple[str, ...] = ()

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
class Missing:
    """A tool that is not installed, and how to get it."""

    tool: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanations:
    """All tools that were asked about one model at one size.

    ``missing`` are those that are not installed.
    """

    model: str
    at: Mapping[str, int]
    dtype: str
    tools: tuple[Explanation, ...]
    missing: tuple[Missing, ...] = ()

    @property
    def explained(self) -> bool:
        """Whether each number is, to the last unit."""
        return not self.failures

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
    """These tools by their usual names; all of them where ``all`` is among them.

    Raises SpecError for an unknown name, for a convention that is no tool's, and for none at all.
    """
    if not names:
        raise SpecError(f"No tool is named: give some of {', '.join(TOOLS)}, or all.")
    chosen: list[str] = []
    for name in names:
        if name.lower() == ALL:
            chosen += TOOLS
            continue
        found = conventions.name_of(conventions.find(name))
        if found not in TOOLS:
            raise CheckError(f"{found} is a convention of ours; tools are {', '.join(TOOLS)}.")
        chosen.append(found)
    return tuple(dict.fromkeys(chosen))


def explain(
    model: str | nn.Module,
    inputs: str | InputSpec | None = None,
    *,
    against: str | Sequence[str],
    sizes: Mapping[str, int] | None = None,
    dtype: str | None = None,
    pythons: Mapping[str, str] | None = None,
    progress: Callable[[Step], object] | None = None,
) -> Explanations:
    """Run each tool of ``against`` on a model at ``sizes``, and explain its number.

    ``model`` is a name, which each tool builds in a process of its own, or a module, of which each
    tool has a copy in this process. ``inputs`` is an input spec; a named model brings its own.
    ``against`` are tools by name, or ``"all"``: those of them that are not installed are in
    ``missing``. ``pythons`` are the interpreters to run tools with, by the tool's name, or ``""``
    for all. ``progress`` is called with what is done next, the name of a tool before it runs:
    a string that has the ``number`` of the step, ``of`` how many, and the seconds ``elapsed`` and
    ``left``.

    Raises ConventionError for a model with uncounted operators, CheckError for a tool asked for by
    name that is not installed, and where none could be run, SpecError for what cannot be read, and
    what `analyze` raises.
    """
    asked = [against] if isinstance(against, str) else list(against)
    names = tool_names(asked)
    chosen = _interpreters(pythons or {}, names, is_named=isinstance(model, str))
    by_name = {conventions.name_of(conventions.find(n)) for n in asked if n.lower() != ALL}
    say = Steps(2 + len(names), progress)
    say("capturing the model")
    analysis = analyze(model, inputs, defaults=sizes, dtype=dtype)
    values = analysis.values()
    at = {symbol.name: symbol.size_at(value) for symbol, value in values.items()}
    say("recording the calls of its modules")
    recorded = record_of(model, analysis, dtype, at=at)
    explanations, missing = [], []
    for name in names:
        say(name)
        try:
            measured = measure(
                name,
                model,
                inputs=str(analysis.inputs),
                sizes=at,
                dtype=dtype,
                python=chosen.get(name, chosen.get("")),
            )
        except MissingToolError as error:
            if name in by_name:
                raise
            missing.append(Missing(tool=name, why=str(error)))
            continue
        explanations.append(_explanation(name, recorded, values, measured))
    if not explanations:
        raise CheckError(" ".join(tool.why for tool in missing))
    return Explanations(
        model=analysis.model,
        at=at,
        dtype=analysis.dtype,
        tools=tuple(explanations),
        missing=tuple(missing),
    )


def _interpreters(
    given: Mapping[str, str], names: Sequence[str], *, is_named: bool
) -> dict[str, str]:
    """The interpreters by the tools' usual names. Raises SpecError for one that nothing runs."""
    if given and not is_named:
        raise SpecError(
            "Tools run on a module in this process: name the model to choose another Python."
        )
    chosen: dict[str, str] = {}
    for name, path in given.items():
        tool = conventions.name_of(conventions.find(name)) if name else ""
        if tool and tool not in names:
            raise SpecError(f"A Python is given for {tool}, which is not asked for.")
        chosen[tool] = path
    if "" in chosen and all(name in chosen for name in names):
        raise SpecError(f"No tool is left to run with {chosen['']}: each has a Python of its own.")
    return chosen


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
        unproven=unproven(recorded, convention),
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
