"""From a model to its analysis."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from fxflops import models
from fxflops.capture import Capture, export, trace
from fxflops.capture.guards import all_implied
from fxflops.capture.prepare import floating_dtype, hints, on_meta, symbol_of
from fxflops.domain import Domain, Relation
from fxflops.errors import CaptureError, SpecError, SpecialisedError
from fxflops.inputs import EXAMPLE, FLOATS, InputSpec, TensorInput, parse
from fxflops.passes.annotate import annotate
from fxflops.passes.at_one import extend_to_one
from fxflops.passes.count import count
from fxflops.records import Analysis, Cost, NodeCost, total
from fxflops.symbolic import evaluate, substitute
from fxflops.symbolic.polynomial import from_atom

Inputs = str | InputSpec | Tensor | Sequence[Tensor]
Frontend = Literal["auto", "trace", "export"]


def analyze(
    model: str | nn.Module,
    inputs: Inputs | None = None,
    *,
    defaults: Mapping[str, int] | None = None,
    dtype: str | None = None,
    frontend: Frontend = "auto",
) -> Analysis:
    """Derive what one call of ``model`` costs, as formulas of its input's free sizes.

    ``model`` is a name (see `fxflops.models`) or a module, which is not changed. ``inputs`` is an
    input spec (see `fxflops.inputs`), or example tensors, whose sizes are then fixed; a named
    model brings its own. ``defaults`` are sizes to trace with and to stand in for those not given
    later. ``dtype`` (``"float32"``, ``"float16"``, ``"bfloat16"``, …) is that of the weights and
    inputs, the model's own by default. The graph is that of inference, in eval mode.
    ``frontend`` chooses what captures it: ``"trace"``, ``"export"``, or ``"auto"``, which is the
    first with the second where that fails.

    Raises ModelError, SpecError, CaptureError.
    """
    if dtype is not None and dtype not in FLOATS:
        raise SpecError(f"There is no dtype {dtype!r}. Known: {', '.join(FLOATS)}.")
    named = models.find(model) if isinstance(model, str) else None
    spec = _spec(inputs, named)
    known = {**(named.defaults if named else {}), **(defaults or {})}
    known = {axis.name: known[axis.name] for axis in spec.axes if axis.name in known}
    name = named.name if named else type(model).__name__
    _require_axes(spec, known, name)
    module = on_meta(models.build_empty(named) if named else model, dtype)
    sizes = hints(spec, known)
    captured = _capture(module, spec, sizes, frontend)
    nodes, domain = _proven_at_one(module, spec, captured, sizes)
    return Analysis(
        model=name,
        inputs=spec,
        domain=domain,
        nodes=nodes,
        module_types=captured.module_types,
        graph=annotate(captured.graph, nodes),
        frontend=captured.frontend,
        dtype=str(floating_dtype(module)).removeprefix("torch."),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        defaults=known,
    )


def recount(model: nn.Module, inputs: InputSpec, sizes: Mapping[str, int]) -> Cost:
    """The cost of ``model``, on the meta device, counted at these sizes without any formula.

    Raises CaptureError where the model does not run at them.
    """
    nodes = count(trace.capture(model, inputs.fixed(sizes), {}))
    return total(node.cost for node in nodes if node.cost)


def _spec(inputs: Inputs | None, named: models.NamedModel | None) -> InputSpec:
    """The input spec in whatever form it was given."""
    if isinstance(inputs, InputSpec):
        return inputs
    if isinstance(inputs, str):
        return parse(inputs)
    if inputs is not None:
        tensors = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if not all(isinstance(tensor, Tensor) for tensor in tensors):
            raise SpecError(f"The inputs are neither tensors nor a spec like {EXAMPLE}.")
        return InputSpec(tuple(map(_like, tensors, itertools.count())))
    if named is None or named.inputs is None:
        what = named.name if named else "The model"
        raise SpecError(f"{what} says nothing of its input: give a spec like {EXAMPLE}.")
    return named.inputs


def _like(tensor: Tensor, index: int) -> TensorInput:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorInput(name=f"input{index}", axes=tuple(map(int, tensor.shape)), dtype=dtype)


def _require_axes(spec: InputSpec, sizes: Mapping[str, int], name: str) -> None:
    """Refuse sizes that the spec itself excludes, before the work of a capture."""
    axes = [axis for axis in spec.axes if axis.name in sizes]
    least = {axis.name: axis.minimum // axis.multiple for axis in axes}
    Domain(tuple(map(symbol_of, axes)), least=least).values(sizes, name)


def _capture(
    module: nn.Module, spec: InputSpec, sizes: Mapping[str, int], frontend: Frontend
) -> Capture:
    if frontend == "export":
        return export.capture(module, spec, sizes)
    try:
        return trace.capture(module, spec, sizes)
    except SpecialisedError:
        raise
    except CaptureError:
        if frontend == "trace":
            raise
        return export.capture(module, spec, sizes)


def _proven_at_one(
    module: nn.Module, spec: InputSpec, captured: Capture, sizes: Mapping[str, int]
) -> tuple[tuple[NodeCost, ...], Domain]:
    """The costs of the nodes, and where they hold, sizes of 1 included where that is proven.

    A capture assumes sizes of at least 2. For each symbol, another capture with that size at its
    least gives what holds there; it must assume nothing more of the other sizes. For two symbols
    at their least together, a count at such sizes must agree, or they stay outside the domain.
    """
    nodes = count(captured)
    domain, symbols = captured.domain, captured.domain.symbols
    least = {symbol.name: symbol.minimum for symbol in symbols}
    for symbol, axis in zip(symbols, spec.axes, strict=True):
        if axis.minimum > axis.multiple:
            continue
        try:
            at_one = trace.capture(module, spec.fixed({axis.name: axis.multiple}), sizes)
        except CaptureError:
            continue
        known = [replace(r, value=substitute(r.value, {symbol: 1})) for r in domain.relations]
        extended = extend_to_one(nodes, count(at_one), symbol)
        if extended is not None and all_implied(at_one.domain.relations, known):
            nodes = extended
            least[symbol.name] = 1
    formula = total(node.cost for node in nodes if node.cost)
    apart = []
    at_least_one = [symbol for symbol in symbols if least[symbol.name] == 1]
    for pair in itertools.combinations(at_least_one, 2):
        there = {**sizes, **{symbol.name: symbol.multiple for symbol in pair}}
        values = {symbol: there[symbol.name] // symbol.multiple for symbol in symbols}
        inside = all(relation.holds(values) for relation in domain.relations)
        if inside and not _agrees(module, spec, there, formula.map(lambda c: evaluate(c, values))):
            apart.append(Relation(sum(from_atom(symbol) for symbol in pair) - 3, ">="))
    return nodes, replace(domain, least=least, relations=(*domain.relations, *apart))


def _agrees(module: nn.Module, spec: InputSpec, sizes: Mapping[str, int], cost: Cost) -> bool:
    try:
        return recount(module, spec, sizes) == cost
    except CaptureError:
        return False
