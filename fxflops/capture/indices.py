"""Positions that run out: what is known of the values of integer tensors, and where they index.

Meta tensors have no values, but those of ``torch.arange`` and of what is computed from it are known
as formulas of the sizes. Where such a tensor indexes, that its largest value is below the number of
rows is a condition of the domain: a table of 512 positions has no row for the 513th. Of other
indices nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from fxflops.capture.calls import aliases
from fxflops.capture.meta_kernels.forward import _is_one, _is_same_shape

Size: TypeAlias = int | torch.SymInt

aten = torch.ops.aten


class Values(NamedTuple):
    """The least and the largest value of a tensor, None where they have an unknown offset.

    ``spread`` is their difference, None if that is not known either. ``is_ramp`` says that the
    tensor is one row of consecutive numbers; ``at_most`` is a number that none exceeds.
    """

    low: Size | None
    high: Size | None
    spread: Size | None
    is_ramp: bool = False
    at_most: int | None = None


class Indices:
    """The integer tensors of one capture whose values are known."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Tensor, Values]] = {}

    def require(self, func: Any, args: Sequence[Any]) -> None:
        """Compare the indices of a call with the sizes that they index.

        Raises IndexError, as PyTorch would, where they run out.
        """
        if self._known and func in INDEXING:
            for size, index in INDEXING[func](*args):
                if (
                    isinstance(index, Tensor)
                    and id(index) in self._known
                    and 0 not in _fixed(index)
                ):
                    _require(size, self._known[id(index)][1])

    def follow(self, func: Any, args: Sequence[Any], kwargs: Any, result: Any) -> None:
        """Note what the call makes of values that are known."""
        if func in MESHES:
            for made, ticks in zip(result, args[0], strict=True):
                self._note(made, _repeated(self._of, made, ticks))
            return
        if func in IN_PLACE:
            values = self._of(args[0]) and IN_PLACE[func](self._of, result, *args, **kwargs)
            self._forget(args[0])
        elif func._schema.is_mutable:
            if args and isinstance(args[0], Tensor):
                self._forget(args[0])
            return
        else:
            rule = FOLLOWED.get(func)
            values = rule and rule(self._of, result, *args, **kwargs)
        self._note(result, values)

    def _note(self, result: Any, values: Values | None) -> None:
        if values and isinstance(result, Tensor) and result.dtype != torch.bool:
            self._known[id(result)] = result, values

    def _of(self, value: Any) -> Values | None:
        if isinstance(value, (int, torch.SymInt)) and not isinstance(value, bool):
            return Values(value, value, 0)
        known = self._known.get(id(value))
        return known and known[1]

    def _forget(self, changed: Tensor) -> None:
        for key, (tensor, _) in list(self._known.items()):
            if aliases(tensor, changed):
                del self._known[key]


Known: TypeAlias = Callable[[Any], Values | None]


def _fixed(tensor: Tensor) -> list[int]:
    """The sizes that are no formulas; where one is 0, there are no elements."""
    return [size for size in tensor.shape if isinstance(size, int)]


def _require(size: Size, values: Values) -> None:
    if values.at_most is not None and isinstance(size, int) and values.at_most < size:
        return
    last = values.spread if values.high is None else values.high
    if last is not None and not last < size:
        raise IndexError(f"index {last} is out of bounds for an axis of size {size}")


# What follows from a call: each rule is given what is known of a tensor, the result, the arguments.


def _constant(value: Any) -> Values | None:
    is_integer = isinstance(value, (int, torch.SymInt)) and not isinstance(value, bool)
    return Values(value, value, 0) if is_integer else None


def _arange(known: Known, result: Tensor, *bounds: Any, **_: Any) -> Values | None:
    start, step = (bounds[0] if len(bounds) > 1 else 0), (bounds[2] if len(bounds) > 2 else 1)
    if not isinstance(start, (int, torch.SymInt)) or not isinstance(step, int) or step == 0:
        return None
    spread = abs(step) * (result.shape[0] - 1)
    last = start + spread if step > 0 else start - spread
    low, high = (start, last) if step > 0 else (last, start)
    return Values(low, high, spread, step == 1)


def _zeros(known: Known, result: Tensor, *_: Any, **__: Any) -> Values | None:
    return None if result.is_floating_point() else Values(0, 0, 0)


def _ones(known: Known, result: Tensor, *_: Any, **__: Any) -> Values | None:
    return None if result.is_floating_point() else Values(1, 1, 0)


def _full(known: Known, result: Tensor, _: Any, fill: Any, **__: Any) -> Values | None:
    return None if result.is_floating_point() else _constant(fill)


