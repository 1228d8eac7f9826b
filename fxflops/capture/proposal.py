"""The input spec that works, for a model that does not take every size of the one it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from torch import nn

from fxflops.capture import Capture
from fxflops.capture.prepare import hints
from fxflops.errors import CaptureError
from fxflops.spec import Axis, InputSpec

Front: TypeAlias = Callable[..., Capture]

MULTIPLES = (2, 4, 8, 16, 32, 64)


def at_multiples(module: nn.Module, spec: InputSpec, front: Front) -> tuple[int, InputSpec] | None:
    """The least multiple at whose sizes the model can be captured, and the spec that says it."""
    for multiple in MULTIPLES:
        coarser = spec.with_multiple(multiple)
        if coarser != spec and _works(module, coarser, {}, front):
            return multiple, coarser
    return None


def at_fixed_sizes(
    module: nn.Module, spec: InputSpec, known: Mapping[str, int], front: Front
) -> InputSpec | None:
    """The spec with as few axes fixed as the model needs, each at its known or a usual size."""
    for fixed in _fewest_first(spec):
        sizes = {axis.name: known.get(axis.name, _usual(axis, spec)) for axis in fixed}
        narrower = spec.fixed(sizes)
        rest = {name: size for name, size in known.items() if name not in sizes}
        if _works(module, narrower, rest, front):
            return narrower
    return None


def _fewest_first(spec: InputSpec) -> Iterator[tuple[Axis, ...]]:
    """Each axis that does not lead a tensor, all of these, the leading ones, and all."""
    leading = {axis for tensor in spec.tensors for axis in tensor.axes[:1]}
    others = tuple(axis for axis in spec.axes if axis not in leading)
    first = tuple(axis for axis in spec.axes if axis in leading)
    groups = [*((axis,) for axis in others), others, first, spec.axes]
    yield from dict.fromkeys(group for group in groups if group)


def _usual(axis: Axis, spec: InputSpec) -> int:
    """The size that axes of its kind are traced at; the same one for height and width."""
    alone = InputSpec(
        tuple(
            type(t)(name=t.name, axes=tuple(a if a == axis else 1 for a in t.axes), dtype=t.dtype)
            for t in spec.tensors
        ),
        spec.past if spec.past == axis else None,
    )
    return hints(alone, {})[axis.name]


def _works(module: nn.Module, spec: InputSpec, known: Mapping[str, int], front: Front) -> bool:
    try:
        front(module, spec, hints(spec, known))
    except CaptureError:
        return False
    return True
