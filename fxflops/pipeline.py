"""From a model to its analysis."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from torch import Tensor, nn

from fxflops import models
from fxflops.capture import Capture, export, trace
from fxflops.capture.guards import all_implied
from fxflops.capture.prepare import floating_dtype, hints, on_meta, symbol_of
from fxflops.domain import Domain, Relation
from fxflops.errors import CaptureError, ModelError, SpecError, SpecialisedError
from fxflops.inputs import EXAMPLE, FLOATS, InputSpec, TensorInput, parse
from fxflops.passes.annotate import annotate
from fxflops.passes.at_one import extend_to_one
from fxflops.passes.count import count
from fxflops.passes.notes import notes
from fxflops.records import Analysis, Cost, NodeCost, total
from fxflops.symbolic import Dim, Symbol, substitute
from fxflops.symbolic.polynomial import from_atom

Inputs = str | InputSpec | Tensor | Sequence[Tensor]
Frontend = Literal["auto", "trace", "export"]
MULTIPLES = (2, 4, 8, 16, 32, 64)


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
    named = _named(model)
    spec = _spec(inputs, named)
    known = {**named.defaults, **(defaults or {})}
    _require_names(spec, defaults or {}, named.name)
    known = {axis.name: known[axis.name] for axis in spec.axes if axis.name in known}
    _require_axes(spec, known, named.name)
    module = on_meta(models.build_empty(named), dtype)
    sizes = hints(spec, known)
    captured = _capture(module, spec, sizes, frontend)
    nodes, domain = _proven_at_one(module, spec, captured, sizes)
    return Analysis(
        model=named.name,
        inputs=spec,
        domain=domain,
        nodes=nodes,
        module_types=captured.module_types,
        graph=annotate(captured.graph, nodes),
        frontend=captured.frontend,
        dtype=str(floating_dtype(module)).removeprefix("torch."),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        defaults=known,
        notes=notes(captured, nodes),
    )


def recount(model: nn.Module, inputs: InputSpec, sizes: Mapping[str, int]) -> Cost:
    """The cost of ``model``, on the meta device, counted at these sizes without any formula.

    Raises CaptureError where the model does not run at them.
    """
    nodes = count(trace.capture(model, inputs.fixed(sizes), {}))
    return total(node.cost for node in nodes if node.cost)


def _named(model: str | nn.Module) -> models.NamedModel:
    """The model under its name, which for a module is its type's."""
    if isinstance(model, str):
        return models.find(model)
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"A {type(model).__name__} is neither a model's name nor a torch.nn.Module."
        )
    return models.NamedModel(name=type(model).__name__, build=lambda: model)


def _spec(inputs: Inputs | None, named: models.NamedModel) -> InputSpec:
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
    if named.inputs is None:
        raise SpecError(f"{named.name} says nothing of its input: give a spec like {EXAMPLE}.")
    return named.inputs


def _like(tensor: Tensor, index: int) -> TensorInput:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorInput(name=f"input{index}", axes=tuple(map(int, tensor.shape)), dtype=dtype)


def _require_names(spec: InputSpec, sizes: Mapping[str, int], name: str) -> None:
    """Refuse a size that is no axis of the spec."""
    names = [axis.name for axis in spec.axes]
    for size in sizes:
        if size not in names:
            free = f"the free sizes are {', '.join(names)}" if names else "none is free"
            raise SpecError(f"{name} has no size {size} to set: {free} in {str(spec)!r}.")


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
    except CaptureError as error:
        _suggest_multiple(module, spec, error)
        if frontend == "trace":
            raise
        return export.capture(module, spec, sizes)


def _suggest_multiple(module: nn.Module, spec: InputSpec, error: CaptureError) -> None:
    """Raise CaptureError that names the multiple at which the model runs, if there is one."""
    for multiple in MULTIPLES:
        coarser = spec.with_multiple(multiple)
        if coarser == spec:
            continue
        try:
            trace.capture(module, coarser, hints(coarser, {}))
        except CaptureError:
            continue
        raise CaptureError(
            f"The model does not run at every size of {str(spec)!r}, but at multiples of "
            f"{multiple}: give the input {str(coarser)!r}."
        ) from error


def _proven_at_one(
    module: nn.Module, spec: InputSpec, captured: Capture, sizes: Mapping[str, int]
) -> tuple[tuple[NodeCost, ...], Domain]:
    """The costs of the nodes, and where they hold, sizes of 1 included where that is proven.

    A capture assumes sizes of at least 2. For each symbol, another capture with that size at its
    least gives what holds there; it must assume nothing more of the other sizes. For several
    symbols at their least together, a count at such sizes must agree, or they stay outside the
    domain.
    """
    nodes = count(captured)
    domain, symbols = captured.domain, captured.domain.symbols
    least = {symbol.name: symbol.minimum for symbol in symbols}
    for symbol, axis in zip(symbols, spec.axes, strict=True):
        if axis.minimum > axis.multiple:
            continue
        at_one = _capture_at_least(module, spec.fixed({axis.name: axis.multiple}), sizes)
        if at_one is None:
            continue
        known = [replace(r, value=substitute(r.value, {symbol: 1})) for r in domain.relations]
        extended = extend_to_one(nodes, count(at_one), symbol)
        if extended is not None and all_implied(at_one.domain.relations, known):
            nodes = extended
            least[symbol.name] = 1
    formula = total(node.cost for node in nodes if node.cost)
    apart = []
    proven = [symbol for symbol in symbols if least[symbol.name] == 1]
    for together in _groups(proven):
        if not _agrees_at_least(module, spec, domain, formula, together, sizes):
            excess: Dim = sum(map(from_atom, together), -len(together) - 1)
            apart.append(Relation(excess, ">="))
    return nodes, replace(domain, least=least, relations=(*domain.relations, *apart))


def _capture_at_least(
    module: nn.Module, spec: InputSpec, sizes: Mapping[str, int]
) -> Capture | None:
    """The graph with one size fixed at its least, which often needs the others to be large."""
    for attempt in (_wide(sizes), sizes):
        try:
            return trace.capture(module, spec, attempt)
        except CaptureError:
            continue
    return None


def _wide(sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: 8 * size for name, size in sizes.items()}


def _groups(symbols: Sequence[Symbol]) -> Iterator[tuple[Symbol, ...]]:
    """All subsets of two symbols and more, the small ones first."""
    for number in range(2, len(symbols) + 1):
        yield from itertools.combinations(symbols, number)


def _agrees_at_least(
    module: nn.Module,
    spec: InputSpec,
    domain: Domain,
    formula: Cost,
    together: Sequence[Symbol],
    sizes: Mapping[str, int],
) -> bool:
    """Whether the formula is what a count gives where ``together`` are all at their least.

    True where the domain excludes that whatever the other sizes are.
    """
    ones = dict.fromkeys(together, 1)
    for relation in domain.relations:
        there = substitute(relation.value, ones)
        if isinstance(there, int) and not replace(relation, value=there).holds({}):
            return True
    for attempt in (_wide(sizes), sizes):
        at = {**attempt, **{symbol.name: symbol.multiple for symbol in together}}
        values = {symbol: at[symbol.name] // symbol.multiple for symbol in domain.symbols}
        if not all(relation.holds(values) for relation in domain.relations):
            continue
        try:
            return recount(module, spec, at) == formula.at(values)
        except CaptureError:
            continue
    return False
