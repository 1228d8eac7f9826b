"""ultralytics-thop. Source: ultralytics-thop 2.2.3, thop/profile.py, thop/vision/basic_hooks.py.

It hooks modules of known types and their subclasses, and sees products that are called as
functions wherever no such module is running.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from fxflops.algebra import Dim, maximum
from fxflops.conventions.charges import (
    Amount,
    Charge,
    Convention,
    Rule,
    by_module,
    by_operator,
    nothing,
)
from fxflops.conventions.layers import (
    ADAPTIVE_AVERAGE_POOLS,
    AVERAGE_POOLS,
    CONVOLUTIONS,
    TRANSPOSED,
    conv_by_input,
    conv_by_output,
    has_affine,
    image,
    linear,
    output,
    upsampling,
)
from fxflops.conventions.products import attention, bmm, lettered, matmul, once, result_of
from fxflops.conventions.products import linear as linear_function
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import CELLS, LAYERS, thop_cell, thop_layer
from fxflops.formulas.shapes import numel

aten = torch.ops.aten


def _conv(call: Call) -> Amount:
    return Amount(conv_by_output(call))


def _conv_transpose(call: Call) -> Amount:
    return Amount(conv_by_input(call))


def _linear(call: Call) -> Amount:
    return Amount(linear(call))


def _bilinear(call: Call) -> Amount:
    module = call.target
    return Amount(numel(output(call)) * (module.in1_features + 1) * module.in2_features)


def _norm(call: Call) -> Amount:
    return Amount(other=numel(image(call)) * (4 if has_affine(call.target) else 2))


def _per_input(call: Call) -> Amount:
    return Amount(other=numel(image(call)))


def _softmax(call: Call) -> Amount:
    """3 per element less 1 per row; 1 more per element to negate, or per row for a logarithm."""
    module, shape = call.target, image(call)
    axis = -3 if isinstance(module, nn.Softmax2d) else module.dim
    if axis is None:
        axis = 0 if len(shape) in (0, 1, 3) else 1
    rows = numel(shape) // shape[axis]
    more = (
        numel(shape)
        if isinstance(module, nn.Softmin)
        else rows
        if isinstance(module, nn.LogSoftmax)
        else 0
    )
    return Amount(other=3 * numel(shape) - rows + more)


def _einsum(call: Call) -> Amount:
    """Of two operands: the letters that both have, or that the result has."""
    equation, operands = call.kwargs["equation"], call.kwargs["tensors"]
    if len(operands) != 2:
        return Amount()
    result = result_of(equation)
    left, right = (
        {key: size for key, size in letters.items() if size != 1}
        for letters in lettered(equation, operands)
    )
    kept = [
        size
        for key, size in {**right, **left}.items()
        if (key in left and key in right) or ("..." if isinstance(key, int) else key) in result
    ]
    return Amount(numel(kept))


def _evaluations(call: Call) -> Dim:
    """How often a recurrent layer evaluates its cell."""
    shape = image(call)
    return numel(shape[:-1])


def _average_pool(call: Call) -> Amount:
    """One addition per element of a window inside the (padded) image, one division per output."""
    module, shape, out = call.target, image(call), output(call)
    axes = 3 if isinstance(module, nn.AvgPool3d) else 1 if isinstance(module, nn.AvgPool1d) else 2
    kernel, stride, padding = (
        setting if isinstance(setting, tuple) else (setting,) * axes
        for setting in (module.kernel_size, module.stride, module.padding)
    )
    windows: Dim = numel(shape[:-axes])
    for settings in zip(shape[-axes:], out[-axes:], kernel, stride, padding, strict=True):
        windows = windows * _windows(*settings, padded=module.count_include_pad)
    return Amount(other=windows + numel(out))


def _windows(size: Dim, out: Dim, kernel: int, stride: int, padding: int, *, padded: bool) -> Dim:
    """How many elements the ``out`` windows along one axis have together."""
    edge = padding if padded else 0
    before = sum(max(0, padding - edge - step) for step in range(0, padding, stride))
    after: Dim = 0
    for back in range(padding // stride + 2):  # windows that may reach past the end
        end = (out - 1 - back) * stride - padding + kernel
        after = after + maximum(0, end - size - edge)
    return out * kernel - before - after


def _adaptive_average_pool(call: Call) -> Amount:
    """One addition per element of a window, windows overlapping where sizes do not divide."""
    windows: Dim = 1
    for size, out in zip(image(call), output(call), strict=True):
        if isinstance(out, int) and size != out:
            windows = windows * sum(
                (-(-(step + 1) * size // out) - step * size // out for step in range(out)), 0
            )
        else:
            windows = windows * out
    return Amount(other=windows + numel(output(call)))


def _multihead_attention(call: Call) -> Amount:
    """Projections, both products, softmax as two operations and one exponential per score."""
    module, out = call.target, output(call)
    key = call.argument(1, "key")
    batched = len(out) == 3
    queries, keys = (
        shape[-2] if module.batch_first or not batched else shape[0] for shape in (out, key)
    )
    batch = out[0 if module.batch_first else 1] if batched else 1
    attended = keys + int(module.bias_k is not None) + int(module.add_zero_attn)
    width = module.embed_dim
    products = width * (2 * queries * width + keys * (module.kdim + module.vdim))
    products += 2 * queries * attended * width
    return Amount(batch * products, batch * module.num_heads * queries * (3 * attended - 1))


PER_OUTPUT = {"linear": 5, "bilinear": 11, "bicubic": 259, "trilinear": 31}
RULES: dict[type[nn.Module], Rule] = {
    **dict.fromkeys(CONVOLUTIONS, _conv),
    **dict.fromkeys(TRANSPOSED, _conv_transpose),
    **dict.fromkeys(
        (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm), _norm
    ),
    nn.PReLU: _per_input,
    **dict.fromkeys((nn.Softmax, nn.Softmax2d, nn.LogSoftmax, nn.Softmin), _softmax),
    **dict.fromkeys(AVERAGE_POOLS, _average_pool),
    **dict.fromkeys(ADAPTIVE_AVERAGE_POOLS, _adaptive_average_pool),
    nn.Linear: _linear,
    nn.Bilinear: _bilinear,
    nn.Upsample: upsampling(PER_OUTPUT),
    nn.MultiheadAttention: _multihead_attention,
    nn.Embedding: nothing,
    **dict.fromkeys(LAYERS, thop_layer(_evaluations, projects=True)),
    **dict.fromkeys(CELLS, thop_cell),
}
FUNCTIONS: dict[object, Rule] = {
    aten.matmul: once(matmul),
    aten.bmm: once(bmm),
    aten.einsum: _einsum,
    aten.linear: once(linear_function),
    aten.scaled_dot_product_attention: once(attention),
}


def charges(record: Record) -> Iterator[Charge]:
    """Modules with a rule, and products outside of them."""
    covered: set[str] = set()
    for charge in by_module(record, RULES, subclasses=True):
        covered |= {node.name for node in charge.call.nodes}
        yield charge
    for charge in by_operator(record, FUNCTIONS):
        if charge.call.nodes[0].name not in covered:
            yield charge


CONVENTION = Convention(
    title="ultralytics-thop",
    unit="MAC",
    counts="layers of known types and products called as functions, a multiply-add as 1; norms "
    "as 4 per element, average pools",
    misses="biases, activations, softmax as a function, grid_sample, arithmetic",
    version="ultralytics-thop 2.2.3",
    charges=charges,
)
