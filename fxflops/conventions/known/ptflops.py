"""ptflops' ``pytorch`` back end. Source: ptflops 0.7.5, ptflops/pytorch_engine.py, pytorch_ops.py.

It hooks modules of certain types, and replaces certain functions by ones that count. Both happen
for one call of ``nn.ReLU``, which calls ``F.relu``: such a layer is counted twice.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from torch import nn

from fxflops.algebra import Dim
from fxflops.conventions.charges import (
    Amount,
    Charge,
    Convention,
    Rule,
    by_function,
    by_module,
    sum_of,
    times,
)
from fxflops.conventions.fused import on_the_fast_path
from fxflops.conventions.layers import (
    ADAPTIVE_AVERAGE_POOLS,
    ADAPTIVE_MAX_POOLS,
    AVERAGE_POOLS,
    BATCH_NORMS,
    CONVOLUTIONS,
    INSTANCE_NORMS,
    MAX_POOLS,
    TRANSPOSED,
    elementwise,
    image,
    linear,
    output,
)
from fxflops.conventions.record import Call, Record
from fxflops.conventions.recurrent import CELLS, LAYERS, hooked_cell, hooked_layer
from fxflops.formulas.shapes import Shape, numel


def _bias(call: Call) -> Dim:
    return 0 if call.target.bias is None else numel(output(call))


def _conv(call: Call) -> Amount:
    return _by_positions(call, output(call))


def _conv_transpose(call: Call) -> Amount:
    return _by_positions(call, image(call))


def _by_positions(call: Call, shape: Shape) -> Amount:
    """All channels at each position, as if the first axis were always the batch."""
    module, batch = call.target, image(call)[0]
    products = numel(module.kernel_size) * module.in_channels
    products *= module.out_channels // module.groups
    bias = 0 if module.bias is None else batch * numel(output(call)[1:])
    return Amount(products * batch * numel(shape[2:]), bias)


def _deformable(call: Call) -> Amount:
    """A convolution, with 24 operations more per position and weight of a kernel, 25 with masks."""
    module, out = call.target, output(call)
    amount = _by_positions(call, out)
    more = 25 if call.argument(2, "mask") is not None else 24
    return Amount(
        amount.products, amount.other + more * numel(module.kernel_size) * out[0] * numel(out[2:])
    )


def _linear(call: Call) -> Amount:
    return Amount(linear(call), _bias(call))


def _per_input(call: Call) -> Amount:
    return Amount(other=numel(image(call)))


def _per_output(call: Call) -> Amount:
    return Amount(other=numel(output(call)))


def _norm(call: Call) -> Amount:
    """Twice per element where ``affine``; ``nn.LayerNorm`` has another name for it: once."""
    return Amount(other=numel(image(call)) * (2 if getattr(call.target, "affine", False) else 1))


def _upsample(call: Call) -> Amount:
    """The elements of the first image: the batch is taken for a tuple of outputs."""
    first = output(call)[1:]
    return Amount(other=numel(first))


def _attention(call: Call) -> Amount:
    """Projections, both products and softmax, as if all biases were there.

    Of a sequence without a batch it raises an error.
    """
    module, (query, key, value) = call.target, call.args[:3]
    if len(query) != 3:
        return Amount()
    batch, queries = (query[0], query[1]) if module.batch_first else (query[1], query[0])
    keys, values = (shape[1 if module.batch_first else 0] for shape in (key, value))
    width, key_width, value_width = query[2], key[2], value[2]
    heads = module.num_heads
    projections = queries * width**2 + keys * key_width**2 + values * value_width**2
    scores = heads * queries * keys
    products = projections + scores * (width // heads + value_width // heads)
    products += queries * value_width**2
    biases = (queries + keys + values) * width if module.in_proj_bias is not None else 0
    other = queries * width + biases + scores + queries * value_width
    return Amount(batch * products, batch * other)


RULES: dict[type[nn.Module], Rule] = {
    **dict.fromkeys(CONVOLUTIONS, _conv),
    **dict.fromkeys(TRANSPOSED, _conv_transpose),
    **dict.fromkeys((nn.ReLU, nn.PReLU, nn.ELU, nn.LeakyReLU, nn.ReLU6, nn.GELU), _per_output),
    **dict.fromkeys((*MAX_POOLS, *AVERAGE_POOLS), _per_input),
    **dict.fromkeys((*ADAPTIVE_MAX_POOLS, *ADAPTIVE_AVERAGE_POOLS), _per_input),
    **dict.fromkeys((*BATCH_NORMS, *INSTANCE_NORMS, nn.GroupNorm, nn.LayerNorm), _norm),
    nn.Linear: _linear,
    nn.Upsample: _upsample,
    nn.MultiheadAttention: _attention,
    **dict.fromkeys(LAYERS, hooked_layer(numel)),
    **dict.fromkeys(CELLS, hooked_cell(numel)),
}


def _matmul(call: Call) -> Amount:
    left, right = call.argument(0, "input"), call.argument(1, "other")
    return Amount(numel(left) * right[-1])


def _addmm(call: Call) -> Amount:
    added, left, right = (call.argument(i, n) for i, n in enumerate(("input", "mat1", "mat2")))
    return Amount(numel(left) * right[-1], numel(added) if call.kwargs.get("beta", 1) else 0)


SHARED = "a shared module is counted again"
POOLS = (f"F.{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3))
ADAPTIVE_POOLS = (f"F.adaptive_{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3))
FUNCTIONS: dict[str, Rule] = {
    **dict.fromkeys(
        ("F.relu", "F.prelu", "F.elu", "F.relu6", "F.gelu", "F.silu", "F.softmax"), _per_input
    ),
    **dict.fromkeys((*POOLS, *ADAPTIVE_POOLS), _per_input),
    **dict.fromkeys(("F.interpolate", "F.upsample"), _per_output),
    **dict.fromkeys(
        ("torch.matmul", "Tensor.matmul", "torch.mm", "Tensor.mm", "torch.bmm", "Tensor.bmm"),
        _matmul,
    ),
    **dict.fromkeys(("torch.addmm", "Tensor.addmm", "torch.baddbmm"), _addmm),
    **dict.fromkeys(("torch.mul", "Tensor.mul", "torch.add", "Tensor.add"), elementwise),
}


def charges(record: Record) -> Iterator[Charge]:
    """Modules of known types, as often as a walk through children meets them, then functions."""
    rules = RULES | _of_other_packages()
    met, fused = record.multiplicity(stop=rules), on_the_fast_path(record)
    for charge in by_module(record, rules):
        yield from times(charge, met[charge.call.target], SHARED)
    for charge in by_function(record, FUNCTIONS):
        if not any(node.name in fused for node in charge.call.nodes):
            yield charge


def _of_other_packages() -> dict[type[nn.Module], Rule]:
    """The rules for layers of packages that are known only where the model imports them."""
    found: dict[type[nn.Module], Rule] = {}
    for package, name, rule in (
        ("torchvision.ops", "DeformConv2d", _deformable),
        ("timm.models.vision_transformer", "Attention", _timm_attention),
    ):
        if package in sys.modules:
            found[getattr(sys.modules[package], name)] = rule
    return found


def _timm_attention(call: Call) -> Amount:
    """Scaling, both products and softmax; its projections are not looked into."""
    module, (batch, tokens, _) = call.target, image(call)
    scores = module.num_heads * tokens * tokens
    products = 2 * scores * module.head_dim
    other = tokens * module.head_dim * module.num_heads + scores
    return Amount(batch * products, batch * other)


def _per_image(record: Record, charges: Iterable[Charge]) -> Dim:
    """What is lost by dividing the modules' sum, and it alone, by the batch size."""
    of_modules = sum_of(charge for charge in charges if isinstance(charge.call.target, nn.Module))
    return of_modules // record.batch - of_modules


CONVENTION = Convention(
    title="ptflops (pytorch)",
    unit="MAC",
    counts="layers of known types, a multiply-add as 1, with biases, norms, activations and "
    "pools; some functions, so that a layer which calls one is counted twice",
    misses="F.linear, scaled_dot_product_attention, grid_sample, the operators + - * / and @",
    version="ptflops 0.7.5",
    charges=charges,
    correction=_per_image,
    corrects="modules are per image, functions per batch",
    unproven={
        "nn.MultiheadAttention of one sequence": "the tool fails on it",
    },
)
