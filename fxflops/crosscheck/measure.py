"""A model's FLOPs and times as ``torch.profiler`` measures them."""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile

from fxflops.errors import CheckError

Attention = Literal["default", "math"]
WARM_UPS = 1
FUSED_ATTENTION = re.compile(r"aten::_scaled_dot_product_(?!attention_math)\w*attention\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What the profiler saw in every repetition, and the median time of a call.

    ``flops`` are by the profiler's name of the event, such as ``aten::conv2d``; ``fused_attention``
    is how many times a fused attention kernel ran, whose products the profiler does not see.
    """

    attention: Attention
    flops: Mapping[str, int]
    fused_attention: int
    seconds: float
    repetitions: int


def measure(
    model: nn.Module, inputs: tuple[Tensor, ...], *, attention: Attention, repetitions: int
) -> Measurement:
    """Profile ``repetitions`` calls of ``model`` after a warm-up, attention by that backend.

    ``"default"`` lets PyTorch choose a kernel, fused where it has one; ``"math"`` spells
    attention out as matrix products, which the profiler can count.

    Raises CheckError when the FLOPs of two repetitions differ, or an output is not finite.
    """
    device = inputs[0].device
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    seen: list[tuple[dict[str, int], int]] = []
    seconds: list[float] = []
    with torch.inference_mode(), _backend(attention):
        for _ in range(WARM_UPS):
            _require_finite(model(*inputs))
        for _ in range(repetitions):
            seconds.append(_timed(model, inputs, device))
            with profile(activities=activities, record_shapes=True, with_flops=True) as profiler:
                model(*inputs)
                _synchronise(device)
            seen.append(_flops(profiler))
    flops, fused = seen[0]
    if any(other != seen[0] for other in seen):
        raise CheckError("The profiler counted other FLOPs in another repetition of the same call.")
    return Measurement(
        attention=attention,
        flops=flops,
        fused_attention=fused,
        seconds=statistics.median(seconds),
        repetitions=repetitions,
    )


def _flops(profiler: profile) -> tuple[dict[str, int], int]:
    """FLOPs by event name, and the number of fused attention kernels."""
    flops = Counter[str]()
    fused = 0
    for event in profiler.events() or ():  # type: ignore[no-untyped-call]
        flops[event.name] += event.flops or 0
        fused += bool(FUSED_ATTENTION.fullmatch(event.name))
    return dict(+flops), fused


def _backend(attention: Attention) -> AbstractContextManager[None]:
    return sdpa_kernel(SDPBackend.MATH) if attention == "math" else nullcontext()


def _timed(model: nn.Module, inputs: tuple[Tensor, ...], device: torch.device) -> float:
    """The wall time of one call without the profiler [s]."""
    _synchronise(device)
    start = time.perf_counter()
    model(*inputs)
    _synchronise(device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _require_finite(outputs: object) -> None:
    from torch.utils._pytree import tree_leaves  # private: the nesting of a model's outputs

    for output in tree_leaves(outputs):
        real = isinstance(output, Tensor) and output.is_floating_point()
        if real and not bool(torch.isfinite(output).all()):
            raise CheckError("The model's output is not finite; nothing measured on it counts.")
