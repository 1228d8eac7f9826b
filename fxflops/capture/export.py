"""The front end on ``torch.export``: public, slow, and the oracle of the other one.

Every free axis is exported as ``Dim.AUTO``, under which torch records what it assumes of a size as
a guard and raises nothing. Multiples are not its business: sizes and guards are read with 32*h in
the place of H, and our own algebra does the simplification.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from types import FrameType
from typing import Any

import sympy
import torch
from torch import nn
from torch.fx.experimental import symbolic_shapes

from fxflops._torch import tree_leaves
from fxflops.algebra import Dim, Symbol
from fxflops.algebra.polynomial import from_atom
from fxflops.capture.expressions import ExpressionReader, shape_env_reader
from fxflops.capture.guards.to_domain import domain_from_guards
from fxflops.capture.modules import Returned, module_paths
from fxflops.capture.patches.module_state import restored_module_state
from fxflops.capture.patches.threads import copied_function, replaced_here, silent_here
from fxflops.capture.prepare import (
    capture_lock,
    example_inputs,
    failure,
    floating_dtype,
    module_types,
    symbol_of,
)
from fxflops.capture.result import Capture, SizeReader
from fxflops.capture.source import TORCH, located, model_frame, runs_a_model
from fxflops.domain import Guard, Sign
from fxflops.errors import CaptureError
from fxflops.spec import Axis, InputSpec


@runs_a_model
def capture(model: nn.Module, inputs: InputSpec, hints: Mapping[str, int]) -> Capture:
    """The graph of ``model``, a module on the meta device, with the spec's axes symbolic.

    Raises CaptureError when the model cannot be exported, and SpecializationError, with the source
    line, when it fixes an axis that the spec leaves free.
    """
    tensors = example_inputs(inputs, hints, floating_dtype(model))
    free = tuple(
        {i: torch.export.Dim.AUTO for i, axis in enumerate(t.axes) if not isinstance(axis, int)}
        for t in inputs.tensors
    )
    returned = Returned()
    try:
        by_parameter = inspect.signature(model.forward).bind(*free).arguments
        with (
            capture_lock,
            restored_module_state(model),
            torch.no_grad(),
            torch.device("meta"),
            _guards_name_the_model(),
            silent_here(),  # torch also prints graphs when it gives up: the error says why
            module_paths(model, [""], returned),
        ):
            exported = copy_context().run(
                partial(torch.export.export, dynamic_shapes=by_parameter, strict=False),
                model,
                tensors,
            )
    except Exception as error:
        raise CaptureError(f"torch.export cannot capture the model: {failure(error)}") from error

    graph = exported.graph
    _erase_write_backs(graph)
    arguments = _arguments(exported)
    symbols = {axis.name: symbol_of(axis) for axis in inputs.axes}
    sizes = [
        (size, axis)
        for node, tensor in zip(arguments, inputs.tensors, strict=True)
        for size, axis in zip(node.meta["val"].shape, tensor.axes, strict=True)
        if isinstance(axis, Axis)
    ]
    # Private: ``_expr`` is the symbol that the size had before torch replaced it by something else.
    known: dict[sympy.Symbol, Dim] = {s.node._expr: symbols[axis.name].size for s, axis in sizes}
    recorded = sizes[0][0].node.shape_env.guards if sizes else ()
    values = {symbol: symbol.value_at(hints[symbol.name]) for symbol in symbols.values()}
    guards = list(_guards(recorded, known, values))
    _annotate(graph, {node.name for node in arguments})
    for node in graph.nodes:
        node.meta["is_weight"] = node.name in exported.graph_signature.inputs_to_parameters
    read = shape_env_reader(known)
    _require_sizes(graph, read)
    return Capture(
        graph=graph,
        read=read,
        domain=domain_from_guards(tuple(symbols.values()), guards),
        guards=(*guards, *(Guard(from_atom(s) - 1, "!=") for s in symbols.values())),
        module_types=module_types(model),
        frontend="export",
        results=returned.shapes(read),
    )


@contextmanager
def _guards_name_the_model() -> Iterator[None]:
    """Let torch note the model's own line with a guard, not that of the kernel that asked."""
    env = symbolic_shapes.ShapeEnv
    method = getattr(env, "_get_user_frame", None)  # private; without it guards name the kernel
    if method is None:
        yield
        return
    original = copied_function(method)

    def user_frame(self: symbolic_shapes.ShapeEnv) -> FrameType | None:
        found: FrameType | None = model_frame() or original(self)
        return found

    with replaced_here(method, user_frame):
        yield


