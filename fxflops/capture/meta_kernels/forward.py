"""The shape of a result, without running the kernel that would compute it.

PyTorch's meta kernels decompose, check and compute strides in Python where sizes are symbolic,
which for a few frequent operators is most of the time of a capture (and importing what they need,
Dynamo included, is more than that). For these operators, on tensors of one type and where sizes
plainly agree, one line gives the shape of the result, and its strides follow (`Layout`). Every
other call runs the kernel. Tests hold each rule against the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from itertools import accumulate
from operator import mul
from typing import Any, NamedTuple, TypeAlias, cast

import torch
from torch import Tensor

from fxflops.capture.meta_kernels.views import axis_of, view_of
from fxflops.capture.symint.environment import SizeEnv
from fxflops.capture.symint.reader import read_symint
from fxflops.formulas.shapes import per_axis

Sizes: TypeAlias = tuple[int | torch.SymInt, ...]

aten = torch.ops.aten

HARMLESS = {"alpha", "approximate", "enable_gqa", "pin_memory", "rounding_mode", "scale"}
"""Keyword arguments that change neither shape nor type."""


class Layout(Enum):
    """Which strides the result has, of arguments with which strides."""

    ANY = "contiguous, whatever the arguments are"
    CONTIGUOUS = "contiguous, of contiguous arguments"
    ELEMENTWISE = "as the arguments have them"
    JOINED = "contiguous, unless there may be channels last, which takes four axes"


class Rule(NamedTuple):
    """How to know a result: its sizes from the arguments, and when that is all there is to it."""

    sizes: Callable[..., Sizes | None]
    layout: Layout = Layout.CONTIGUOUS
    dtype: torch.dtype | None = None
    in_place: bool = False
    of_truths: bool = False


def result_of(operator: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of the call as meta tensors, or None where no rule applies."""
    if operator is aten.cat.default and (joined := _without_empty(*args)) is not args[0]:
        args = (joined, *args[1:])
        result = result_of(operator, args, kwargs)
        return aten.cat.default(*args, **kwargs) if result is None else result
    if operator in KERNELS:
        return KERNELS[operator](*args, **kwargs)
    rule = RULES.get(operator)
    if rule is None or kwargs.keys() - HARMLESS:
        return None if kwargs else view_of(operator, args)
    tensors = _tensors(args)
    numbers = tensors[operator in WHERE :]
    dtype = numbers[0].dtype if numbers else torch.bool
    if not (dtype == torch.bool if rule.of_truths else dtype.is_floating_point):
        return None
    if any(tensor.dtype != dtype for tensor in numbers):
        return None
    sizes = rule.sizes(*args)
    if sizes is None:
        return None
    if rule.in_place:
        return tensors[0] if _is_same_shape(sizes, tensors[0].shape) else None
    strides = _strides(rule.layout, tensors, sizes)
    if strides is None:
        return None
    layout = strides or _contiguous(sizes)
    return torch.empty_strided(sizes, layout, dtype=rule.dtype or dtype, device="meta")


def _tensors(args: tuple[Any, ...]) -> list[Tensor]:
    """The tensors among the arguments, those in a list included."""
    flat: list[Tensor] = []
    for argument in args:
        items = argument if isinstance(argument, (list, tuple)) else (argument,)
        flat += [item for item in items if isinstance(item, Tensor)]
    return flat


def _strides(layout: Layout, tensors: Sequence[Tensor], sizes: Sizes) -> Sizes | None:
    """The strides of the result, ``()`` for contiguous ones; None where they are not known.

    An elementwise operator orders the axes of its result as its arguments do, the first one first:
    each pair of axes by the first argument that has both (longer than 1).
    """
    if layout is Layout.ANY or (layout is Layout.JOINED and len(sizes) < 4):
        return ()
    if layout is Layout.JOINED and any(map(_is_last_within, tensors)):
        return ()
    if layout is not Layout.ELEMENTWISE:
        return () if all(map(_is_contiguous, tensors)) else None
    undecided = True
    for tensor in tensors:
        if _is_same_shape(tensor.shape, sizes):
            if _is_contiguous(tensor):
                return ()
            if undecided and _is_dense(tensor):
                return tensor.stride()
        if not _is_standard(tensor) and not _is_in_order(tensor, sizes):
            is_alone = len(tensors) == 1 and _is_same_shape(tensor.shape, sizes)
            return _without_gaps(tensor) if is_alone else None
        undecided &= sum(not _is_one(size) for size in tensor.shape) < 2
    return ()


