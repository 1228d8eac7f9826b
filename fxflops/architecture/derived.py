"""From a model whose own sizes are free to the cost of its calls, as formulas of these sizes.

Widths are symbols of one capture. Depths are found by what code does with them (`Repeats`); then
the model is captured at a few of them, and the counts of these captures become formulas
(`repeated`), which hold where what was asked of the depths says so (`depth`).
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import lcm
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from fxflops.algebra import Dim, Symbol, symbols_of
from fxflops.analysis import deployment as passes
from fxflops.analysis.count import count
from fxflops.analysis.deployment import Deployed
from fxflops.analysis.records import NodeCost
from fxflops.architecture.depth import Condition, Depth, Log, watched_repetition
from fxflops.architecture.freed import axes_of
from fxflops.architecture.repeated import Counted, Point, Repetition, points
from fxflops.capture import Capture
from fxflops.capture.choose import Captured, FrontEnd
from fxflops.capture.patches.construction import opaque_mathematics
from fxflops.capture.prepare import packages_of, prepared, symbol_of
from fxflops.capture.trace import Repeats
from fxflops.domain import Guard
from fxflops.errors import CaptureError, FxflopsError, ModelError, SpecError
from fxflops.formulas.shapes import numel
from fxflops.models.named import NamedModel, build, called
from fxflops.spec import Axis, InputSpec

DEEPEST = 64
"""Layers above which no capture is made."""

LEAST = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Depths to begin with, where a model cannot be built with fewer layers."""


class Derived(NamedTuple):
    """A capture, its costs where depths are free, and the number of its parameters.

    ``parameters`` are those of each module's own, a shared one where it is found first; ``trained``
    are those that get a gradient, by the bytes of an element.
    """

    captured: Captured
    deployed: Deployed
    parameters: Mapping[str, Dim]
    trained: Mapping[int, Dim]
    notes: tuple[str, ...]
    unproven: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A capture at some depths, and what it asked of them."""

    captured: Captured
    nodes: tuple[NodeCost, ...]
    conditions: tuple[tuple[Condition, ...], ...]


class Builder:
    """Builds the model for the sizes of each capture, at one depth for each that repeats."""

    def __init__(
        self, named: NamedModel, module: nn.Module, spec: InputSpec, dtype: str | None, train: bool
    ) -> None:
        assert named.architecture is not None
        self._architecture = named.architecture()
        self._named, self._spec, self._dtype, self._train = named, spec, dtype, train
        self._packages = packages_of(module)
        self.merged: dict[str, str] = {}
        self.depths: dict[str, int] = {}
        self.logs: tuple[Log, ...] = ()

    def spec(self, spec: InputSpec) -> InputSpec:
        """``spec`` with one size for those that are ``merged``."""
        axes = axes_of(spec.hyper)
        return spec.with_hyper(
            replace(h, size=axes[self.merged[h.size.name]])
            if isinstance(h.size, Axis) and h.size.name in self.merged
            else h
            for h in spec.hyper
        )

    def front(self, front: FrontEnd) -> FrontEnd:
        """``front``, which builds the model before it captures it."""
        return replace(
            front,
            capture=partial(self._capture, front.capture),
            recapture=partial(self._capture, front.recapture),
        )

    def _capture(
        self, capture: Any, module: nn.Module, spec: InputSpec, sizes: Mapping[str, int]
    ) -> Capture:
        self.logs = tuple(Log(name, value) for name, value in self.depths.items())
        made: Capture = capture(module, spec.fixed(self.depths), sizes, build=self)
        return made

    @contextmanager
    def watching(self) -> Iterator[None]:
        """What the model's code finds replaced, so that it is known what it does with sizes."""
        with ExitStack() as stack:
            stack.enter_context(opaque_mathematics())
            if self.logs:
                stack.enter_context(watched_repetition(self._packages, self.logs))
            yield

    def __call__(self, values: Mapping[str, Any]) -> nn.Module:
        """The model, ready to be called, for these values of its fields."""
        of_log = {log.name: log for log in self.logs}
        depths = {
            field: Depth.of(of_log[h.size.name])
            for h in self._spec.hyper
            if isinstance(h.size, Axis) and h.size.name in of_log
            for field in h.fields
        }
        build_model = partial(self._architecture.build, {**values, **depths})
        module = prepared(build(replace(self._named, build=build_model)), self._dtype)
        return called(self._named, module.train(self._train), self._spec)


