"""What PyTorch's two counters count: their rules, as facts, and our counts restricted to them.

``torch.profiler`` under ``with_flops`` gives FLOPs to the events of seven names, computed from what
the call is given and not from its result, and to no other event; ``FlopCounterMode`` counts matrix
products, convolutions and some attention kernels, a multiply-add as 2. Both count a call only if it
reaches the dispatcher: the products inside a fused kernel do not.

Source of the profiler's rules: torch 2.14, torch/csrc/profiler/util.cpp, saveExtraArgs and
computeFlops. A check holds each rule against every event it sees, so that a version of PyTorch
with other rules fails it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch.utils.flop_counter import flop_registry

from fxflops._torch import OpOverload
from fxflops.cost import Cost
from fxflops.registry import Operator, kind_of

Shapes = Sequence[Sequence[int]]
Values = Sequence[Any]

RULES_OF = "2.14"
"""The version of PyTorch whose rules these are."""


def conv2d(shapes: Shapes, values: Values) -> int:
    """2 * N * H_out * W_out * K_h * K_w * C_in * C_out / groups  [FLOP].

    The output's size follows from the input's. An image without a batch, and a padding that is
    given by its name, count 0.
    """
    image, kernel = shapes[:2]
    stride, padding, dilation, groups = values[3:7]
    if len(image) != 4 or not isinstance(padding, (list, tuple)):
        return 0
    batch, channels, *size = image
    results, _, *window = kernel
    positions: int = prod(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(size, padding, dilation, window, stride, strict=True)
    )
    return 2 * batch * positions * prod(window) * channels * results // int(groups)


def product(left: Sequence[int], right: Sequence[int]) -> int:
    """2 * M * K * N for matrices, 2 * B * M * K * N for stacks of B  [FLOP]."""
    *rows, inner = left
    return 2 * prod(rows) * inner * right[-1]


RULES: Mapping[str, Callable[[Shapes, Values], int]] = {
    "aten::conv2d": conv2d,
    "aten::mm": lambda shapes, _: product(shapes[0], shapes[1]),
    "aten::bmm": lambda shapes, _: product(shapes[0], shapes[1]),
    # The addend, alpha and beta count nothing.
    "aten::addmm": lambda shapes, _: product(shapes[1], shapes[2]),
    "aten::baddbmm": lambda shapes, _: product(shapes[1], shapes[2]),
    # One FLOP per element of the first operand, whatever the result's shape, dtype and alpha are.
    "aten::add": lambda shapes, _: prod(shapes[0]),
    "aten::mul": lambda shapes, _: prod(shapes[0]),
}
"""The profiler's FLOPs of an event, from the shapes and the values of its arguments."""

POINTWISE = ("aten::add", "aten::mul")
"""The events whose FLOPs are elementwise in our terms; those of the others are contraction."""

MADE_OF_PRODUCTS = ("attention", "einsum", "matmul", "recurrent")
"""The kinds of operators that PyTorch computes by mm, addmm, bmm and baddbmm, fused or not."""

ATTENTION, RECURRENT = "fused attention", "recurrent layer in one kernel"
UNSEEN = {
    r"aten::_scaled_dot_product_(?!attention_math)\w+": ATTENTION,
    r"aten::(mkldnn_rnn_layer|_cudnn_rnn|miopen_rnn)": RECURRENT,
    r"aten::(mv|addmv_?|dot|vdot)": "product with a vector",
    r"aten::(addmm|addbmm|baddbmm)_": "product in place",
    r"aten::(_addmm_activation|_scaled_mm|_grouped_mm|_trilinear)": "product in one kernel",
    r"aten::linalg_vecdot": "product element by element, then a sum",
}
"""Operators in which the counters see no products, by name, and what kind they are of."""


@dataclass(frozen=True, slots=True)
class Flops:
    """A count of what the counters have rules for [FLOP]."""

    contraction: int = 0
    elementwise: int = 0

    @property
    def total(self) -> int:
        """Both."""
        return self.contraction + self.elementwise


def split(flops: Mapping[str, int]) -> Flops:
    """The profiler's FLOPs, given by the event's name."""
    elementwise = sum(n for name, n in flops.items() if name in POINTWISE)
    return Flops(sum(flops.values()) - elementwise, elementwise)


def in_convention(op: Operator, arguments: Mapping[str, Any], cost: Cost) -> Flops:
    """Our count of that part of a call of ``op`` which the profiler is known to see.

    ``arguments`` are the call's, by name, with shapes in the place of tensors. The contraction is
    that of our own formula; a sum or product of tensors counts its first operand's elements.
    """
    name = event_name(op)
    if name in POINTWISE:
        first = arguments["self"]
        return Flops(elementwise=prod(first) if isinstance(first, tuple) else 1)
    contraction = cost.contraction
    assert isinstance(contraction, int)
    if name == "aten::conv2d":
        has_rule = len(arguments["input"]) == 4 and not isinstance(arguments["padding"], str)
    else:
        has_rule = kind_of(op) in MADE_OF_PRODUCTS
    return Flops(contraction=contraction if has_rule else 0)


def event_name(op: Operator) -> str:
    """The name of the profiler's event for a call of ``op``; in place it is another, ``add_``."""
    return op._schema.name if isinstance(op, OpOverload) else str(op)


def has_formula(op: Operator) -> bool:
    """Whether ``FlopCounterMode`` has a formula for ``op`` itself."""
    return isinstance(op, OpOverload) and op.overloadpacket in flop_registry


def unseen(operators: Iterable[str]) -> str | None:
    """The kind of the first of ``operators`` in which the counters see no products, if any."""
    for name in sorted(operators):
        for pattern, kind in UNSEEN.items():
            if re.fullmatch(pattern, name):
                return kind
    return None
