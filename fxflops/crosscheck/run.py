"""One model, counted and measured at the same size."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from typing import Any

import torch
from torch import Tensor, nn

from fxflops import models
from fxflops.analysis.records import Analysis
from fxflops.capture.data_sizes.sizes import Occurrences
from fxflops.capture.patches.data_sizes import as_captured
from fxflops.capture.patches.module_state import restored_without_calls, unchanged
from fxflops.capture.prepare import copied, failure, floating_dtype, on_meta, random_inputs
from fxflops.crosscheck.graph import CountedCall, counted_calls
from fxflops.crosscheck.measure import Kernels, Measurement, measure, runs
from fxflops.crosscheck.occurred import Occurred, occurred, values_of
from fxflops.crosscheck.reconcile import Check, reconcile
from fxflops.errors import CheckError, FxflopsError, SpecError
from fxflops.models.named import build, called, with_forward
from fxflops.models.sequences import of_whole_sequences
from fxflops.pipeline import analyze
from fxflops.registry import kind_of
from fxflops.reports.steps import Step, Steps
from fxflops.spec import InputSpec

KERNELS: tuple[Kernels, ...] = ("math", "default")
DEVICES = ("cpu", "cuda")
SEED = 0


def check(
    model: str | nn.Module,
    inputs: str | InputSpec | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    device: str = "cpu",
    dtype: str | None = None,
    repetitions: int = 3,
    progress: Callable[[Step], object] | None = None,
) -> Check:
    """Hold the formula of a model against what PyTorch's counters measure at ``sizes``.

    The model, a name or a module, which is not changed, runs in eval mode with its own weights on
    random finite input. ``inputs`` is an input spec; a named model brings its own, and its own
    sizes for those not in ``sizes``. ``device`` is ``"cpu"`` or ``"cuda"``. Each call is timed
    ``repetitions`` times. ``progress`` is called with what is done next, a string that
    has the ``number`` of the step, ``of`` how many, and the seconds ``elapsed`` and ``left``.

    Raises CheckError when the device is missing or the measurement fails, and what `analyze`
    raises. Sizes that data decide are those of the run.
    """
    if device not in DEVICES:
        raise SpecError(f"There is no device {device!r}. Known: {', '.join(DEVICES)}.")
    if repetitions < 1:
        raise SpecError(f"repetitions is {repetitions}: it must be 1 or more.")
    if device == "cuda" and not torch.cuda.is_available():
        raise CheckError(
            'There is no CUDA device here: use device="cpu".',
            command_line="There is no CUDA device here: use --device cpu.",
        )
    with unchanged(model):
        # What the model sets of the context it runs in is set in a copy of it.
        say = Steps(2 + len(KERNELS) * runs(repetitions), progress)
        return copy_context().run(_checked, model, inputs, sizes, device, dtype, repetitions, say)


def _checked(
    model: str | nn.Module,
    inputs: str | InputSpec | None,
    sizes: Mapping[str, int] | None,
    device: str,
    dtype: str | None,
    repetitions: int,
    say: Callable[[str], None],
) -> Check:
    say("capturing the model")
    analysis = analyze(model, inputs, defaults=sizes, dtype=dtype)
    if analysis.inputs.past is not None:
        raise CheckError("A call with a cache is not measured here: check one without a past.")
    values = analysis.values()
    at = {symbol.name: symbol.size_at(value) for symbol, value in values.items()}
    say("building the model with its weights")
    torch.manual_seed(SEED)
    if isinstance(model, str):
        named = models.find(model)
        module = called(named, build(named), analysis.inputs)
    else:
        module = of_whole_sequences(copied(model, lambda: copy.deepcopy(model)))
    module = module.eval().to(device)
    if dtype is not None:
        module = module.to(getattr(torch, dtype))
    module = with_forward(module, _anew)
    tensors = random_inputs(analysis.inputs, at, floating_dtype(module), device)
    with ExitStack() as stack:
        found: Occurrences | None = None
        if analysis.domain.data:
            say("reading the sizes that data decide")
            stack.enter_context(as_captured())
            data = _run_once(analysis, module, tensors)
            found = data.by_place
            values = analysis.values(at | values_of(data, analysis.domain, at))
            at = {symbol.name: symbol.size_at(value) for symbol, value in values.items()}
        graph = counted_calls(on_meta(module), analysis.inputs, at, found)
        measurements = _measured(analysis, module, tensors, graph, repetitions, say)
    return reconcile(
        model=analysis.model,
        dtype=analysis.dtype,
        at=at,
        formula=analysis.total.at(values),
        graph=graph,
        measurements=measurements,
        device=torch.cuda.get_device_name() if device == "cuda" else "cpu",
        version=torch.__version__,
    )


def _run_once(analysis: Analysis, module: nn.Module, tensors: tuple[Tensor, ...]) -> Occurred:
    """The sizes that data decide in a call of the model."""
    try:
        with torch.inference_mode():
            return occurred(lambda: module(*tensors))
    except Exception as error:
        raise CheckError(
            f"{analysis.model} does not run on {tensors[0].device.type}: {failure(error)}"
        ) from error


def _measured(
    analysis: Analysis,
    module: nn.Module,
    tensors: tuple[Tensor, ...],
    graph: Sequence[CountedCall],
    repetitions: int,
    say: Callable[[str], None],
) -> list[Measurement]:
    """The model under both counters, with each choice of kernels."""
    recurrent = any(kind_of(call.named.call.op) == "recurrent" for call in graph)
    nodes = [call.named for call in graph]
    try:
        measurements = []
        for kernels in KERNELS:
            measurements.append(
                measure(
                    module,
                    tensors,
                    nodes,
                    kernels=kernels,
                    recurrent=recurrent,
                    repetitions=repetitions,
                    say=say,
                )
            )
    except FxflopsError:
        raise
    except Exception as error:
        device = tensors[0].device.type
        raise CheckError(f"{analysis.model} does not run on {device}: {failure(error)}") from error
    return measurements


def _anew(original: Callable[..., Any], module: nn.Module, *tensors: Tensor) -> Any:
    """A call that does all of its work, whatever an earlier one has left."""
    with restored_without_calls(module):
        return original(*tensors)
