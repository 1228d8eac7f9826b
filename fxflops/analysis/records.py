"""What fxflops says of a model: the cost of each node, and their analysis."""

from __future__ import annotations

import itertools
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from fxflops.algebra import Dim, Symbol
from fxflops.algebra.closed_form import evaluate_many, named, to_sympy
from fxflops.analysis.dataflow import to_networkx
from fxflops.capture.result import Shapes
from fxflops.cost import (
    BINDING_TIMES,
    PHASES,
    QUANTITIES,
    RECOMPUTED,
    SUMS,
    Applied,
    BindingTime,
    Causal,
    Cost,
    Optimizer,
    Phase,
    Training,
    ratio,
    total,
)
from fxflops.devices import Device
from fxflops.domain import Domain
from fxflops.errors import CaptureError, SpecError
from fxflops.figures import FIGURES, derived, record
from fxflops.figures.span import span
from fxflops.registry import Operator
from fxflops.report import Listed, Report, Row
from fxflops.reports.wording import calls, printable
from fxflops.spec import InputSpec

if TYPE_CHECKING:
    import networkx
    import pandas
    import sympy
    import torch.fx
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from fxflops.analysis.memory import PeakMemory, Recall
    from fxflops.reports.html.frame import Page
    from fxflops.solving import Solution


