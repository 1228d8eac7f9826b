"""The graphs that torch.compile made: what each costs, where it holds, how often it was called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sympy
import torch
import torch.fx
from torch._dynamo.utils import counters, get_compilation_metrics
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from fxflops._torch import tree_leaves
from fxflops.algebra import Dim, Symbol, symbols_of
from fxflops.algebra.closed_form import text
from fxflops.algebra.polynomial import from_atom
from fxflops.analysis.count import count
from fxflops.analysis.records import NodeCost
from fxflops.capture import Capture
from fxflops.capture.export import guards_of, innermost_line
from fxflops.capture.expressions import shape_env_reader
from fxflops.capture.guards.to_domain import domain_from_guards
from fxflops.cost import SUMS, Cost, total
from fxflops.domain import Domain
from fxflops.errors import SpecError
from fxflops.reports.wording import calls, scaled

_SOURCE = re.compile(r"(?P<of>.*)\.(?P<what>size|stride)\(\)\[(?P<axis>[0-9]+)\]")
KINDS = {"placeholder": "input", "get_attr": "parameter", "output": "output"}
BREAKS = "graph_break"
"""What Dynamo counts breaks under, by their reasons."""


class SizeSource(NamedTuple):
    """Where a call has the value of a symbol: an argument, or one of its axes."""

    symbol: Symbol
    position: int
    axis: int | None


class Graph:
    """One graph of operators.

    ``phase`` is ``inference``, ``forward`` or ``backward``. ``frame`` numbers the piece of Python
    code that Dynamo compiled and ``attempt`` how often it was compiled before, for other sizes.
    ``symbols`` says of each dynamic size which tensor's axis it is. ``at_calls`` are the sizes of
    the calls made, each with how often.
    """

    def __init__(
        self,
        phase: str,
        compile_id: str,
        nodes: tuple[NodeCost, ...],
        sources: tuple[SizeSource, ...],
        symbols: Mapping[str, str],
        environment: _Environment | None,
    ) -> None:
        self.phase = phase
        self.compile_id = compile_id
        self.nodes = nodes
        self.sources = sources
        self.symbols = symbols
        self.at_calls: Counter[tuple[int, ...]] = Counter()
        self._environment = environment

    @property
    def frame(self) -> str:
        """Which piece of code it is of."""
        return self.compile_id.rpartition("/")[0]

    @property
    def attempt(self) -> int:
        """How often that piece of code was compiled before."""
        number = self.compile_id.rpartition("/")[2].partition("_")[0]
        return int(number) if number.isdecimal() else 0

    @property
    def total(self) -> Cost:
        """What one call costs, in symbols; a lower bound unless `complete`."""
        return total(node.cost for node in self.nodes if node.cost)

    @property
    def uncounted(self) -> tuple[NodeCost, ...]:
        """The calls of operators whose cost is not known."""
        return tuple(node for node in self.nodes if node.cost is None)

    @property
    def complete(self) -> bool:
        """Whether every call of an operator is counted."""
        return not self.uncounted

    @property
    def calls(self) -> int:
        """How often it was called."""
        return self.at_calls.total()

    @property
    def domain(self) -> Domain:
        """Where the graph holds: Dynamo's guards on sizes.

        Raises CaptureError for a guard that cannot be read, SpecializationError for one that fixes
        a size.
        """
        if self._environment is None:
            return Domain(())
        return self._environment.domain()

    def at(self) -> Cost:
        """What its calls cost together, in integers.

        Raises SpecError for a size that no argument of the graph has.
        """
        whole = self.total
        known = {source.symbol for source in self.sources}
        needed = {symbol for count in whole.counts for symbol in symbols_of(count)}
        if lacking := sorted(symbol.name for symbol in needed - known):
            raise SpecError(
                f"The cost depends on {', '.join(lacking)}, which is of data: no call says it."
            )
        symbols = [source.symbol for source in self.sources]
        return total(
            times * whole.at(dict(zip(symbols, values, strict=True)))
            for values, times in self.at_calls.items()
        )

    def note_call(self, sizes: Sequence[int]) -> None:
        """Count a call at these sizes, in the order of ``sources``."""
        self.at_calls[tuple(sizes)] += 1

    def formula(self, quantity: str = "flops") -> str:
        """A total as text, in the symbols. Raises SpecError for an unknown quantity."""
        whole = self.total
        names = [*(name for name, _ in whole.items()), *(metric.name for metric in SUMS)]
        if quantity not in names:
            raise SpecError(f"There is no quantity {quantity!r}. Known: {', '.join(names)}.")
        return text(getattr(whole, quantity), tuple(self.symbols))

    def __repr__(self) -> str:
        """One line."""
        unknown = f", INCOMPLETE: {calls(len(self.uncounted))} uncounted" if self.uncounted else ""
        sizes = "".join(f", {name} = {what}" for name, what in self.symbols.items())
        return (
            f"<{self.phase} graph {self.compile_id}: {self.formula()} FLOP, {calls(self.calls)}"
            f"{sizes}{unknown}>"
        )


class Compiled:
    """All graphs since the last `reset`, and what Dynamo says of them."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self._broken: Counter[str] = Counter()

    def add(self, graph: Graph) -> None:
        """Keep a graph that was made, or that is called again after a `reset`."""
        if not any(known is graph for known in self.graphs):
            self.graphs.append(graph)

    @property
    def breaks(self) -> dict[str, int]:
        """Why graphs were broken, and how often for each reason."""
        since = Counter(counters[BREAKS])
        since.subtract(self._broken)
        return {reason: times for reason, times in since.items() if times > 0}

    @property
    def recompilations(self) -> dict[str, str]:
        """The compilations of code that had been compiled before, and which guard had failed."""
        reasons = {str(m.compile_id): m.recompile_reason for m in get_compilation_metrics()}
        again = dict.fromkeys(graph.compile_id for graph in self.graphs if graph.attempt)
        return {compile_id: reasons.get(compile_id) or "not recorded" for compile_id in again}

    @property
    def complete(self) -> bool:
        """Whether every call of an operator is counted."""
        return all(graph.complete for graph in self.graphs)

    def at(self) -> Cost:
        """What all calls cost that were made, in integers; a lower bound unless `complete`."""
        return total(graph.at() for graph in self.graphs)

    def reset(self) -> None:
        """Forget the calls, breaks and graphs so far.

        A graph that stays compiled is here again as soon as it is called.
        """
        for graph in self.graphs:
            graph.at_calls.clear()
        self.graphs = []
        self._broken = Counter(counters[BREAKS])

    def __str__(self) -> str:
        """A line for each graph, break and recompilation, and the sum of the calls."""
        lines = [repr(graph)[1:-1] for graph in self.graphs]
        for reason, times in self.breaks.items():
            lines.append(f"broken {times}×: {reason.strip().splitlines()[0]}")
        for compile_id, reason in self.recompilations.items():
            lines.append(f"recompiled {compile_id}: {reason.partition('  #')[0]}")
        if self.graphs:
            mark = "" if self.complete else "≥ "
            lines.append(f"all calls: {mark}{scaled(int_of(self.at().flops))} FLOP")
        return "\n".join(lines) or "no graph was compiled by the backend fxflops"