def _same(known: Known, result: Tensor, input: Tensor, *_: Any, **__: Any) -> Values | None:
    values = known(input)
    return values and values._replace(is_ramp=values.is_ramp and result.dim() == 1)


def _repeated(known: Known, result: Tensor, input: Tensor, *_: Any) -> Values | None:
    values = known(input)
    return values and values._replace(is_ramp=False)


def _slice(
    known: Known,
    result: Tensor,
    input: Tensor,
    dim: int = 0,
    start: Any = None,
    end: Any = None,
    step: int = 1,
) -> Values | None:
    values = known(input)
    if values is None or _is_same_shape(result.shape, input.shape):
        return values
    if not values.is_ramp or step != 1 or values.low is None:
        return None
    first = 0 if start is None else start
    low = values.low + (first + input.shape[0] if first < 0 else first)
    spread = result.shape[0] - 1
    return Values(low, low + spread, spread, True)


def _select(known: Known, result: Tensor, input: Tensor, dim: int, index: Size) -> Values | None:
    values = known(input)
    if values is None or not values.is_ramp or values.low is None:
        return None
    at = values.low + (index + input.shape[0] if index < 0 else index)
    return Values(at, at, 0)


def _add(
    known: Known, result: Tensor, left: Tensor, right: Any, *, alpha: Any = 1
) -> Values | None:
    return _sum(known, result, left, right, 1) if alpha == 1 else None


def _sub(
    known: Known, result: Tensor, left: Tensor, right: Any, *, alpha: Any = 1
) -> Values | None:
    return _sum(known, result, left, right, -1) if alpha == 1 else None


def _sum(known: Known, result: Tensor, left: Any, right: Any, sign: int) -> Values | None:
    """Of values that vary along different axes, so that both are largest somewhere."""
    pair = [known(left), known(right)]
    tensors = [t for t in (left, right) if isinstance(t, Tensor)]
    if not _vary_apart(tensors):
        return None
    if None in pair:  # an unknown number, the same for all
        index = pair.index(None)
        other, number = pair[1 - index], (left, right)[index]
        if other is None or not isinstance(number, Tensor) or not all(map(_is_one, number.shape)):
            return None
        is_ramp = other.is_ramp and result.dim() == 1 and (sign > 0 or index == 1)
        return Values(None, None, other.spread, is_ramp) if not number.is_floating_point() else None
    first, second = pair
    if first is None or second is None or first.spread is None or second.spread is None:
        return None
    spread = first.spread + second.spread
    is_ramp = result.dim() == 1 and (
        (first.is_ramp and _is_zero(second.spread))
        or (sign > 0 and second.is_ramp and _is_zero(first.spread))
    )
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Values(None, None, spread, is_ramp)
    low = first.low + (second.low if sign > 0 else -second.high)
    return Values(low, low + spread, spread, is_ramp)


def _vary_apart(tensors: Sequence[Tensor]) -> bool:
    if len(tensors) < 2:
        return True
    shapes = [list(reversed(tensor.shape)) for tensor in tensors]
    return all(_is_one(a) or _is_one(b) for a, b in zip(*shapes, strict=False))


def _is_zero(value: Size) -> bool:
    return isinstance(value, int) and value == 0


def _mul(known: Known, result: Tensor, left: Any, right: Any) -> Values | None:
    values, factor = (known(left), right) if isinstance(left, Tensor) else (known(right), left)
    if values is None or not isinstance(factor, (int, torch.SymInt)) or not factor > 0:
        return None
    return _mapped(values, lambda value: value * factor)


