"""Losses."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch

from tests.formulas import by_definition
from tests.formulas import loss_definitions as losses
from tests.formulas.counted import Array, Number, total
from tests.formulas.definitions_reduce import log_softmax, p_norm

aten = torch.ops.aten
defines = partial(by_definition.defines, small=False)

NONE, MEAN, SUM = 0, 1, 2


def reduced(elements: Any, reduction: int) -> Any:
    """The sum, and for a mean its division; those of nothing are no work."""
    elements = np.asarray(elements, dtype=object)
    if reduction == NONE:
        return elements
    flat = elements.reshape(-1)
    summed = total(flat, (0,))
    if reduction == MEAN:
        return summed / flat.size if flat.size else Number(math.nan)
    return summed


@defines(aten.mse_loss.default, small=True)
def mse_loss(self: Array, target: Array, reduction: int) -> Any:
    difference = self - target
    return reduced(difference * difference, reduction)


@defines(aten.l1_loss.default, small=True)
def l1_loss(self: Array, target: Array, reduction: int) -> Any:
    return reduced(np.abs(self - target), reduction)


@defines(aten.smooth_l1_loss.default, low=0.1, high=0.9, small=True)
def smooth_l1_loss(self: Array, target: Array, reduction: int, beta: float) -> Any:
    """Of pairs that are nearer than beta, the dearer ones."""
    distance = np.abs(self - target)
    assert (distance < beta).all()
    return reduced(distance * distance / 2 / beta, reduction)


@defines(aten.huber_loss.default, low=-90, high=90, small=True)
def huber_loss(self: Array, target: Array, reduction: int, delta: float) -> Any:
    """Of pairs that are farther than delta: as many operations as of nearer ones."""
    distance = np.abs(self - target)
    assert (distance > delta).all()
    return reduced(delta * (distance - delta / 2), reduction)


@defines(aten.binary_cross_entropy.default, low=0.1, high=0.9)
def binary_cross_entropy(self: Array, target: Array, weight: Any, reduction: int) -> Any:
    loss = -(target * np.log(self) + (1 - target) * np.log(1 - self))
    return reduced(loss if weight is None else loss * weight, reduction)


@defines(aten.binary_cross_entropy_with_logits.default)
def bce_with_logits(
    self: Array, target: Array, weight: Any, pos_weight: Any, reduction: int
) -> Any:
    if pos_weight is None:
        loss = (np.maximum(self, Number(0)) - self * target) + np.log(1 + np.exp(-np.abs(self)))
    else:
        factor = 1 + (pos_weight - 1) * target
        tail = np.log(1 + np.exp(-np.abs(self))) + np.maximum(-self, Number(0))
        loss = (1 - target) * self + factor * tail
    return reduced(loss if weight is None else loss * weight, reduction)


@defines(aten.kl_div.default, low=0.1)
def kl_div(self: Array, target: Array, reduction: int, log_target: bool) -> Any:
    if log_target:
        return reduced(np.exp(target) * (target - self), reduction)
    return reduced(target * (np.log(target) - self), reduction)


@defines(aten.soft_margin_loss.default)
def soft_margin_loss(self: Array, target: Array, reduction: int) -> Any:
    return reduced(np.log(1 + np.exp(-target * self)), reduction)


@defines(aten.margin_ranking_loss.default)
def margin_ranking_loss(
    input1: Array, input2: Array, target: Array, margin: float, reduction: int
) -> Any:
    loss = np.maximum(-target * (input1 - input2) + margin, Number(0))
    return reduced(loss, reduction)


@defines(aten.poisson_nll_loss.default, low=1.1, high=3)
def poisson_nll_loss(
    input: Array, target: Array, log_input: bool, full: bool, eps: float, reduction: int
) -> Any:
    loss = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        assert (target > 1).all()
        loss = loss + (target * np.log(target) - target + 0.5 * np.log(2 * math.pi * target))
    return reduced(loss, reduction)


def picked(logarithms: Any, target: Any, weight: Any, reduction: int) -> Any:
    """Minus the logarithm of the target's class, which gathering gives."""
    flat = np.asarray(target).reshape(-1)
    if logarithms.ndim > 1:
        rows = np.moveaxis(logarithms, 1, -1).reshape(-1, logarithms.shape[1])
    else:
        rows = logarithms.reshape(1, -1)
    chosen = -rows[np.arange(len(flat)), flat] if len(flat) else rows[:0, 0]
    if weight is None:
        return reduced(chosen, reduction)
    weights = weight[flat]
    weighted = chosen * weights
    if reduction == MEAN:
        summed = total(weighted, (0,))
        return summed / total(weights, (0,)) if len(flat) else summed
    return reduced(weighted, reduction)