def _is_last_within(tensor: Tensor) -> bool:
    """Whether the last axis is surely inside the one of channels: there are no channels last."""
    inner, outer = tensor.stride(-1), tensor.stride(1)
    return type(inner) is int and type(outer) is int and inner < outer


def _without_gaps(tensor: Tensor) -> Sizes | None:
    """The strides of a tensor with its axes in the same order of memory, and nothing between them.

    None where the order is not plain, and for axes that are expanded.
    """
    axes: list[int] = []
    strides = tensor.stride()
    if any(_is_same(stride, 0) for stride in strides):
        return None
    for axis, stride in enumerate(strides):
        place = len(axes)
        while place and _is_at_least(stride, strides[axes[place - 1]]):
            if _is_same(stride, strides[axes[place - 1]]):
                break
            place -= 1
        if place and not _is_at_least(strides[axes[place - 1]], stride):
            return None
        axes.insert(place, axis)
    packed = _contiguous(tuple(tensor.shape[axis] for axis in axes))
    return tuple(packed[axes.index(axis)] for axis in range(tensor.dim()))


def _contiguous(sizes: Sizes) -> Sizes:
    """The strides of a contiguous tensor of sizes none of which is 0.

    PyTorch has ``max(1, size)`` in them, where it does not know that; then a model's other sizes
    would not be seen to be the same.
    """
    if not sizes:
        return ()
    return (*accumulate(sizes[:0:-1], mul, initial=1),)[::-1]


def _is_in_order(tensor: Tensor, sizes: Sizes) -> bool:
    """Whether the strides are known to decrease, apart from those of axes that are expanded."""
    outer: int | torch.SymInt | None = None
    result = sizes[len(sizes) - tensor.dim() :]
    for size, stride, wanted in zip(tensor.shape, tensor.stride(), result, strict=True):
        if _is_one(size) and not _is_one(wanted):
            continue
        if not isinstance(stride, int):
            return False
        if stride:
            if outer is not None and not (outer > stride or (_is_one(size) and outer == stride)):
                return False
            outer = stride
    return True


def _is_contiguous(tensor: Tensor) -> bool:
    """Whether the strides are those of a contiguous tensor, whatever the sizes are."""
    expected: int | torch.SymInt = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride()), strict=True):
        if not _is_one(size):
            if not _is_same(stride, expected):
                return False
            expected = expected * size
    return True


def _is_standard(tensor: Tensor) -> bool:
    """Whether it is contiguous with the usual strides at axes of 1, too, by which PyTorch sorts."""
    expected: int | torch.SymInt = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride()), strict=True):
        if not _is_same(stride, expected):
            return False
        expected = expected * size
    return True


def _is_dense(tensor: Tensor) -> bool:
    """Whether the tensor is a contiguous one with its axes in another order."""
    axes = {i: s for i, s in enumerate(tensor.stride()) if not _is_one(tensor.shape[i])}
    expected: int | torch.SymInt = 1
    while axes:
        inmost = next((axis for axis, stride in axes.items() if _is_same(stride, expected)), None)
        if inmost is None:
            return False
        del axes[inmost]
        expected = expected * tensor.shape[inmost]
    return True


def _broadcast(*args: Any) -> Sizes | None:
    """The broadcast shape of the tensors, where sizes are one and the same, or 1."""
    result: list[int | torch.SymInt] = []
    for tensor in args:
        if not isinstance(tensor, Tensor):
            continue
        sizes: list[int | torch.SymInt] = list(tensor.shape)
        if len(sizes) > len(result):
            result, sizes = sizes, result
        for axis, size in enumerate(sizes, start=len(result) - len(sizes)):
            if _is_one(result[axis]):
                result[axis] = size
            elif not _is_one(size) and not _is_same(result[axis], size):
                return None
    return tuple(result)


