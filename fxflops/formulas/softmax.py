"""Softmax, its logarithm, and the logarithm of a sum of exponentials.

All are shifted by the running maximum, as every implementation is: the maximum is a part of the
definition. A tensor is M lines of S elements along ``dim``.
"""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, lines, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten


SOFTMAX_OF_A_SCORE = Cost(elementwise=3, transcendental=1, comparison=1)
"""What a row costs more for each element more."""


def softmax_cost(count: Dim, length: Dim) -> Cost:
    """exp(x - max x) / sum: MS subtract + M(S-1) sum + MS divide  [FLOP].

    MS transcendental calls, M(S-1) comparisons. Source: arXiv:1805.02867, alg. 2.
    """
    elements, reduced = count * length, count * reduction(length, 1)
    return Cost(elementwise=2 * elements + reduced, transcendental=elements, comparison=reduced)


@formula(
    aten.softmax.int,
    aten._softmax.default,
    aten.special_softmax.default,
    aten._safe_softmax.default,
    kind="softmax",
)
def softmax(self: Shape, dim: int) -> Cost:
    """`softmax_cost` of the lines along ``dim``."""
    return softmax_cost(*lines(self, dim))


@formula(aten._masked_softmax.default, kind="softmax")
def masked_softmax(self: Shape, dim: int | None) -> Cost:
    """`softmax_cost`; the mask is a selection. Flattened where there is no ``dim``."""
    return softmax_cost(1, numel(self)) if dim is None else softmax_cost(*lines(self, dim))


@formula(
    aten.log_softmax.int,
    aten._log_softmax.default,
    aten.special_log_softmax.default,
    kind="softmax",
)
def log_softmax(self: Shape, dim: int) -> Cost:
    """(x - max x) - log(sum(exp(x - max x))): MS + M(S-1) + MS  [FLOP].

    MS + M transcendental calls, M(S-1) comparisons.
    """
    count, length = lines(self, dim)
    return softmax_cost(count, length) + Cost(transcendental=count)


@formula(aten.logsumexp.default, aten.special_logsumexp.default, kind="softmax")
def logsumexp(self: Shape, *, out: Shape) -> Cost:
    """(max x) + log(sum(exp(x - max x))): MS + M(S-1) + M  [FLOP].

    MS + M transcendental calls, M(S-1) comparisons.
    """
    elements, count = numel(self), numel(out)
    return Cost(
        elementwise=2 * elements,
        transcendental=elements + count,
        comparison=reduction(elements, count),
    )


@formula(aten.logcumsumexp.default, aten._logcumsumexp.default, kind="softmax")
def logcumsumexp(self: Shape, dim: int) -> Cost:
    """log(cumsum(exp(x))): M(S-1)  [FLOP], 2MS transcendental calls; the shift is left out."""
    count, length = lines(self, dim)
    return Cost(elementwise=count * reduction(length, 1), transcendental=2 * count * length)