class Call(NamedTuple):
    """What a formula is given: the arguments by the operator's schema, tensors as their shapes."""

    arguments: tuple[Any, ...]
    result: Any
    is_complex: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCost:
    """One operator call of the graph: where it is, and what it costs.

    ``cost`` is None when the call is uncounted, for the reason ``unknown``. ``free`` is the reason
    why a free operator costs no FLOP. ``path`` is the module in which the operator is called,
    ``where`` the source line. ``dependencies`` are the positions, among the calls of the graph, of
    those whose results it uses. ``phase`` is the part of a training step. A
    call that computes gradients both of activations and of weights is two of these, one for each.
    ``call`` is what its formula was given, which is not pickled.
    """

    name: str
    op: Operator
    path: str
    where: str
    cost: Cost | None
    dependencies: tuple[int, ...] = ()
    free: str | None = None
    unknown: str | None = None
    source: str = "fxflops"
    phase: Phase = "forward"
    call: Call | None = field(default=None, compare=False, repr=False)

    @property
    def needs(self) -> tuple[int, ...]:
        """The name of ``dependencies`` in the release before."""
        warnings.warn("NodeCost.needs is now NodeCost.dependencies", DeprecationWarning, 2)
        return self.dependencies

    def __reduce__(self) -> tuple[Any, ...]:
        """By the operator's name: PyTorch does not pickle an operator itself."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "call"}
        is_named = type(self.op).__module__ == "torch._ops"
        return _node_cost, ({**values, "op": str(self.op) if is_named else self.op}, is_named)


def _node_cost(values: Mapping[str, Any], is_named: bool) -> NodeCost:
    op = _operator(values["op"]) if is_named else values["op"]
    return NodeCost(**{**values, "op": op})


@dataclass(frozen=True, kw_only=True, repr=False)
class Analysis:
    """The cost of a model: node by node, in total, and as formulas.

    ``annotated`` makes `graph`.
    ``domain`` says at which sizes the formulas hold; ``defaults`` are the sizes that stand in for
    those not given; ``parameters`` is the number of parameters of the model, or of what passes
    have left of its graph, ``packages`` are those that the
    classes of its modules come from. ``applied`` are the passes that made the graph out of the one
    captured, ``once`` the calls that these took out of ``nodes``: made once per size
    (``"size"``) or once per model (``"model"``). Of a training step, ``trained`` is the number of
    parameters that get a gradient, and ``optimizer`` is apart from the total.
    ``recall`` runs the model again for `memory`; ``figures`` are those of `fxflops.figures` that
    were asked for, and are in the report. ``device`` is that of the roofline, and ``moving_once``
    gives the bytes of inputs, parameters and outputs.
    ``module_parameters`` are those of each module's own, a shared one where it is found first;
    ``results`` the shapes that each call of a module returns, if they are known at every size.
    ``causal`` says whether the scores that a causal mask hides are in the costs (``"full"``) or not
    (``"half"``).
    """

    model: str
    inputs: InputSpec
    domain: Domain
    nodes: tuple[NodeCost, ...]
    module_types: Mapping[str, str]
    annotated: Callable[[], torch.fx.Graph]
    frontend: str
    dtype: str
    parameters: int
    defaults: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    applied: tuple[Applied, ...] = ()
    once: Mapping[BindingTime, tuple[NodeCost, ...]] = field(default_factory=dict)
    trained: int | None = None
    optimizer: Optimizer | None = None
    about: str = ""
    recall: Recall | None = None
    figures: tuple[str, ...] = ()
    device: Device | None = None
    moving_once: Callable[[], Dim] | None = None
    module_parameters: Mapping[str, int] = field(default_factory=dict)
    results: Mapping[str, tuple[Shapes, ...]] = field(default_factory=dict)
    causal: Causal = "full"

    @cached_property
    def graph(self) -> torch.fx.Graph:
        """An annotated copy of the captured graph: counted nodes carry ``meta["cost"]``."""
        return self.annotated()

    @cached_property
    def total(self) -> Cost:
        """The whole model's cost in symbols; a lower bound unless `complete`."""
        return total(node.cost for node in self.nodes if node.cost)

    @property
    def uncounted(self) -> tuple[NodeCost, ...]:
        """The nodes whose cost is not known, those of `once` included."""
        nodes = itertools.chain(self.nodes, *self.once.values())
        return tuple(node for node in nodes if node.cost is None)

    @property
    def complete(self) -> bool:
        """Whether every node's cost is known."""
        return not self.uncounted

    def formula(self, quantity: str = "flops") -> sympy.Expr:
        """The closed form of ``"flops"``, ``"macs"``, ``"contraction"``, … in the user's sizes.

        Raises SpecError for an unknown quantity.
        """
        return to_sympy(self.count(quantity), self.domain.names)

    def once_per(self, binding_time: BindingTime) -> Cost:
        """What is computed once per ``"size"`` or once per ``"model"``, and not in each call.

        Raises SpecError for any other.
        """
        if binding_time not in BINDING_TIMES:
            raise SpecError(
                f"Nothing is computed once per {binding_time!r}: per model, or per size."
            )
        return total(node.cost for node in self.once.get(binding_time, ()) if node.cost)

    def count(self, quantity: str) -> Dim:
        """The total of one quantity, in symbols."""
        names = (*(metric.name for metric in SUMS), *QUANTITIES)
        if quantity not in names:
            known = ", ".join(names)
            raise SpecError(f"There is no quantity {quantity!r}. Known: {known}.")
        value: Dim = getattr(self.total, quantity)
        return value

    def values(self, sizes: Mapping[str, int] | None = None) -> dict[Symbol, int]:
        """The symbols' values at ``sizes``, with the defaults for those not given.

        Raises SpecError and DomainError as `Domain.values` does.
        """
        return self.domain.values({**self.defaults, **(sizes or {})}, self.model)

    def at(self, /, **sizes: int) -> Cost:
        """The exact cost at these sizes, in integers; defaults stand in for sizes not given."""
        values = self.values(sizes)
        return self.total.at(values)

    __call__ = at

    @property
    def symbols(self) -> dict[str, sympy.Symbol]:
        """The symbols of `formula`, by the names of the free sizes."""
        return {symbol.name: named(symbol) for symbol in self.domain.symbols}

    def evaluate(self, quantity: str, /, **sizes: Any) -> NDArray[Any]:
        """One quantity at many sizes: integer arrays in, which broadcast; exact integers out.

        The result is int64 where that holds every intermediate result, else Python integers.
        """
        given: dict[str, Any] = {**self.defaults, **sizes}
        arrays = self.domain.arrays(given, self.model)
        return evaluate_many(self.count(quantity), arrays)

    def solve(
        self,
        /,
        *conditions: str,
        unknown: str = "",
        maximize: str | None = None,
        minimize: str | None = None,
        **sizes: int | str | range,
    ) -> Solution:
        """The largest sizes at which all ``conditions`` hold, exactly: ``"flops <= 100e9"``.

        A condition compares a metric, a figure, ``"intensity"``, ``"parameters"`` or a size with a
        number. ``H="W"`` solves for both as one size, ``N=range(1, 65)`` or ``N="1:64"`` for a
        size in a range, ``N=2`` gives one, and ``unknown="H=W"`` is the notation of
        ``fxflops solve --for``. Several unknowns need a range each: the answer is then their Pareto
        front, or what is best with ``maximize`` or ``minimize``, which name a quantity.

        Raises SpecError for what cannot be read or decided, DomainError for sizes outside.
        """
        from fxflops.solving import solve
        from fxflops.solving.unknowns import from_keywords

        asked, known = from_keywords(unknown, sizes)
        return solve(self.report, conditions, asked, known, maximize=maximize, minimize=minimize)

    def by_module(self, depth: int | None = None) -> dict[str, Cost]:
        """Each module's cost, its children included, the root first under ``""``."""
        costs: dict[str, list[Cost]] = {path: [] for path in self.module_types}
        for node in self.nodes:
            if node.cost is not None:
                for path in prefixes(node.path):
                    costs.setdefault(path, []).append(node.cost)
        return {
            path: total(of_path)
            for path, of_path in costs.items()
            if depth is None or len(prefixes(path)) <= depth + 1
        }

    def by_operator(self) -> dict[Operator, Cost]:
        """Each operator's cost, summed over its calls, in the order of the first ones."""
        costs: dict[Operator, list[Cost]] = {}
        for node in self.nodes:
            if node.cost is not None and node.free is None:
                costs.setdefault(node.op, []).append(node.cost)
        return {op: total(of_op) for op, of_op in costs.items()}

    @property
    def training(self) -> Training | None:
        """The parts of a training step; None for a call of the model."""
        if self.trained is None:
            return None
        return Training(self.trained, self.by_phase(), self.optimizer)

    def by_phase(self) -> dict[Phase, Cost]:
        """The cost of each part of a training step; a call of the model is all ``forward``."""
        return {
            phase: total(node.cost for node in self.nodes if node.cost and node.phase == phase)
            for phase in PHASES
            if phase != RECOMPUTED or any(node.phase == RECOMPUTED for node in self.nodes)
        }

    def to_networkx(self) -> networkx.DiGraph[str]:
        """The graph's data flow: nodes with ``op``, ``path`` and ``cost``, edges of tensors."""
        return to_networkx(self.graph)

    def span(self, /, **sizes: int) -> int:
        """The FLOPs on the critical path: the dearest chain of nodes that need one another."""
        return span(self.flow, self.values(sizes))

    @cached_property
    def memory(self) -> PeakMemory:
        """The peak memory of one call, for which the model runs again, on meta tensors.

        Raises CaptureError where it cannot be had.
        """
        from fxflops.analysis.memory import PeakMemory, peak_memory

        kept = self.__dict__.get("_memory")
        if kept is None:
            if self.domain.data:
                raise CaptureError(
                    f"{self.model} has sizes that data decide, at which its peak memory is not "
                    "derived."
                )
            if self.recall is None:
                raise CaptureError("This analysis has no memory: analyze the model again for it.")
            kept = self.__dict__["_memory"] = peak_memory(self.recall, self.domain)
        return PeakMemory(self, kept)

    @property
    def once_moved(self) -> Dim:
        """The bytes of all inputs, parameters that are read, and outputs, each once."""
        if self.moving_once is None:
            raise CaptureError("This analysis has no graph: analyze the model again for it.")
        return self.moving_once()

    def figure(self, name: str, /, **sizes: int) -> dict[str, int | float | None]:
        """The numbers of one of `fxflops.figures` at these sizes, by their names in JSON.

        Raises SpecError for an unknown figure.
        """
        if name not in FIGURES:
            raise SpecError(f"There is no figure {name!r}. Known: {', '.join(FIGURES)}.")
        if name == "roofline" and self.device is None:
            raise SpecError('A roofline is that of a device: analyze(…, device="h100_sxm").')
        kept = self.report.figures.get(name) or record(name).of(self)
        answer = self.report.at(sizes)
        return {n.name: _plain(n.value) for n in kept.numbers(answer)}

    @cached_property
    def report(self) -> Report:
        """What is kept of this: all but the nodes and the graph."""
        times = Counter({node.name: node.op for node in self.nodes}.values())
        return Report(
            model=self.model,
            frontend=self.frontend,
            dtype=self.dtype,
            inputs=str(self.inputs),
            domain=self.domain,
            defaults=self.defaults,
            parameters=self.parameters,
            modules=tuple(_rows(self)),
            operators=tuple(
                Row(name=str(op), calls=times[op], cost=cost)
                for op, cost in self.by_operator().items()
            ),
            free=_free(self),
            uncounted=_uncounted(self),
            notes=self.notes,
            figures=derived(self, self.figures),
            applied=self.applied,
            once={time: self.once_per(time) for time in self.once},
            training=self.training,
            about=self.about,
            causal=self.causal,
        )

    def __repr__(self) -> str:
        """One line of fewer than 200 characters."""
        unknown = len(self.uncounted)
        complete = f"INCOMPLETE: {calls(unknown)} uncounted" if unknown else "complete"
        about = f"{_short(self.model)}, {_short(str(self.inputs))}, {self.dtype}"
        return f"<fxflops.Analysis of {about}: {calls(len(self.nodes))}, {complete}>"

    def __str__(self) -> str:
        """The table, as the command line prints it: at the default sizes, or else formulas."""
        from fxflops.reports import render
        from fxflops.reports.count import document

        is_known = self.report.is_known_at({})
        answer = self.report.at({} if is_known else None)
        return render(document(answer, symbolic=not is_known, brief=True), "table").rstrip("\n")

    def _repr_html_(self) -> str:
        """A tree to unfold, as a notebook shows it: at the default sizes, or else what holds."""
        from fxflops.reports.notebook import render

        return render(self.report.at({} if self.report.is_known_at({}) else None))

    def to_dataframe(self, rows: str = "modules", /, **sizes: int) -> pandas.DataFrame:
        """The exact counts at these sizes as a table of pandas, whose sums are the totals.

        ``rows`` are ``"modules"``, each with the calls in its own code and not those of the modules
        below it, ``"operators"`` or ``"nodes"``. A count that is not known is missing, not 0.

        Raises SpecError without pandas, and as `at` does.
        """
        from fxflops.analysis.frames import to_dataframe

        return to_dataframe(self, rows, sizes)

    def plot(self, quantity: str = "flops", /, **sizes: Any) -> Axes:
        """The axes with a curve over sizes: ``analysis.plot("flops", H=range(320, 1281, 32))``.

        Sizes that are sequences go along together; defaults stand in for sizes not given.

        Raises SpecError without matplotlib, and as `evaluate` does.
        """
        from fxflops.analysis.plots import plot

        return plot([(self.model, self)], quantity, sizes)

    def methods(self, /, **sizes: int) -> str:
        """How to quote the count at these sizes: a sentence for a paper, and an entry of BibTeX."""
        from fxflops.reports.methods import bibtex, methods

        return f"{methods(self.report.at(sizes))}\n\n{bibtex()}"

    def why(self, path: str) -> str:
        """The formula of one call, or of each call of a module, spelled out, as text.

        Raises SpecError where there is no such call or module.
        """
        from fxflops.analysis.why import document
        from fxflops.reports import render

        return render(document(self, path), "table").rstrip("\n")

    def to_html(self, path: str | os.PathLike[str] | None = None, /, **sizes: int) -> Page:
        """A page to explore, which a notebook shows live; written to ``path``, if one is given.

        It is one file that needs no network, with sliders for the free sizes. It starts at
        ``sizes``, where the defaults stand in for those not given. `docs/page.md` says more.

        Raises SpecError and DomainError as `at` does, and SpecError for a path that cannot be
        written.
        """
        from fxflops.reports import render
        from fxflops.reports.count import document
        from fxflops.reports.files import write
        from fxflops.reports.html.frame import Page

        is_known = bool(sizes) or self.report.is_known_at(sizes)
        answer = self.report.at(sizes if is_known else None)
        page = Page(render(document(answer), "html"))
        if path is not None:
            write(os.fspath(path), page.html)
        return page

    def __getstate__(self) -> dict[str, Any]:
        """All but the graph, whose shapes live in this process alone."""
        state = {name: getattr(self, name) for name in _KEPT}
        memory = self.__dict__.get("_memory")
        return {**state, "annotated": None, "recall": None, "moving_once": None, "_memory": memory}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "annotated": _no_graph})

    @property
    def flow(self) -> tuple[tuple[Dim, tuple[int, ...]], ...]:
        """Each call's FLOPs (0 where unknown) and the positions of the calls that it needs."""
        return tuple(
            (node.cost.flops if node.cost else 0, node.dependencies) for node in self.nodes
        )