def _first(input: Tensor, *_: object) -> Sizes:
    return tuple(input.shape)


def _softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Sizes | None:
    if dtype is not None or not input.dim():
        return None
    axis_of(dim, input.dim())
    return tuple(input.shape)


def _batch_norm(input: Tensor, *parameters: object) -> Sizes | None:
    channels = input.shape[1:2]
    tensors = (p for p in parameters if isinstance(p, Tensor))
    return tuple(input.shape) if all(_is_same_shape(t.shape, channels) for t in tensors) else None


def _layer_norm(
    input: Tensor, normalized_shape: Sequence[Any], *parameters: object
) -> Sizes | None:
    inner = input.shape[-len(normalized_shape) :]
    tensors = (p.shape for p in parameters if isinstance(p, Tensor))
    same = all(_is_same_shape(shape, inner) for shape in (normalized_shape, *tensors))
    return tuple(input.shape) if same else None


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Sizes | None:
    if weight.dim() != 2 or not _is_same_shape(input.shape[-1:], weight.shape[1:]):
        return None
    if bias is not None and not _is_same_shape(bias.shape, weight.shape[:1]):
        return None
    return (*input.shape[:-1], weight.shape[0])


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *_: object,
    enable_gqa: bool = False,
    **__: object,
) -> Tensor | None:
    """With ``enable_gqa``, several heads of queries share one of keys and values."""
    dtype, (*batch, queries, width) = query.dtype, query.shape
    pairs = (width, key.shape[-1]), (key.shape[-2], value.shape[-2])
    if not dtype.is_floating_point or not all(_is_same(*pair) for pair in pairs):
        return None
    for other in (key, value):
        shared = list(other.shape[:-2])
        if enable_gqa and len(shared) == len(batch) > 0:
            heads = batch[-1], shared[-1]
            if not all(type(h) is int and h > 0 for h in heads) or heads[0] % heads[1]:
                return None
            shared[-1] = batch[-1]
        if other.dtype != dtype or not _is_same_shape(batch, shared):
            return None
    if attn_mask is not None:
        scores = (*batch, queries, key.shape[-2])
        if attn_mask.dtype not in (torch.bool, dtype) or attn_mask.dim() > len(scores):
            return None
        wanted = scores[len(scores) - attn_mask.dim() :]
        pairs_of_mask = zip(attn_mask.shape, wanted, strict=True)
        if not all(_is_one(size) or _is_same(size, other) for size, other in pairs_of_mask):
            return None
    return torch.empty((*batch, queries, value.shape[-1]), dtype=dtype, device="meta")


def _grid_sampler(input: Tensor, grid: Tensor, *_: object) -> Sizes | None:
    if not _is_same(input.shape[0], grid.shape[0]) or input.dim() != grid.dim():
        return None
    if not _is_same(grid.shape[-1], input.dim() - 2):
        return None
    return (*input.shape[:2], *grid.shape[1:-1])


def _upsample(
    input: Tensor, output_size: Sequence[Any] | None, scale_factors: Sequence[float] | None
) -> Sizes | None:
    if output_size is not None:
        return (*input.shape[:2], *output_size)
    if not scale_factors or not all(float(factor).is_integer() for factor in scale_factors):
        return None
    scaled = (n * int(f) for n, f in zip(input.shape[2:], scale_factors, strict=True))
    return (*input.shape[:2], *scaled)


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Sizes | None:
    channels, per_group, *kernel = weight.shape
    if input.dim() != weight.dim() or not _is_same(input.shape[1], per_group * groups):
        return None
    if bias is not None and not _is_same_shape(bias.shape, (channels,)):
        return None
    return _windows(input, channels, kernel, stride, padding, dilation)


