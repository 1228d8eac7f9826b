"""Loss functions: n elements, then a mean or a sum over them.

Definitions: docs.pytorch.org, torch.nn, "Loss Functions". Clamps that keep a logarithm finite are
left out.
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.cost import Cost
from fxflops.dims import Shape, broadcast, lines, numel
from fxflops.formulas.pointwise import CALL, COMPARISON, FLOP
from fxflops.formulas.softmax import log_softmax
from fxflops.registry import formula
from fxflops.symbolic import Dim

aten = torch.ops.aten

NONE, MEAN, SUM = 0, 1, 2


def reduced(elements: Dim, reduction: int) -> Cost:
    """Of n losses: n - 1 additions for the sum, one division more for the mean  [FLOP]."""
    return Cost(elementwise={NONE: 0, MEAN: elements, SUM: elements - 1}[reduction])


def of_pairs(left: Shape, right: Shape, per_pair: Cost, reduction: int) -> Cost:
    """``per_pair`` for every pair of elements, with broadcasting, then the reduction."""
    elements = numel(broadcast(left, right))
    return per_pair * elements + reduced(elements, reduction)


@formula(aten.mse_loss.default)
def mse_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """(x - t)^2: 2n  [FLOP]."""
    return of_pairs(self, target, FLOP * 2, reduction)


@formula(aten.l1_loss.default)
def l1_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """|x - t|: n  [FLOP]."""
    return of_pairs(self, target, FLOP, reduction)


@formula(aten.smooth_l1_loss.default)
def smooth_l1_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """(x - t)^2 / 2 / beta where |x - t| < beta, else |x - t| - beta/2: 4n, the dearer  [FLOP]."""
    return of_pairs(self, target, FLOP * 4 + COMPARISON, reduction)


@formula(aten.huber_loss.default)
def huber_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """(x - t)^2 / 2 where |x - t| <= delta, else delta * (|x - t| - delta/2): 3n  [FLOP]."""
    return of_pairs(self, target, FLOP * 3 + COMPARISON, reduction)


@formula(aten.binary_cross_entropy.default)
def binary_cross_entropy(self: Shape, target: Shape, weight: Shape | None, reduction: int) -> Cost:
    """-w (t log x + (1 - t) log(1 - x)): 5n, 6n with weights  [FLOP]."""
    weighted = 0 if weight is None else 1
    return of_pairs(self, target, FLOP * (5 + weighted) + CALL * 2, reduction)


@formula(aten.binary_cross_entropy_with_logits.default)
def binary_cross_entropy_with_logits(
    self: Shape, target: Shape, weight: Shape | None, pos_weight: Shape | None, reduction: int
) -> Cost:
    """max(x, 0) - x t + log(1 + exp(-|x|)): 4n, 5n with weights  [FLOP].

    With p = pos_weight: (1 - t) x + (1 + (p - 1) t) * (log(1 + exp(-|x|)) + max(-x, 0)): 8n, and
    p - 1 once.
    """
    flops = (4 if pos_weight is None else 8) + (weight is not None)
    once = 0 if pos_weight is None else numel(pos_weight)
    per_pair = FLOP * flops + CALL * 2 + COMPARISON
    return of_pairs(self, target, per_pair, reduction) + Cost(elementwise=once)


@formula(aten.kl_div.default)
def kl_div(self: Shape, target: Shape, reduction: int) -> Cost:
    """Either t (log t - x) or exp(t) (t - x): 2n  [FLOP], n transcendental calls."""
    return of_pairs(self, target, FLOP * 2 + CALL, reduction)


@formula(aten.soft_margin_loss.default)
def soft_margin_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """log(1 + exp(-t x)): 2n  [FLOP]."""
    return of_pairs(self, target, FLOP * 2 + CALL * 2, reduction)


@formula(aten.margin_ranking_loss.default)
def margin_ranking_loss(input1: Shape, input2: Shape, target: Shape, reduction: int) -> Cost:
    """max(0, -t (a - b) + margin): 3n  [FLOP]."""
    pairs = broadcast(input1, input2)
    return of_pairs(pairs, target, FLOP * 3 + COMPARISON, reduction)


@formula(aten.poisson_nll_loss.default)
def poisson_nll_loss(
    input: Shape, target: Shape, log_input: bool, full: bool, reduction: int
) -> Cost:
    """exp(x) - t x: 2n; x - t log(x + eps): 3n  [FLOP].

    ``full`` adds where t > 1: t log t - t + log(2 pi t) / 2: 6n.
    """
    stirling = FLOP * 6 + CALL * 2 + COMPARISON if full else Cost.zero()
    per_pair = FLOP * (2 if log_input else 3) + CALL + stirling
    return of_pairs(input, target, per_pair, reduction)


def negative_log_likelihood(targets: Dim, weight: Shape | None, reduction: int) -> Cost:
    """The reduction alone: gathering and negating are free.

    With weights n products, and for the mean the sum of the weights, n - 1, by which it divides
    [FLOP].
    """
    if weight is None:
        return reduced(targets, reduction)
    summed = targets - 1 if reduction == MEAN else 0
    return reduced(targets, reduction) + Cost(elementwise=targets + summed)


@formula(aten.nll_loss.default, aten.nll_loss2d.default, aten.nll_loss_nd.default)
def nll_loss(target: Shape, weight: Shape | None, reduction: int) -> Cost:
    """`negative_log_likelihood`; an ignored target is charged like any other."""
    return negative_log_likelihood(numel(target), weight, reduction)


@formula(aten.nll_loss_forward.default, aten.nll_loss2d_forward.default)
def nll_loss_forward(target: Shape, weight: Shape | None, reduction: int) -> Cost:
    """`nll_loss`; the total weight is a second result."""
    return negative_log_likelihood(numel(target), weight, reduction)


@formula(aten.cross_entropy_loss.default)
def cross_entropy_loss(
    self: Shape, target: Shape, weight: Shape | None, reduction: int, label_smoothing: Any
) -> Cost:
    """`log_softmax` over C classes, then `negative_log_likelihood` of M targets.

    Targets that are probabilities: MC products and M(C - 1) sums. Label smoothing: the sum over the
    classes M(C - 1), two products and a sum M each.
    """
    classes = 0 if len(self) == 1 else 1
    count, length = lines(self, classes)
    cost = log_softmax(self, classes)
    if target == self:
        products = length if weight is None else 2 * length
        picked = Cost(elementwise=count * (products + length - 1)) + reduced(count, reduction)
    else:
        picked = negative_log_likelihood(count, weight, reduction)
    smoothed = count * (length - 1 + 3) if label_smoothing > 0 else 0
    return cost + picked + Cost(elementwise=smoothed)
