"""From a model to its analysis."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from fxflops import formulas, models
from fxflops.algebra import Dim
from fxflops.analysis import deployment as passes
from fxflops.analysis.annotate import annotate
from fxflops.analysis.causal.scores import leaving_hidden_scores, require_fewer_scores
from fxflops.analysis.count import CUT, DATA, NO_FORMULA
from fxflops.analysis.deployment import Deployed
from fxflops.analysis.memory import Recall
from fxflops.analysis.moved import moved_once
from fxflops.analysis.notes import notes
from fxflops.analysis.optimizer import OPTIMIZERS, step
from fxflops.analysis.records import Analysis
from fxflops.architecture.derived import Builder, derived
from fxflops.architecture.free import Free
from fxflops.architecture.freed import axes_of, freed, with_sizes
from fxflops.capture import Capture
from fxflops.capture import choose as frontends
from fxflops.capture.allocations import Log, log
from fxflops.capture.arguments import described, flattened
from fxflops.capture.backward import sum_of_outputs
from fxflops.capture.choose import Captured, FrontEnd
from fxflops.capture.patches.module_state import unchanged
from fxflops.capture.patches.process import paused_garbage_collection
from fxflops.capture.prepare import (
    alone,
    floating_dtype,
    hints,
    on_meta,
    packages_of,
    prepared,
    require_shapes,
    symbol_of,
)
from fxflops.capture.workspace import of_cpu
from fxflops.cost import CAUSAL, Causal
from fxflops.devices import Device
from fxflops.devices import device as find_device
from fxflops.domain import Domain
from fxflops.errors import (
    CaptureError,
    DomainError,
    ModelError,
    SpecError,
    SpecializationError,
)
from fxflops.figures import FIGURES
from fxflops.models import python
from fxflops.models.named import NamedModel, build_empty, by_name, called
from fxflops.passes import require_passes
from fxflops.passes.weights import weights
from fxflops.spec import EXAMPLE, FLOATS, Axis, Frontend, InputSpec, parse

Inputs = str | InputSpec | Tensor | Sequence[Tensor] | Sequence[int]
Loss: TypeAlias = Callable[[Any], Tensor]


def analyze(
    model: str | nn.Module | NamedModel | Callable[..., nn.Module],
    inputs: Inputs | None = None,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    defaults: Mapping[str, int] | None = None,
    dtype: str | None = None,
    frontend: Frontend = "auto",
    deploy: Sequence[str] = (),
    trust: bool = False,
    train: bool | str = False,
    loss: Loss | None = None,
    past: str | int | None = None,
    causal: Causal = "full",
    figures: Sequence[str] = (),
    threads: int | None = None,
    device: str | Device | None = None,
    free: Free | None = None,
) -> Analysis:
    """Derive what one call of ``model`` costs, as formulas of its input's free sizes.

    ``model`` is a name (see `fxflops.models`) or a module, which is not changed. ``inputs`` is an
    input spec (see `fxflops.spec`), a shape, or example tensors, whose sizes are then fixed; a
    named model brings its own. ``args``, in its place, and ``kwargs`` are those of a call, with
    tensors in them however nested, whose sizes are fixed likewise, or the spec of one in its place:
    ``kwargs={"batch": {"image": "N 3 H W"}}``. ``defaults`` are sizes to trace with and
    to stand in for those not given later. ``dtype`` (``"float32"``, ``"float16"``, ``"bfloat16"``,
    …) is that of the weights and inputs, the model's own by default. The graph is that of
    inference, in eval mode. ``frontend`` chooses what captures it: ``"trace"``, ``"export"``, or
    ``"auto"``, which is the first with the second where that fails. ``deploy`` are passes that
    change it as deployment does (``fxflops.PASSES``): what they leave is counted, what they take
    out of a call is apart. ``trust`` lets a saved program, ``model.pt2``, execute what is in its
    file, which otherwise is refused.

    With ``train``, it is the cost of a training step: the model in training mode, the ``loss`` of
    what it returns (by default the sum of all outputs), and the gradients of all parameters with
    ``requires_grad``. The step of an optimizer (``"sgd"``, ``"adamw"``) is apart.

    With ``past``, a symbol or a number, the model is called with a cache that holds so many
    positions, filled by the model itself; the input's tokens are those after them.

    Attention is charged all scores, as PyTorch charges it. With ``causal="half"``, those calls
    whose mask is known to be causal, or a window, are charged the scores that it leaves.

    ``figures``, such as ``("memory",)``, are those of `fxflops.figures` that are shown beside what
    every analysis has. ``threads`` are those of the CPU whose workspace is in the peak of memory,
    PyTorch's own by default. ``device``, a name or the path of a TOML file (`fxflops.devices`),
    adds the figure ``"roofline"``: what bounds the time of every call there.
    With ``free``, sizes of the model itself are symbols: ``"d=hidden_size%64"``, or a dict
    ``{"d": "hidden_size%64"}`` (see `fxflops.architecture.free`). The model is then a name, or a
    function that builds it, of whose parameters they are.

    Raises ModelError, SpecError, CaptureError.
    """
    _require_figures(figures, threads, deploy)
    if device is not None:
        device = find_device(device) if isinstance(device, str) else device
        if not isinstance(device, Device):
            raise SpecError(
                f"device must be a name or a Device, not of type {type(device).__name__}."
            )
        figures = (*(name for name in figures if name != "roofline"), "roofline")
    elif "roofline" in figures:
        raise SpecError('A roofline is that of a device: give one, such as device="h100_sxm".')
    _require_types(inputs, args, kwargs, defaults, frontend, deploy, train, loss, causal)
    with alone(), unchanged(model, args, kwargs, loss), paused_garbage_collection():
        if free is not None and not isinstance(model, nn.Module) and callable(model):
            model = python.of_function(getattr(model, "__name__", "the model"), model)
        named = _named(model, trust)
        if free is not None:
            named = freed(named, free)
        if named.hyper and figures:
            raise SpecError(
                f"There is no {' and '.join(figures)} of a model whose own sizes are free: leave "
                "out one of them."
            )
        if args is not None or kwargs is not None:
            named = _called_with(named, _arguments(inputs, args), dict(kwargs or {}))
            inputs = None
        if past is not None:
            inputs, named = _with_past(inputs, named, past)
        if not train:
            if loss is not None:
                raise SpecError("A loss is that of a training step: give train=True, too.")
            fronts = frontends.front_ends(frontend)
            analysis = _analyze(named, inputs, defaults or {}, dtype, fronts, deploy, causal=causal)
        else:
            front = _training(train, loss, frontend, deploy)
            analysis = _analyze(
                named, inputs, defaults or {}, dtype, [front], (), train, loss, causal
            )
        recall = analysis.recall and analysis.recall._replace(
            threads=threads or torch.get_num_threads()
        )
        analysis = replace(analysis, figures=tuple(figures), recall=recall, device=device)
        if figures:
            _ = analysis.report  # while the model is as it was found
        return analysis


def _require_figures(figures: object, threads: object, deploy: Sequence[str]) -> None:
    """Raises SpecError for figures that there are not, or not of a deployed graph."""
    if isinstance(figures, str) or not isinstance(figures, Sequence):
        raise SpecError('figures must be a tuple of names, such as ("memory",).')
    for name in figures:
        if name not in FIGURES:
            raise SpecError(f"There is no figure {name!r}. Known: {', '.join(FIGURES)}.")
    if threads is not None and (type(threads) is not int or threads < 1):
        raise SpecError(f"threads must be a positive integer, not {threads!r}.")
    if "memory" in figures and deploy:
        raise SpecError(
            "Memory is that of the model as it is called, not of a graph that passes have changed: "
            "leave out deploy, or memory."
        )


def _require_types(
    inputs: object,
    args: object,
    kwargs: object,
    defaults: object,
    frontend: object,
    deploy: object,
    train: object,
    loss: object,
    causal: object,
) -> None:
    """Raises SpecError that says which argument of `analyze` is of no kind that it takes."""

    def is_sequence(value: object) -> bool:
        return isinstance(value, Sequence) and not isinstance(value, str | bytes)

    if frontend not in frontends.CHOICES:
        known = ", ".join(frontends.CHOICES)
        raise SpecError(f"There is no front end {frontend!r}. Known: {known}.")
    required = (
        (
            inputs is None or isinstance(inputs, str | InputSpec | Tensor) or is_sequence(inputs),
            f"inputs must be a spec like {EXAMPLE}, a tensor or a list of them",
            inputs,
        ),
        (
            args is None or is_sequence(args),
            "args must be a tuple of a call's arguments, (x,) for one",
            args,
        ),
        (
            kwargs is None
            or (isinstance(kwargs, Mapping) and all(isinstance(name, str) for name in kwargs)),
            "kwargs must be a dict of a call's arguments by name",
            kwargs,
        ),
        (
            defaults is None or isinstance(defaults, Mapping),
            'defaults must be a dict of sizes by name, such as {"N": 1}',
            defaults,
        ),
        (
            is_sequence(deploy),
            "deploy must be a tuple of passes, all of them with deploy=fxflops.PASSES",
            deploy,
        ),
        (
            isinstance(train, bool | str),
            f"train must be True, or an optimizer ({', '.join(OPTIMIZERS)})",
            train,
        ),
        (causal in CAUSAL, f"causal must be {' or '.join(map(repr, CAUSAL))}", causal),
        (loss is None or callable(loss), "loss must be a function of the model's result", loss),
    )
    for is_met, what, given in required:
        if not is_met:
            kind = type(given).__name__
            shown = (
                repr(given) if isinstance(given, bool | int | float | str) else f"of type {kind}"
            )
            raise SpecError(f"{what}, not {shown}.")


def profile(model: str | nn.Module, inputs: Sequence[Any]) -> tuple[int, int]:
    """The multiply-adds of one call, and the model's parameters, as thop's function of this name.

    ``inputs`` are the arguments of the call. Multiply-adds are those of contractions (convolutions,
    matrix products, attention), exactly; thop itself counts some other operators, too, and misses
    functions that no module calls. Each parameter is counted once.

    Raises CaptureError where an operator is uncounted: the number would be too small.
    """
    analysis = analyze(model, args=tuple(inputs))
    if not analysis.complete:
        lacking = ", ".join(sorted({str(node.op) for node in analysis.uncounted}))
        raise CaptureError(
            f"{analysis.model} calls what has no formula, {lacking}: a number without it would be "
            "too small. Give it one, with fxflops.formula, or see print(fxflops.analyze(…))."
        )
    contraction = analysis.at().contraction
    assert isinstance(contraction, int)
    assert isinstance(analysis.parameters, int)
    return contraction // 2, analysis.parameters


def _training(
    train: bool | str, loss: Loss | None, frontend: Frontend, deploy: Sequence[str]
) -> FrontEnd:
    """What captures a training step. Raises SpecError for what does not go with one."""
    from fxflops.capture import backward

    if train is not True and train not in OPTIMIZERS:
        known = ", ".join(OPTIMIZERS)
        raise SpecError(f"The step of the optimizer {train!r} is not known. Known: {known}.")
    if deploy:
        raise SpecError("A deployed model is not trained: leave out deploy, or train.")
    if frontend == "export":
        raise SpecError("torch.export gives no gradients: for train the front end is trace.")
    capture = partial(backward.capture, loss=loss or backward.sum_of_outputs)
    return FrontEnd(name="trace", capture=capture, recapture=capture)


def _analyze(
    named: NamedModel,
    inputs: Inputs | None,
    defaults: Mapping[str, int],
    dtype: str | None,
    fronts: Sequence[FrontEnd],
    deploy: Sequence[str],
    train: bool | str = False,
    loss: Loss | None = None,
    causal: Causal = "full",
) -> Analysis:
    asked = named, fronts
    if dtype is not None and dtype not in FLOATS:
        raise SpecError(f"There is no dtype {dtype!r}. Known: {', '.join(FLOATS)}.")
    require_passes(deploy)
    if inputs is not None:
        named = replace(named, fixed={}, about="")
    spec = _spec(inputs, named)
    known = _sizes(spec, named, defaults)
    if spec.past is not None:
        fronts = _of_cached_calls(fronts, train)
    if causal == "half":
        fronts = [leaving_hidden_scores(front) for front in fronts]
    if named.hyper:
        usual = {**hints(spec, known), **known}
        named = with_sizes(named, {n: usual[n] for n in axes_of(named.hyper)})
    module = build_empty(named)
    require_shapes(module, named.name)
    module = prepared(module, dtype) if named.is_new else on_meta(module, dtype)
    if spec.past is not None and named.call is None:
        named = replace(named, call=by_name)
    module = called(named, module.train(bool(train)), spec)
    if named.hyper:
        proposed: list[tuple[InputSpec, Mapping[str, int]]] = [(spec, known)]
        if inputs is None and named.narrower:
            proposed = _proposed(spec, named, defaults)
        try:
            return _of_architecture(
                named, module, spec, proposed, fronts, deploy, dtype, train, causal
            )
        except SpecializationError as error:
            # At its own size the model takes another branch than at all others.
            axes = axes_of(named.hyper)
            beside = {n: known[n] + axes[n].multiple for n in error.names if n in axes}
            if beside.keys() == set(error.names) and beside.keys().isdisjoint(defaults):
                with contextlib.suppress(CaptureError, ModelError):
                    named, fronts = asked
                    sizes = {**defaults, **beside}
                    found = _analyze(
                        named, inputs, sizes, dtype, fronts, deploy, train, loss, causal
                    )
                    rest = {n: size for n, size in found.defaults.items() if n not in beside}
                    return replace(found, defaults=rest)
            raise SpecializationError(
                f"{error} If it is another size of the model that has this value, free it, too, by "
                "the same symbol."
            ) from error
    if inputs is None and (named.narrower or named.last_resort):
        captured, deployed, why = _first_of(module, spec, named, defaults, fronts, deploy)
    else:
        is_users = not (named.narrower or named.is_packaged)
        captured = frontends.capture(module, spec, known, fronts, is_users=is_users)
        why = None
        deployed = passes.deploy(captured.capture, captured.recapture, deploy)
    if causal == "half":
        require_fewer_scores(deployed.capture, named.name)
    said = named.notes
    if why is not None:
        said += (f"The sizes are those of {str(captured.spec)!r}, since of others: {why}",)
    learning = _trained(module, captured.capture) if train else []
    trained: Counter[int] = Counter()
    for parameter in learning:
        trained[parameter.element_size()] += parameter.numel()
    capture = deployed.capture
    parameters = weights(capture.graph, capture.read) if deploy else _parameters(module)
    return Analysis(
        model=named.name,
        inputs=captured.spec,
        domain=deployed.domain._replace(fixed={**named.fixed, **_fixed(spec, captured.spec)}),
        nodes=deployed.nodes,
        module_types=captured.capture.module_types,
        annotated=partial(annotate, deployed.capture.graph, deployed.nodes),
        frontend=captured.capture.frontend,
        dtype=str(floating_dtype(module)).removeprefix("torch."),
        parameters=sum(parameters.values(), 0),
        module_parameters=parameters,
        results=deployed.results,
        defaults=captured.sizes,
        notes=(*notes(deployed.capture, deployed.nodes), *said),
        packages=(*packages_of(module), *formulas.packages()),
        applied=deployed.applied,
        once=deployed.once,
        trained=sum(trained.values()) if train else None,
        optimizer=step(train, trained) if isinstance(train, str) else None,
        about=named.about if captured.spec == named.inputs else "",
        causal=causal,
        moving_once=partial(moved_once, deployed.capture),
        recall=None if deploy else _recall(module, captured, train, learning, loss),
    )


def _recall(
    module: nn.Module,
    captured: Captured,
    train: bool | str,
    trained: Sequence[nn.Parameter],
    loss: Loss | None,
) -> Recall:
    """How to log the allocations of the model as it was captured."""
    sizes = hints(captured.spec, captured.sizes)

    def relog(fixed: Mapping[str, int], threads: int) -> Log | None:
        try:
            with alone(), unchanged(module, loss), paused_garbage_collection():
                return log(
                    module,
                    captured.spec.fixed(fixed),
                    sizes,
                    workspace=of_cpu(threads),
                    mode=captured.mode,
                    loss=(loss or sum_of_outputs) if train else None,
                )
        except CaptureError:
            if not fixed:
                raise
            return None

    return Recall(
        module=module,
        relog=relog,
        threads=0,
        trained=tuple(trained),
        optimizer=train if isinstance(train, str) else None,
    )


def _first_of(
    module: nn.Module,
    widest: InputSpec,
    named: NamedModel,
    given: Mapping[str, int],
    fronts: Sequence[FrontEnd],
    deploy: Sequence[str],
) -> tuple[Captured, Deployed, CaptureError | None]:
    """`_first` of the specs of the model's source; of the last resort where those have none.

    Raises CaptureError: why the others have none, where the last has none, either.
    """
    try:
        return _first(module, _proposed(widest, named, given), fronts, deploy)
    except CaptureError as why:
        last = named.last_resort
        if last is None or not isinstance(why, SpecializationError):
            raise
        fixed = _fixed(widest, last)
        if not all(given.get(name, only) == only for name, only in fixed.items()):
            raise
        free = {name: size for name, size in given.items() if name not in fixed}
        try:
            found = _first(module, [(last, _sizes(last, named, free))], fronts, deploy)
        except CaptureError:
            raise why from None
        return found[0], found[1], why


def _of_architecture(
    named: NamedModel,
    module: nn.Module,
    spec: InputSpec,
    proposed: Sequence[tuple[InputSpec, Mapping[str, int]]],
    fronts: Sequence[FrontEnd],
    deploy: Sequence[str],
    dtype: str | None,
    train: bool | str,
    causal: Causal,
) -> Analysis:
    """The analysis of a model whose own sizes are free; ``module`` is one with its usual sizes."""
    recording = [front for front in fronts if not front.slow]
    if not recording:
        raise SpecError("torch.export builds no model: leave out the front end, or what is free.")
    builder = Builder(named, module, spec, dtype, bool(train))
    building = [builder.front(front) for front in recording]

    def first() -> Captured:
        if len(proposed) == 1:
            [(only, sizes)] = proposed
            spec = builder.spec(only)
            return frontends.capture(module, spec, sizes, building, is_users=False)
        found: list[Captured] = []
        failures: list[CaptureError] = []
        merged = [(builder.spec(one), sizes) for one, sizes in proposed]
        for captured in frontends.captures(module, merged, building):
            if isinstance(captured, CaptureError):
                failures.append(captured)
                continue
            names = captured.capture.domain.names
            sizes = {n: size for n, size in captured.sizes.items() if n in names}
            found.append(captured)
            if _outside(captured.capture.domain, sizes) is None:
                return captured
        if not found:
            raise failures[len(proposed) - 1]
        return found[0]

    def trained(module: nn.Module, captured: Capture) -> Sequence[Tensor]:
        return _trained(module, captured) if train else ()

    found = derived(builder, spec, first, deploy, trained)
    captured, deployed = found.captured, found.deployed
    capture = deployed.capture
    parameters = weights(capture.graph, capture.read) if deploy else found.parameters
    return Analysis(
        model=named.name,
        inputs=captured.spec,
        domain=deployed.domain._replace(fixed=_fixed(spec, captured.spec)),
        nodes=deployed.nodes,
        module_types=captured.capture.module_types,
        annotated=partial(annotate, capture.graph, deployed.nodes),
        frontend=capture.frontend,
        dtype=str(floating_dtype(capture.module or module)).removeprefix("torch."),
        parameters=sum(parameters.values(), 0),
        module_parameters=parameters,
        results=deployed.results,
        defaults=captured.sizes,
        notes=(*notes(capture, deployed.nodes), *named.notes, *found.notes),
        packages=(*packages_of(module), *formulas.packages()),
        applied=deployed.applied,
        once=deployed.once,
        trained=sum(found.trained.values(), 0) if train else None,
        optimizer=step(train, found.trained) if isinstance(train, str) else None,
        unproven=found.unproven,
        causal=causal,
    )


def _of_cached_calls(fronts: Sequence[FrontEnd], train: bool | str) -> Sequence[FrontEnd]:
    """The front ends that call a model with a cache. Raises SpecError where none of them does."""
    if train:
        raise SpecError("A training step has no past: leave out the past, or train.")
    recording = [front for front in fronts if not front.slow]
    if not recording:
        raise SpecError("torch.export takes no past here: leave out the front end, or the past.")
    return recording


def _proposed(
    widest: InputSpec, named: NamedModel, given: Mapping[str, int]
) -> list[tuple[InputSpec, Mapping[str, int]]]:
    """The specs of the model's source that have the sizes given, each with its sizes.

    Raises SpecError and DomainError for sizes that not even the first one has.
    """
    proposed: list[tuple[InputSpec, Mapping[str, int]]]
    proposed = [(widest, _sizes(widest, named, given))]
    for spec in named.narrower:
        fixed = _fixed(widest, spec)
        free = {name: size for name, size in given.items() if name not in fixed}
        if all(given.get(name, only) == only for name, only in fixed.items()):
            with contextlib.suppress(DomainError):
                proposed.append((spec, _sizes(spec, named, free)))
    return proposed


def _fixed(spec: InputSpec, narrower: InputSpec) -> dict[str, int]:
    """The sizes that ``spec`` leaves free and ``narrower`` fixes."""
    axes = (
        pair
        for tensors in zip(spec.tensors, narrower.tensors, strict=True)
        for pair in zip(*(tensor.axes for tensor in tensors), strict=True)
    )
    return {free.name: at for free, at in axes if isinstance(free, Axis) and isinstance(at, int)}


def _parameters(module: nn.Module) -> dict[str, Dim]:
    """The number of parameters of each module's own, a shared one where it is found first."""
    found: dict[str, Dim] = {}
    for name, parameter in module.named_parameters():
        path = name.rpartition(".")[0]
        found[path] = found.get(path, 0) + parameter.numel()
    return found