def _max_pool(
    input: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Sizes | None:
    if input.dim() != 4:
        return None
    kernel = per_axis(kernel_size, 2)
    return _windows(
        input, input.shape[1], kernel, stride or kernel, padding, dilation, ceil=ceil_mode
    )


def _avg_pool(
    input: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    *_: object,
) -> Sizes | None:
    return _max_pool(input, kernel_size, stride, padding, ceil_mode=ceil_mode)


def _windows(
    input: Tensor,
    channels: int | torch.SymInt,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    *,
    ceil: bool = False,
) -> Sizes | None:
    """The sizes after a sliding window; with ``ceil`` the last one may reach over the padding."""
    sizes = []
    options = (per_axis(option, len(kernel)) for option in (stride, padding, dilation))
    for n, k, s, p, d in zip(input.shape[2:], kernel, *options, strict=True):
        size = (n + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil else 0)) // s + 1
        if ceil and (size - 1) * s >= n + p:
            size = size - 1
        if size < 1:
            return None
        sizes.append(size)
    return (input.shape[0], channels, *sizes)


def _without_empty(tensors: Sequence[Tensor], *_: object) -> Sequence[Tensor]:
    """What is joined: a tensor of shape (0,) joins with any other, and PyTorch skips it.

    Its kernel in Python, which runs where sizes are symbolic, refuses that. Caches of keys and
    values are such tensors before their first use.
    """
    kept = [t for t in tensors if t.dim() != 1 or not isinstance(t.shape[0], int) or t.shape[0]]
    return kept if 0 < len(kept) < len(tensors) else tensors


def _cat(tensors: Sequence[Tensor], dim: int = 0) -> Sizes | None:
    first, *others = (list(tensor.shape) for tensor in tensors)
    if not first:
        return None
    dim = axis_of(dim, len(first))
    joined = first.pop(dim)
    for other in others:
        if len(other) != len(first) + 1:
            return None
        joined = joined + other.pop(dim)
        if not _is_same_shape(first, other):
            return None
    return (*first[:dim], joined, *first[dim:])


def _stack(tensors: Sequence[Tensor], dim: int = 0) -> Sizes | None:
    first, *others = (tensor.shape for tensor in tensors)
    if not all(_is_same_shape(first, other) for other in others):
        return None
    dim = axis_of(dim, len(first) + 1)
    return (*first[:dim], len(tensors), *first[dim:])


def _reduced(
    input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False
) -> Sizes | None:
    if not input.dim() or dim is None or dim == []:
        return None
    dims = {axis_of(d, input.dim()) for d in ([dim] if isinstance(dim, int) else dim)}
    sizes = ((1 if axis in dims else size) for axis, size in enumerate(input.shape))
    return tuple(size for axis, size in enumerate(sizes) if keepdim or axis not in dims)


def _arange(end: Any, *, dtype: torch.dtype | None = None, **_: object) -> Tensor | None:
    if not isinstance(end, (int, torch.SymInt)):
        return None
    return torch.empty((end,), dtype=dtype or torch.int64, device="meta")


def _to(input: Tensor, dtype: torch.dtype, *more: object, **_: object) -> Tensor | None:
    """Itself where it has the type already; else of its layout, if that has no gaps."""
    if any(argument not in (False, None) for argument in more):
        return None
    if input.dtype == dtype:
        return input
    if _is_contiguous(input):
        return torch.empty(input.shape, dtype=dtype, device="meta")
    if not _is_dense(input):
        return None
    return torch.empty_strided(tuple(input.shape), input.stride(), dtype=dtype, device="meta")


def _gather(input: Tensor, dim: int, index: Tensor, **_: object) -> Tensor | None:
    if index.dim() != input.dim() or not input.dim():
        return None
    others = set(range(input.dim())) - {axis_of(dim, input.dim())}
    if not all(_is_same(index.shape[axis], input.shape[axis]) for axis in others):
        return None
    return torch.empty(index.shape, dtype=input.dtype, device="meta")


def _take_along_dim(input: Tensor, index: Tensor, dim: int | None = None) -> Tensor | None:
    return None if dim is None else _gather(input, dim, index)