def sampled(builder: Builder, first: Captured, depths: Sequence[str], point: Point) -> Sample:
    """A capture at these depths, like the first one."""
    builder.depths = dict(zip(depths, point, strict=True))
    captured = first._replace(capture=first.again())
    return _sample(builder, captured)


def _sample(builder: Builder, captured: Captured) -> Sample:
    conditions = tuple(tuple(log.conditions) for log in builder.logs)
    return Sample(captured, count(captured.capture), conditions)


class Asked(NamedTuple):
    """What captures have asked of a depth: where layers begin to repeat, and how; what else."""

    base: int
    period: int
    other: tuple[str, ...]


def asked(samples: Mapping[Point, Sample], position: int) -> Asked:
    """What several captures asked of the depth at this position.

    A condition of one depth alone is that of a plain number that had the depth's value.
    """
    found: dict[Condition, set[int]] = {}
    equal: dict[str, set[int]] = {}
    every = {point[position] for point in samples}
    for point, sample in samples.items():
        for condition in sample.conditions[position]:
            if condition.kind == "equal":
                equal.setdefault(condition.where, set()).add(point[position])
            found.setdefault(condition, set()).add(point[position])
    numbers: dict[str, list[int]] = {"first": [], "last": [], "period": [], "other": []}
    other = []
    for condition, at in found.items():
        if condition.kind == "equal":
            if equal[condition.where] != every:
                numbers["first"].append(condition.number)
        elif len(at) > 1 or len(every) == 1:
            numbers[condition.kind].append(condition.number)
            other += [condition.where] if condition.kind == "other" else []
    apart = max(numbers["first"], default=0) + max(numbers["last"], default=0)
    period = lcm(*numbers["period"])
    least = apart + period if period > 1 else max(1, apart)  # with layers of every kind
    return Asked(least, period, tuple(dict.fromkeys(other)))


NUMBERED = re.compile(r"(.*?)(\d+)")


