"""Loss functions: n elements, then a mean or a sum over them.

Definitions: docs.pytorch.org, torch.nn, "Loss Functions". Clamps that keep a logarithm finite are
left out.
"""

from __future__ import annotations

from typing import Any

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost, total
from fxflops.formulas.pointwise import CALL, COMPARISON, FLOP
from fxflops.formulas.reduce import pairwise_distance
from fxflops.formulas.shapes import Shape, broadcast, lines, numel
from fxflops.formulas.shapes import reduction as additions
from fxflops.formulas.softmax import log_softmax
from fxflops.registry import existing, formula

aten = torch.ops.aten

NONE, MEAN, SUM = 0, 1, 2


def reduced(elements: Dim, reduction: int) -> Cost:
    """Of n losses: n - 1 additions for the sum, one division more for the mean  [FLOP]."""
    return Cost(elementwise={NONE: 0, MEAN: elements, SUM: additions(elements, 1)}[reduction])


def of_pairs(left: Shape, right: Shape, per_pair: Cost, reduction: int) -> Cost:
    """``per_pair`` for every pair of elements, with broadcasting, then the reduction."""
    elements = numel(broadcast(left, right))
    return per_pair * elements + reduced(elements, reduction)


@formula(aten.mse_loss.default, kind="loss")
def mse_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """(x - t)^2: 2n  [FLOP]."""
    return of_pairs(self, target, FLOP * 2, reduction)


@formula(aten.l1_loss.default, kind="loss")
def l1_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """|x - t|: n  [FLOP]."""
    return of_pairs(self, target, FLOP, reduction)


@formula(aten.smooth_l1_loss.default, kind="loss")
def smooth_l1_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """(x - t)^2 / 2 / beta where |x - t| < beta, else |x - t| - beta/2: 4n, the dearer  [FLOP]."""
    return of_pairs(self, target, FLOP * 4 + COMPARISON, reduction)


@formula(aten.huber_loss.default, kind="loss")
def huber_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """(x - t)^2 / 2 where |x - t| <= delta, else delta * (|x - t| - delta/2): 3n  [FLOP]."""
    return of_pairs(self, target, FLOP * 3 + COMPARISON, reduction)


@formula(aten.binary_cross_entropy.default, kind="loss")
def binary_cross_entropy(self: Shape, target: Shape, weight: Shape | None, reduction: int) -> Cost:
    """-w (t log x + (1 - t) log(1 - x)): 5n, 6n with weights  [FLOP]."""
    weighted = 0 if weight is None else 1
    return of_pairs(self, target, FLOP * (5 + weighted) + CALL * 2, reduction)


@formula(aten.binary_cross_entropy_with_logits.default, kind="loss")
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


@formula(aten.kl_div.default, kind="loss")
def kl_div(self: Shape, target: Shape, reduction: int) -> Cost:
    """Either t (log t - x) or exp(t) (t - x): 2n  [FLOP], n transcendental calls."""
    return of_pairs(self, target, FLOP * 2 + CALL, reduction)


@formula(aten.soft_margin_loss.default, kind="loss")
def soft_margin_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """log(1 + exp(-t x)): 2n  [FLOP]."""
    return of_pairs(self, target, FLOP * 2 + CALL * 2, reduction)


@formula(aten.margin_ranking_loss.default, kind="loss")
def margin_ranking_loss(input1: Shape, input2: Shape, target: Shape, reduction: int) -> Cost:
    """max(0, -t (a - b) + margin): 3n  [FLOP]."""
    pairs = broadcast(input1, input2)
    return of_pairs(pairs, target, FLOP * 3 + COMPARISON, reduction)


@formula(aten.poisson_nll_loss.default, kind="loss")
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
    summed = additions(targets, 1) if reduction == MEAN else 0
    return reduced(targets, reduction) + Cost(elementwise=targets + summed)


@formula(aten.nll_loss.default, aten.nll_loss2d.default, aten.nll_loss_nd.default, kind="loss")
def nll_loss(target: Shape, weight: Shape | None, reduction: int) -> Cost:
    """`negative_log_likelihood`; an ignored target is charged like any other."""
    return negative_log_likelihood(numel(target), weight, reduction)


