"""Derivatives of losses, of 30 pairs."""

import torch

from tests.formulas.harness import Case, ints

aten = torch.ops.aten

X, N = (2, 3, 5), 30
NONE, MEAN, SUM = 0, 1, 2

CASES = (
    Case("squares", aten.mse_loss_backward.default, ((), X, X, MEAN), elementwise=3 * N + 1),
    Case("squares, summed", aten.mse_loss_backward.default, ((), X, X, SUM), elementwise=3 * N),
    Case(
        "smooth distance",
        aten.smooth_l1_loss_backward.default,
        ((), X, X, MEAN, 1.0),
        elementwise=3 * N + 1,
        comparison=N,
    ),
    Case(
        "Huber's distance",
        aten.huber_loss_backward.default,
        (X, X, X, NONE, 1.0),
        elementwise=2 * N,
        comparison=N,
    ),
    Case(
        "cross entropy",
        aten.binary_cross_entropy_backward.default,
        ((), X, X, None, MEAN),
        elementwise=5 * N + 1,
    ),
    Case(
        "cross entropy with weights",
        aten.binary_cross_entropy_backward.default,
        ((), X, X, X, SUM),
        elementwise=6 * N,
    ),
    Case(
        "soft margin",
        aten.soft_margin_loss_backward.default,
        ((), X, X, SUM),
        elementwise=5 * N,
        transcendental=N,
    ),
    Case(
        "negative log likelihood",
        aten.nll_loss_backward.default,
        ((), (7, 5), ints(7), None, MEAN, -100, ()),
        elementwise=1,
    ),
    Case(
        "weighted negative log likelihood",
        aten.nll_loss_backward.default,
        ((), (7, 5), ints(7), (5,), MEAN, -100, ()),
        elementwise=7 + 1,
    ),
    Case(
        "negative log likelihood of an image",
        aten.nll_loss2d_backward.default,
        ((), (2, 5, 3, 7), ints(2, 3, 7), (5,), SUM, -100, ()),
        elementwise=2 * 3 * 7,
    ),
)
