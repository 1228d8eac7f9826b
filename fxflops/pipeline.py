"""From a model to its analysis."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor, nn

from fxflops import models
from fxflops.capture import Capture, trace
from fxflops.capture.prepare import (
    alone,
    floating_dtype,
    hints,
    on_meta,
    packages_of,
    prepared,
    symbol_of,
)
from fxflops.domain import Domain
from fxflops.errors import CaptureError, ModelError, SpecError, SpecialisedError
from fxflops.inputs import EXAMPLE, FLOATS, Frontend, InputSpec, TensorInput, parse, require_passes
from fxflops.passes import deploy as passes
from fxflops.passes.annotate import annotate
from fxflops.passes.count import count
from fxflops.passes.notes import notes
from fxflops.records import Analysis, Cost, total

Inputs = str | InputSpec | Tensor | Sequence[Tensor]
MULTIPLES = (2, 4, 8, 16, 32, 64)


def analyze(
    model: str | nn.Module,
    inputs: Inputs | None = None,
    *,
    defaults: Mapping[str, int] | None = None,
    dtype: str | None = None,
    frontend: Frontend = "auto",
    deploy: Sequence[str] = (),
) -> Analysis:
    """Derive what one call of ``model`` costs, as formulas of its input's free sizes.

    ``model`` is a name (see `fxflops.models`) or a module, which is not changed. ``inputs`` is an
    input spec (see `fxflops.inputs`), or example tensors, whose sizes are then fixed; a named
    model brings its own. ``defaults`` are sizes to trace with and to stand in for those not given
    later. ``dtype`` (``"float32"``, ``"float16"``, ``"bfloat16"``, …) is that of the weights and
    inputs, the model's own by default. The graph is that of inference, in eval mode.
    ``frontend`` chooses what captures it: ``"trace"``, ``"export"``, or ``"auto"``, which is the
    first with the second where that fails. ``deploy`` are passes that change it as deployment does
    (``fxflops.PASSES``): what they leave is counted, what they take out of a call is apart.

    Raises ModelError, SpecError, CaptureError.
    """
    with alone():
        return _analyze(model, inputs, defaults or {}, dtype, frontend, deploy)


def _analyze(
    model: str | nn.Module,
    inputs: Inputs | None,
    defaults: Mapping[str, int],
    dtype: str | None,
    frontend: Frontend,
    deploy: Sequence[str],
) -> Analysis:
    if dtype is not None and dtype not in FLOATS:
        raise SpecError(f"There is no dtype {dtype!r}. Known: {', '.join(FLOATS)}.")
    require_passes(deploy)
    named = _named(model)
    spec = _spec(inputs, named)
    known = {**named.defaults, **defaults}
    _require_names(spec, defaults, named.name)
    known = {axis.name: known[axis.name] for axis in spec.axes if axis.name in known}
    _require_axes(spec, known, named.name)
    module = models.build_empty(named)
    module = prepared(module, dtype) if named.is_new else on_meta(module, dtype)
    sizes = hints(spec, known)
    captured = _capture(module, spec, sizes, frontend)
    deployed = passes.deploy(captured, partial(_capture_with, module, spec, sizes), deploy)
    return Analysis(
        model=named.name,
        inputs=spec,
        domain=deployed.domain,
        nodes=deployed.nodes,
        module_types=captured.module_types,
        annotated=partial(annotate, deployed.capture.graph, deployed.nodes),
        frontend=captured.frontend,
        dtype=str(floating_dtype(module)).removeprefix("torch."),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        defaults=known,
        notes=notes(deployed.capture, deployed.nodes),
        packages=packages_of(module),
        applied=deployed.applied,
        once=deployed.once,
    )


def recount(model: nn.Module, inputs: InputSpec, sizes: Mapping[str, int]) -> Cost:
    """The cost of ``model``, on the meta device, counted at these sizes without any formula.

    It shares no shape rule with a formula, and so can be held against one.

    Raises CaptureError where the model does not run at them.
    """
    nodes = count(trace.capture(model, inputs.fixed(sizes), {}, with_rules=False))
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
        return _export(module, spec, sizes)
    try:
        return trace.capture(module, spec, sizes)
    except SpecialisedError:
        raise
    except CaptureError as error:
        _suggest_multiple(module, spec, error)
        if frontend == "trace":
            raise
        return _export(module, spec, sizes)


def _export(module: nn.Module, spec: InputSpec, sizes: Mapping[str, int]) -> Capture:
    from fxflops.capture import export  # takes long: it imports sympy and more

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


def _capture_with(
    module: nn.Module, spec: InputSpec, sizes: Mapping[str, int], fixed: Mapping[str, int]
) -> Capture | None:
    """The graph with some sizes fixed at their least, which often needs the others to be large."""
    for attempt in (_wide(sizes), sizes):
        try:
            return trace.capture(module, spec.fixed(fixed), attempt)
        except CaptureError:
            continue
    return None


def _wide(sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: 8 * size for name, size in sizes.items()}
