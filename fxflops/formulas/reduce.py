"""Sums, means, products, extrema, variances, norms and running reductions.

A reduction of ``in`` elements to ``out`` takes in - out operations: XLA's rule
(xla/service/hlo_cost_analysis.cc, HandleReduce). An empty row takes none: in - out is at least 0
(`fxflops.formulas.shapes.reduction`).
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.algebra import Dim, minimum
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, broadcast, lines, numel, reduction
from fxflops.registry import existing, formula

aten = torch.ops.aten


@formula(
    aten.sum.default,
    aten.sum.dim_IntList,
    aten.nansum.default,
    aten.prod.default,
    aten.prod.dim_int,
    aten.sum_to_size.default,
    counter="elementwise",
    kind="reduction",
)
def sum_(self: Shape, *, out: Shape) -> Dim:
    """Additions, or multiplications for a product: in - out  [FLOP]."""
    return reduction(numel(self), numel(out))


@formula(aten.nansum.default, counter="comparison", kind="reduction")
def nan_test(self: Shape) -> Dim:
    """One test ``x != x`` per element."""
    return numel(self)


@formula(aten.mean.default, aten.mean.dim, counter="elementwise", kind="reduction")
def mean(self: Shape) -> Dim:
    """Additions in - out, divisions out: together in  [FLOP]."""
    return numel(self)


@formula(aten.nanmean.default, kind="reduction")
def nanmean(self: Shape) -> Cost:
    """As `mean`, and a test ``x != x`` per element; counting the numbers is integer work."""
    return Cost(elementwise=numel(self), comparison=numel(self))


@formula(
    aten.amax.default,
    aten.amin.default,
    aten.max.default,
    aten.min.default,
    aten.argmax.default,
    aten.argmin.default,
    counter="comparison",
    kind="reduction",
)
def extremum(self: Shape, *, out: Shape) -> Dim:
    """Comparisons: in - out; where the extremum is follows from them."""
    return reduction(numel(self), numel(out))


@formula(aten.max.dim, aten.min.dim, counter="comparison", kind="reduction")
def extremum_with_index(self: Shape, *, out: tuple[Shape, ...]) -> Dim:
    """Comparisons: in - out; the index, a second result, follows from them."""
    return extremum(self, out=out[0])


@formula(
    aten.aminmax.default,
    aten._aminmax.default,
    aten._aminmax.dim,
    counter="comparison",
    kind="reduction",
)
def aminmax(self: Shape, *, out: tuple[Shape, ...]) -> Dim:
    """2(in - out) comparisons: a minimum and a maximum."""
    return 2 * extremum(self, out=out[0])


@formula(
    aten.var.default, aten.var.dim, aten.var.correction, counter="elementwise", kind="reduction"
)
def var(self: Shape) -> Dim:
    """4 in: mean, center, square, sum and division by the count less the correction  [FLOP]."""
    return 4 * numel(self)


@formula(
    aten.var_mean.default,
    aten.var_mean.dim,
    aten.var_mean.correction,
    counter="elementwise",
    kind="reduction",
)
def var_mean(self: Shape) -> Dim:
    """`var`, whose mean is a second result."""
    return var(self)


@formula(aten.std.default, aten.std.dim, aten.std.correction, kind="reduction")
def std(self: Shape, *, out: Shape) -> Cost:
    """`var`, and a square root per result."""
    return Cost(elementwise=var(self), transcendental=numel(out))


@formula(aten.std_mean.default, aten.std_mean.dim, aten.std_mean.correction, kind="reduction")
def std_mean(self: Shape, *, out: tuple[Shape, ...]) -> Cost:
    """`std`, whose mean is a second result."""
    return std(self, out=out[0])


@formula(aten.trace.default, counter="elementwise", kind="reduction")
def trace(self: Shape) -> Dim:
    """One addition less than the diagonal has elements  [FLOP]."""
    return reduction(minimum(*self), 1)


def p_norm(elements: Dim, count: Dim, p: Any) -> Cost:
    """(sum of |x|^p)^(1/p): ``elements`` numbers, ``count`` norms; absolute values are free.

    p = 2: squares and sums 2 in - out  [FLOP], out square roots; p = 1: sums; p = inf, -inf:
    in - out comparisons; p = 0: in comparisons with 0, their count is integer work; any other p: in
    powers, in - out sums  [FLOP] and out roots.
    """
    reduced = reduction(elements, count)
    if p in (float("inf"), float("-inf")):
        return Cost(comparison=reduced)
    if p == 0:
        return Cost(comparison=elements)
    if p == 1:
        return Cost(elementwise=reduced)
    if p in (2, "fro"):
        return Cost(elementwise=elements + reduced, transcendental=count)
    return Cost(elementwise=reduced, transcendental=elements + count)


@formula(aten.linalg_vector_norm.default, kind="reduction")
def vector_norm(self: Shape, ord: float, *, out: Shape) -> Cost:
    """`p_norm`."""
    return p_norm(numel(self), numel(out), ord)


@formula(*existing("aten.linalg__powsum.default"), kind="reduction")
def power_sum(self: Shape, ord: float, *, out: Shape) -> Cost:
    """The sum of |x|^p: `p_norm` without the roots."""
    cost = p_norm(numel(self), numel(out), ord)
    rooted = ord not in (0, 1, float("inf"), float("-inf"))
    return cost - Cost(transcendental=numel(out)) if rooted else cost


@formula(
    aten.norm.Scalar,
    aten.norm.ScalarOpt_dim,
    aten.norm.ScalarOpt_dtype,
    aten.norm.ScalarOpt_dim_dtype,
    kind="reduction",
)
def norm(self: Shape, p: float | None, *, out: Shape) -> Cost:
    """`p_norm`; the Euclidean norm unless told otherwise."""
    return p_norm(numel(self), numel(out), 2 if p is None else p)


@formula(aten.native_norm.default, aten.native_norm.ScalarOpt_dim_dtype, kind="reduction")
def native_norm(self: Shape, p: float | None, *, out: Shape) -> Cost:
    """`norm`."""
    return norm(self, p, out=out)


@formula(aten.frobenius_norm.dim, kind="reduction")
def frobenius_norm(self: Shape, *, out: Shape) -> Cost:
    """`p_norm` with p = 2."""
    return p_norm(numel(self), numel(out), 2)


@formula(aten.linalg_matrix_norm.str_ord, kind="reduction")
def matrix_norm(self: Shape, ord: str, *, out: Shape) -> Cost | None:
    """The Frobenius norm is a `p_norm`; the nuclear norm needs singular values: not known."""
    return p_norm(numel(self), numel(out), 2) if ord == "fro" else None


@formula(aten.linalg_matrix_norm.default, kind="reduction")
def matrix_norm_by_number(
    self: Shape, ord: float, dim: tuple[int, int], *, out: Shape
) -> Cost | None:
    """1: the largest sum of a column, inf: of a row, -1 and -inf: the smallest.

    Sums in - lines  [FLOP], lines - out comparisons; 2 and -2 need singular values: not known.
    """
    if abs(ord) == 2:
        return None
    compared = dim[1] if abs(ord) == 1 else dim[0]
    lines_of_all = numel(out) * self[compared]
    return Cost(
        elementwise=reduction(numel(self), lines_of_all),
        comparison=reduction(lines_of_all, numel(out)),
    )


@formula(aten.linalg_norm.default, kind="reduction")
def linalg_norm(
    self: Shape, ord: float | None, dim: tuple[int, ...] | None, *, out: Shape
) -> Cost | None:
    """`p_norm` of vectors, and of matrices by default; otherwise `matrix_norm_by_number`."""
    if ord is None:
        return p_norm(numel(self), numel(out), 2)
    first, *more = range(len(self)) if dim is None else dim
    if not more:
        return p_norm(numel(self), numel(out), ord)
    return matrix_norm_by_number(self, ord, (first, more[0]), out=out)


@formula(aten.linalg_norm.ord_str, kind="reduction")
def linalg_norm_by_name(self: Shape, ord: str, *, out: Shape) -> Cost | None:
    """`matrix_norm`."""
    return matrix_norm(self, ord, out=out)


@formula(aten.renorm.default, worst_case="every slice is too long", kind="reduction")
def renorm(self: Shape, p: float, dim: int) -> Cost:
    """Slices along ``dim`` whose `p_norm` is above a bound are scaled down to it.

    The worst case, in which all are: a comparison, a sum with 1e-7 and a quotient per slice, n
    products  [FLOP].
    """
    slices = self[dim]
    scaled = Cost(elementwise=2 * slices + numel(self), comparison=slices)
    return p_norm(numel(self), slices, p) + scaled


@formula(
    aten.embedding_renorm.default,
    worst_case="every row is another one, and too long",
    kind="reduction",
)
def embedding_renorm(self: Shape, indices: Shape, norm_type: float) -> Cost:
    """`renorm` of the rows that are looked up; the worst case, in which no row is twice."""
    return renorm((numel(indices), self[-1]), norm_type, 0)


@formula(aten.cumsum.default, aten.cumprod.default, counter="elementwise", kind="reduction")
def cumulate(self: Shape, dim: int) -> Dim:
    """M(S - 1) for M lines of S  [FLOP]; a parallel scan's extra work is left out."""
    count, length = lines(self, dim)
    return count * reduction(length, 1)