def _cross_entropy(
    self: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: int = 1,
    ignore_index: int | torch.SymInt = -100,
    label_smoothing: float = 0.0,
) -> Tensor | None:
    """Of classes, or of their probabilities: PyTorch compares the numbers of rows as integers."""
    rows = self.shape[:1] + self.shape[2:] if self.dim() > 1 else self.shape[:0]
    if target.is_floating_point():
        agree = _is_same_shape(target.shape, self.shape)
    else:
        agree = _is_same_shape(target.shape, rows)
    if not agree or not self.dim() or (weight is not None and weight.dtype != self.dtype):
        return None
    return torch.empty(() if reduction else rows, dtype=self.dtype, device="meta")


def _adaptive_avg_pool(input: Tensor, output_size: Sequence[Any]) -> Tensor | None:
    if input.dim() not in (3, 4):
        return None
    sizes = (*input.shape[:-2], *output_size)
    if _is_contiguous(input):
        return torch.empty(sizes, dtype=input.dtype, device="meta")
    if input.dim() == 4 and _is_contiguous(input.permute(0, 2, 3, 1)):
        batch, channels, height, width = sizes
        last = torch.empty((batch, height, width, channels), dtype=input.dtype, device="meta")
        return last.permute(0, 3, 1, 2)
    return None


