"""From a model to its analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from torch import Tensor, nn

from fxflops import formulas, models
from fxflops.arguments import flattened
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
from fxflops.closed_form import relation_text
from fxflops.cost import Cost, total
from fxflops.domain import Domain
from fxflops.errors import CaptureError, ModelError, SpecError, SpecialisedError
from fxflops.inputs import EXAMPLE, FLOATS, Frontend, InputSpec, parse
from fxflops.models.named import NamedModel, build_empty, called
from fxflops.optimizer import OPTIMIZERS, step
from fxflops.passes import deploy as passes
from fxflops.passes import require_passes
from fxflops.passes.annotate import annotate
from fxflops.passes.count import count
from fxflops.passes.notes import notes
from fxflops.proposal import at_fixed_sizes, at_multiples
from fxflops.records import Analysis

Inputs = str | InputSpec | Tensor | Sequence[Tensor]
Front: TypeAlias = Callable[[nn.Module, InputSpec, Mapping[str, int]], Capture]
Loss: TypeAlias = Callable[[Any], Tensor]


def analyze(
    model: str | nn.Module,
    inputs: Inputs | None = None,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    defaults: Mapping[str, int] | None = None,
    dtype: str | None = None,
    frontend: Frontend = "auto",
    deploy: Sequence[str] = (),
    train: bool | str = False,
    loss: Loss | None = None,
) -> Analysis:
    """Derive what one call of ``model`` costs, as formulas of its input's free sizes.

    ``model`` is a name (see `fxflops.models`) or a module, which is not changed. ``inputs`` is an
    input spec (see `fxflops.inputs`), or example tensors, whose sizes are then fixed; a named
    model brings its own. In its place, ``args`` and ``kwargs`` are those of a call, with tensors
    in them however nested, whose sizes are fixed likewise. ``defaults`` are sizes to trace with and
    to stand in for those not given later. ``dtype`` (``"float32"``, ``"float16"``, ``"bfloat16"``,
    …) is that of the weights and inputs, the model's own by default. The graph is that of
    inference, in eval mode. ``frontend`` chooses what captures it: ``"trace"``, ``"export"``, or
    ``"auto"``, which is the first with the second where that fails. ``deploy`` are passes that
    change it as deployment does (``fxflops.PASSES``): what they leave is counted, what they take
    out of a call is apart.

    With ``train``, it is the cost of a training step: the model in training mode, the ``loss`` of
    what it returns (by default the sum of all outputs), and the gradients of all parameters with
    ``requires_grad``. The step of an optimiser (``"sgd"``, ``"adamw"``) is apart.

    Raises ModelError, SpecError, CaptureError.
    """
    with alone():
        named = _named(model)
        if args is not None or kwargs is not None:
            if inputs is not None:
                raise SpecError("Both inputs and args or kwargs are given. Give one of them.")
            named = _called_with(named, tuple(args or ()), dict(kwargs or {}))
        if not train:
            if loss is not None:
                raise SpecError("A loss is that of a training step: give train=True, too.")
            return _analyze(named, inputs, defaults or {}, dtype, frontend, deploy)
        front = _training(train, loss, frontend, deploy)
        return _analyze(named, inputs, defaults or {}, dtype, "trace", (), front, train)


def _training(
    train: bool | str, loss: Loss | None, frontend: Frontend, deploy: Sequence[str]
) -> Front:
    """What captures a training step. Raises SpecError for what does not go with one."""
    from fxflops.capture import backward

    if train is not True and train not in OPTIMIZERS:
        known = ", ".join(OPTIMIZERS)
        raise SpecError(f"The step of the optimiser {train!r} is not known. Known: {known}.")
    if deploy:
        raise SpecError("A deployed model is not trained: leave out deploy, or train.")
    if frontend == "export":
        raise SpecError("torch.export gives no gradients: for train the front end is trace.")
    return partial(backward.capture, loss=loss or backward.sum_of_outputs)


def _analyze(
    named: NamedModel,
    inputs: Inputs | None,
    defaults: Mapping[str, int],
    dtype: str | None,
    frontend: Frontend,
    deploy: Sequence[str],
    front: Front | None = None,
    train: bool | str = False,
) -> Analysis:
    if dtype is not None and dtype not in FLOATS:
        raise SpecError(f"There is no dtype {dtype!r}. Known: {', '.join(FLOATS)}.")
    require_passes(deploy)
    spec = _spec(inputs, named)
    known = _sizes(spec, named, defaults)
    module = build_empty(named)
    module = prepared(module, dtype) if named.is_new else on_meta(module, dtype)
    module = called(named, module.train(bool(train)), spec)
    front = front or trace.capture
    said: tuple[str, ...] = named.notes
    if inputs is None and named.narrower:
        captured, chosen, why = _first(module, named, defaults, frontend, front)
        if why is not None:
            spec, known = chosen, _sizes(chosen, named, defaults)
            said = (*said, f"The sizes are those of {str(spec)!r}, since of others: {why}")
    else:
        captured = _capture(module, spec, known, frontend, front)
    capture_at = partial(_capture_with, module, spec, hints(spec, known), front)
    deployed = passes.deploy(captured, capture_at, deploy)
    trained = _trained(module, captured) if train else []
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
        notes=(*notes(deployed.capture, deployed.nodes), *said),
        packages=(*packages_of(module), *formulas.packages()),
        applied=deployed.applied,
        once=deployed.once,
        trained=sum(parameter.numel() for parameter in trained) if train else None,
        optimizer=step(train, trained) if isinstance(train, str) else None,
    )


def _trained(module: nn.Module, captured: Capture) -> list[nn.Parameter]:
    """The parameters that get a gradient."""
    from fxflops.capture import backward

    return backward.trained(module, captured)


def _sizes(spec: InputSpec, named: NamedModel, given: Mapping[str, int]) -> dict[str, int]:
    """The model's own sizes of the free axes, and in their place those given.

    Raises SpecError and DomainError for given sizes that the spec does not have or excludes.
    """
    _require_names(spec, given, named.name)
    known = {**named.defaults, **given}
    known = {axis.name: known[axis.name] for axis in spec.axes if axis.name in known}
    _require_axes(spec, known, named.name)
    return known


def recount(
    model: nn.Module, inputs: InputSpec, sizes: Mapping[str, int], loss: Loss | None = None
) -> Cost:
    """The cost of ``model``, on the meta device, counted at these sizes without any formula.

    With a ``loss``, that of a training step; the model is in training mode then. It shares no shape
    rule with a formula, and so can be held against one.

    Raises CaptureError where the model does not run at them.
    """
    if loss is None:
        captured = trace.capture(model, inputs.fixed(sizes), {}, with_rules=False)
    else:
        from fxflops.capture import backward

        captured = backward.capture(model, inputs.fixed(sizes), {}, loss=loss, with_rules=False)
    return total(node.cost for node in count(captured) if node.cost)


def _named(model: str | nn.Module) -> NamedModel:
    """The model under its name, which for a module is its type's."""
    if isinstance(model, str):
        return models.find(model)
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"A {type(model).__name__} is neither a model's name nor a torch.nn.Module."
        )
    return NamedModel(name=type(model).__name__, build=lambda: model)