def _trained(module: nn.Module, captured: Capture) -> list[nn.Parameter]:
    """The parameters that get a gradient."""
    from fxflops.capture import backward

    return backward.trained(module, captured)


def _sizes(spec: InputSpec, named: NamedModel, given: Mapping[str, int]) -> dict[str, int]:
    """The model's own sizes of the free axes, and in their place those given.

    Raises SpecError and DomainError for given sizes that the spec does not have or excludes.
    """
    _require_fixed(given, named)
    given = {name: size for name, size in given.items() if name not in named.fixed}
    _require_names(spec, given, named.name)
    known = {**named.sizes(spec), **given}
    _require_axes(spec, known, named.name)
    return known


def _named(model: object, trust: bool) -> NamedModel:
    """The model under its name, which for a module is its type's."""
    if isinstance(model, NamedModel):
        return model
    if isinstance(model, str):
        return models.find(model, trust=trust)
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"The model must be a name or a torch.nn.Module, not of type {type(model).__name__}."
        )
    return NamedModel(name=type(model).__name__, build=lambda: model)


def _with_past(
    inputs: Inputs | None, named: NamedModel, past: str | int
) -> tuple[InputSpec | None, NamedModel]:
    """The input and the model's own specs, each with a cache that holds ``past`` positions."""
    if inputs is not None:
        return _spec(inputs, named).with_past(past), named
    narrower = tuple(spec.with_past(past) for spec in named.narrower)
    widest = _spec(None, named).with_past(past)
    return None, replace(named, inputs=widest, narrower=narrower, last_resort=None)


