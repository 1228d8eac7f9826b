"""Arithmetic, elementary functions and comparisons, element by element, with broadcasting.

The unit is one operation per element of the result: an addition, subtraction, multiplication or
division is 1 FLOP, an elementary or special function 1 transcendental call, a maximum, minimum or
order guard 1 comparison. Argument reduction and the polynomials inside a function are left out,
as in XLA's HLO cost analysis (xla/service/hlo_cost_analysis.cc).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fxflops.algebra import Dim
from fxflops.cost import COUNTERS, Cost
from fxflops.formulas.shapes import Shape, broadcast, equals, lines, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten

CALL = Cost(transcendental=1)
FLOP = Cost(elementwise=1)
COMPARISON = Cost(comparison=1)

PER_ELEMENT: tuple[tuple[Cost, tuple[Any, ...]], ...] = (
    # One call of an elementary function.
    (CALL, (aten.exp.default, aten.exp2.default, aten.special_exp2.default)),
    (CALL, (aten.expm1.default, aten.special_expm1.default)),
    (CALL, (aten.log.default, aten.log2.default, aten.log10.default)),
    (CALL, (aten.log1p.default, aten.special_log1p.default)),
    (CALL, (aten.sqrt.default, aten.rsqrt.default)),
    (CALL, (aten.pow.Tensor_Tensor, aten.pow.Scalar)),
    (CALL, (aten.float_power.Tensor_Tensor, aten.float_power.Scalar)),
    (CALL, (aten.sin.default, aten.cos.default, aten.tan.default)),
    (CALL, (aten.asin.default, aten.acos.default, aten.atan.default)),
    (CALL, (aten.arcsin.default, aten.arccos.default, aten.arctan.default)),
    (CALL, (aten.atan2.default, aten.arctan2.default)),
    (CALL, (aten.sinh.default, aten.cosh.default, aten.tanh.default)),
    (CALL, (aten.asinh.default, aten.acosh.default, aten.atanh.default)),
    (CALL, (aten.arcsinh.default, aten.arccosh.default, aten.arctanh.default)),
    # One call of a special function.
    (CALL, (aten.erf.default, aten.erfc.default, aten.erfinv.default)),
    (CALL, (aten.special_erf.default, aten.special_erfc.default, aten.special_erfinv.default)),
    (CALL, (aten.special_erfcx.default, aten.special_ndtri.default)),
    (CALL, (aten.lgamma.default, aten.special_gammaln.default)),
    (CALL, (aten.digamma.default, aten.special_digamma.default, aten.special_psi.default)),
    (CALL, (aten.polygamma.default, aten.polygamma_.default, aten.special_polygamma.default)),
    (CALL, (aten.igamma.default, aten.special_gammainc.default)),
    (CALL, (aten.igammac.default, aten.special_gammaincc.default)),
    (CALL, (aten.special_zeta.default,)),
    (CALL, (aten.special_zeta.self_scalar, aten.special_zeta.other_scalar)),
    (CALL, (aten.i0.default, aten.special_i0.default, aten.special_i0e.default)),
    (CALL, (aten.special_i1.default, aten.special_i1e.default)),
    (CALL, (aten.special_bessel_j0.default, aten.special_bessel_j1.default)),
    (CALL, (aten.special_bessel_y0.default, aten.special_bessel_y1.default)),
    # One multiplication or division. Rounding the quotient to a whole number is free, as a cast is.
    (FLOP, (aten.mul.Tensor, aten.mul.Scalar, aten.multiply.Tensor, aten.multiply.Scalar)),
    (FLOP, (aten.div.Tensor, aten.div.Scalar, aten.div.Tensor_mode, aten.div.Scalar_mode)),
    (FLOP, (aten.divide.Tensor, aten.divide.Scalar)),
    (FLOP, (aten.divide.Tensor_mode, aten.divide.Scalar_mode)),
    (FLOP, (aten.true_divide.Tensor, aten.true_divide.Scalar)),
    (FLOP, (aten.floor_divide.default, aten.floor_divide.Scalar)),
    (FLOP, (aten.reciprocal.default, aten.square.default)),
    (FLOP, (aten.deg2rad.default, aten.rad2deg.default)),
    # x - trunc(x)
    (FLOP, (aten.frac.default,)),
    # x - y * floor(x / y)
    (FLOP * 3, (aten.remainder.Tensor, aten.remainder.Scalar, aten.remainder.Scalar_Tensor)),
    # x - y * trunc(x / y)
    (FLOP * 3, (aten.fmod.Tensor, aten.fmod.Scalar)),
    # a + w * (b - a)
    (FLOP * 3, (aten.lerp.Tensor, aten.lerp.Scalar)),
    # sqrt(x * x + y * y)
    (FLOP * 3 + CALL, (aten.hypot.default,)),
    # x * 2^y
    (FLOP + CALL, (aten.ldexp.Tensor,)),
    # log(exp(x) + exp(y))
    (FLOP + CALL * 3, (aten.logaddexp.default, aten.logaddexp2.default)),
    # x * log(y), x * log(1 + y)
    (FLOP + CALL, (aten.xlogy.Tensor, aten.xlogy.Scalar_Self, aten.xlogy.Scalar_Other)),
    (FLOP + CALL, (aten.special_xlogy.default,)),
    (FLOP + CALL, (aten.special_xlogy.self_scalar, aten.special_xlogy.other_scalar)),
    (FLOP + CALL, (aten.special_xlog1py.default,)),
    (FLOP + CALL, (aten.special_xlog1py.self_scalar, aten.special_xlog1py.other_scalar)),
    # -x * log(x)
    (FLOP + CALL, (aten.special_entr.default,)),
    # sin(pi * x) / (pi * x)
    (FLOP * 2 + CALL, (aten.sinc.default, aten.special_sinc.default)),
    # (1 + erf(x / sqrt(2))) / 2
    (FLOP * 3 + CALL, (aten.special_ndtr.default,)),
    # One comparison.
    (COMPARISON, (aten.maximum.default, aten.max.other, aten.fmax.default)),
    (COMPARISON, (aten.minimum.default, aten.min.other, aten.fmin.default)),
    (COMPARISON, (aten.clamp_min.default, aten.clamp_min.Tensor)),
    (COMPARISON, (aten.clamp_max.default, aten.clamp_max.Tensor)),
    (COMPARISON, (aten.eq.Tensor, aten.eq.Scalar, aten.ne.Tensor, aten.ne.Scalar)),
    (COMPARISON, (aten.not_equal.Tensor, aten.not_equal.Scalar)),
    (COMPARISON, (aten.lt.Tensor, aten.lt.Scalar, aten.less.Tensor, aten.less.Scalar)),
    (COMPARISON, (aten.le.Tensor, aten.le.Scalar)),
    (COMPARISON, (aten.less_equal.Tensor, aten.less_equal.Scalar)),
    (COMPARISON, (aten.gt.Tensor, aten.gt.Scalar, aten.greater.Tensor, aten.greater.Scalar)),
    (COMPARISON, (aten.ge.Tensor, aten.ge.Scalar)),
    (COMPARISON, (aten.greater_equal.Tensor, aten.greater_equal.Scalar)),
    (COMPARISON, (aten.heaviside.default,)),
    # pi where x < 0, else 0
    (COMPARISON, (aten.angle.default,)),
    # x != x, |x| == inf, x == inf, x == -inf
    (COMPARISON, (aten.isnan.default, aten.isinf.default)),
    (COMPARISON, (aten.isposinf.default, aten.isneginf.default)),
    # x == x and |x| != inf
    (COMPARISON * 2, (aten.isfinite.default,)),
    # x > 0, x < 0
    (COMPARISON * 2, (aten.sign.default, aten.sgn.default)),
    # x != x, x == inf, x == -inf
    (COMPARISON * 3, (aten.nan_to_num.default,)),
    # |a - b| <= atol + rtol * |b|
    (FLOP * 3 + COMPARISON, (aten.isclose.default,)),
)


def per_element(cost: Cost) -> Callable[..., Cost]:
    """The formula that charges ``cost`` for every element of the result."""

    def of_result(*, out: Shape) -> Cost:
        return cost * numel(out)

    of_result.__doc__ = described(cost)
    return of_result


def described(cost: Cost) -> str:
    """What a formula's docstring says of a ``cost`` per element of the result."""
    units = {"elementwise": "[FLOP]", "transcendental": "transcendental calls"}
    counts = [(name, getattr(cost, name)) for name in COUNTERS if getattr(cost, name) != 0]
    said = [
        f"{'' if count == 1 else count}n {units.get(name, name + 's')}" for name, count in counts
    ]
    return f"{', '.join(said)} for n elements of the result."


