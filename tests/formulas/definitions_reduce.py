"""Sums, means, extrema, variances, norms, distances, running reductions; softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from fxflops.registry import existing
from tests.formulas.by_definition import defines
from tests.formulas.counted import (
    Array,
    Number,
    _counted,
    _elementwise,
    every_axis,
    largest,
    mean,
    product,
    smallest,
    total,
)
from tests.formulas.definitions_pointwise import UNEQUAL, compared

aten = torch.ops.aten


def axes_of(x: Array, dim: Any) -> tuple[int, ...]:
    return every_axis(dim, x.ndim)


@defines(aten.sum.default)
def sum_(self: Array) -> Any:
    return total(self, axes_of(self, None))


@defines(aten.sum.dim_IntList)
def sum_dim(self: Array, dim: Any, keepdim: bool) -> Any:
    return total(self, axes_of(self, dim), keepdim)


@defines(aten.sum_to_size.default)
def sum_to_size(self: Array, size: list[int]) -> Any:
    whole = [1] * (self.ndim - len(size)) + list(size)
    axes = tuple(i for i, n in enumerate(whole) if n == 1 and self.shape[i] != 1)
    return total(self, axes, True).reshape(size) if axes else self


@defines(aten.nansum.default)
def nansum(self: Array, dim: Any, keepdim: bool) -> Any:
    assert not UNEQUAL(self, self).any()
    return total(self, axes_of(self, dim), keepdim)


@defines(aten.prod.default)
def prod(self: Array) -> Any:
    return product(self, axes_of(self, None))


@defines(aten.prod.dim_int)
def prod_dim(self: Array, dim: int, keepdim: bool) -> Any:
    return product(self, axes_of(self, dim), keepdim)


@defines(aten.mean.default)
def mean_(self: Array) -> Any:
    return mean(self, axes_of(self, None), False)


@defines(aten.mean.dim)
def mean_dim(self: Array, dim: Any, keepdim: bool) -> Any:
    return mean(self, axes_of(self, dim), keepdim)


@defines(aten.nanmean.default)
def nanmean(self: Array, dim: Any, keepdim: bool) -> Any:
    assert not UNEQUAL(self, self).any()
    return mean(self, axes_of(self, dim), keepdim)


@defines(aten.max.default)
def max_(self: Array) -> Any:
    return largest(self, axes_of(self, None))


@defines(aten.min.default)
def min_(self: Array) -> Any:
    return smallest(self, axes_of(self, None))


@defines(aten.amax.default)
def amax(self: Array, dim: Any, keepdim: bool) -> Any:
    return largest(self, axes_of(self, dim), keepdim)


@defines(aten.amin.default)
def amin(self: Array, dim: Any, keepdim: bool) -> Any:
    return smallest(self, axes_of(self, dim), keepdim)


@defines(aten.max.dim)
def max_dim(self: Array, dim: int, keepdim: bool) -> Any:
    return (largest(self, axes_of(self, dim), keepdim),)


@defines(aten.min.dim)
def min_dim(self: Array, dim: int, keepdim: bool) -> Any:
    return (smallest(self, axes_of(self, dim), keepdim),)


def place_of(extremum: Any) -> Any:
    """The index of the extremum, which the comparisons that find it give."""

    def place(self: Array, dim: int | None, keepdim: bool) -> Any:
        x = self.reshape(-1) if dim is None else self
        axis = 0 if dim is None else dim
        found = extremum(x, axes_of(x, axis), True)
        same = np.asarray(x, dtype=float) == np.asarray(found, dtype=float)
        index = same.argmax(axis=axis, keepdims=keepdim and dim is not None)
        return index.reshape([1] * self.ndim) if keepdim and dim is None else index

    return place


defines(aten.argmax.default)(place_of(largest))
defines(aten.argmin.default)(place_of(smallest))


@defines(aten.aminmax.default)
def aminmax(self: Array, dim: int | None, keepdim: bool) -> Any:
    axes = axes_of(self, dim)
    return smallest(self, axes, keepdim), largest(self, axes, keepdim)


@defines(aten._aminmax.default)
def aminmax_of_all(self: Array) -> Any:
    return aminmax(self, None, False)


@defines(aten._aminmax.dim)
def aminmax_along(self: Array, dim: int, keepdim: bool) -> Any:
    return aminmax(self, dim, keepdim)


def spread(x: Array, axes: tuple[int, ...], correction: float, keepdim: bool) -> tuple[Any, Any]:
    """Variance and mean. Of nothing there is neither, and no work."""
    count = math.prod(x.shape[axis] for axis in axes)
    middle = mean(x, axes)
    centred = x - middle
    squares = total(centred * centred, axes, keepdim)
    least = count - correction
    shown = middle if keepdim else middle.reshape(squares.shape)
    if count == 0:
        return np.full(squares.shape, Number(math.nan)), shown
    if least <= 0:  # a division by 0
        return _elementwise(lambda _: _counted("elementwise", math.nan))(squares), shown
    return squares / least, shown


def _varieties() -> None:
    for name, roots in (("var", False), ("std", True)):
        for both in (False, True):

            def define(
                self: Array,
                dim: Any = None,
                correction: Any = None,
                unbiased: bool = True,
                keepdim: bool = False,
                *,
                roots: bool = roots,
                both: bool = both,
            ) -> Any:
                if correction is None:
                    correction = 1 if unbiased else 0
                found, middle = spread(self, axes_of(self, dim), correction, keepdim)
                if roots:
                    found = _elementwise(
                        lambda n: _counted("transcendental", max(float(n), 0.0) ** 0.5)
                    )(found)
                return (found, middle) if both else found

            packet = getattr(aten, f"{name}_mean" if both else name)
            defines(packet.default, packet.dim, packet.correction)(define)


_varieties()


@defines(aten.trace.default)
def trace(self: Array) -> Any:
    return total(np.diagonal(self), (0,))


def p_norm(x: Array, p: Any, axes: tuple[int, ...], keepdim: bool, rooted: bool = True) -> Any:
    if p == math.inf and not x.size:
        return total(x, axes, keepdim)
    if p in (math.inf, -math.inf):
        return (largest if p > 0 else smallest)(np.abs(x), axes, keepdim)
    if p == 0:
        ones = UNEQUAL(x, 0).astype(float)
        return ones.sum(axis=axes, keepdims=keepdim)
    if p == 1:
        return total(np.abs(x), axes, keepdim)
    if p == 2:
        summed = total(x * x, axes, keepdim)
        return np.sqrt(summed) if rooted else summed
    powers = _elementwise(lambda n: _counted("transcendental", abs(float(n)) ** p))(x)
    summed = total(powers, axes, keepdim)
    if not rooted:
        return summed
    return _elementwise(lambda n: _counted("transcendental", float(n) ** (1 / p)))(summed)


@defines(aten.linalg_vector_norm.default)
def vector_norm(self: Array, ord: Any, dim: Any, keepdim: bool) -> Any:
    return p_norm(self, ord, axes_of(self, dim), keepdim)


@defines(*existing("aten.linalg__powsum.default"), values=False)
def powsum(self: Array, ord: Any, dim: Any) -> Any:
    return p_norm(self, ord, axes_of(self, dim), False, rooted=False)


@defines(aten.norm.Scalar)
def norm_of_all(self: Array, p: Any) -> Any:
    return p_norm(self, p, axes_of(self, None), False)


@defines(aten.norm.ScalarOpt_dtype)
def norm_of_all_in(self: Array, p: Any) -> Any:
    return p_norm(self, p, axes_of(self, None), False)


@defines(aten.norm.ScalarOpt_dim, aten.norm.ScalarOpt_dim_dtype)
def norm(self: Array, p: Any, dim: Any, keepdim: bool) -> Any:
    return p_norm(self, 2 if p is None else p, axes_of(self, dim), keepdim)


@defines(aten.native_norm.default, values=False)
def native_norm(self: Array, p: Any) -> Any:
    p_norm(self, p, axes_of(self, None), False)


@defines(aten.native_norm.ScalarOpt_dim_dtype, values=False)
def native_norm_along(self: Array, p: Any, dim: Any, keepdim: bool) -> Any:
    p_norm(self, p, axes_of(self, dim), keepdim)


@defines(aten.frobenius_norm.dim)
def frobenius_norm(self: Array, dim: Any, keepdim: bool) -> Any:
    return p_norm(self, 2, axes_of(self, dim), keepdim)


@defines(aten.linalg_matrix_norm.str_ord)
def matrix_norm_by_name(self: Array, ord: str, dim: Any, keepdim: bool) -> Any:
    assert ord == "fro"
    return p_norm(self, 2, axes_of(self, dim), keepdim)


@defines(aten.linalg_matrix_norm.default)
def matrix_norm(self: Array, ord: float, dim: Any) -> Any:
    rows, columns = axes_of(self, dim)
    summed, compared_ = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = total(np.abs(self), (summed,), True)
    if not self.shape[compared_]:
        return np.zeros([n for i, n in enumerate(self.shape) if i not in axes_of(self, dim)])
    extreme = (largest if ord > 0 else smallest)(sums, (compared_,), True)
    kept = [n for i, n in enumerate(self.shape) if i not in (rows % self.ndim, columns % self.ndim)]
    return extreme.reshape(kept)


@defines(aten.linalg_norm.default)
def linalg_norm(self: Array, ord: Any, dim: Any, keepdim: bool) -> Any:
    if ord is None:
        return p_norm(self, 2, axes_of(self, dim), keepdim)
    if dim is None and self.ndim == 2:
        return matrix_norm(self, ord, (0, 1))
    return p_norm(self, ord, axes_of(self, dim), keepdim)


@defines(aten.linalg_norm.ord_str)
def linalg_norm_by_name(self: Array, ord: str) -> Any:
    assert ord == "fro"
    return p_norm(self, 2, axes_of(self, None), False)


@defines(aten.renorm.default, low=2, high=3)
def renorm(self: Array, p: Any, dim: int, maxnorm: float) -> Any:
    others = tuple(axis for axis in range(self.ndim) if axis != dim % self.ndim)
    norms = p_norm(self, p, others, True)
    assert compared(np.greater)(norms, maxnorm).all() or not self.size
    return self * (maxnorm / (norms + 1e-7))


def running(of: Any) -> Any:
    def define(self: Array, dim: int) -> Any:
        if self.ndim == 0:
            return self
        result = np.moveaxis(self.copy(), dim, 0)
        for i in range(1, len(result)):
            result[i] = of(result[i - 1], result[i])
        return np.moveaxis(result, 0, dim)

    return define


defines(aten.cumsum.default)(running(np.add))
defines(aten.cumprod.default)(running(np.multiply))
defines(aten.cummax.default)(lambda self, dim: (running(np.maximum)(self, dim),))
defines(aten.cummin.default)(lambda self, dim: (running(np.minimum)(self, dim),))


@defines(aten._cummax_helper.default, values=False)
def cummax_helper(self: Array, dim: int) -> None:
    running(np.maximum)(self, dim)


@defines(aten._cummin_helper.default, values=False)
def cummin_helper(self: Array, dim: int) -> None:
    running(np.minimum)(self, dim)


@defines(aten.dist.default)
def dist(self: Array, other: Array, p: Any) -> Any:
    difference = self - other
    return p_norm(difference, p, axes_of(difference, None), False)


@defines(aten.pairwise_distance.default)
def pairwise_distance(x1: Array, x2: Array, p: Any, eps: float, keepdim: bool) -> Any:
    return p_norm((x1 - x2) + eps, p, (x1.ndim - 1,), keepdim)


def between(x: Array, y: Array, p: Any) -> Any:
    return p_norm(x[..., :, None, :] - y[..., None, :, :], p, (x.ndim,), False)


@defines(aten.cdist.default, aten._cdist_forward.default)
def cdist(x1: Array, x2: Array, p: Any) -> Any:
    return between(x1, x2, p)


@defines(aten._euclidean_dist.default)
def euclidean_dist(x1: Array, x2: Array) -> Any:
    return between(x1, x2, 2)


def between_rows(self: Array, p: Any) -> Any:
    pairs = [(i, j) for i in range(len(self)) for j in range(i + 1, len(self))]
    if not pairs:
        return np.empty(0)
    first, second = (self[[pair[k] for pair in pairs]] for k in (0, 1))
    return p_norm(first - second, p, (1,), False)


defines(aten.pdist.default, aten._pdist_forward.default)(between_rows)


@defines(aten.cosine_similarity.default)
def cosine_similarity(x1: Array, x2: Array, dim: int, eps: float) -> Any:
    """Of the norms, not of their squares: as PyTorch documents it."""
    x, y = np.broadcast_arrays(x1, x2)
    axes = axes_of(x, dim)
    norms = [np.maximum(np.sqrt(total(v * v, axes)), Number(eps)) for v in (x, y)]
    return total(x * y, axes) / (norms[0] * norms[1])


# Softmax.


def exponentials(x: Array, dim: int) -> tuple[Any, Any, Any]:
    """What is left of x without its maximum, the exponential of that, and the sum of those."""
    axes = axes_of(x, dim)
    shifted = np.asarray(x - largest(x, axes, True), dtype=object)
    powers = np.asarray(np.exp(shifted), dtype=object)
    return shifted, powers, total(powers, axes, True)


def softmax_of(x: Array, dim: int) -> Any:
    _, powers, sums = exponentials(x, dim)
    return powers / sums


@defines(
    aten.softmax.int,
    aten._softmax.default,
    aten.special_softmax.default,
    aten._safe_softmax.default,
)
def softmax(self: Array, dim: int) -> Any:
    return softmax_of(self, dim)


@defines(aten._masked_softmax.default, values=False)
def masked_softmax(self: Array, dim: int | None) -> Any:
    return softmax_of(self.reshape(-1), 0) if dim is None else softmax_of(self, dim)


@defines(aten.log_softmax.int, aten._log_softmax.default, aten.special_log_softmax.default)
def log_softmax(self: Array, dim: int) -> Any:
    shifted, _, sums = exponentials(self, dim)
    return shifted - np.log(sums)


@defines(aten.logsumexp.default, aten.special_logsumexp.default)
def logsumexp(self: Array, dim: Any, keepdim: bool) -> Any:
    """Of nothing it is the logarithm of 0: nothing is added to that."""
    axes = axes_of(self, dim)
    most = largest(self, axes, True)
    powers = np.exp(self - most)
    sums = total(powers, axes, keepdim)
    logarithms = np.log(sums)
    return logarithms + most.reshape(sums.shape) if powers.size else logarithms


@defines(aten.logcumsumexp.default, aten._logcumsumexp.default)
def logcumsumexp(self: Array, dim: int) -> Any:
    return np.log(running(np.add)(np.exp(self), dim))


@defines(aten.histc.default, low=0, high=4)
def histc(self: Array, bins: int, min: float, max: float) -> Array:
    counts = [Number(0) for _ in range(bins)]
    for value in self.flat:
        if value >= min and not value > max:
            place = int(float((value - min) * bins / (max - min)))
            counts[place] = counts[place] + 1
    return np.array(counts, dtype=object)
