"""Matrix products: linear layers, every broadcast of matmul, tensor contractions.

With K products per result a contraction is 2nK FLOP: n results, one multiply-add per product.
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.algebra import Dim, minimum
from fxflops.cost import Cost
from fxflops.formulas.activation import gelu
from fxflops.formulas.pointwise import COMPARISON
from fxflops.formulas.shapes import Shape, equals, numel
from fxflops.registry import formula

aten = torch.ops.aten


@formula(aten.linear.default, kind="matmul")
def linear(weight: Shape, bias: Shape | None, *, out: Shape) -> Cost:
    """2 * prod(out) * K, K the input's features, and one addition per result for a bias  [FLOP]."""
    return Cost(
        contraction=2 * numel(out) * weight[-1],
        elementwise=0 if bias is None else numel(out),
    )


@formula(
    aten.mm.default,
    aten.mm.dtype,
    aten.bmm.default,
    aten.bmm.dtype,
    aten.mv.default,
    aten.dot.default,
    aten.vdot.default,
    aten.inner.default,
    aten.matmul.default,
    aten.linalg_matmul.default,
    counter="contraction",
    kind="matmul",
)
def matmul(self: Shape, *, out: Shape) -> Dim:
    """2 * prod(out) * K, K the last axis of the left factor; vectors and batches alike  [FLOP]."""
    return 2 * numel(out) * self[-1]


def accumulated(contraction: Dim, addend: Shape, out: Shape, beta: Any, alpha: Any) -> Cost:
    """The sum ``beta * addend + alpha * product``.

    n for the sum, n for an ``alpha`` other than 1, the addend's elements for a ``beta`` other than
    1; with ``beta`` 0 there is no sum  [FLOP].
    """
    scaled = (1 - equals(alpha, 1)) * numel(out)
    added = (1 - equals(beta, 0)) * numel(out)
    weighted = (1 - equals(beta, 0) - equals(beta, 1)) * numel(addend)
    return Cost(contraction=contraction, elementwise=scaled + added + weighted)


@formula(aten.addmm.default, aten.addmm.dtype, kind="matmul")
def addmm(self: Shape, mat1: Shape, beta: Any, alpha: Any, *, out: Shape) -> Cost:
    """2 * M * N * K, `accumulated`  [FLOP]."""
    return accumulated(2 * numel(out) * mat1[-1], self, out, beta, alpha)


@formula(aten._addmm_activation.default, kind="matmul")
def addmm_activation(
    self: Shape, mat1: Shape, beta: Any, alpha: Any, use_gelu: bool, *, out: Shape
) -> Cost:
    """`addmm`, then relu, or gelu by tanh."""
    activation = gelu("tanh", out=out) if use_gelu else COMPARISON * numel(out)
    return addmm(self, mat1, beta, alpha, out=out) + activation


@formula(aten.addmv.default, kind="matmul")
def addmv(self: Shape, mat: Shape, beta: Any, alpha: Any, *, out: Shape) -> Cost:
    """2 * M * K, `accumulated`  [FLOP]."""
    return accumulated(2 * numel(mat), self, out, beta, alpha)


@formula(aten.baddbmm.default, aten.baddbmm.dtype, kind="matmul")
def baddbmm(self: Shape, batch1: Shape, beta: Any, alpha: Any, *, out: Shape) -> Cost:
    """2 * B * M * N * K, `accumulated`  [FLOP]."""
    return accumulated(2 * numel(out) * batch1[-1], self, out, beta, alpha)


@formula(aten.addbmm.default, kind="matmul")
def addbmm(self: Shape, batch1: Shape, beta: Any, alpha: Any, *, out: Shape) -> Cost:
    """2 * B * M * N * K: the batch is summed too, `accumulated`  [FLOP]."""
    return accumulated(2 * numel(out) * batch1[-1] * batch1[0], self, out, beta, alpha)


@formula(aten.addr.default, kind="matmul")
def addr(self: Shape, beta: Any, alpha: Any, *, out: Shape) -> Cost:
    """An outer product: n, `accumulated`  [FLOP]; it sums nothing."""
    return Cost(elementwise=numel(out)) + accumulated(0, self, out, beta, alpha)


@formula(
    aten.outer.default,
    aten.ger.default,
    aten.kron.default,
    counter="elementwise",
    kind="matmul",
)
def outer(*, out: Shape) -> Dim:
    """One product per result  [FLOP]: an outer product sums nothing."""
    return numel(out)


@formula(aten.linalg_vecdot.default, counter="contraction", kind="matmul")
def vecdot(x: Shape, dim: int, *, out: Shape) -> Dim:
    """2 * prod(out) * K for vectors of K along ``dim``  [FLOP]."""
    return 2 * numel(out) * x[dim]


@formula(aten._grouped_mm.default, kind="matmul")
def grouped_mm(self: Shape, mat2: Shape, bias: Shape | None, *, out: Shape) -> Cost:
    """One product per group; whichever axis the groups divide, they are taken to fill it.

    2 * prod(out) * K, or 2 * M * N * K where the groups divide K: two matrices, a stack of results;
    and the bias  [FLOP].
    """
    divides_sum = len(self) == len(mat2) == 2
    return Cost(
        contraction=2 * numel(self) * mat2[-1] if divides_sum else 2 * numel(out) * self[-1],
        elementwise=0 if bias is None else numel(out),
    )


@formula(aten.tensordot.default, counter="contraction", kind="matmul")
def tensordot(self: Shape, dims_self: tuple[int, ...], *, out: Shape) -> Dim:
    """2 * prod(out) * prod(contracted axes)  [FLOP]."""
    return 2 * numel(out) * numel(self[dim] for dim in dims_self)


@formula(aten.bilinear.default, kind="matmul")
def bilinear(weight: Shape, bias: Shape | None, *, out: Shape) -> Cost:
    """Each result is x W y, from the left: 2n(D1 * D2 + D2), and the bias  [FLOP].

    ``weight`` is (out, D1, D2).
    """
    _, left, right = weight
    return Cost(
        contraction=2 * numel(out) * (left * right + right),
        elementwise=0 if bias is None else numel(out),
    )


def chain(sizes: list[Dim]) -> Dim:
    """The least multiply-adds of a product of matrices sizes[i] x sizes[i + 1] [MAC].

    Over all ways to put the brackets. Source: Cormen et al., Introduction to Algorithms, 15.2.
    """
    matrices = len(sizes) - 1
    best: dict[tuple[int, int], Dim] = {(i, i): 0 for i in range(matrices)}
    for distance in range(1, matrices):
        for i in range(matrices - distance):
            j = i + distance
            ways = [
                best[i, k] + best[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            ]
            least = ways[0]
            for way in ways[1:]:
                least = minimum(least, way)
            best[i, j] = least
    return best[0, matrices - 1]


@formula(aten.linalg_multi_dot.default, counter="contraction", kind="matmul")
def multi_dot(tensors: tuple[Shape, ...]) -> Dim:
    """2 multiply-adds along the cheapest order of products; the first and last may be vectors."""
    first, *_, last = tensors
    sizes = [1, *first] if len(first) == 1 else list(first)
    sizes += [matrix[-1] for matrix in tensors[1:-1]]
    sizes.append(1 if len(last) == 1 else last[-1])
    return 2 * chain(sizes)


@formula(aten.chain_matmul.default, counter="contraction", kind="matmul")
def chain_matmul(matrices: tuple[Shape, ...]) -> Dim:
    """`multi_dot` of matrices; one alone is no product."""
    return multi_dot(matrices) if len(matrices) > 1 else 0
