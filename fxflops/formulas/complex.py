"""Operators on complex numbers, in real operations.

A sum is 2 FLOP and a product 6. A real operand is charged as a complex one, except for a Python
number. The contraction of matrix products is what PyTorch's own counter gives, 2 FLOP per
multiply-add of complex numbers as of real ones; that is a quarter of the real operations.
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas import einsum as sums_of_products
from fxflops.formulas import matmul as products
from fxflops.formulas.pointwise import CALL, COMPARISON, FLOP, per_element
from fxflops.formulas.reduce import p_norm
from fxflops.formulas.shapes import Shape, lines, numel, reduction
from fxflops.registry import formula

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
    # log(a * a + b * b) / 2, atan2(b, a)
    (FLOP * 4 + CALL * 2, (aten.log.default,)),
    # sqrt((|z| + a) / 2), sqrt((|z| - a) / 2)
    (FLOP * 7 + CALL * 3, (aten.sqrt.default,)),
    # sin(a) * cosh(b), cos(a) * sinh(b)
    (FLOP * 2 + CALL * 4, (aten.sin.default, aten.cos.default)),
    # z / |z|
    (FLOP * 5 + CALL, (aten.sgn.default,)),
    # both parts are equal
    (COMPARISON * 2, (aten.eq.Tensor, aten.eq.Scalar, aten.ne.Tensor, aten.ne.Scalar)),
)

for _cost, _operators in PER_ELEMENT:
    formula(*_operators, numbers="complex", kind="complex numbers")(per_element(_cost))


def _is_real_number(value: Any) -> bool:
    return isinstance(value, (int, float))


@formula(
    aten.add.Tensor,
    aten.add.Scalar,
    aten.sub.Tensor,
    aten.sub.Scalar,
    aten.rsub.Tensor,
    aten.rsub.Scalar,
    counter="elementwise",
    numbers="complex",
    kind="complex numbers",
)
def add(alpha: Any, *, out: Shape) -> Dim:
    """2n; a real ``alpha`` other than 1 scales both parts, a complex one is a product  [FLOP]."""
    if alpha == 1:
        return 2 * numel(out)
    return (4 if _is_real_number(alpha) else 8) * numel(out)


@formula(
    aten.mul.Tensor,
    aten.mul.Scalar,
    counter="elementwise",
    numbers="complex",
    kind="complex numbers",
)
def multiply(other: Any, *, out: Shape) -> Dim:
    """6n: (a + b i)(c + d i), four products and two sums; 2n by a real number  [FLOP]."""
    return (2 if _is_real_number(other) else 6) * numel(out)


@formula(
    aten.div.Tensor,
    aten.div.Scalar,
    counter="elementwise",
    numbers="complex",
    kind="complex numbers",
)
def divide(other: Any, *, out: Shape) -> Dim:
    """11n: a product by the conjugate 6, |z|^2 3, two quotients; 2n by a real number  [FLOP]."""
    return (2 if _is_real_number(other) else 11) * numel(out)


@formula(
    aten.sum.default,
    aten.sum.dim_IntList,
    counter="elementwise",
    numbers="complex",
    kind="complex numbers",
)
def sum_(self: Shape, *, out: Shape) -> Dim:
    """2(in - out)  [FLOP]."""
    return 2 * reduction(numel(self), numel(out))


@formula(
    aten.mean.default,
    aten.mean.dim,
    counter="elementwise",
    numbers="complex",
    kind="complex numbers",
)
def mean(self: Shape) -> Dim:
    """2 in  [FLOP]."""
    return 2 * numel(self)


@formula(aten.pow.Tensor_Scalar, counter="elementwise", numbers="complex", kind="complex numbers")
def power(exponent: Any, *, out: Shape) -> Dim | None:
    """A square is 5n, a cube 6n more  [FLOP]; other powers are not known."""
    return {2: 5, 3: 11}[exponent] * numel(out) if exponent in (2, 3) else None


@formula(
    aten.prod.default,
    aten.prod.dim_int,
    counter="elementwise",
    numbers="complex",
    kind="complex numbers",
)
def prod(self: Shape, *, out: Shape) -> Dim:
    """6(in - out)  [FLOP]."""
    return 6 * reduction(numel(self), numel(out))


@formula(aten.cumsum.default, counter="elementwise", numbers="complex", kind="complex numbers")
def cumsum(self: Shape, dim: int) -> Dim:
    """2M(S - 1) for M lines of S  [FLOP]."""
    count, length = lines(self, dim)
    return 2 * count * reduction(length, 1)


@formula(aten.cumprod.default, counter="elementwise", numbers="complex", kind="complex numbers")
def cumprod(self: Shape, dim: int) -> Dim:
    """6M(S - 1) for M lines of S  [FLOP]."""
    return 3 * cumsum(self, dim)


@formula(aten.linalg_vector_norm.default, numbers="complex", kind="complex numbers")
def vector_norm(self: Shape, ord: float, *, out: Shape) -> Cost:
    """For p = 2 the squares of both parts and their sum, 3 in; else of the absolute values."""
    elements, count = numel(self), numel(out)
    if ord == 2:
        summed = reduction(elements, count)
        return Cost(elementwise=3 * elements + summed, transcendental=count)
    return (FLOP * 3 + CALL) * elements + p_norm(elements, count, ord)


@formula(
    aten.mm.default,
    aten.bmm.default,
    aten.mv.default,
    aten.dot.default,
    aten.vdot.default,
    aten.matmul.default,
    aten.linalg_matmul.default,
    counter="contraction",
    numbers="complex",
    kind="complex numbers",
)
def matmul(self: Shape, *, out: Shape) -> Dim:
    """2 * prod(out) * K  [FLOP]."""
    return products.matmul(self, out=out)


@formula(aten.linear.default, numbers="complex", kind="complex numbers")
def linear(weight: Shape, bias: Shape | None, *, out: Shape) -> Cost:
    """2 * prod(out) * K, and 2 per result for a bias  [FLOP]."""
    added = 0 if bias is None else 2 * numel(out)
    return Cost(contraction=2 * numel(out) * weight[-1], elementwise=added)


@formula(
    aten.outer.default,
    aten.ger.default,
    aten.kron.default,
    counter="elementwise",
    numbers="complex",
    kind="complex numbers",
)
def outer(*, out: Shape) -> Dim:
    """6 per result  [FLOP]."""
    return 6 * numel(out)


@formula(aten.einsum.default, numbers="complex", kind="complex numbers")
def einsum(equation: str, tensors: tuple[Shape, ...], path: tuple[int, ...] | None) -> Cost:
    """As of real numbers, a sum beforehand being 2 and a product element by element 6  [FLOP]."""
    labeled, result = sums_of_products.parse(equation, tensors)
    return sums_of_products.contracted(labeled, result, path, of_sum=2, of_product=6)