for _cost, _operators in PER_ELEMENT:
    formula(*_operators, kind="pointwise")(per_element(_cost))


@formula(
    aten.add.Tensor,
    aten.add.Scalar,
    aten.sub.Tensor,
    aten.sub.Scalar,
    aten.subtract.Tensor,
    aten.subtract.Scalar,
    aten.rsub.Tensor,
    aten.rsub.Scalar,
    counter="elementwise",
    kind="pointwise",
)
def add(alpha: float, *, out: Shape) -> Dim:
    """n, or 2n where ``alpha`` scales an operand: x + alpha * y  [FLOP]."""
    return (2 - equals(alpha, 1)) * numel(out)


@formula(
    aten.addcmul.default,
    aten.addcdiv.default,
    counter="elementwise",
    kind="pointwise",
)
def addcmul(value: float, *, out: Shape) -> Dim:
    """2n, or 3n with a ``value`` other than 1: x + value * y * z, x + value * y / z  [FLOP]."""
    return (3 - equals(value, 1)) * numel(out)


@formula(aten.round.decimals, aten.special_round.default, counter="elementwise", kind="pointwise")
def rounded(decimals: int, *, out: Shape) -> Dim:
    """round(x * 10^k) / 10^k: 2n; to a whole number, k = 0, it is a cast  [FLOP]."""
    return 2 * numel(out) if decimals else 0


