"""``torch.profiler`` with ``with_flops``.

Source: torch 2.14, torch/csrc/profiler/util.cpp, ``computeFlops``. It knows six events:
``aten::conv2d``, ``mm``, ``addmm``, ``bmm``, ``baddbmm``, ``add`` and ``mul``. The last two are
charged by the shape of their first argument, however far it is broadcast.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from fxflops.conventions.charges import Amount, Charge, Convention, by_operator
from fxflops.conventions.fused import attention_is_fused, on_the_fast_path
from fxflops.conventions.products import attention, bmm, conv, einsum, linear, matmul, twice
from fxflops.conventions.record import Call, Record
from fxflops.formulas.shapes import numel

aten = torch.ops.aten


def _first_argument(call: Call) -> Amount:
    return Amount(other=numel(call.kwargs["self"]))


def _matmul(call: Call) -> Amount:
    """Products of matrices, not of vectors, which run as ``aten::mv`` and ``aten::dot``."""
    vectors = min(len(call.kwargs["self"]), len(call.kwargs["other"])) < 2
    return Amount() if vectors else Amount(2 * matmul(call))


def _attention(call: Call) -> Amount:
    """Nothing where it is fused; spelt out, its products, and the scaling of query and key."""
    if attention_is_fused(call):
        return Amount()
    scaled = numel(call.kwargs["query"]) + numel(call.kwargs["key"])
    return Amount(2 * attention(call), scaled)


RULES = {
    aten.conv2d: twice(conv),
    aten.linear: twice(linear),
    aten.matmul: _matmul,
    **dict.fromkeys((aten.mm, aten.addmm), twice(matmul)),
    **dict.fromkeys((aten.bmm, aten.baddbmm), twice(bmm)),
    aten.einsum: twice(einsum),
    aten.scaled_dot_product_attention: _attention,
    **dict.fromkeys((aten.add, aten.mul), _first_argument),
}


def charges(record: Record) -> Iterator[Charge]:
    """By operator; of the fast path of ``nn.MultiheadAttention`` it sees the products."""
    spelt_out = on_the_fast_path(record)
    for charge in by_operator(record, RULES):
        call = charge.call
        if call.nodes[0].name not in spelt_out:
            yield charge
        elif call.target.overloadpacket is aten.scaled_dot_product_attention:
            yield Charge(call=call, amount=Amount(2 * attention(call)))
        elif charge.amount.products != 0:
            yield Charge(call=call, amount=Amount(charge.amount.products))


CONVENTION = Convention(
    title="torch.profiler",
    unit="FLOP",
    counts="conv2d and matrix products, a multiply-add as 2; add and mul by their first argument",
    misses="fused attention, convolutions of other ranks, every other elementwise operator",
    version="torch 2.14",
    charges=charges,
)