def _arguments(exported: torch.export.ExportedProgram) -> list[torch.fx.Node]:
    """The placeholders of the user's tensors, in order."""
    names = exported.graph_signature.user_inputs
    placeholders = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    return [placeholders[name] for name in names if isinstance(name, str)]


def _erase_write_backs(graph: torch.fx.Graph) -> None:
    """Take out the copies that torch.export appends for a buffer that the model has replaced.

    The model itself does not copy; torch tells them from copies of the model by their name alone.
    """
    *_, output = graph.nodes
    while (last := output.prev).name.startswith("copy__default"):
        last.args[0].meta["replaced"] = True
        graph.erase_node(last)


def _annotate(graph: torch.fx.Graph, inputs: set[str]) -> None:
    """Give every node the ``meta`` entries that `Capture` ensures."""
    for node in graph.nodes:
        if node.op == "placeholder":
            node.meta["kind"] = "input" if node.name in inputs else "parameter"
        elif node.op == "output":
            node.meta["kind"] = "output"
        elif node.op == "get_attr":
            node.meta["kind"] = "parameter"
        else:
            is_size = not _has_tensor(node.meta.get("val")) and _has_size(node.meta.get("val"))
            node.meta["kind"] = "size" if is_size else "operator"
            stack = list(node.meta.get("nn_module_stack", {}).values())
            node.meta["path"] = stack[-1][0] if stack else ""
            node.meta["where"] = _line(node.meta.get("stack_trace"))


def _require_sizes(graph: torch.fx.Graph, read: SizeReader) -> None:
    """Raises CaptureError for a tensor whose sizes are not those of the inputs."""
    for node in graph.nodes:
        for leaf in tree_leaves(node.meta.get("val")):
            if isinstance(leaf, torch.Tensor):
                for size in leaf.shape:
                    read(size)


def _has_tensor(value: object) -> bool:
    return any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(value))


def _has_size(value: object) -> bool:
    return any(isinstance(leaf, (int, torch.SymInt)) for leaf in tree_leaves(value))


def _line(stack_trace: str | None) -> str:
    """The innermost line of a formatted stack that is the model's own."""
    frames = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', stack_trace or "")
    own = [frame for frame in frames if not frame[0].startswith(TORCH)]
    if not frames:
        return ""
    file, line, function = (own or frames)[-1]
    return located(file, int(line), function)


def _guards(
    guards: Iterable[Any], known: Mapping[sympy.Symbol, Dim], hints: Mapping[Symbol, int]
) -> Iterator[Guard]:
    reader = ExpressionReader(known)
    for guard in guards:
        frame = guard.sloc.framework_loc
        where = located(frame.filename, frame.lineno, frame.name) if frame else ""
        for sign, value in _comparisons(guard.expr, reader, hints):
            yield Guard(value, sign, where)


def _comparisons(
    expression: sympy.Basic, reader: ExpressionReader, hints: Mapping[Symbol, int]
) -> Iterator[tuple[Sign, Dim]]:
    """A guard as comparisons with 0, all of which hold; of a disjunction the part that held."""
    if isinstance(expression, sympy.And):
        for part in expression.args:
            yield from _comparisons(part, reader, hints)
    elif isinstance(expression, sympy.Or):
        for part in expression.args:
            comparisons = list(_comparisons(part, reader, hints))
            if all(Guard(value, sign).holds(hints) for sign, value in comparisons):
                yield from comparisons
                return
    elif isinstance(expression, sympy.core.relational.Relational):
        left, right = reader.ratio(expression.lhs), reader.ratio(expression.rhs)
        difference = left[0] * right[1] - right[0] * left[1]
        sign, value = _COMPARED[type(expression)](difference)
        yield sign, value
    elif expression is not sympy.true:
        raise CaptureError(f"The capture assumed {expression}, which fxflops cannot read.")


_COMPARED: dict[type, Callable[[Dim], tuple[Sign, Dim]]] = {
    sympy.Eq: lambda difference: ("==", difference),
    sympy.Ne: lambda difference: ("!=", difference),
    sympy.Ge: lambda difference: (">=", difference),
    sympy.Gt: lambda difference: (">=", difference - 1),
    sympy.Le: lambda difference: (">=", -difference),
    sympy.Lt: lambda difference: (">=", -difference - 1),
}
