"""Derivatives of loss functions: n pairs of a value and a target, and the gradient of their loss.

With a mean, the gradient is divided by n once, for all pairs.
"""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.loss import MEAN
from fxflops.formulas.pointwise import COMPARISON, FLOP
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import formula

aten = torch.ops.aten


def of_pairs(elements: Dim, per_pair: Cost, reduction: int) -> Cost:
    """``per_pair`` for every pair, and one division for a mean."""
    return per_pair * elements + Cost(elementwise=1 if reduction == MEAN else 0)


@formula(aten.mse_loss_backward.default, kind="loss backward")
def mse_loss_backward(reduction: int, *, out: Shape) -> Cost:
    """2 (x - t) dy: 3n  [FLOP]."""
    return of_pairs(numel(out), FLOP * 3, reduction)


@formula(aten.smooth_l1_loss_backward.default, kind="loss backward")
def smooth_l1_loss_backward(reduction: int, *, out: Shape) -> Cost:
    """(x - t) / beta * dy where |x - t| < beta, else +-dy: 3n, the dearer  [FLOP]."""
    return of_pairs(numel(out), FLOP * 3 + COMPARISON, reduction)


@formula(aten.huber_loss_backward.default, kind="loss backward")
def huber_loss_backward(reduction: int, *, out: Shape) -> Cost:
    """(x - t) dy where |x - t| <= delta, else +-delta dy: 2n  [FLOP]."""
    return of_pairs(numel(out), FLOP * 2 + COMPARISON, reduction)


@formula(aten.binary_cross_entropy_backward.default, kind="loss backward")
def binary_cross_entropy_backward(weight: Shape | None, reduction: int, *, out: Shape) -> Cost:
    """(x - t) / (x (1 - x)) dy: 5n, 6n with weights  [FLOP]."""
    return of_pairs(numel(out), FLOP * (5 if weight is None else 6), reduction)


@formula(aten.soft_margin_loss_backward.default, kind="loss backward")
def soft_margin_loss_backward(reduction: int, *, out: Shape) -> Cost:
    """-t z / (1 + z) dy with z = exp(-t x): 5n  [FLOP], n transcendental calls."""
    return of_pairs(numel(out), FLOP * 5 + Cost(transcendental=1), reduction)


@formula(aten.nll_loss_backward.default, aten.nll_loss2d_backward.default, kind="loss backward")
def nll_loss_backward(target: Shape, weight: Shape | None, reduction: int) -> Cost:
    """-dy at the target's class: selection; a product for each target that has a weight  [FLOP]."""
    return of_pairs(0 if weight is None else numel(target), FLOP, reduction)
