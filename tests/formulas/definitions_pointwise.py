"""Arithmetic, elementary functions, comparisons and activations, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from tests.formulas import definitions as by
from tests.formulas.by_definition import defines
from tests.formulas.counted import DONE, Array, Number, _counted, _elementwise, erf
from tests.formulas.harness import vision

assert vision
aten = torch.ops.aten


def compared(of: Any) -> Any:
    """One comparison of two numbers, whose result is a truth value."""

    def compare(*operands: Any) -> Any:
        DONE["comparison"] += np.broadcast(*operands).size
        return of(*(np.asarray(x, dtype=float) for x in operands))

    return compare


EQUAL, UNEQUAL = compared(np.equal), compared(np.not_equal)


def called(operator: Any) -> Any:
    """One call of an elementary or special function, which PyTorch evaluates."""

    def define(**arguments: Any) -> Any:
        given = {
            name: torch.from_numpy(value.astype(float)) if isinstance(value, np.ndarray) else value
            for name, value in arguments.items()
        }
        result = operator(**given).numpy()
        DONE["transcendental"] += result.size
        return _elementwise(Number)(result) if result.size else result

    return define


def _names(*names: str) -> list[Any]:
    return [
        getattr(getattr(aten, name.partition(".")[0]), name.partition(".")[2] or "default")
        for name in names
    ]


for _op in _names(
    *("exp", "exp2", "special_exp2", "expm1", "special_expm1", "log", "log2", "log10", "log1p"),
    *("special_log1p", "sqrt", "rsqrt", "pow.Tensor_Tensor", "pow.Scalar", "tan", "atan", "sin"),
    *("float_power.Tensor_Tensor", "float_power.Scalar", "cos", "asin", "acos", "arcsin", "arccos"),
    *("arctan", "atan2", "arctan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "arcsinh"),
    *("arccosh", "arctanh", "erf", "erfc", "erfinv", "special_erf", "special_erfc"),
    *("special_erfinv", "special_erfcx", "special_ndtri", "lgamma", "special_gammaln", "digamma"),
    *("special_digamma", "special_psi", "igamma", "special_gammainc", "igammac", "i0"),
    *("special_gammaincc", "special_zeta", "special_zeta.self_scalar"),
    *("special_zeta.other_scalar", "special_i0", "special_i0e", "special_i1", "special_i1e"),
    *("special_bessel_j0", "special_bessel_j1", "special_bessel_y0", "special_bessel_y1"),
    *("polygamma", "special_polygamma"),
):
    defines(_op, low=0.1, high=0.9)(called(_op))


def exp2(x: Any) -> Any:
    return _elementwise(lambda n: _counted("transcendental", 2.0 ** float(n)))(x)


def log1p(x: Any) -> Any:
    return _elementwise(lambda n: _counted("transcendental", math.log1p(float(n))))(x)


def log2(x: Any) -> Any:
    return _elementwise(lambda n: _counted("transcendental", math.log2(float(n))))(x)


def log(x: Any) -> Any:
    return _elementwise(lambda n: _counted("transcendental", math.log(float(n))))(x)


def sin(x: Any) -> Any:
    return _elementwise(lambda n: _counted("transcendental", math.sin(float(n))))(x)


def whole(x: Any, how: str | None) -> Any:
    """Rounding to a whole number, which is free."""
    rounding: dict[str | None, Any] = {"floor": math.floor, "trunc": math.trunc, None: float}
    return _elementwise(lambda n: Number(rounding[how](float(n))))(x)


@defines(*_names("mul.Tensor", "mul.Scalar", "multiply.Tensor", "multiply.Scalar"))
def mul(self: Array, other: Any) -> Array:
    return self * other


@defines(
    *_names("div.Tensor", "div.Scalar", "divide.Tensor", "divide.Scalar"),
    *_names("true_divide.Tensor", "true_divide.Scalar"),
    low=0.1,
)
def div(self: Array, other: Any) -> Array:
    return self / other


@defines(
    *_names("div.Tensor_mode", "div.Scalar_mode", "divide.Tensor_mode", "divide.Scalar_mode"),
    low=0.1,
    high=9,
)
def div_mode(self: Array, other: Any, rounding_mode: str) -> Array:
    return whole(self / other, rounding_mode)


@defines(*_names("floor_divide", "floor_divide.Scalar"), low=0.1, high=9)
def floor_divide(self: Array, other: Any) -> Array:
    return whole(self / other, "floor")


@defines(aten.reciprocal.default, low=0.1)
def reciprocal(self: Array) -> Array:
    return 1 / self


@defines(aten.square.default)
def square(self: Array) -> Array:
    return self * self


@defines(aten.deg2rad.default)
def deg2rad(self: Array) -> Array:
    return self * (math.pi / 180)


@defines(aten.rad2deg.default)
def rad2deg(self: Array) -> Array:
    return self * (180 / math.pi)


@defines(aten.frac.default, low=-9, high=9)
def frac(self: Array) -> Array:
    return self - whole(self, "trunc")


@defines(*_names("remainder.Tensor", "remainder.Scalar", "remainder.Scalar_Tensor"), low=0.1)
def remainder(self: Any, other: Any) -> Array:
    return self - other * whole(self / other, "floor")


@defines(*_names("fmod.Tensor", "fmod.Scalar"), low=0.1)
def fmod(self: Array, other: Any) -> Array:
    return self - other * whole(self / other, "trunc")


@defines(*_names("lerp.Tensor", "lerp.Scalar"))
def lerp(self: Array, end: Array, weight: Any) -> Array:
    return self + weight * (end - self)


@defines(aten.hypot.default)
def hypot(self: Array, other: Array) -> Array:
    x, y = np.broadcast_arrays(self, other)
    return np.sqrt(x * x + y * y)


@defines(aten.ldexp.Tensor)
def ldexp(self: Array, other: Array) -> Array:
    return self * exp2(np.broadcast_to(other, np.broadcast(self, other).shape))


@defines(aten.logaddexp.default)
def logaddexp(self: Array, other: Array) -> Array:
    return by.logaddexp(*np.broadcast_arrays(self, other))


@defines(aten.logaddexp2.default)
def logaddexp2(self: Array, other: Array) -> Array:
    x, y = np.broadcast_arrays(self, other)
    return log2(exp2(x) + exp2(y))


@defines(
    *_names("xlogy.Tensor", "xlogy.Scalar_Self", "xlogy.Scalar_Other", "special_xlogy"),
    *_names("special_xlogy.self_scalar", "special_xlogy.other_scalar"),
    low=0.1,
)
def xlogy(self: Any, other: Any) -> Any:
    shape = np.broadcast(self, other).shape
    return self * log(np.broadcast_to(other, shape))


@defines(
    *_names("special_xlog1py", "special_xlog1py.self_scalar", "special_xlog1py.other_scalar"),
    low=0.1,
)
def xlog1py(self: Any, other: Any) -> Any:
    shape = np.broadcast(self, other).shape
    return self * log1p(np.broadcast_to(other, shape))


@defines(aten.special_entr.default, low=0.1)
def entr(self: Array) -> Array:
    return -self * np.log(self)


@defines(*_names("sinc", "special_sinc"), low=0.1)
def sinc(self: Array) -> Array:
    angle = self * math.pi
    return sin(angle) / angle


@defines(aten.special_ndtr.default)
def ndtr(self: Array) -> Array:
    return (1 + erf(self / math.sqrt(2))) / 2


@defines(*_names("maximum", "max.other", "fmax"))
def maximum(self: Array, other: Array) -> Array:
    return np.maximum(self, other)


@defines(*_names("minimum", "min.other", "fmin"))
def minimum(self: Array, other: Array) -> Array:
    return np.minimum(self, other)


@defines(*_names("clamp_min", "clamp_min.Tensor"))
def clamp_min(self: Array, min: Any) -> Array:
    return np.maximum(self, min)


@defines(*_names("clamp_max", "clamp_max.Tensor"))
def clamp_max(self: Array, max: Any) -> Array:
    return np.minimum(self, max)


@defines(*_names("clamp", "clamp.Tensor", "clip", "clip.Tensor"))
def clamp(self: Array, min: Any, max: Any) -> Array:
    low, high = (x if isinstance(x, np.ndarray) or x is None else Number(x) for x in (min, max))
    raised = self if low is None else np.maximum(self, low)
    return raised if high is None else np.minimum(raised, high)


for _compare, _words in (
    (EQUAL, ("eq",)),
    (UNEQUAL, ("ne", "not_equal")),
    (compared(np.less), ("lt", "less")),
    (compared(np.less_equal), ("le", "less_equal")),
    (compared(np.greater), ("gt", "greater")),
    (compared(np.greater_equal), ("ge", "greater_equal")),
):
    defines(*_names(*(f"{word}.{of}" for word in _words for of in ("Tensor", "Scalar"))))(
        lambda self, other, _compare=_compare: _compare(self, other)
    )


@defines(aten.isnan.default)
def isnan(self: Array) -> Any:
    return UNEQUAL(self, self)


@defines(aten.isinf.default)
def isinf(self: Array) -> Any:
    return EQUAL(np.abs(self), math.inf)


@defines(aten.isposinf.default)
def isposinf(self: Array) -> Any:
    return EQUAL(self, math.inf)


@defines(aten.isneginf.default)
def isneginf(self: Array) -> Any:
    return EQUAL(self, -math.inf)


@defines(aten.isfinite.default)
def isfinite(self: Array) -> Any:
    return EQUAL(self, self) & UNEQUAL(np.abs(self), math.inf)


@defines(*_names("sign", "sgn"))
def sign(self: Array) -> Any:
    positive, negative = compared(np.greater)(self, 0), compared(np.less)(self, 0)
    return np.where(positive, 1.0, np.where(negative, -1.0, 0.0))


@defines(aten.angle.default)
def angle(self: Array) -> Any:
    return np.where(compared(np.less)(self, 0), math.pi, 0.0)


@defines(aten.nan_to_num.default)
def nan_to_num(self: Array) -> Any:
    unlike = UNEQUAL(self, self) | EQUAL(self, math.inf) | EQUAL(self, -math.inf)
    assert not unlike.any()
    return self


@defines(aten.isclose.default)
def isclose(self: Array, other: Array, rtol: float, atol: float) -> Any:
    return compared(np.less_equal)(np.abs(self - other), rtol * np.abs(other) + atol)


@defines(aten.allclose.default)
def allclose(self: Array, other: Array, rtol: float, atol: float) -> None:
    isclose(self, other, rtol, atol)


@defines(aten.equal.default)
def equal(self: Array, other: Array) -> None:
    EQUAL(self, other)


def scaled(x: Any, factor: Any) -> Any:
    """``factor * x``, which a factor of 1 leaves out."""
    return x if factor == 1 else factor * x


@defines(*_names("add.Tensor", "add.Scalar"))
def add(self: Array, other: Any, alpha: Any) -> Any:
    if not isinstance(other, np.ndarray):
        other = np.broadcast_to(np.asarray(Number(other), dtype=object), self.shape)
    return self + scaled(np.broadcast_to(other, np.broadcast(self, other).shape), alpha)


@defines(*_names("sub.Tensor", "sub.Scalar", "subtract.Tensor", "subtract.Scalar"))
def sub(self: Array, other: Any, alpha: Any) -> Any:
    if not isinstance(other, np.ndarray):
        other = np.broadcast_to(np.asarray(Number(other), dtype=object), self.shape)
    return self - scaled(np.broadcast_to(other, np.broadcast(self, other).shape), alpha)


@defines(*_names("rsub.Tensor", "rsub.Scalar"))
def rsub(self: Array, other: Any, alpha: Any) -> Any:
    shape = np.broadcast(self, other).shape
    return other - scaled(np.broadcast_to(self, shape), alpha)


@defines(aten.addcmul.default)
def addcmul(self: Array, tensor1: Array, tensor2: Array, value: Any) -> Any:
    shape = np.broadcast(self, tensor1, tensor2).shape
    return self + scaled(np.broadcast_to(tensor1, shape) * tensor2, value)


@defines(aten.addcdiv.default, low=0.1)
def addcdiv(self: Array, tensor1: Array, tensor2: Array, value: Any) -> Any:
    shape = np.broadcast(self, tensor1, tensor2).shape
    return self + scaled(np.broadcast_to(tensor1, shape) / tensor2, value)


@defines(*_names("pow.Tensor_Scalar", "float_power.Tensor_Scalar"), low=0.1)
def power(self: Array, exponent: Any) -> Any:
    if exponent == 2:
        return self * self
    if exponent == 3:
        return self * self * self
    return _elementwise(lambda n: _counted("transcendental", float(n) ** exponent))(self)


@defines(*_names("cross", "linalg_cross"))
def cross(self: Array, other: Array, dim: int | None) -> Any:
    axis = self.shape.index(3) if dim is None else dim
    a, b = (np.moveaxis(x, axis, 0) for x in np.broadcast_arrays(self, other))
    parts = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.moveaxis(np.array(parts), 0, axis)


@defines(aten.diff.default)
def diff(self: Array, n: int, dim: int, prepend: Any, append: Any) -> Any:
    x = np.concatenate([part for part in (prepend, self, append) if part is not None], axis=dim)
    for _ in range(n):
        x = np.moveaxis(np.moveaxis(x, dim, 0)[1:] - np.moveaxis(x, dim, 0)[:-1], 0, dim)
    return x


# Activations.


@defines(aten.relu.default)
def relu(self: Array) -> Array:
    return np.maximum(self, 0)


@defines(aten.threshold.default)
def threshold(self: Array, threshold: float, value: float) -> Any:
    return by.where(self > threshold, self, np.full(self.shape, Number(value)))


@defines(aten.relu6.default)
def relu6(self: Array) -> Array:
    return by.clamp(self, 0, 6)


@defines(aten.hardtanh.default)
def hardtanh(self: Array, min_val: float, max_val: float) -> Array:
    return by.clamp(self, min_val, max_val)


def zeros(x: Array) -> Array:
    return np.full(x.shape, Number(0.0))


@defines(aten.hardshrink.default)
def hardshrink(self: Array, lambd: float) -> Any:
    return by.where(self > lambd, self, by.where(self < -lambd, self, zeros(self)))


@defines(aten.softshrink.default)
def softshrink(self: Array, lambd: float) -> Any:
    """x - a or x + a: one of them where either is."""
    above, below = self > lambd, self < -lambd
    shift = by.where(above, np.full(self.shape, -lambd), np.full(self.shape, lambd))
    return by.where(above | below, self + shift, zeros(self))


@defines(aten.leaky_relu.default)
def leaky_relu(self: Array, negative_slope: float) -> Any:
    return by.where(self > 0, self, self * negative_slope)


@defines(*_names("prelu", "_prelu_kernel"))
def prelu(self: Array, weight: Array) -> Any:
    if weight.ndim == 1 and self.ndim > 1:
        weight = weight.reshape(-1, *[1] * (self.ndim - 2))
    return by.where(self > 0, self, self * weight)


@defines(*_names("sigmoid", "special_expit"))
def sigmoid(self: Array) -> Array:
    return by.sigmoid(self)


@defines(aten.silu.default)
def silu(self: Array) -> Array:
    return self * by.sigmoid(self)


@defines(aten.glu.default)
def glu(self: Array, dim: int) -> Array:
    a, b = np.split(self, 2, axis=dim)
    return a * by.sigmoid(b)


@defines(aten.log_sigmoid.default)
def log_sigmoid(self: Array) -> Array:
    return -by.softplus(-self)


@defines(aten.log_sigmoid_forward.default)
def log_sigmoid_forward(self: Array) -> Array:
    return -by.softplus(-self)


@defines(aten.mish.default)
def mish(self: Array) -> Array:
    return self * np.tanh(by.softplus(self))


@defines(aten.hardsigmoid.default)
def hardsigmoid(self: Array) -> Array:
    return by.clamp(self + 3, 0, 6) / 6


@defines(aten.hardswish.default)
def hardswish(self: Array) -> Array:
    return self * by.clamp(self + 3, 0, 6) / 6


@defines(aten.selu.default)
def selu(self: Array) -> Any:
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return scale * by.where(self > 0, self, alpha * (np.exp(self) - 1))


@defines(aten.gelu.default)
def gelu(self: Array, approximate: str) -> Array:
    return by.gelu_tanh(self) if approximate == "tanh" else by.gelu(self)


@defines(aten.elu.default)
def elu(self: Array, alpha: float, scale: float, input_scale: float) -> Any:
    """One product for ``scale``, on either branch."""
    negative = scaled(np.exp(scaled(self, input_scale)) - 1, alpha)
    return scaled(by.where(self > 0, self, negative), scale)


@defines(aten.celu.default)
def celu(self: Array, alpha: float) -> Any:
    inner = self if alpha == 1 else self / alpha
    return by.where(self > 0, self, scaled(np.exp(inner) - 1, alpha))


@defines(aten.softplus.default)
def softplus(self: Array, beta: float) -> Any:
    inner = by.softplus(scaled(self, beta))
    return inner if beta == 1 else inner / beta


@defines(*_names("logit", "special_logit"), low=0.2, high=0.8)
def logit(self: Array, eps: float | None) -> Any:
    x = self if eps is None else by.clamp(self, eps, 1 - eps)
    return np.log(x / (1 - x))


@defines(*_names("dropout", "feature_dropout", "native_dropout"), values=False)
def dropout(input: Array, p: float, train: bool | None) -> None:
    if train is not False and p > 0:
        input * (1 / (1 - p))
