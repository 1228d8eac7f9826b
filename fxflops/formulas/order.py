"""Selecting and sorting by value: the unit is a comparison of two real numbers."""

from __future__ import annotations

import torch

from fxflops.algebra import Dim, minimum, symbols_of
from fxflops.algebra.bounds import upper_bound
from fxflops.cost import Cost
from fxflops.errors import UnsizedError
from fxflops.formulas.shapes import Shape, lines, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten


def ceil_log2(length: Dim) -> Dim:
    """The smallest k with 2^k >= length.

    Of a length that data decide, with a number B above it, it is the sum of a step at each power
    of two below B, ``Min(n, 2^k + 1) - Min(n, 2^k)``, 1 where n > 2^k. Raises UnsizedError for
    any other length that is not known.
    """
    if isinstance(length, int):
        return max(length - 1, 0).bit_length()
    is_of_data = any(symbol.is_data for symbol in symbols_of(length))
    largest = upper_bound(length) if is_of_data else None
    if largest is None:
        raise UnsizedError("no closed form over a symbolic length: fix the axis")
    powers = (2**k for k in range(max(largest - 1, 0).bit_length()))
    return sum((minimum(length, p + 1) - minimum(length, p) for p in powers), 0)


def sorting(count: Dim, length: Dim) -> Dim:
    """M * S * ceil(log2 S) comparisons for M lines of S, as a merge sort's upper bound."""
    return count * length * ceil_log2(length)


@formula(
    aten.topk.default,
    aten.kthvalue.default,
    aten.median.dim,
    aten.nanmedian.dim,
    counter="comparison",
    kind="sorting",
)
def select(self: Shape) -> Dim:
    """M * S comparisons for M lines of S: selection is linear (Hoare's FIND, CACM 4(7), 1961)."""
    return numel(self)


@formula(aten.median.default, aten.nanmedian.default, counter="comparison", kind="sorting")
def median(self: Shape) -> Dim:
    """One comparison per element: selection is linear."""
    return select(self)


@formula(
    aten.sort.default,
    aten.sort.stable,
    aten.argsort.default,
    aten.argsort.stable,
    counter="comparison",
    kind="sorting",
)
def sort(self: Shape, dim: int) -> Dim:
    """M * S * ceil(log2 S) comparisons for M lines of S. Knuth, TAOCP 3, sec. 5.2.4."""
    return sorting(*lines(self, dim))


@formula(aten.msort.default, counter="comparison", kind="sorting")
def msort(self: Shape) -> Dim:
    """`sort` along the first axis."""
    return sort(self, 0)


@formula(aten._unique.default, aten._unique2.default, counter="comparison", kind="sorting")
def unique(self: Shape) -> Dim:
    """Sort all S elements, then compare neighbors: S * ceil(log2 S) + S - 1 comparisons."""
    return sorting(1, numel(self)) + reduction(numel(self), 1)


@formula(aten.unique_consecutive.default, counter="comparison", kind="sorting")
def unique_consecutive(self: Shape, dim: int | None) -> Dim:
    """Compare neighbors: S - 1 comparisons, or those of the slices along ``dim``."""
    if dim is None:
        return reduction(numel(self), 1)
    count, length = lines(self, dim)
    return count * reduction(length, 1)


@formula(
    aten.unique_dim.default,
    counter="comparison",
    worst_case="slices differ in their last elements alone",
    kind="sorting",
)
def unique_slices(self: Shape, dim: int) -> Dim:
    """Sort the S slices along ``dim``, then compare neighbors, element by element.

    The worst case, in which no two slices differ before their last elements.
    """
    elements, slices = lines(self, dim)
    return elements * (sorting(1, slices) + reduction(slices, 1))


@formula(aten.unique_dim_consecutive.default, counter="comparison", kind="sorting")
def unique_consecutive_slices(self: Shape, dim: int) -> Dim:
    """`unique_consecutive` along ``dim``."""
    return unique_consecutive(self, dim)


@formula(aten.mode.default, counter="comparison", kind="sorting")
def mode(self: Shape, dim: int) -> Dim:
    """Sort each line of S, then compare neighbors: M(S * ceil(log2 S) + S - 1) comparisons."""
    count, length = lines(self, dim)
    return sorting(count, length) + count * reduction(length, 1)


@formula(aten.searchsorted.Tensor, aten.searchsorted.Scalar, counter="comparison", kind="sorting")
def searchsorted(sorted_sequence: Shape, *, out: Shape) -> Dim:
    """ceil(log2(S + 1)) comparisons per value: binary search in S boundaries."""
    return numel(out) * ceil_log2(sorted_sequence[-1] + 1)


@formula(aten.bucketize.Tensor, aten.bucketize.Scalar, counter="comparison", kind="sorting")
def bucketize(boundaries: Shape, *, out: Shape) -> Dim:
    """`searchsorted` in the same boundaries for all values."""
    return searchsorted(boundaries, out=out)


@formula(aten.histc.default, kind="sorting")
def histogram(self: Shape) -> Cost:
    """Compare n values with both ends, find the bin (x - min) * bins / (max - min), and add 1: 4n.

    Values outside are counted as if they were inside.
    """
    return Cost(elementwise=4 * numel(self), comparison=2 * numel(self))


@formula(
    aten.quantile.default,
    aten.quantile.scalar,
    aten.nanquantile.default,
    aten.nanquantile.scalar,
    kind="sorting",
)
def quantile(self: Shape, dim: int | None, *, out: Shape) -> Cost:
    """`sort`, then interpolate between neighbors a + w * (b - a): 3n  [FLOP].

    The rank q * (S - 1) is left out.
    """
    count, length = (1, numel(self)) if dim is None else lines(self, dim)
    return Cost(elementwise=3 * numel(out), comparison=sorting(count, length))


@formula(
    aten.nonzero.default,
    aten.nonzero_numpy.default,
    aten.nonzero_static.default,
    aten.count_nonzero.default,
    counter="comparison",
    kind="sorting",
)
def nonzero(self: Shape) -> Dim:
    """One test ``x != 0`` per element; counting and listing them is integer work."""
    return numel(self)


@formula(aten.count_nonzero.dim_IntList, counter="comparison", kind="sorting")
def count_nonzero(self: Shape) -> Dim:
    """`nonzero`."""
    return numel(self)
