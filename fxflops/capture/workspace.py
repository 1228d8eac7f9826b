"""What PyTorch's kernels on the CPU take from its allocator while they run, by operator.

A rule is given the arguments and the result of a call, tensors on meta of symbolic sizes, and says
how many bytes beyond what lives before the call are allocated at the kernel's own moments of most,
its result included. Where a kernel's choices are not known in full, it gives a bound in place of a
moment: a peak elsewhere that is never below it is known all the same.

The rules are facts of PyTorch's sources (aten/src/ATen/native: Convolution.cpp,
ConvolutionMM2d.cpp, mkldnn/Conv.cpp, cpu/FlashAttentionKernel.cpp, LinearAlgebra.cpp,
TensorTransformations.cpp, TensorIterator.cpp, layer_norm.cpp) and, where oneDNN decides, of
measurements with its version in torch 2.14 (AVX-512): blocks of 16 channels, a copy of each image
per thread for strided 1x1 convolutions, biases padded to blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from fxflops._torch import tree_leaves
from fxflops.algebra import Dim, maximum, minimum
from fxflops.capture.symint.reader import read_symint

aten = torch.ops.aten


class Choice(NamedTuple):
    """``then`` where ``positive`` is at least 1, else ``other``."""

    positive: Dim
    then: Dim | Choice
    other: Dim | Choice

    @property
    def dim(self) -> Dim:
        """As one formula."""
        then, other = _dim(self.then), _dim(self.other)
        return other + minimum(1, maximum(0, self.positive)) * (then - other)

    @property
    def bounds(self) -> tuple[Dim, ...]:
        """What it may be."""
        return (*bounds_of(self.then), *bounds_of(self.other))


Moment: TypeAlias = Dim | Choice


def _dim(moment: Moment) -> Dim:
    return moment.dim if isinstance(moment, Choice) else moment


def bounds_of(moment: Moment) -> tuple[Dim, ...]:
    """Dims of which one is the moment's."""
    return moment.bounds if isinstance(moment, Choice) else (moment,)


class Inside(NamedTuple):
    """The bytes at a kernel's moments of most, and bounds of those moments that are not known."""

    moments: tuple[Moment, ...] = ()
    at_most: tuple[Dim, ...] = ()


NOTHING = Inside()
"""A kernel that takes nothing but its result."""


class Cpu(NamedTuple):
    """What the workspace depends on besides the call: threads, and the channels of a block."""

    threads: int
    block: int


Rule: TypeAlias = Callable[..., Inside | None]
"""``rule(cpu, result, *args, **kwargs)``; None where nothing is known."""

RULES: dict[Any, Rule] = {}


def of_cpu(threads: int) -> Callable[[Any, Sequence[Any], Mapping[str, Any], Any], Inside | None]:
    """The workspace of calls on this machine's kind of CPU, with so many threads."""
    is_wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return partial(workspace, Cpu(threads, 16 if is_wide else 0))


def workspace(
    cpu: Cpu, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any
) -> Inside | None:
    """What ``func`` of these arguments takes; None where that is not known."""
    rule = RULES.get(func)
    return None if rule is None else rule(cpu, result, *args, **kwargs)


def _rule(*operators: Any) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        for operator in operators:
            assert operator not in RULES, operator
            RULES[operator] = rule
        return rule

    return register


def nbytes(tensor: Tensor) -> Dim:
    """Those of a tensor that is dense."""
    return tensor.element_size() * prod(map(read_symint, tensor.shape))


def _sizes(tensor: Tensor) -> list[Dim]:
    return list(map(read_symint, tensor.shape))


def _copied(tensor: Tensor) -> Dim:
    """The bytes of ``tensor.contiguous()``."""
    return 0 if tensor.is_contiguous() else nbytes(tensor)


def _up(count: Dim, block: int) -> Dim:
    """The next multiple."""
    return (count + (block - 1)) // block * block


SCRATCH = 2**16
"""Bytes for each thread that no kernel's small scratchpad is taken to exceed."""


