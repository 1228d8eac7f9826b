"""Operators on complex numbers, in real operations.

A sum is 2 FLOP and a product 6. A real operand is charged as a complex one, except for a Python
number. Matrix products are left to PyTorch's own counter, which gives 2 FLOP per multiply-add of
complex numbers as of real ones.
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.cost import Cost
from fxflops.dims import Shape, numel
from fxflops.formulas.pointwise import CALL, COMPARISON, FLOP, per_element
from fxflops.registry import formula
from fxflops.symbolic import Dim

aten = torch.ops.aten

PER_ELEMENT: tuple[tuple[Cost, tuple[Any, ...]], ...] = (
    # sqrt(a * a + b * b)
    (FLOP * 3 + CALL, (aten.abs.default, aten.absolute.default)),
    # atan2(b, a)
    (CALL, (aten.angle.default,)),
    # r * cos(t), r * sin(t)
    (FLOP * 2 + CALL * 2, (aten.polar.default,)),
    # exp(a) * cos(b), exp(a) * sin(b)
    (FLOP * 2 + CALL * 3, (aten.exp.default,)),
    # (a - b i) / (a * a + b * b)
    (FLOP * 5, (aten.reciprocal.default,)),
    # (a * a - b * b) + 2 * a * b i
    (FLOP * 5, (aten.square.default,)),
    # both parts are equal
    (COMPARISON * 2, (aten.eq.Tensor, aten.eq.Scalar, aten.ne.Tensor, aten.ne.Scalar)),
)

for _cost, _operators in PER_ELEMENT:
    formula(*_operators, numbers="complex")(per_element(_cost))


def _is_real_number(value: Any) -> bool:
    return isinstance(value, (int, float))


@formula(
    aten.add.Tensor,
    aten.sub.Tensor,
    aten.rsub.Tensor,
    counter="elementwise",
    numbers="complex",
)
def add(alpha: Any, *, out: Shape) -> Dim:
    """2n; a real ``alpha`` other than 1 scales both parts, a complex one is a product  [FLOP]."""
    if alpha == 1:
        return 2 * numel(out)
    return (4 if _is_real_number(alpha) else 8) * numel(out)


@formula(aten.mul.Tensor, counter="elementwise", numbers="complex")
def multiply(other: Any, *, out: Shape) -> Dim:
    """6n: (a + b i)(c + d i), four products and two sums; 2n by a real number  [FLOP]."""
    return (2 if _is_real_number(other) else 6) * numel(out)


@formula(aten.div.Tensor, counter="elementwise", numbers="complex")
def divide(other: Any, *, out: Shape) -> Dim:
    """11n: a product by the conjugate 6, |z|^2 3, two quotients; 2n by a real number  [FLOP]."""
    return (2 if _is_real_number(other) else 11) * numel(out)


@formula(aten.sum.default, aten.sum.dim_IntList, counter="elementwise", numbers="complex")
def sum_(self: Shape, *, out: Shape) -> Dim:
    """2(in - out)  [FLOP]."""
    return 2 * (numel(self) - numel(out))


@formula(aten.mean.default, aten.mean.dim, counter="elementwise", numbers="complex")
def mean(self: Shape) -> Dim:
    """2 in  [FLOP]."""
    return 2 * numel(self)
