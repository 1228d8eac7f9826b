"""From a model to its analysis."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fxflops import models
from fxflops.capture import Capture, export, trace
from fxflops.capture.prepare import floating_dtype, hints, on_meta, symbol_of
from fxflops.domain import Domain
from fxflops.errors import CaptureError, SpecError
from fxflops.inputs import EXAMPLE, FLOATS, InputSpec, TensorInput, parse
from fxflops.passes.count import count
from fxflops.records import Analysis, Cost, total
from fxflops.symbolic import evaluate

Inputs = str | InputSpec | Tensor | Sequence[Tensor]


def analyze(
    model: str | nn.Module,
    inputs: Inputs | None = None,
    *,
    defaults: Mapping[str, int] | None = None,
    dtype: str | None = None,
) -> Analysis:
    """Derive what one call of ``model`` costs, as formulas of its input's free sizes.

    ``model`` is a name (see `fxflops.models`) or a module, which is not changed. ``inputs`` is an
    input spec (see `fxflops.inputs`), or example tensors, whose sizes are then fixed; a named
    model brings its own. ``defaults`` are sizes to trace with and to stand in for those not given
    later. ``dtype`` (``"float32"``, ``"float16"``, ``"bfloat16"``, …) is that of the weights and
    inputs, the model's own by default. The graph is that of inference, in eval mode.

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
    captured = _capture(module, spec, hints(spec, known))
    nodes, graph = count(captured)
    least = _proven_at_one(module, spec, captured.domain, total(n.cost for n in nodes if n.cost))
    return Analysis(
        model=name,
        inputs=spec,
        domain=replace(captured.domain, least=least),
        nodes=nodes,
        module_types=captured.module_types,
        graph=graph,
        frontend=captured.frontend,
        dtype=str(floating_dtype(module)).removeprefix("torch."),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        defaults=known,
    )


def recount(model: nn.Module, inputs: InputSpec, sizes: Mapping[str, int]) -> Cost:
    """The cost of ``model``, on the meta device, counted at these sizes without any formula.

    Raises CaptureError where the model does not run at them.
    """
    nodes, _ = count(trace.capture(model, inputs.fixed(sizes), {}))
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


def _capture(module: nn.Module, spec: InputSpec, sizes: Mapping[str, int]) -> Capture:
    """The graph; recorded where no size is free."""
    front_end = export if spec.axes else trace
    return front_end.capture(module, spec, sizes)


def _proven_at_one(
    module: nn.Module, spec: InputSpec, domain: Domain, formula: Cost
) -> dict[str, int]:
    """The least value of each symbol for which the formula is proven.

    A capture assumes sizes of at least 2. A symbol may be 1 when counting there gives what the
    formula gives, in every counter: for each symbol alone, and for all of them together.
    """
    usual = hints(spec, {})

    def at_one(names: Sequence[str]) -> dict[str, int]:
        ones = {symbol.name: symbol.multiple for symbol in domain.symbols if symbol.name in names}
        return {**usual, **ones}

    def agrees(sizes: Mapping[str, int]) -> bool:
        values = {symbol: sizes[symbol.name] // symbol.multiple for symbol in domain.symbols}
        if not all(relation.holds(values) for relation in domain.relations):
            return True  # outside the domain anyway
        try:
            counted = recount(module, spec, sizes)
        except CaptureError:
            return False
        return counted == formula.map(lambda count: evaluate(count, values))

    may_be_one = [axis.name for axis in spec.axes if axis.minimum <= axis.multiple]
    proven = [name for name in may_be_one if agrees(at_one([name]))]
    if len(proven) > 1 and not agrees(at_one(proven)):
        proven = proven[:1]
    return {s.name: 1 if s.name in proven else s.minimum for s in domain.symbols}