@defines(aten.nll_loss.default, aten.nll_loss2d.default, aten.nll_loss_nd.default)
def nll_loss(self: Array, target: Any, weight: Any, reduction: int) -> Any:
    return picked(self, target, weight, reduction)


@defines(aten.nll_loss_forward.default, aten.nll_loss2d_forward.default)
def nll_loss_forward(self: Array, target: Any, weight: Any, reduction: int) -> Any:
    return (picked(self, target, weight, reduction),)


@defines(aten.cross_entropy_loss.default)
def cross_entropy_loss(
    self: Array, target: Any, weight: Any, reduction: int, label_smoothing: float
) -> Any:
    axis = 0 if self.ndim == 1 else 1
    logarithms = log_softmax(self, axis)
    if np.asarray(target).dtype == object:
        products = target * logarithms
        losses_ = -total(products if weight is None else products * weight, (axis,))
        return reduced(losses_, reduction)
    chosen = picked(logarithms, target, weight, NONE if label_smoothing else reduction)
    if not label_smoothing:
        return chosen
    over_all = -total(logarithms, (axis,)).reshape(-1)
    share = label_smoothing / self.shape[axis]
    return reduced(chosen * (1 - label_smoothing) + over_all * share, reduction)


@defines(aten.hinge_embedding_loss.default, values=False)
def hinge_embedding_loss(self: Array, target: Array, margin: float, reduction: int) -> None:
    reduced(np.maximum(margin - self, Number(0)), reduction)


@defines(aten.cosine_embedding_loss.default, values=False)
def cosine_embedding_loss(
    input1: Array, input2: Array, target: Array, margin: float, reduction: int
) -> None:
    axes = (input1.ndim - 1,)
    squares = [total(x * x, axes) + 1e-12 for x in (input1, input2)]
    cosine = total(input1 * input2, axes) / np.sqrt(squares[0] * squares[1])
    reduced(np.maximum(cosine - margin, Number(0)), reduction)


@defines(aten.triplet_margin_loss.default)
def triplet_margin_loss(
    anchor: Array, positive: Array, negative: Array, margin: float, p: float, eps: float,
    swap: bool, reduction: int,
) -> Any:  # fmt: skip
    def distance(x: Array, y: Array) -> Any:
        return p_norm((x - y) + eps, p, (x.ndim - 1,), False)

    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = np.minimum(far, distance(positive, negative))
    return reduced(np.maximum((near - far) + margin, Number(0)), reduction)


@defines(aten.multi_margin_loss.default)
def multi_margin_loss(
    self: Array, target: Any, p: int, margin: float, weight: Any, reduction: int
) -> Any:
    rows = []
    for scores, label in zip(self, np.asarray(target), strict=True):
        others = np.delete(scores, label)
        margins = [np.maximum((margin - scores[label]) + s, Number(0)) for s in others]
        powers = [m * m if p == 2 else m for m in margins]
        powers = powers if weight is None else [weight[label] * m for m in powers]
        summed = total(np.array(powers, dtype=object), (0,))
        rows.append(summed / len(scores) if powers else summed)
    return reduced(rows, reduction)


@defines(aten.multilabel_margin_loss.default, values=False)
def multilabel_margin_loss(self: Array, reduction: int) -> None:
    """With half of the classes as labels, the worst case."""
    rows = []
    for scores in self:
        labels, others = scores[: len(scores) // 2], scores[len(scores) // 2 :]
        margins = [np.maximum(1 - (a - b), Number(0)) for a in labels for b in others]
        summed = total(np.array(margins, dtype=object), (0,))
        rows.append(summed / len(scores) if margins else summed)
    reduced(rows, reduction)


@defines(aten.multilabel_margin_loss_forward.default, values=False)
def multilabel_margin_loss_forward(self: Array, reduction: int) -> None:
    multilabel_margin_loss(self, reduction)


@defines(aten._ctc_loss.default, values=False)
def ctc_loss(log_probs: Array, input_lengths: Any, target_lengths: Any) -> None:
    """The forward recursion alone."""
    for n, (steps, length) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        states = 2 * length + 1
        likelihoods = [Number(0)] * states
        for t in range(1, steps):
            before, likelihoods = likelihoods, []
            for s in range(states):
                reach = 3 if s % 2 and s > 1 else min(s + 1, 2)
                terms = before[s + 1 - reach : s + 1]
                arrived = terms[0] if reach == 1 else losses.log_sum_exp(terms)
                likelihoods.append(arrived + log_probs[t, n, 0])
        if length:
            losses.log_sum_exp(likelihoods[-2:])