def int_of(count: Dim) -> int:
    """The integer that a count without symbols is."""
    assert isinstance(count, int)
    return count


class _Environment:
    """The symbols of a graph and the ShapeEnv that has the guards on them, some of them later."""

    def __init__(self, environment: ShapeEnv, known: Mapping[sympy.Symbol, Symbol]) -> None:
        self.environment = environment
        self.known = known

    def domain(self) -> Domain:
        """The guards so far as a domain."""
        places = {symbol: from_atom(of) for symbol, of in self.known.items()}
        hints = {of: self._hint(symbol) for symbol, of in self.known.items()}
        guards = guards_of(self.environment.guards, places, hints)
        return domain_from_guards(tuple(self.known.values()), guards)

    def _hint(self, symbol: sympy.Symbol) -> int:
        values = self.environment.backed_var_to_val
        return int(values.get(symbol, 2))

    def sources(self) -> dict[str, str]:
        """Which tensor's axis each symbol is."""
        return {
            of.name: _named(self.environment.var_to_sources.get(symbol) or [])
            for symbol, of in self.known.items()
        }


def _named(sources: Sequence[Any]) -> str:
    """``x, axis 0`` of Dynamo's ``L['x'].size()[0]``."""
    if not sources:
        return "a size that data decide"
    name = sources[0].name
    written = str(name() if callable(name) else name)
    match = _SOURCE.fullmatch(written)
    tensor = re.sub(r"^L\['([^']+)'\]", r"\1", match["of"] if match else written)
    if match is None:
        return tensor
    what = "axis" if match["what"] == "size" else "stride of axis"
    return f"{tensor}, {what} {match['axis']}"