@formula(aten._add_relu.Tensor, aten._add_relu.Scalar, kind="pointwise")
def add_relu(alpha: float, *, out: Shape) -> Cost:
    """`add`, and a comparison with 0."""
    return Cost(elementwise=add(alpha, out=out), comparison=numel(out))


@formula(aten.pow.Tensor_Scalar, aten.float_power.Tensor_Scalar, kind="pointwise")
def power(exponent: float, *, out: Shape) -> Cost:
    """A square is n and a cube 2n  [FLOP]; any other exponent is n transcendental calls."""
    square, cube = equals(exponent, 2), equals(exponent, 3)
    return (FLOP * (square + 2 * cube) + CALL * (1 - square - cube)) * numel(out)


@formula(
    aten.clamp.default,
    aten.clamp.Tensor,
    aten.clip.default,
    aten.clip.Tensor,
    counter="comparison",
    kind="pointwise",
)
def clamp(min: Any, max: Any, *, out: Shape) -> Dim:
    """One comparison per element and bound that is given."""
    return numel(out) * ((min is not None) + (max is not None))


@formula(aten.equal.default, counter="comparison", kind="pointwise")
def equal(self: Shape) -> Dim:
    """One ``x == y`` per element; the conjunction is boolean work and free."""
    return numel(self)


@formula(aten.allclose.default, kind="pointwise")
def allclose(self: Shape, other: Shape) -> Cost:
    """|a - b| <= atol + rtol * |b| per element; the conjunction is boolean work and free."""
    return (FLOP * 3 + COMPARISON) * numel(broadcast(self, other))


@formula(aten.cross.default, aten.linalg_cross.default, counter="elementwise", kind="pointwise")
def cross(*, out: Shape) -> Dim:
    """3n: every component is a difference of two products  [FLOP]."""
    return 3 * numel(out)


@formula(aten.diff.default, counter="elementwise", kind="pointwise")
def diff(
    self: Shape, n: int, dim: int, prepend: Shape | None, append: Shape | None, *, out: Shape
) -> Dim:
    """The n-th difference takes n rounds of subtractions, each one element shorter  [FLOP]."""
    count, _ = lines(out, dim)
    length = sum((shape[dim] for shape in (prepend, self, append) if shape is not None), 0)
    return sum((count * reduction(length, rounds + 1) for rounds in range(n)), 0)