@formula(aten.nll_loss_forward.default, aten.nll_loss2d_forward.default, kind="loss")
def nll_loss_forward(target: Shape, weight: Shape | None, reduction: int) -> Cost:
    """`nll_loss`; the total weight is a second result."""
    return negative_log_likelihood(numel(target), weight, reduction)


@formula(aten.cross_entropy_loss.default, kind="loss")
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
        summed = additions(length, 1)
        picked = Cost(elementwise=count * (products + summed)) + reduced(count, reduction)
    else:
        picked = negative_log_likelihood(count, weight, reduction)
    smoothed = count * (additions(length, 1) + 3) if label_smoothing > 0 else 0
    return cost + picked + Cost(elementwise=smoothed)


@formula(aten.hinge_embedding_loss.default, kind="loss")
def hinge_embedding_loss(self: Shape, target: Shape, reduction: int) -> Cost:
    """Per element x where t = 1, max(0, margin - x) where t = -1: n, the dearer  [FLOP]."""
    return of_pairs(self, target, FLOP + COMPARISON, reduction)


@formula(aten.cosine_embedding_loss.default, kind="loss")
def cosine_embedding_loss(input1: Shape, input2: Shape, reduction: int) -> Cost:
    """1 - cos where t = 1, max(0, cos - margin) where t = -1, of M pairs of lines of S.

    cos = (x . y) / sqrt((x . x + eps) (y . y + eps)): M(6S + 1)  [FLOP], M square roots; and M, the
    dearer, with a comparison each.
    """
    count, length = lines(broadcast(input1, input2), -1)
    products = 3 * (length + additions(length, 1))
    per_pair = Cost(elementwise=products + 4, transcendental=1) + FLOP + COMPARISON
    return per_pair * count + reduced(count, reduction)


@formula(aten.triplet_margin_loss.default, kind="loss")
def triplet_margin_loss(
    anchor: Shape, positive: Shape, negative: Shape, p: float, swap: bool, reduction: int
) -> Cost:
    """max(0, |a - p| - |a - n| + margin), by `pairwise_distance`: 2M  [FLOP].

    With ``swap`` the smaller of |a - n| and |p - n|.
    """
    cost = pairwise_distance(anchor, positive, p) + pairwise_distance(anchor, negative, p)
    count, _ = lines(broadcast(anchor, positive, negative), -1)
    if swap:
        cost = cost + pairwise_distance(positive, negative, p) + COMPARISON * count
    return cost + (FLOP * 2 + COMPARISON) * count + reduced(count, reduction)


@formula(aten.multi_margin_loss.default, kind="loss")
def multi_margin_loss(self: Shape, p: int, weight: Shape | None, reduction: int) -> Cost:
    """The mean over the C classes, of which the target y gives 0, of max(0, margin - x_y + x_i)^p.

    N(C - 1) pairs of 2, and 1 for the square with p = 2, and 1 with weights; the mean: N(C - 1)
    [FLOP].
    """
    samples, classes = lines(self, -1)
    per_pair = FLOP * (2 + (p == 2) + (weight is not None)) + COMPARISON
    pairs = samples * additions(classes, 1)
    return per_pair * pairs + Cost(elementwise=pairs) + reduced(samples, reduction)


HALF = "half of the classes are labels"


def multilabel_margin(scores: Shape, reduction: int) -> Cost:
    """The mean over the C classes of max(0, 1 - (x_j - x_i)), j a label and i none.

    How many labels a sample has is data: the worst case, half of the classes, is charged. A pair is
    2, their mean as many as there are pairs  [FLOP].
    """
    samples, classes = lines(scores, -1)
    labels = classes // 2
    pairs = samples * labels * (classes - labels)
    return (FLOP * 3 + COMPARISON) * pairs + reduced(samples, reduction)


@formula(aten.multilabel_margin_loss.default, worst_case=HALF, kind="loss")
def multilabel_margin_loss(self: Shape, reduction: int) -> Cost:
    """`multilabel_margin`."""
    return multilabel_margin(self, reduction)


@formula(aten.multilabel_margin_loss_forward.default, worst_case=HALF, kind="loss")
def multilabel_margin_loss_forward(self: Shape, reduction: int) -> Cost:
    """`multilabel_margin`; which classes are labels is a second result."""
    return multilabel_margin(self, reduction)


DIFFERENT = "no label follows on itself"
LONGEST = "all sequences are the longest, and no label follows on itself"


