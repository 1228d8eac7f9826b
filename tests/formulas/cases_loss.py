import torch

from tests.formulas.harness import Case, ints

aten = torch.ops.aten

NONE, MEAN, SUM = 0, 1, 2
X = (3, 5)  # 15 elements, or 3 samples of 5 classes

CASES = (
    Case("(x - t)^2", aten.mse_loss.default, (X, X, NONE), elementwise=2 * 15),
    Case("(x - t)^2, their mean", aten.mse_loss.default, (X, X), elementwise=2 * 15 + 15),
    Case("(x - t)^2, their sum", aten.mse_loss.default, (X, X, SUM), elementwise=2 * 15 + 14),
    Case("|x - t|", aten.l1_loss.default, (X, X), elementwise=15 + 15),
    Case(
        "(x - t)^2 / 2 / beta",
        aten.smooth_l1_loss.default,
        (X, X),
        elementwise=4 * 15 + 15,
        comparison=15,
    ),
    Case("Huber", aten.huber_loss.default, (X, X), elementwise=3 * 15 + 15, comparison=15),
    Case(
        "t log x + (1 - t) log(1 - x)",
        aten.binary_cross_entropy.default,
        (X, X),
        elementwise=5 * 15 + 15,
        transcendental=2 * 15,
    ),
    Case(
        "w * (t log x + (1 - t) log(1 - x))",
        aten.binary_cross_entropy.default,
        (X, X, (5,), NONE),
        elementwise=6 * 15,
        transcendental=2 * 15,
    ),
    Case(
        "max(x, 0) - x t + log(1 + exp(-|x|))",
        aten.binary_cross_entropy_with_logits.default,
        (X, X),
        elementwise=4 * 15 + 15,
        transcendental=2 * 15,
        comparison=15,
    ),
    Case(
        "the same with weights of the samples and of the positives",
        aten.binary_cross_entropy_with_logits.default,
        (X, X, (5,), (5,), SUM),
        elementwise=9 * 15 + 14 + 5,
        transcendental=2 * 15,
        comparison=15,
    ),
    Case(
        "t (log t - x)",
        aten.kl_div.default,
        (X, X, SUM),
        elementwise=2 * 15 + 14,
        transcendental=15,
    ),
    Case(
        "log(1 + exp(-t x))",
        aten.soft_margin_loss.default,
        (X, X),
        elementwise=2 * 15 + 15,
        transcendental=2 * 15,
    ),
    Case(
        "max(0, -t (a - b) + margin)",
        aten.margin_ranking_loss.default,
        (X, X, X),
        elementwise=3 * 15 + 15,
        comparison=15,
    ),
    Case(
        "exp(x) - t x",
        aten.poisson_nll_loss.default,
        (X, X, True, False, 1e-8, MEAN),
        elementwise=2 * 15 + 15,
        transcendental=15,
    ),
    Case(
        "x - t log(x + eps), with Stirling's term",
        aten.poisson_nll_loss.default,
        (X, X, False, True, 1e-8, MEAN),
        elementwise=(3 + 6) * 15 + 15,
        transcendental=(1 + 2) * 15,
        comparison=15,
    ),
    Case(
        "negative log-likelihood",
        aten.nll_loss.default,
        (X, ints(3)),
        aliases=(aten.nll_loss_nd.default,),
        elementwise=3,
    ),
    Case(
        "negative log-likelihood, weighted",
        aten.nll_loss.default,
        (X, ints(3), (5,)),
        elementwise=3 + 3 + 2,
    ),
    Case(
        "negative log-likelihood, in a decomposed graph",
        aten.nll_loss_forward.default,
        (X, ints(3), None, SUM, -100),
        elementwise=2,
    ),
    Case(
        "negative log-likelihood of pixels",
        aten.nll_loss2d.default,
        ((2, 5, 7, 11), ints(2, 7, 11), None, MEAN),
        elementwise=154,
    ),
    Case(
        "negative log-likelihood of pixels, in a decomposed graph",
        aten.nll_loss2d_forward.default,
        ((2, 5, 7, 11), ints(2, 7, 11), None, MEAN, -100),
        elementwise=154,
    ),
    # Log of softmax: subtract 15, sum 3 * 4, subtract 15; exp 15, log 3; the maximum 3 * 4.
    Case(
        "cross entropy",
        aten.cross_entropy_loss.default,
        (X, ints(3)),
        elementwise=42 + 3,
        transcendental=18,
        comparison=12,
    ),
    Case(
        "cross entropy of one sample",
        aten.cross_entropy_loss.default,
        ((5,), ints()),
        elementwise=14 + 1,
        transcendental=6,
        comparison=4,
    ),
    Case(
        "cross entropy of smoothed labels",
        aten.cross_entropy_loss.default,
        (X, ints(3), None, SUM, -100, 0.1),
        elementwise=42 + 2 + 3 * (4 + 2 + 1),
        transcendental=18,
        comparison=12,
    ),
    Case(
        "cross entropy with probabilities",
        aten.cross_entropy_loss.default,
        (X, X),
        elementwise=42 + 15 + 12 + 3,
        transcendental=18,
        comparison=12,
    ),
)
