"""Scatters that reduce: several sources may meet in one target."""

from __future__ import annotations

from typing import Any

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, broadcast, equals, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten


def reducing(reduce: str, sources: Dim, targets: Dim) -> Cost:
    """One operation for each source; a mean divides every target once more."""
    if reduce in ("amax", "amin"):
        return Cost(comparison=sources)
    return Cost(elementwise=sources + (targets if reduce == "mean" else 0))


@formula(aten.scatter_add.default, counter="elementwise", kind="scatter")
def scatter_add(index: Shape) -> Dim:
    """One addition per index  [FLOP]."""
    return numel(index)


@formula(aten.scatter.reduce, aten.scatter.value_reduce, counter="elementwise", kind="scatter")
def scatter(index: Shape) -> Dim:
    """One addition or multiplication per index  [FLOP]."""
    return numel(index)


@formula(aten.scatter_reduce.two, kind="scatter")
def scatter_reduce(self: Shape, index: Shape, reduce: str) -> Cost:
    """One operation per index; a mean divides every target once more."""
    return reducing(reduce, numel(index), numel(self))


@formula(aten.index_add.default, counter="elementwise", kind="scatter")
def index_add(source: Shape, alpha: Any) -> Dim:
    """One addition per source, and one product for an ``alpha`` other than 1  [FLOP]."""
    return (2 - equals(alpha, 1)) * numel(source)


@formula(aten.index_reduce.default, kind="scatter")
def index_reduce(self: Shape, source: Shape, reduce: str) -> Cost:
    """One operation per source; a mean divides every target once more."""
    return reducing(reduce, numel(source), numel(self))


@formula(
    aten.index_put.default,
    aten._unsafe_index_put.default,
    aten._index_put_impl_.default,
    aten._index_put_impl.default,
    counter="elementwise",
    kind="scatter",
)
def index_put(self: Shape, indices: tuple[Shape | None, ...], accumulate: bool) -> Dim:
    """One addition per element that is written where they accumulate  [FLOP]; else a scatter.

    The indices are integers: a mask's elements depend on data.
    """
    if not accumulate:
        return 0
    whole = [n for n, index in zip(self, indices, strict=False) if index is None]
    positions = broadcast(*(index for index in indices if index is not None))
    return numel(positions) * numel(whole) * numel(self[len(indices) :])


@formula(aten._unsafe_masked_index_put_accumulate.default, counter="elementwise", kind="scatter")
def masked_index_put(values: Shape) -> Dim:
    """One addition per value: what the mask hides adds 0  [FLOP]."""
    return numel(values)


@formula(aten.put.default, counter="elementwise", kind="scatter")
def put(index: Shape, accumulate: bool) -> Dim:
    """One addition per index where they accumulate  [FLOP]; else a scatter."""
    return numel(index) if accumulate else 0


@formula(aten.segment_reduce.default, kind="scatter")
def segment_reduce(data: Shape, reduce: str, initial: float | None, *, out: Shape) -> Cost:
    """Operations: in - out, in where there is an ``initial`` value; a mean divides each result.

    Segments are taken to have elements.
    """
    elements = numel(data)
    operations = reduction(elements, numel(out)) if initial is None else elements
    if reduce in ("max", "min"):
        return Cost(comparison=operations)
    return Cost(elementwise=operations + (numel(out) if reduce == "mean" else 0))


@formula(aten.col2im.default, counter="elementwise", kind="scatter")
def col2im(self: Shape) -> Dim:
    """Overlapping patches add up: one addition per element of the patches  [FLOP]."""
    return numel(self)


@formula(
    aten.embedding_bag.default,
    aten.embedding_bag.padding_idx,
    aten._embedding_bag.default,
    aten._embedding_bag_forward_only.default,
    kind="scatter",
)
def embedding_bag(
    indices: Shape,
    mode: int,
    per_sample_weights: Shape | None,
    *,
    out: tuple[Shape, ...],
) -> Cost:
    """Rows of D gathered and reduced, I rows to B bags: (I - B)D; a mean ID  [FLOP].

    mode 0 sums, 1 averages, 2 takes the maximum by (I - B)D comparisons. Weights multiply: ID.
    ``padding_idx`` and empty bags depend on data and are left out.
    """
    bags, width = out[0]
    rows = numel(indices)
    if mode == 2:
        return Cost(comparison=reduction(rows, bags) * width)
    reduced = rows * width if mode == 1 else reduction(rows, bags) * width
    weighted = 0 if per_sample_weights is None else rows * width
    return Cost(elementwise=reduced + weighted)