class Lists:
    """Which lists of modules have as many elements as a depth says, from captures at several."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._growing: set[str] = set()
        paths = [[*sample.captured.capture.module_types] for sample in samples]
        deepest = max(path.count(".") for of_sample in paths for path in of_sample)
        for level in range(deepest + 1):  # a list in a list is one for all elements of the latter
            lengths: dict[str, set[int]] = {}
            for of_sample in paths:
                here: Counter[str] = Counter()
                for path in of_sample:
                    if path.count(".") == level and (found := self._numbered(path)):
                        here[found[0]] = max(here[found[0]], found[1] + 1)
                for stem, length in here.items():
                    lengths.setdefault(stem, set()).add(length)
            self._growing |= {stem for stem, known in lengths.items() if len(known) > 1}

    def _numbered(self, path: str) -> tuple[str, int] | None:
        """The list that a module is in, and its place there."""
        parents, _, name = path.rpartition(".")
        match = NUMBERED.fullmatch(name)
        return (f"{self.general(parents)}.{match[1]}", int(match[2])) if match else None

    def general(self, path: str) -> str:
        """The path with ``*`` for each element of a list that grows."""
        general = ""
        for part in path.split(".") if path else ():
            match = NUMBERED.fullmatch(part)
            if match and f"{general}.{match[1]}" in self._growing:
                part = f"{match[1]}*"
            general = f"{general}.{part}" if general else part
        return general


class Call(NamedTuple):
    """What makes calls the same, in whichever layers they are.

    ``order`` tells those of one module apart, where that is needed.
    """

    op: Any
    path: str
    where: str
    phase: str
    cost: Any
    unknown: str | None
    order: int = 0


class Weight(NamedTuple):
    """What makes parameters the same: module, shape, bytes of an element, whether it is trained."""

    path: str
    shape: tuple[Dim, ...]
    bytes: int
    is_trained: bool


def calls_of(sample: Sample, lists: Lists, *, in_order: bool) -> list[Call]:
    """What makes each call of a sample the same as others."""
    calls: list[Call] = []
    seen: Counter[tuple[str, Call]] = Counter()
    for node in sample.nodes:
        path = lists.general(node.path)
        call = Call(node.op, path, node.where, node.phase, node.cost, node.unknown)
        place = node.path, call
        calls.append(call._replace(order=seen[place]) if in_order else call)
        seen[place] += 1
    return calls


class Trained(Protocol):
    """Which parameters of a model get a gradient in the step that was captured."""

    def __call__(self, module: nn.Module, captured: Capture) -> Sequence[Tensor]:
        """Those of ``module``, of which ``captured`` was made."""


def derived(
    builder: Builder,
    spec: InputSpec,
    first: Callable[[], Captured],
    deploy: Sequence[str],
    trained: Trained,
) -> Derived:
    """The costs of the model that ``builder`` builds, whose ``first`` capture is given.

    A capture has sizes that differ. Where those of the question are equal, and code asks whether
    they are, they are one size, and the domain says so.

    Raises CaptureError where a depth has no formula.
    """
    axes = axes_of(spec.hyper)
    depths: list[str] = []
    while True:
        try:
            found = _at_least_depth(builder, depths, first)
            equal = _equal_sizes(found, axes)
            if equal is not None and equal[0] not in builder.merged:
                builder.merged[equal[0]] = equal[1]
                continue
            if not depths:
                return _with_merged(_of_widths(found, deploy, trained), builder, axes)
            if deploy:
                raise SpecError(
                    f"{', '.join(depths)} is a number of layers, and deploy takes none that is "
                    "free: leave out deploy, or that symbol."
                )
            return _with_merged(_of_depths(builder, found, depths, axes, trained), builder, axes)
        except Repeats as repeats:
            depths.append(repeats.name)
            depths.sort(key=list(axes).index)


def _equal_sizes(found: Captured, axes: Mapping[str, Axis]) -> tuple[str, str] | None:
    """Two of the model's sizes that a guard tells apart, and that are the same in the question."""
    for guard in found.capture.guards:
        names = sorted((s.name for s in symbols_of(guard.value)), key=lambda n: [*axes, n].index(n))
        if guard.sign != "!=" or len(names) != 2 or not axes.keys() >= set(names):
            continue
        first, second = names
        own = found.sizes.get(first)
        if own is None or own != found.sizes.get(second):
            continue
        if not guard.holds({s: s.value_at(own) for s in symbols_of(guard.value)}):
            return second, first
    return None


def _with_merged(derived: Derived, builder: Builder, axes: Mapping[str, Axis]) -> Derived:
    """The domain with the sizes that were one in all captures."""
    domain = derived.deployed.domain
    known = {symbol.name: symbol for symbol in domain.symbols}
    for name, other in builder.merged.items():
        symbol = known[name] = symbol_of(axes[name])
        guard = Guard(symbol.size - known[other].size, "==")
        domain = domain._replace(
            symbols=(*domain.symbols, symbol),
            guards=(*domain.guards, guard),
            least={**domain.least, name: symbol.minimum},
        )
    order = [*axes]
    domain = domain._replace(symbols=_ordered(domain.symbols, [], order))
    return derived._replace(deployed=derived.deployed._replace(domain=domain))


def _at_least_depth(
    builder: Builder, depths: Sequence[str], first: Callable[[], Captured]
) -> Captured:
    """The first capture, with as few layers as it works with."""
    reason: FxflopsError | None = None
    for least in LEAST if depths else LEAST[:1]:
        builder.depths = dict.fromkeys(depths, least)
        try:
            return first()
        except (CaptureError, ModelError) as error:
            reason = reason or error
    assert reason is not None
    raise reason


def _of_widths(found: Captured, deploy: Sequence[str], trained: Trained) -> Derived:
    capture = found.capture
    deployed = passes.deploy(capture, found.recapture, deploy)
    every = _weights(found, trained, lambda path: path)
    return Derived(found, deployed, *_elements((w, 1) for w in every), (), ())