@formula(aten.cummax.default, aten.cummin.default, counter="comparison", kind="reduction")
def running_extremum(self: Shape, dim: int) -> Dim:
    """M(S - 1) comparisons for M lines of S."""
    return cumulate(self, dim)


@formula(
    aten._cummax_helper.default, aten._cummin_helper.default, counter="comparison", kind="reduction"
)
def kernel_of_running_extremum(self: Shape, dim: int) -> Dim:
    """`running_extremum`."""
    return running_extremum(self, dim)


@formula(aten.dist.default, kind="reduction")
def dist(self: Shape, other: Shape, p: float) -> Cost:
    """The `p_norm` of the difference."""
    elements = numel(broadcast(self, other))
    return Cost(elementwise=elements) + p_norm(elements, 1, p)


@formula(aten.pairwise_distance.default, kind="reduction")
def pairwise_distance(x1: Shape, x2: Shape, p: float) -> Cost:
    """The `p_norm` of x1 - x2 + eps, row by row."""
    count, length = lines(broadcast(x1, x2), -1)
    elements = count * length
    return Cost(elementwise=2 * elements) + p_norm(elements, count, p)


@formula(
    aten.cdist.default,
    aten._cdist_forward.default,
    kind="reduction",
)
def cdist(x1: Shape, p: float, *, out: Shape) -> Cost:
    """The `p_norm` of the difference of every pair of rows of D: 3nD - n  [FLOP] for p = 2.

    By definition; that PyTorch may take |x|^2 - 2xy + |y|^2 by a matrix product is left out.
    """
    elements = numel(out) * x1[-1]
    return Cost(elementwise=elements) + p_norm(elements, numel(out), p)


@formula(aten._euclidean_dist.default, kind="reduction")
def euclidean_dist(x1: Shape, *, out: Shape) -> Cost:
    """`cdist` for p = 2."""
    return cdist(x1, 2, out=out)


@formula(aten.pdist.default, aten._pdist_forward.default, kind="reduction")
def pdist(self: Shape, p: float, *, out: Shape) -> Cost:
    """`cdist` of the rows with each other, each pair once."""
    return cdist(self, p, out=out)


@formula(aten.cosine_similarity.default, kind="reduction")
def cosine_similarity(x1: Shape, x2: Shape, dim: int) -> Cost:
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) for M pairs of lines of S.

    Three dot products M(2S - 1), a product and a division M each  [FLOP]; 2M square roots and 2M
    comparisons.
    """
    count, length = lines(broadcast(x1, x2), dim)
    return Cost(
        elementwise=count * (3 * (length + reduction(length, 1)) + 2),
        transcendental=2 * count,
        comparison=2 * count,
    )
