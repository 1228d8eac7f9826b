"""``torch.utils.flop_counter.FlopCounterMode``. Source: torch 2.14, torch/utils/flop_counter.py."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from fxflops.conventions.charges import Amount, Charge, Convention, by_operator
from fxflops.conventions.fused import attention_is_fused, on_the_fast_path
from fxflops.conventions.products import (
    attention,
    bmm,
    conv,
    conv_transpose,
    einsum,
    linear,
    matmul,
    twice,
)
from fxflops.conventions.record import Call, Record

aten = torch.ops.aten


def _attention(call: Call) -> Amount:
    return Amount() if attention_is_fused(call) else Amount(2 * attention(call))


RULES = {
    **dict.fromkeys((aten.conv1d, aten.conv2d, aten.conv3d), twice(conv)),
    **dict.fromkeys(
        (aten.conv_transpose1d, aten.conv_transpose2d, aten.conv_transpose3d),
        twice(conv_transpose),
    ),
    aten.linear: twice(linear),
    aten.matmul: twice(matmul),
    **dict.fromkeys((aten.mm, aten.addmm), twice(matmul)),
    **dict.fromkeys((aten.bmm, aten.baddbmm), twice(bmm)),
    aten.einsum: twice(einsum),
    aten.scaled_dot_product_attention: _attention,
}


def charges(record: Record) -> Iterator[Charge]:
    """Convolutions and matrix products; nothing inside fused kernels."""
    fused = on_the_fast_path(record)
    for charge in by_operator(record, RULES):
        if charge.call.nodes[0].name not in fused:
            yield charge


CONVENTION = Convention(
    title="FlopCounterMode",
    unit="FLOP",
    counts="convolutions and matrix products, a multiply-add as 2",
    misses="fused attention on the CPU, the fast path of nn.MultiheadAttention, all elementwise "
    "work, operators of other libraries",
    version="torch 2.14",
    charges=charges,
)
