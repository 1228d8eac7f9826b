"""Losses written out by their definition, as `tests.formulas.definitions` are.

Each is of the branch, and of the labels, that the formula charges.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from tests.formulas.counted import Array, Number

NEVER = -1e30
"""The logarithm of the likelihood of what cannot be, near enough."""


def mean_of(losses: list[Number]) -> Array:
    return np.asarray(sum(losses[1:], losses[0]) / len(losses))


def hinge_embedding(x: Array, target: Array, margin: float, reduction: int) -> Array:
    """Of pairs that are unlike."""
    assert (target.astype(float) == -1).all()
    return np.maximum(0, margin - x)


def cosine_embedding(x: Array, y: Array, target: Array, margin: float) -> Array:
    """Of pairs that are unlike."""
    assert (target.astype(float) == -1).all()
    losses = []
    for a, b in zip(x, y, strict=True):
        lengths = ((a * a).sum() + 1e-12) * ((b * b).sum() + 1e-12)
        losses.append(np.maximum(0, (a * b).sum() / lengths.sqrt() - margin))
    return mean_of(losses)


def distances(x: Array, y: Array) -> Array:
    difference = (x - y) + 1e-6
    return np.sqrt((difference * difference).sum(axis=-1))


def triplet(a: Array, p: Array, n: Array, margin: float, *rest: Any) -> Array:
    *_, swap, _ = rest
    far = distances(a, n)
    if swap:
        far = np.minimum(far, distances(p, n))
    return np.maximum(0, (distances(a, p) - far) + margin)


def multi_margin(x: Array, target: Array, p: int, margin: float, weight: Array) -> Array:
    losses = []
    for scores, label in zip(x, target.astype(float).astype(int), strict=True):
        margins = [np.maximum(0, (margin - scores[label]) + s) for s in np.delete(scores, label)]
        powers = [weight[label] * (m * m if p == 2 else m) for m in margins]
        losses.append(sum(powers[1:], powers[0]) / len(scores))
    return mean_of(losses)


def multilabel_margin(x: Array, target: Array) -> Array:
    losses = []
    for scores, listed in zip(x, target.astype(float).astype(int), strict=True):
        labels = [int(label) for label in listed[: list(listed).index(-1)]]
        others = [i for i in range(len(scores)) if i not in labels]
        margins = [np.maximum(0, 1 - (scores[j] - scores[i])) for j in labels for i in others]
        losses.append(sum(margins[1:], margins[0]) / len(scores))
    return mean_of(losses)


def log_sum_exp(terms: list[Number]) -> Number:
    largest = reduce(lambda a, b: a if a >= b else b, terms)
    exponentials = [(term - largest).exp() for term in terms]
    return sum(exponentials[1:], exponentials[0]).log() + largest


def ctc(
    log_probs: Array, targets: Array, input_lengths: list[int], target_lengths: list[int]
) -> Array:
    """The forward recursion, Graves et al., ICML 2006, eq. 5-8, of labels that all differ."""
    losses = []
    for n, (steps, length) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        labels = targets[n, :length].astype(float).astype(int)
        states = [0, *(state for label in labels for state in (int(label), 0))]
        likelihoods = [log_probs[0, n, state] for state in states[:2]]
        likelihoods += [Number(NEVER)] * (len(states) - 2)
        for t in range(1, steps):
            before = likelihoods
            likelihoods = []
            for s, state in enumerate(states):
                reach = 3 if state and s > 1 else min(s + 1, 2)
                terms = before[s + 1 - reach : s + 1]
                arrived = terms[0] if reach == 1 else log_sum_exp(terms)
                likelihoods.append(arrived + log_probs[t, n, state])
        losses.append(-log_sum_exp(likelihoods[-2:]) / length)
    return mean_of(losses)