def _arguments(inputs: Inputs | None, args: Sequence[Any] | None) -> tuple[Any, ...]:
    """The arguments by position, of which ``inputs`` are another notation.

    Raises SpecError where both are given.
    """
    if inputs is None:
        return tuple(args or ())
    if args is not None:
        raise SpecError("Both inputs and args are given. Give one of them.")
    if isinstance(inputs, Tensor):
        return (inputs,)
    if isinstance(inputs, str):
        return parse(inputs).tensors
    return inputs.tensors if isinstance(inputs, InputSpec) else tuple(inputs)


def _called_with(named: NamedModel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NamedModel:
    """The model as it is called with these arguments, at the sizes of their tensors and specs."""
    spec, arrange = flattened(args, kwargs)
    return replace(
        named, inputs=spec, narrower=(), call=lambda module, inputs, tensors: arrange(tensors)
    )


def _spec(inputs: Inputs | None, named: NamedModel) -> InputSpec:
    """The input spec in whatever form it was given, with the model's own sizes that are free."""
    spec = _spec_of_inputs(inputs, named)
    return spec.with_hyper(named.hyper) if named.hyper and not spec.hyper else spec


def _spec_of_inputs(inputs: Inputs | None, named: NamedModel) -> InputSpec:
    if isinstance(inputs, InputSpec):
        return inputs
    if isinstance(inputs, str):
        return parse(inputs)
    if inputs is not None:
        given: list[Any] = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if given and all(type(size) is int for size in given):
            return parse(" ".join(map(str, given)))
        if not all(isinstance(tensor, Tensor) for tensor in given):
            raise SpecError(f"The inputs are neither tensors nor a spec like {EXAMPLE}.")
        return described(given)
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


def _require_fixed(sizes: Mapping[str, int], named: NamedModel) -> None:
    """Refuse another size than the one at which the model's own input has it."""
    for name, only in named.fixed.items():
        if sizes.get(name, only) != only:
            raise DomainError(
                f"Cannot count {named.name} at {name}={sizes[name]}: {name} is fixed at {only}."
            )


def _require_axes(spec: InputSpec, sizes: Mapping[str, int], name: str) -> None:
    """Refuse sizes that the spec itself excludes, before the work of a capture."""
    axes = [axis for axis in spec.axes if axis.name in sizes]
    least = {axis.name: symbol_of(axis).minimum for axis in axes}
    Domain(tuple(map(symbol_of, axes)), least=least).values(sizes, name)


def _first(
    module: nn.Module,
    proposed: Sequence[tuple[InputSpec, Mapping[str, int]]],
    fronts: Sequence[FrontEnd],
    deploy: Sequence[str],
) -> tuple[Captured, Deployed, CaptureError | None]:
    """The first capture that holds at the model's own sizes, and why none before it does.

    A call without a closed form over a free size is a reason to go on to where that size is fixed.
    Where none does, the first one that holds, or else the first one.

    Raises CaptureError for no capture: why the first front end has none with the narrowest spec,
    which is not for the sizes that were left free.
    """
    failures: list[CaptureError] = []
    found: tuple[Captured, Deployed, CaptureError | None] | None = None
    holds = False
    for captured in frontends.captures(module, proposed, fronts):
        if isinstance(captured, CaptureError):
            failures.append(captured)
            continue
        try:
            deployed = passes.deploy(captured.capture, captured.recapture, deploy)
        except CaptureError as error:
            failures.append(error)
            continue
        outside = _outside(deployed.domain, captured.sizes)
        lacking = outside or _unsized(deployed)
        is_narrower = captured.spec != proposed[0][0]
        so_far = captured, deployed, failures[0] if failures and is_narrower else None
        if lacking is None:
            return so_far
        if found is None or (outside is None and not holds):
            found, holds = so_far, outside is None
        failures.append(lacking)
    cut = frontends.partial_of(failures)
    if found is None and cut is not None:
        return cut, passes.deploy(cut.capture, cut.recapture, deploy), None
    if found is None:
        raise failures[len(proposed) - 1]
    return found


def _unsized(deployed: Deployed) -> CaptureError | None:
    """Which call is uncounted only because a size is free, and why."""
    for node in deployed.nodes:
        if node.unknown not in (None, NO_FORMULA, DATA) and not node.unknown.endswith(CUT):
            return CaptureError(f"{node.op} has {node.unknown} ({node.where}).")
    return None


def _outside(domain: Domain, sizes: Mapping[str, int]) -> CaptureError | None:
    """Why the formulas do not hold at these sizes."""
    if sizes.keys() < set(domain.input_names):
        return None
    try:
        domain.values(sizes, "the model")
    except DomainError as error:
        return CaptureError(str(error))
    return None