def _elements(
    weights: Iterable[tuple[Weight, Dim]],
) -> tuple[dict[str, Dim], dict[int, Dim]]:
    """How many elements there are by module, and trained ones by their bytes."""
    every: dict[str, Dim] = {}
    trained: dict[int, Dim] = {}
    for weight, times in weights:
        here = numel(weight.shape) * times
        every[weight.path] = every.get(weight.path, 0) + here
        if weight.is_trained:
            trained[weight.bytes] = trained.get(weight.bytes, 0) + here
    return every, trained


def _of_depths(
    builder: Builder,
    found: Captured,
    depths: Sequence[str],
    sizes: Mapping[str, Axis],
    trained: Trained,
) -> Derived:
    start = tuple(builder.depths[name] for name in depths)
    samples = {start: _sample(builder, found)}
    plan = [Asked(base, 1, ()) for base in start]
    own = tuple(found.sizes.get(name, 0) for name in depths)
    with_products = False
    while True:
        axes = tuple(_repetition(sizes[n], a) for n, a in zip(depths, plan, strict=True))
        made, beyond = points(axes, with_products=with_products)
        if max(beyond) > DEEPEST:
            raise CaptureError(
                f"{' or '.join(depths)} makes layers that differ up to more than {DEEPEST} of them."
            )
        compared = [beyond]
        if all(b <= o <= DEEPEST for b, o in zip(made[0], own, strict=True)):
            compared.append(own)  # whatever lists its configuration has are as long as this
        for point in (*made, *compared):
            if point not in samples:
                samples[point] = sampled(builder, found, depths, point)
        now = [asked(samples, position) for position in range(len(depths))]
        more = [
            Asked(max(a.base, b.base), lcm(a.period, b.period), b.other)
            for a, b in zip(plan, now, strict=True)
        ]
        is_settled = [a[:2] for a in more] == [a[:2] for a in plan]
        plan = more
        if not is_settled:
            continue
        used = {point: samples[point] for point in (*made, *compared)}
        lists = Lists(samples.values())
        counted = _counted(axes, used, lists, trained, with_products, in_order=False)
        wrong = next((p for p in compared if not counted.agrees(p)), None)
        if wrong is None:
            break
        if with_products or len(axes) < 2 or any(axis.period > 1 for axis in axes):
            raise CaptureError(_refusal(depths, counted, wrong))
        with_products = True
    whole = min(
        (p for p in used if all(counted.counts[p][item] for item in counted.items)),
        key=sum,
        default=beyond,
    )
    builder.depths = dict(zip(depths, whole, strict=True))
    base = used[whole]
    deployed = passes.deploy(base.captured.capture, base.captured.recapture, ())
    try:
        nodes = _scaled(base, deployed.nodes, counted, lists, in_order=False)
    except CaptureError:
        ordered = _counted(axes, used, lists, trained, with_products, in_order=True)
        if not all(map(ordered.agrees, compared)):
            raise
        nodes = _scaled(base, deployed.nodes, ordered, lists, in_order=True)
    domain = deployed.domain
    domain = domain._replace(
        symbols=_ordered(domain.symbols, [axis.symbol for axis in axes], [*sizes]),
        least={**domain.least, **{axis.symbol.name: axis.symbol.minimum for axis in axes}},
    )
    types = base.captured.capture.module_types
    capture = replace(
        base.captured.capture, module_types={lists.general(p): kind for p, kind in types.items()}
    )
    fitted = _captured_at("Fitted", depths, used)[:-1]
    unproven = tuple(
        f"{fitted}, not proved: {where} asks of {name} what does not repeat."
        for name, asks in zip(depths, plan, strict=True)
        for where in asks.other
    )
    weights_found = (w for w in counted.items if isinstance(w, Weight))
    return Derived(
        base.captured._replace(capture=capture),
        deployed._replace(
            nodes=nodes,
            domain=domain,
            results={p: shapes for p, shapes in deployed.results.items() if lists.general(p) == p},
        ),
        *_elements((weight, counted.formula(weight)) for weight in weights_found),
        () if unproven else (_captured_at("Layers repeat: captured", depths, used),),
        unproven,
    )