def log_sum_exp(terms: int) -> Cost:
    """(max x) + log(sum(exp(x - max x))) of k terms: 2k FLOP, k + 1 calls, k - 1 comparisons."""
    return FLOP * (2 * terms) + CALL * (terms + 1) + COMPARISON * (terms - 1)


def ctc(items: Dim, steps: Dim, labels: Dim) -> Cost:
    """The likelihoods of ``items`` sequences with ``labels`` together, each of ``steps`` steps.

    The first step is not among them. A sequence of S labels has 2S + 1 states. The first comes from
    itself; blanks, and the first label, from two states; the other S - 1 labels from three, the
    worst case, in which no label follows on itself. Every state adds its log-probability. At the
    end the last two states are added; without labels there is one. As many sequences have labels as
    may. Source: Graves et al., ICML 2006, eq. 5-8, in logarithms.
    """
    two, three = log_sum_exp(2) + FLOP, log_sum_exp(3) + FLOP
    later = additions(labels, items)
    first = labels - later
    of_step = three * later + two * (labels + first) + FLOP * items
    return of_step * steps + log_sum_exp(2) * first


def ctc_of_known(input_lengths: tuple[int, ...], target_lengths: tuple[int, ...]) -> Cost:
    """`ctc` of sequences whose lengths are numbers."""
    pairs = zip(input_lengths, target_lengths, strict=True)
    return total(ctc(1, additions(t, 1), s) for t, s in pairs)


def ctc_of_data(log_probs: Shape, targets: Shape) -> Cost:
    """`ctc` of sequences whose lengths are data: the worst case, in which all are the longest.

    ``log_probs`` is (T, N, C) or (T, C); ``targets`` is (N, S), or all labels one after another.
    """
    steps, items = additions(log_probs[0], 1), sequences(log_probs)
    labels = numel(targets) if len(targets) == 1 else items * targets[-1]
    return ctc(items, steps, labels)


def sequences(log_probs: Shape) -> Dim:
    """(T, N, C) are N, (T, C) is one."""
    return numel(log_probs[1:-1])


def ctc_reduced(items: Dim, reduction: int, zero_infinity: bool) -> Cost:
    """`reduced`, for a mean by the number of labels first; infinity is found by a comparison."""
    by_labels = Cost(elementwise=items if reduction == MEAN else 0)
    found = COMPARISON * items if zero_infinity else Cost.zero()
    return reduced(items, reduction) + by_labels + found


@formula(aten.ctc_loss.IntList, worst_case=DIFFERENT, kind="loss")
def ctc_loss(
    log_probs: Shape,
    input_lengths: tuple[int, ...],
    target_lengths: tuple[int, ...],
    reduction: int,
    zero_infinity: bool,
) -> Cost:
    """`ctc_of_known`, `ctc_reduced`."""
    items = sequences(log_probs)
    return ctc_of_known(input_lengths, target_lengths) + ctc_reduced(
        items, reduction, zero_infinity
    )


@formula(aten.ctc_loss.Tensor, worst_case=LONGEST, kind="loss")
def ctc_loss_of_data(log_probs: Shape, targets: Shape, reduction: int, zero_infinity: bool) -> Cost:
    """`ctc_of_data`, `ctc_reduced`."""
    items = sequences(log_probs)
    return ctc_of_data(log_probs, targets) + ctc_reduced(items, reduction, zero_infinity)


@formula(
    aten._ctc_loss.default,
    aten._cudnn_ctc_loss.default,
    *existing("aten.miopen_ctc_loss.default"),
    worst_case=DIFFERENT,
    kind="loss",
)
def kernel_of_ctc_loss(input_lengths: tuple[int, ...], target_lengths: tuple[int, ...]) -> Cost:
    """`ctc_of_known`; the forward variables are a second result."""
    return ctc_of_known(input_lengths, target_lengths)


@formula(
    aten._ctc_loss.Tensor,
    aten._cudnn_ctc_loss.Tensor,
    *existing("aten.miopen_ctc_loss.Tensor"),
    worst_case=LONGEST,
    kind="loss",
)
def kernel_of_ctc_loss_of_data(log_probs: Shape, targets: Shape) -> Cost:
    """`ctc_of_data`."""
    return ctc_of_data(log_probs, targets)
