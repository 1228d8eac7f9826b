"""One model, counted and measured at the same size."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fxflops import models
from fxflops.capture.patches.module_state import restored_module_state
from fxflops.capture.prepare import failure, floating_dtype, on_meta
from fxflops.crosscheck.graph import counted_calls
from fxflops.crosscheck.measure import Kernels, measure
from fxflops.crosscheck.reconcile import Check, reconcile
from fxflops.errors import CheckError, FxflopsError
from fxflops.models.named import build, called, with_forward
from fxflops.pipeline import analyze
from fxflops.registry import family
from fxflops.spec import Axis, InputSpec

KERNELS: tuple[Kernels, ...] = ("math", "default")
SEED = 0


def check(
    model: str | nn.Module,
    inputs: str | None = None,
    *,
    sizes: Mapping[str, int],
    device: str = "cpu",
    dtype: str | None = None,
    repetitions: int = 3,
) -> Check:
    """Hold the formula of a model against what PyTorch's counters measure at ``sizes``.

    The model, a name or a module, which is not changed, runs in eval mode with its own weights on
    random finite input.

    Raises CheckError when the device is missing or the measurement fails, and what `analyze`
    raises.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise CheckError(
            'There is no CUDA device here: use device="cpu".',
            command_line="There is no CUDA device here: use --device cpu.",
        )
    analysis = analyze(model, inputs, defaults=sizes, dtype=dtype)
    values = analysis.values()
    at = {symbol.name: value * symbol.multiple for symbol, value in values.items()}
    torch.manual_seed(SEED)
    if isinstance(model, str):
        named = models.find(model)
        module = called(named, build(named), analysis.inputs)
    else:
        module = copy.deepcopy(model)
    module = module.eval().to(device)
    if dtype is not None:
        module = module.to(getattr(torch, dtype))
    module = with_forward(module, _anew)
    graph = counted_calls(on_meta(module), analysis.inputs, at)
    recurrent = any(family(call.named.call.op) == "recurrent" for call in graph)
    tensors = random_inputs(analysis.inputs, at, floating_dtype(module), device)
    nodes = [call.named for call in graph]
    try:
        measurements = [
            measure(
                module,
                tensors,
                nodes,
                kernels=kernels,
                recurrent=recurrent,
                repetitions=repetitions,
            )
            for kernels in KERNELS
        ]
    except FxflopsError:
        raise
    except Exception as error:
        raise CheckError(f"{analysis.model} does not run on {device}: {failure(error)}") from error
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


def _anew(original: Callable[..., Any], module: nn.Module, *tensors: Tensor) -> Any:
    """A call that does all of its work, whatever an earlier one has left."""
    with restored_module_state(module):
        return original(*tensors)


def random_inputs(
    inputs: InputSpec, sizes: Mapping[str, int], dtype: torch.dtype, device: str
) -> tuple[Tensor, ...]:
    """Finite inputs: normal numbers, and zeros where the spec asks for integers."""

    def tensor(axes: tuple[int | Axis, ...], kind: torch.dtype) -> Tensor:
        shape = tuple(sizes[axis.name] if isinstance(axis, Axis) else axis for axis in axes)
        if kind.is_floating_point:
            return torch.randn(shape, dtype=kind, device=device)
        return torch.zeros(shape, dtype=kind, device=device)

    return tuple(
        tensor(described.axes, getattr(torch, described.dtype) if described.dtype else dtype)
        for described in inputs.tensors
    )