def _counted(
    axes: Sequence[Repetition],
    used: Mapping[Point, Sample],
    lists: Lists,
    trained: Trained,
    with_products: bool,
    *,
    in_order: bool,
) -> Counted:
    counts: dict[Point, Counter[Hashable]] = {}
    for point, sample in used.items():
        counts[point] = Counter(calls_of(sample, lists, in_order=in_order))
        counts[point].update(_weights(sample.captured, trained, lists.general))
    return Counted(axes, counts, with_products=with_products)


def _repetition(axis: Axis, asked: Asked) -> Repetition:
    least = -(-max(asked.base, axis.minimum) // axis.multiple)
    return Repetition(Symbol(axis.name, axis.multiple, least), asked.base, asked.period)


def _ordered(
    symbols: Sequence[Symbol], depths: Sequence[Symbol], hyper: Sequence[str]
) -> tuple[Symbol, ...]:
    """The symbols of inputs, and then those of the model as the user gave them."""
    every = [*symbols, *depths]
    return tuple(sorted(every, key=lambda s: hyper.index(s.name) + 1 if s.name in hyper else 0))


def _scaled(
    sample: Sample,
    nodes: Iterable[NodeCost],
    counted: Counted,
    lists: Lists,
    *,
    in_order: bool,
) -> tuple[NodeCost, ...]:
    """One call for all that are the same, with the cost of all of them."""
    every = zip(sample.nodes, calls_of(sample, lists, in_order=in_order), strict=True)
    calls = {(node.name, node.phase): call for node, call in every}
    kept: list[NodeCost] = []
    stands: dict[tuple[Call, Any, Any], int] = {}
    places: list[int] = []
    costs: dict[Call, dict[Any, Any]] = {}
    for node in nodes:
        call = calls[node.name, node.phase]
        kind = call, node.op, node.where
        if kind not in stands:
            stands[kind] = len(kept)
            times = counted.formula(call)
            cost = node.cost and node.cost.map(partial(operator.mul, times))
            kept.append(
                replace(
                    node,
                    cost=cost,
                    path=lists.general(node.path),
                    dependencies=tuple(dict.fromkeys(places[i] for i in node.dependencies)),
                    calls=times,
                )
            )
        if costs.setdefault(call, {}).setdefault(kind, node.cost) != node.cost:
            raise CaptureError(
                f"Where a size is 1, {node.op} costs another number in one layer than in others "
                f"({node.where}): free the layers or that size, not both."
            )
        places.append(stands[kind])
    return tuple(kept)


def _weights(captured: Captured, trained: Trained, general: Callable[[str], str]) -> list[Weight]:
    """The parameters of the capture's model, by what makes them the same."""
    capture = captured.capture
    assert capture.module is not None
    known = {id(parameter) for parameter in trained(capture.module, capture)}
    return [
        Weight(
            general(name.rpartition(".")[0]),
            tuple(map(capture.read, p.shape)),
            p.element_size(),
            id(p) in known,
        )
        for name, p in capture.module.named_parameters()
    ]


def _captured_at(what: str, depths: Sequence[str], used: Iterable[Point]) -> str:
    names = ", ".join(depths)
    at = "; ".join(", ".join(map(str, point)) for point in sorted(used))
    return f"{what} at {names} = {at}."


def _refusal(depths: Sequence[str], counted: Counted, wrong: Point) -> str:
    """Which call does not occur as often as its formula says."""
    calls = (item for item in counted.items if isinstance(item, Call))
    call = next((c for c in calls if not counted.agrees_on(c, wrong)), None)
    what = f"{call.op} in {call.path or 'the model'} ({call.where})" if call else "a parameter"
    return (
        f"The model does not repeat with {', '.join(depths)}: {what} does not occur, or does not "
        f"cost, what fewer layers say. Give {' and '.join(depths)} a number."
    )