def _floor_divided(
    known: Known, result: Tensor, left: Tensor, right: Any, *, rounding_mode: str = "floor"
) -> Values | None:
    values = known(left)
    if values is None or not isinstance(right, int) or right < 1 or rounding_mode != "floor":
        return None
    return None if values.low is None else _mapped(values, lambda value: value // right)


def _clamp(
    known: Known, result: Tensor, input: Tensor, min: Any = None, max: Any = None
) -> Values | None:
    values = known(input)
    if values is None or values.low is None:
        return None
    if not all(bound is None or isinstance(bound, int) for bound in (min, max)):
        return None

    def clamped(value: Size) -> Size:
        value = value if min is None else torch.sym_max(value, min)
        return value if max is None else torch.sym_min(value, max)

    return _mapped(values, clamped)._replace(at_most=max)


def _mapped(values: Values, function: Callable[[Size], Size]) -> Values:
    """The values of a function that is nowhere decreasing."""
    if values.low is None or values.high is None:
        return Values(None, None, None if values.spread is None else function(values.spread))
    low, high = function(values.low), function(values.high)
    return Values(low, high, high - low)


def _joined(known: Known, result: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> Values | None:
    low: Size | None = None
    high: Size | None = None
    for values in map(known, tensors):
        if values is None or values.low is None or values.high is None:
            return None
        low = values.low if low is None else torch.sym_min(low, values.low)
        high = values.high if high is None else torch.sym_max(high, values.high)
    return None if low is None or high is None else Values(low, high, high - low)


SAME = (
    aten._to_copy.default,
    aten._unsafe_view.default,
    aten.alias.default,
    aten.clone.default,
    aten.contiguous.default,
    aten.detach.default,
    aten.detach_.default,
    aten.lift_fresh.default,
    aten.to.device,
    aten.to.dtype,
    aten.to.dtype_layout,
    aten.to.other,
)
REPEATED = (
    aten.broadcast_to.default,
    aten.expand.default,
    aten.expand_as.default,
    aten.flatten.using_ints,
    aten.flip.default,
    aten.movedim.int,
    aten.permute.default,
    aten.repeat.default,
    aten.reshape.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.t.default,
    aten.transpose.int,
    aten.unflatten.int,
    aten.unsqueeze.default,
    aten.view.default,
    aten.view_as.default,
)
"""Operators whose results have the values of their argument."""

FOLLOWED: dict[Any, Callable[..., Values | None]] = {
    **dict.fromkeys(SAME, _same),
    **dict.fromkeys(REPEATED, _repeated),
    aten.add.Tensor: _add,
    aten.arange.default: _arange,
    aten.arange.start: _arange,
    aten.arange.start_step: _arange,
    aten.cat.default: _joined,
    aten.clamp.default: _clamp,
    aten.clamp_max.default: lambda known, result, input, max: _clamp(known, result, input, max=max),
    aten.clamp_min.default: lambda known, result, input, min: _clamp(known, result, input, min=min),
    aten.div.Tensor_mode: _floor_divided,
    aten.floor_divide.Scalar: _floor_divided,
    aten.floor_divide.default: _floor_divided,
    aten.full.default: _full,
    aten.full_like.default: _full,
    aten.mul.Tensor: _mul,
    aten.new_full.default: lambda known, result, _, size, fill, **__: _constant(fill),
    aten.ones.default: _ones,
    aten.select.int: _select,
    aten.slice.Tensor: _slice,
    aten.stack.default: _joined,
    aten.sub.Tensor: _sub,
    aten.zeros.default: _zeros,
    aten.zeros_like.default: _zeros,
}
IN_PLACE: dict[Any, Callable[..., Values | None]] = {
    aten.add_.Tensor: _add,
    aten.detach_.default: _same,
    aten.mul_.Tensor: _mul,
    aten.sub_.Tensor: _sub,
}

MESHES = {aten.meshgrid.default, aten.meshgrid.indexing}

Pairs: TypeAlias = Iterable[tuple[Size, Any]]


def _rows(weight: Tensor, index: Tensor, *_: Any) -> Pairs:
    return [(weight.shape[0], index)]


def _along(input: Tensor, dim: int, index: Tensor, *_: Any) -> Pairs:
    return [(input.shape[dim], index)] if input.dim() else []


def _each(input: Tensor, indices: Sequence[Tensor | None], *_: Any) -> Pairs:
    return zip(input.shape, indices, strict=False)


def _flat(input: Tensor, index: Tensor, *_: Any) -> Pairs:
    return [(input.numel(), index)]


INDEXING: dict[Any, Callable[..., Pairs]] = {
    aten.embedding.default: _rows,
    aten.embedding_bag.default: _rows,
    aten.embedding_bag.padding_idx: _rows,
    aten.gather.default: _along,
    aten.index.Tensor: _each,
    aten.index_add.default: _along,
    aten.index_add_.default: _along,
    aten.index_copy.default: _along,
    aten.index_copy_.default: _along,
    aten.index_fill.int_Scalar: _along,
    aten.index_fill_.int_Scalar: _along,
    aten.index_put.default: _each,
    aten.index_put_.default: _each,
    aten.index_select.default: _along,
    aten.put_.default: _flat,
    aten.scatter.src: _along,
    aten.scatter.value: _along,
    aten.scatter_.src: _along,
    aten.scatter_.value: _along,
    aten.scatter_add.default: _along,
    aten.scatter_add_.default: _along,
    aten.take.default: _flat,
    aten.take_along_dim.default: lambda input, index, dim=None, *_: (
        [] if dim is None else _along(input, dim, index)
    ),
}
"""Which sizes a call indexes, and with what."""