_KEPT = tuple(
    field.name
    for field in fields(Analysis)
    if field.name not in ("annotated", "recall", "moving_once")
)
SHORT = 50


def _short(text: str) -> str:
    """The text in printable characters, its middle left out where it is long."""
    shown = printable(text)
    return shown if len(shown) <= SHORT else f"{shown[: SHORT // 2]}…{shown[-SHORT // 2 + 1 :]}"


def _plain(value: int | tuple[int, int] | None) -> int | float | None:
    return ratio(*value) if isinstance(value, tuple) else value


def _no_graph() -> torch.fx.Graph:
    raise CaptureError("A pickled analysis has no graph: analyze the model again for it.")


def _operator(name: str) -> Operator:
    """The operator of this name, or the name where no such operator is registered here."""
    import torch

    found: Any = torch.ops
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if type(found).__name__ == "OpOverload" else name


def _rows(analysis: Analysis) -> Iterator[Row]:
    """The modules, each with all that is below it."""
    parameters: Counter[str] = Counter()
    for path, number in analysis.module_parameters.items():
        parameters.update(dict.fromkeys(prefixes(path), number))
    uncounted = Counter(path for node in analysis.uncounted for path in prefixes(node.path))
    for path, cost in analysis.by_module().items():
        results = analysis.results.get(path)
        yield Row(
            name=path,
            kind=analysis.module_types.get(path, ""),
            cost=cost,
            calls=None if results is None else len(results),
            parameters=parameters[path],
            results=tuple(dict.fromkeys(results or ())),
            uncounted=uncounted[path],
        )


def _free(analysis: Analysis) -> tuple[Listed, ...]:
    reasons = Counter((str(node.op), node.free) for node in analysis.nodes if node.free is not None)
    return tuple(
        Listed(op=op, calls=calls, reason=reason or "")
        for (op, reason), calls in sorted(reasons.items())
    )


def _uncounted(analysis: Analysis) -> tuple[Listed, ...]:
    where: dict[tuple[str, str], list[str]] = {}
    for node in analysis.uncounted:
        found = where.setdefault((str(node.op), node.unknown or ""), [])
        found.append(node.where or node.path)
    return tuple(
        Listed(op=op, calls=len(lines), reason=reason, where=tuple(dict.fromkeys(lines)))
        for (op, reason), lines in sorted(where.items())
    )


def prefixes(path: str) -> tuple[str, ...]:
    """The modules around a module, the root ``""`` first, itself last."""
    parts = path.split(".") if path else []
    return tuple(".".join(parts[:end]) for end in range(len(parts) + 1))