@_rule(aten.conv2d.default)
def _conv2d(
    cpu: Cpu,
    result: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Inside | None:
    """OneDNN in blocks of channels, or a product of matrices for few elements."""
    if input.dtype != torch.float32 or input.dim() != 4:
        return None
    n, c_in, *image = _sizes(input)
    c_out, per_group, *kernel = _sizes(weight)
    _, _, *out_image = _sizes(result)
    size = input.element_size()
    out, weights = nbytes(result), nbytes(weight)
    is_point = kernel == [1, 1]
    is_plain = is_point and _is_all(stride, 1)
    unpadded = not isinstance(padding, str) and _is_all(padding, 0)
    is_last = not input.is_contiguous() and input.is_contiguous(memory_format=torch.channels_last)
    copied = 0 if is_last else _copied(input)
    columns = 0 if is_plain and unpadded else size * n * c_in * prod(kernel) * prod(out_image)
    products = columns + out + copied + (weights if is_last and not is_point else 0)
    is_dilated = not _is_all(dilation, 1)
    if cpu.threads == 1 and is_plain and not is_dilated and groups == 1 and not _is_at_least(n, 16):
        return Inside((products,))
    blocked = _blocked(
        cpu, n, c_in, image, c_out, per_group, kernel, out_image, groups, bias, stride, size
    )
    exact = cpu.block and blocked is not None and not copied and not is_last
    if is_last or not exact:
        if is_last and groups == c_in == c_out and cpu.block:
            return Inside((out + size * _up(c_out, cpu.block) * prod(kernel),))
        most = 2 * _up(per_group, 16) * _up(c_out, 16) * prod(kernel) * size
        images = size * n * prod(image) * _up(c_in, 16)
        if is_last:  # oneDNN works on these as they are
            most += out + cpu.threads * SCRATCH
        else:
            most += 2 * images + size * cpu.threads * c_in * prod(out_image)
            most += 2 * size * n * _up(c_out, 16) * prod(out_image) + cpu.threads * SCRATCH
        return Inside((), (most, products))
    assert blocked is not None
    if n != 1 or groups > 1 or (_is_more(kernel[0], 3) and _is_more(kernel[1], 3)):
        return Inside(blocked)
    enough = n * c_in * prod(image) - 20480
    return Inside(tuple(Choice(enough, moment, products) for moment in blocked))


def _blocked(
    cpu: Cpu,
    n: Dim,
    c_in: Dim,
    image: list[Dim],
    c_out: Dim,
    per_group: Dim,
    kernel: list[Dim],
    out_image: list[Dim],
    groups: int,
    bias: Tensor | None,
    stride: Any,
    size: int,
) -> tuple[Dim, ...] | None:
    """Blocked input, weight and output at once; then blocked and plain output."""
    up = partial(_up, block=cpu.block or 16)
    is_depthwise = groups == c_in == c_out
    if (
        groups > 1
        and not is_depthwise
        and not (per_group % 16 == 0 and (c_out // groups) % 16 == 0)
    ):
        return None
    is_first = groups == 1 and not _is_at_least(c_in, 16) and kernel != [1, 1]
    inputs = 0 if is_first else size * n * up(c_in) * prod(image)
    if is_depthwise:
        weights = size * up(c_out) * prod(kernel)
    else:
        weights = size * up(c_out) * prod(kernel) * (per_group if is_first else up(per_group))
    outputs = size * n * up(c_out) * prod(out_image)
    plain = size * n * c_out * prod(out_image)
    scratch: Dim = 0
    if kernel == [1, 1] and groups == 1 and not _is_all(stride, 1):
        scratch += size * cpu.threads * up(c_in) * prod(out_image)
    if bias is not None and c_out % 16 != 0:
        scratch += size * up(c_out)
    if scratch != 0:
        scratch += 128
    return scratch + inputs + weights + outputs, outputs + plain


def _is_all(value: Any, number: int) -> bool:
    values = value if isinstance(value, (list, tuple)) else [value]
    return all(type(v) is int and v == number for v in values)


def _is_at_least(value: Dim, number: int) -> bool:
    return isinstance(value, int) and value >= number


def _is_more(value: Dim, number: int) -> bool:
    return _is_at_least(value, number + 1)


@_rule(aten.max_pool2d.default)
def _max_pool(cpu: Cpu, result: Tensor, input: Tensor, *_: Any, **__: Any) -> Inside:
    """The positions of the maxima, int64, which are not asked for."""
    most = nbytes(result) // result.element_size() * (8 + result.element_size())
    if input.is_contiguous():
        return Inside((most,))
    return Inside((), (most + nbytes(input),))


@_rule(aten.batch_norm.default)
def _batch_norm(
    cpu: Cpu,
    result: Tensor,
    input: Tensor,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    *_: Any,
    **__: Any,
) -> Inside:
    """Mean and inverse deviation of each channel."""
    if training:
        return Inside((), (2 * nbytes(result) + nbytes(input) + 64 * _sizes(input)[1],))
    most = nbytes(result) + 2 * input.element_size() * _sizes(input)[1]
    is_dense = input.is_contiguous() or (
        input.dim() == 4 and input.is_contiguous(memory_format=torch.channels_last)
    )
    return Inside((most,)) if is_dense else Inside((), (most + nbytes(input),))


@_rule(aten.layer_norm.default)
def _layer_norm(
    cpu: Cpu, result: Tensor, input: Tensor, normalized_shape: Sequence[Any], *_: Any, **__: Any
) -> Inside:
    """Mean and inverse deviation of each row, and a copy of an input that is not contiguous."""
    rows = _sizes(input)[: input.dim() - len(normalized_shape)]
    most = nbytes(result) + 2 * input.element_size() * prod(rows) + _copied(input)
    return Inside((most,)) if input.dtype == torch.float32 else Inside((), (2 * most,))


@_rule(aten.scaled_dot_product_attention.default)
def _attention(
    cpu: Cpu,
    result: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **_: Any,
) -> Inside | None:
    """The flash kernel's buffers per thread and the log-sum-exp of each row."""
    fits = (
        query.dim() == 4
        and query.dtype == torch.float32
        and dropout_p == 0.0
        and query.shape[-1] == key.shape[-1] == value.shape[-1]
        and all(t.stride(-1) == 1 for t in (query, key, value))
    )
    if not fits:
        return None
    batch, heads, length, width = _sizes(query)
    span = minimum(512, _sizes(key)[2])
    padded = _up(width, 2)

    def buffers(rows: Dim) -> Dim:
        return 4 * cpu.threads * (rows * span + 2 * rows + rows * padded)

    small = buffers(minimum(32, length))
    split: Moment = Choice(length - 191, buffers(64), small)
    split = Choice(length - 767, buffers(256), split)
    if isinstance(length, int):
        rows = 256 if length >= 768 else 64 if length >= 192 else 32
        split = buffers(min(rows, length))
    base = nbytes(result) + 4 * batch * heads * length
    if attn_mask is None:
        return Inside((_plus(split, base),))
    if attn_mask.dtype != torch.bool:
        return Inside((_plus(split, base),))
    # A mask of booleans becomes one of numbers, by way of its complement.
    mask = nbytes(attn_mask) * query.element_size()
    return Inside((_plus(split, base + mask), mask + nbytes(attn_mask)))


def _plus(moment: Moment, more: Dim) -> Moment:
    if isinstance(moment, Choice):
        return moment._replace(then=_plus(moment.then, more), other=_plus(moment.other, more))
    return moment + more


@_rule(aten.matmul.default)
def _matmul(cpu: Cpu, result: Tensor, input: Tensor, other: Tensor) -> Inside:
    """Copies of operands whose batch axes are not one axis in memory, or are repeated."""
    if input.dim() <= 2 and other.dim() <= 2:
        return NOTHING
    if other.dim() <= 2 or input.dim() <= 2:
        many = input if input.dim() > 2 else other
        if many.is_contiguous():
            return NOTHING
        return Inside((), (nbytes(result) + 2 * nbytes(many),))
    batch = list(result.shape[:-2])
    copies = sum((_folded(tensor, batch) for tensor in (input, other)), 0)
    return Inside((nbytes(result) + copies,))


def _folded(tensor: Tensor, batch: list[Any]) -> Dim:
    """The bytes of a copy where the batch axes, repeated to ``batch``, are no single axis."""
    whole = tensor.expand(*batch, *tensor.shape[-2:])
    for axis in range(len(batch) - 1):
        if whole.shape[axis] == 1:
            continue
        after = whole.shape[axis + 1] * whole.stride(axis + 1)
        if whole.stride(axis) != after:
            return nbytes(whole)
    return 0


@_rule(aten.roll.default)
def _roll(cpu: Cpu, result: Tensor, input: Tensor, shifts: Any, dims: Any = ()) -> Inside:
    """One axis after the other, every result held until the last."""
    axes = len(shifts) if isinstance(shifts, (list, tuple)) else 1
    if not dims:
        return Inside((), (3 * nbytes(result),))
    return Inside((max(1, axes) * nbytes(result),))


@_rule(aten.upsample_nearest2d.vec, aten.upsample_bilinear2d.vec)
def _upsample(cpu: Cpu, result: Tensor, input: Tensor, *_: Any, **__: Any) -> Inside:
    """Positions and weights along each axis; copies where channels come last."""
    height, width = _sizes(result)[2:]
    tables = 2 * 12 * (height + width)
    return Inside((), (2 * nbytes(result) + nbytes(input) + tables,))


@_rule(aten.adaptive_avg_pool2d.default, aten.mean.dim, aten.mean.default)
def _mean(cpu: Cpu, result: Tensor, input: Tensor, *_: Any, **__: Any) -> Inside:
    """A sum divided by a number."""
    return Inside((), (nbytes(result) + SMALL + _copied(input),))


SMALL = 24
"""Bytes that a number as a tensor takes at most, with its copy of the other operand's dtype."""


def _elementwise(cpu: Cpu, result: Any, *args: Any, **kwargs: Any) -> Inside:
    """Numbers as tensors, and operands of another dtype copied to the common one."""
    tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
    numbers = [
        v
        for v in args
        if isinstance(v, (int, float, torch.SymInt, torch.SymFloat)) and not isinstance(v, bool)
    ]
    made = [t for t in tree_leaves(result) if isinstance(t, Tensor)]
    is_in_place = made and any(t is made[0] for t in tensors)
    new: Dim = 0 if is_in_place else sum((nbytes(t) for t in made), 0)
    if len({t.dtype for t in tensors if t.dtype != torch.bool}) > 1:
        widest = max(t.element_size() for t in (*tensors, *made))
        copies: Dim = sum((widest * prod(_sizes(t)) for t in tensors), 0)
        return Inside((), (new + copies + SMALL * len(numbers),))
    if numbers:
        return Inside((), (new + SMALL * len(numbers),))
    return NOTHING


def _copying(cpu: Cpu, result: Any, *args: Any, **kwargs: Any) -> Inside:
    """A kernel that may copy operands that are not contiguous."""
    tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
    made = [t for t in tree_leaves(result) if isinstance(t, Tensor)]
    copies: Dim = sum((_copied(t) for t in tensors), 0)
    if isinstance(copies, int) and copies == 0:
        return NOTHING
    return Inside((), (sum((nbytes(t) for t in made), 0) + copies,))


def _nothing(cpu: Cpu, result: Any, *_: Any, **__: Any) -> Inside:
    return NOTHING


def _overloads(names: str) -> list[Any]:
    """All overloads of these operators and of their in-place forms that PyTorch has."""
    found = []
    for name in names.split():
        for variant in (name, f"{name}_"):
            packet = getattr(aten, variant, None)
            if packet is not None:
                found += [getattr(packet, overload) for overload in packet.overloads()]
    return found


ELEMENTWISE = _overloads(
    "add sub mul div rsub neg abs exp log sqrt rsqrt sin cos tanh erf pow sigmoid relu gelu silu "
    "hardswish hardsigmoid hardtanh relu6 elu leaky_relu mish softplus clamp clamp_min clamp_max "
    "minimum maximum eq ne lt le gt ge logical_not logical_and logical_or __and__ __or__ __xor__ "
    "bitwise_not bitwise_and bitwise_or where masked_fill reciprocal square floor ceil round sign "
    "floor_divide remainder addcmul addcdiv lerp isnan isinf isfinite log1p expm1 atan2 erfinv"
)
WITHOUT = _overloads(
    "view _unsafe_view reshape flatten unflatten transpose permute unsqueeze squeeze expand slice "
    "select split split_with_sizes chunk unbind detach alias t contiguous clone copy to _to_copy "
    "cat stack arange zeros ones full empty zeros_like ones_like full_like empty_like new_zeros "
    "new_ones new_full new_empty eye scalar_tensor lift_fresh lift_fresh_copy narrow movedim "
    "expand_as view_as type_as float linear mm addmm embedding index_select gather triu tril sum "
    "amax amin all any argmax argmin topk grid_sampler dropout repeat_interleave fill zero item "
    "_local_scalar_dense is_nonzero unsafe_chunk unsafe_split diagonal as_strided swapaxes "
    "native_channel_shuffle pixel_shuffle numpy_T mT bmm baddbmm"
)
COPYING = _overloads(
    "softmax _softmax log_softmax avg_pool2d max cumsum sort index norm constant_pad_nd pad"
)

for _operators, _of in ((ELEMENTWISE, _elementwise), (WITHOUT, _nothing), (COPYING, _copying)):
    for _operator in _operators:
        RULES.setdefault(_operator, _of)