def counted(gm: torch.fx.GraphModule, phase: str, compile_id: str) -> Graph:
    """Count a graph of operators that AOTAutograd has made."""
    graph = gm.graph
    environment, known = _symbols(graph)
    _annotate(gm)
    capture = Capture(
        graph=graph,
        read=shape_env_reader({symbol: from_atom(of) for symbol, of in known.items()}),
        domain=Domain(tuple(known.values())),
        guards=(),
        module_types={},
        frontend="dynamo",
    )
    held = None if environment is None else _Environment(environment, known)
    return Graph(
        phase=phase,
        compile_id=compile_id,
        nodes=count(capture),
        sources=tuple(_sources(graph, known)),
        symbols={} if held is None else held.sources(),
        environment=held,
    )


def _symbols(graph: torch.fx.Graph) -> tuple[ShapeEnv | None, dict[sympy.Symbol, Symbol]]:
    """The free symbols of all sizes in a graph, and the ShapeEnv that they are of."""
    known: dict[sympy.Symbol, Symbol] = {}
    environment: ShapeEnv | None = None
    for node in graph.nodes:
        for leaf in tree_leaves(node.meta.get("val")):
            sizes = [*leaf.shape] if isinstance(leaf, torch.Tensor) else [leaf]
            for size in sizes:
                if isinstance(size, torch.SymInt):
                    environment = environment or size.node.shape_env
                    for symbol in sorted(size.node.expr.free_symbols, key=str):
                        least = 2 if environment and symbol in environment.backed_var_to_val else 0
                        known.setdefault(symbol, Symbol(str(symbol), minimum=least))
    return environment, known


def _sources(graph: torch.fx.Graph, known: Mapping[sympy.Symbol, Symbol]) -> list[SizeSource]:
    """For each symbol the first argument that is it, or has an axis that is."""
    found: dict[Symbol, SizeSource] = {}
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    for position, node in enumerate(placeholders):
        value = node.meta.get("val")
        axes = enumerate(value.shape) if isinstance(value, torch.Tensor) else [(None, value)]
        for axis, size in axes:
            symbol = known.get(size.node.expr) if isinstance(size, torch.SymInt) else None
            if symbol is not None:
                found.setdefault(symbol, SizeSource(symbol, position, axis))
    return list(found.values())


def _annotate(gm: torch.fx.GraphModule) -> None:
    """Give every node the ``meta`` entries that `Capture` ensures."""
    for node in gm.graph.nodes:
        if node.op == "get_attr":
            node.meta.setdefault("val", getattr(gm, str(node.target), None))
        node.meta.setdefault("val", None)
        node.meta["kind"] = KINDS.get(node.op) or _kind(node)
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        node.meta["path"] = re.sub(r"^L\['self'\]\.?", "", str(stack[-1][0])) if stack else ""
        node.meta["where"] = innermost_line(node.meta.get("stack_trace"))


def _kind(node: torch.fx.Node) -> str:
    """Whether a call is of sizes alone, or of an operator."""
    result = tree_leaves(node.meta["val"])
    of_tensors = any(
        isinstance(leaf, torch.Tensor)
        for value in (
            node.meta["val"],
            *(source.meta.get("val") for source in node.all_input_nodes),
        )
        for leaf in tree_leaves(value)
    )
    if not of_tensors:
        return "size"
    is_size = all(isinstance(leaf, int | float | torch.SymInt | torch.SymFloat) for leaf in result)
    return "size" if result and is_size and "item" not in str(node.target) else "operator"
