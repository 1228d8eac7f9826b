"""One model, counted and measured at the same size."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fxflops import models
from fxflops.capture.prepare import failure, floating_dtype
from fxflops.crosscheck.measure import Attention, measure
from fxflops.crosscheck.reconcile import Check, reconcile
from fxflops.errors import CheckError, FxflopsError
from fxflops.inputs import Axis, InputSpec
from fxflops.pipeline import analyze

BACKENDS: tuple[Attention, ...] = ("math", "default")
SEED = 0


def check(
    model: str,
    inputs: str | None = None,
    *,
    sizes: Mapping[str, int],
    device: str = "cpu",
    dtype: str | None = None,
    repetitions: int = 3,
) -> Check:
    """Hold the formula of a named model against ``torch.profiler`` at ``sizes``.

    Raises CheckError when the device is missing or the measurement fails, and what `analyze`
    raises.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise CheckError("There is no CUDA device here: use --device cpu.")
    analysis = analyze(model, inputs, defaults=sizes, dtype=dtype)
    values = analysis.values()
    at = {symbol.name: value * symbol.multiple for symbol, value in values.items()}
    torch.manual_seed(SEED)
    module = models.build(models.find(model)).eval().to(device)
    if dtype is not None:
        module = module.to(getattr(torch, dtype))
    tensors = random_inputs(analysis.inputs, at, floating_dtype(module), device)
    try:
        measurements = tuple(
            measure(module, tensors, attention=attention, repetitions=repetitions)
            for attention in BACKENDS
        )
    except FxflopsError:
        raise
    except Exception as error:
        raise CheckError(f"{model} does not run on {device}: {failure(error)}") from error
    return reconcile(
        analysis,
        at,
        measurements,
        device=torch.cuda.get_device_name() if device == "cuda" else "cpu",
        version=torch.__version__,
    )


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