def _grouped_mm(input: Tensor, mat2: Tensor, offs: Tensor | None = None) -> Tensor | None:
    """Rows in groups, a matrix for each; or the common axis of two matrices, a result for each.

    Of any one type, as on the CPU: PyTorch's own kernel for meta takes what GPUs take. Rows of the
    result start at multiples of 16 bytes.
    """
    if offs is None or input.dim() != 2 or input.dtype != mat2.dtype:
        return None
    if not _is_same(input.shape[1], mat2.shape[-2]):
        return None
    groups = (offs.shape[0],) if mat2.dim() == 2 else ()
    rows, columns = input.shape[0], mat2.shape[-1]
    aligned = columns + -columns % (16 // input.element_size())
    made = torch.empty((*groups, rows, aligned), dtype=input.dtype, device="meta")
    return made if _is_same(aligned, columns) else made[..., :columns]


def _topk(
    input: Tensor, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Tensor, Tensor] | None:
    if not input.dim() or not 0 <= k <= input.shape[dim]:
        return None
    sizes = list(input.shape)
    sizes[dim] = k
    return (
        torch.empty(sizes, dtype=input.dtype, device="meta"),
        torch.empty(sizes, dtype=torch.int64, device="meta"),
    )


def _lstm(
    input: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    first = _recurrent(
        input, states[0], weights, has_biases, num_layers, dropout, train, bidirectional,
        batch_first,
    )  # fmt: skip
    return (*first, torch.empty(states[1].shape, dtype=input.dtype, device="meta"))


def _recurrent(
    input: Tensor,
    state: Tensor,
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor]:
    """What PyTorch computes step by step in Python, as long as the sequence is."""
    width = state.shape[-1] * (2 if bidirectional else 1)
    *outer, inner = input.shape[:-1]
    sizes = (inner, *outer, width) if batch_first else (*outer, inner, width)
    output = torch.empty(sizes, dtype=input.dtype, device="meta")
    last = torch.empty(state.shape, dtype=input.dtype, device="meta")
    return output.transpose(0, 1) if batch_first else output, last


def _is_one(size: int | torch.SymInt) -> bool:
    return type(size) is int and size == 1


def _is_same(left: int | torch.SymInt, right: int | torch.SymInt) -> bool:
    """Whether two sizes are equal as they stand; a capture has one node for each symbolic size."""
    if type(left) is int or type(right) is int:
        return type(left) is type(right) and bool(left == right)
    return left.node is right.node  # type: ignore[union-attr]


def _is_at_least(left: int | torch.SymInt, right: int | torch.SymInt) -> bool:
    """Whether a size is known not to be the smaller one, without an assumption."""
    for size in (left, right):
        if isinstance(size, torch.SymInt):
            env = cast(SizeEnv, size.node.shape_env)
            return env.known(read_symint(left) - read_symint(right), ">=") is True
    return bool(left >= right)


def _is_same_shape(left: Sequence[int | torch.SymInt], right: Sequence[int | torch.SymInt]) -> bool:
    return len(left) == len(right) and all(map(_is_same, left, right))


KERNELS: dict[object, Callable[..., Any]] = {
    aten.adaptive_avg_pool2d.default: _adaptive_avg_pool,
    aten.arange.default: _arange,
    aten.cross_entropy_loss.default: _cross_entropy,
    aten.gather.default: _gather,
    aten.gru.input: _recurrent,
    aten.lstm.input: _lstm,
    aten.nll_loss.default: _cross_entropy,
    aten.nll_loss_nd.default: _cross_entropy,
    aten.rnn_relu.input: _recurrent,
    aten.rnn_tanh.input: _recurrent,
    aten.scaled_dot_product_attention.default: _attention,
    aten.take_along_dim.default: _take_along_dim,
    aten.topk.default: _topk,
    aten.to.dtype: _to,
    aten._grouped_mm.default: _grouped_mm,
}
"""Rules whose results differ from their arguments in type or number."""

WHERE = {aten.where.self, aten.where.ScalarOther, aten.where.ScalarSelf}

ARITHMETIC = (
    aten.add.Tensor,
    aten.clamp.default,
    aten.cos.default,
    aten.div.Tensor,
    aten.exp.default,
    aten.gelu.default,
    aten.hardsigmoid.default,
    aten.hardswish.default,
    aten.hardtanh.default,
    aten.log.default,
    aten.mul.Tensor,
    aten.neg.default,
    aten.pow.Scalar,
    aten.pow.Tensor_Scalar,
    aten.relu.default,
    aten.rsqrt.default,
    aten.rsub.Scalar,
    aten.sigmoid.default,
    aten.silu.default,
    aten.sin.default,
    aten.sub.Tensor,
    aten.tanh.default,
)
IN_PLACE = (
    aten.add_.Tensor,
    aten.hardswish_.default,
    aten.hardtanh_.default,
    aten.mul_.Tensor,
    aten.relu_.default,
    aten.silu_.default,
)
COMPARISONS = (aten.gt.Scalar, aten.gt.Tensor, aten.lt.Scalar, aten.lt.Tensor)

RULES: dict[object, Rule] = {
    aten.__and__.Tensor: Rule(_broadcast, of_truths=True),
    aten.all.dim: Rule(_reduced, Layout.ANY, of_truths=True),
    aten.amax.default: Rule(_reduced, Layout.ANY),
    aten.avg_pool2d.default: Rule(_avg_pool),
    aten.batch_norm.default: Rule(_batch_norm),
    aten.cat.default: Rule(_cat, Layout.JOINED),
    aten.conv1d.default: Rule(_convolution, Layout.ANY),
    aten.conv2d.default: Rule(_convolution, Layout.ANY),
    aten.conv3d.default: Rule(_convolution, Layout.ANY),
    aten.full_like.default: Rule(_first, Layout.ELEMENTWISE),
    aten.grid_sampler.default: Rule(_grid_sampler, Layout.ANY),
    aten.layer_norm.default: Rule(_layer_norm, Layout.ANY),
    aten.linear.default: Rule(_linear, Layout.ANY),
    aten.max_pool2d.default: Rule(_max_pool),
    aten.mean.dim: Rule(_reduced, Layout.ANY),
    aten.softmax.int: Rule(_softmax),
    aten.stack.default: Rule(_stack, Layout.JOINED),
    aten.sum.dim_IntList: Rule(_reduced, Layout.ANY),
    aten.upsample_nearest2d.vec: Rule(_upsample),
    **dict.fromkeys((*ARITHMETIC, *WHERE), Rule(_broadcast, Layout.ELEMENTWISE)),
    **dict.fromkeys(COMPARISONS, Rule(_broadcast, Layout.ELEMENTWISE, dtype=torch.bool)),
    **dict.fromkeys(IN_PLACE, Rule(_broadcast, in_place=True)),
}