def _called_with(named: NamedModel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NamedModel:
    """The model as it is called with these arguments, at the sizes of their tensors."""
    spec, arrange = flattened(args, kwargs)
    return replace(
        named, inputs=spec, narrower=(), call=lambda module, inputs, tensors: arrange(tensors)
    )


def _spec(inputs: Inputs | None, named: NamedModel) -> InputSpec:
    """The input spec in whatever form it was given."""
    if isinstance(inputs, InputSpec):
        return inputs
    if isinstance(inputs, str):
        return parse(inputs)
    if inputs is not None:
        tensors = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if not all(isinstance(tensor, Tensor) for tensor in tensors):
            raise SpecError(f"The inputs are neither tensors nor a spec like {EXAMPLE}.")
        return flattened(tuple(tensors), {})[0]
    if named.inputs is None:
        raise SpecError(f"{named.name} says nothing of its input: give a spec like {EXAMPLE}.")
    return named.inputs


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


def _first(
    module: nn.Module,
    named: NamedModel,
    given: Mapping[str, int],
    frontend: Frontend,
    traced: Front,
) -> tuple[Capture, InputSpec, CaptureError | None]:
    """The capture with the first of the model's own specs that works, and why none before did."""
    assert named.inputs is not None
    failure: CaptureError | None = None
    fronts = {"auto": (traced, _export), "trace": (traced,), "export": (_export,)}
    for front in fronts[frontend]:
        for spec in (named.inputs, *named.narrower):
            try:
                sizes = hints(spec, _sizes(spec, named, given))
                captured = front(module, spec, sizes)
            except CaptureError as error:
                failure = failure or error
                continue
            outside = _outside(captured, _sizes(spec, named, given))
            if outside and spec is not named.narrower[-1]:
                failure = failure or outside
                continue
            return captured, spec, None if spec is named.inputs else failure
    assert failure is not None
    raise failure


def _outside(captured: Capture, known: Mapping[str, int]) -> CaptureError | None:
    """Why the capture does not hold at the model's own sizes, those of 1 left aside."""
    values = {s: known.get(s.name, 0) // s.multiple for s in captured.domain.symbols}
    if not all(values.values()):
        return None
    for relation in captured.domain.relations:
        if not relation.holds(values):
            text = relation_text(relation.value, relation.sign)
            return CaptureError(f"The graph is another one where {text} does not hold.")
    return None


def _capture(
    module: nn.Module,
    spec: InputSpec,
    known: Mapping[str, int],
    frontend: Frontend,
    traced: Front,
) -> Capture:
    """The capture with a spec that the user chose; where there is none, the spec that works."""
    sizes = hints(spec, known)
    failure: CaptureError
    if frontend != "export":
        try:
            return traced(module, spec, sizes)
        except SpecialisedError as error:
            raise _proposing(at_fixed_sizes(module, spec, known, traced), error, spec) from error
        except CaptureError as error:
            failure = error
        coarser = at_multiples(module, spec, traced)
        if coarser is not None:
            raise CaptureError(
                f"The model does not run at every size of {str(spec)!r}, but at multiples of "
                f"{coarser[0]}: give the input {str(coarser[1])!r}."
            ) from failure
    if frontend != "trace":
        try:
            return _export(module, spec, sizes)
        except CaptureError as error:
            failure = error if frontend == "export" else failure
    raise _proposing(at_fixed_sizes(module, spec, known, traced), failure, spec) from failure


def _proposing(working: InputSpec | None, error: CaptureError, spec: InputSpec) -> CaptureError:
    """``error`` with the spec that works, if one is known."""
    if working is None:
        return error
    return type(error)(f"{error} It works with the input {str(working)!r}.")


def _export(module: nn.Module, spec: InputSpec, sizes: Mapping[str, int]) -> Capture:
    from fxflops.capture import export  # takes long: it imports sympy and more

    return export.capture(module, spec, sizes)


def _capture_with(
    module: nn.Module,
    spec: InputSpec,
    sizes: Mapping[str, int],
    traced: Front,
    fixed: Mapping[str, int],
) -> Capture | None:
    """The graph with some sizes fixed at their least, which often needs the others to be large."""
    for attempt in (_wide(sizes), sizes):
        try:
            return traced(module, spec.fixed(fixed), attempt)
        except CaptureError:
            continue
    return None


def _wide(sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: 8 * size for name, size in sizes.items()}
