import torch

from fxflops.registry import existing
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
    Case(
        "max(0, margin - x)",
        aten.hinge_embedding_loss.default,
        (X, X),
        elementwise=15 + 15,
        comparison=15,
    ),
    # 3 pairs of lines of 5: three dot products of 9, two sums with eps, a product, a quotient; the
    # difference to 1 or to the margin.
    Case(
        "1 - cos",
        aten.cosine_embedding_loss.default,
        (X, X, (3,)),
        elementwise=3 * (3 * 9 + 4) + 3 + 3,
        transcendental=3,
        comparison=3,
    ),
    # Distances of 3 pairs: 15 differences, 15 sums with eps, 15 squares, 12 sums, 3 roots.
    Case(
        "max(0, |a - p| - |a - n| + margin)",
        aten.triplet_margin_loss.default,
        (X, X, X, 1.0, 2.0, 1e-6, False, SUM),
        elementwise=2 * 57 + 2 * 3 + 2,
        transcendental=2 * 3,
        comparison=3,
    ),
    Case(
        "the same, with |p - n| where it is smaller",
        aten.triplet_margin_loss.default,
        (X, X, X, 1.0, 2.0, 1e-6, True, NONE),
        elementwise=3 * 57 + 2 * 3,
        transcendental=3 * 3,
        comparison=3 + 3,
    ),
    # 3 samples, each with 4 classes that are not the target.
    Case(
        "margins to the other classes",
        aten.multi_margin_loss.default,
        (X, ints(3)),
        elementwise=12 * 2 + 12 + 3,
        comparison=12,
    ),
    Case(
        "squares of weighted margins to the other classes",
        aten.multi_margin_loss.default,
        (X, ints(3), 2, 1.0, (5,), SUM),
        elementwise=12 * 4 + 12 + 2,
        comparison=12,
    ),
    # 2 labels and 3 others: 6 pairs in each of 3 samples.
    Case(
        "margins between labels and others",
        aten.multilabel_margin_loss.default,
        (X, ints(3, 5)),
        elementwise=18 * 2 + 18 + 3,
        comparison=18,
    ),
    Case(
        "margins between labels and others, in a decomposed graph",
        aten.multilabel_margin_loss_forward.default,
        (X, ints(3, 5), SUM),
        elementwise=18 * 2 + 18 + 2,
        comparison=18,
    ),
    # 2 sequences of 6 and 4 steps and of 3 and 2 labels among 5 classes; the first step is given.
    # log(sum(exp)) of k terms and the log-probability: 2k + 1, k + 1 calls, k - 1 comparisons.
    # States: one alone, labels + 1 from two, labels - 1 from three. At the end two are added.
    Case(
        "alignments",
        aten.ctc_loss.IntList,
        ((6, 2, 5), ints(2, 3), [6, 4], [3, 2]),
        device="cpu",
        elementwise=5 * (1 + 4 * 5 + 2 * 7) + 3 * (1 + 3 * 5 + 1 * 7) + 2 * 4 + 2 + 2,
        transcendental=5 * (4 * 3 + 2 * 4) + 3 * (3 * 3 + 1 * 4) + 2 * 3,
        comparison=5 * (4 + 2 * 2) + 3 * (3 + 2) + 2,
    ),
    Case(
        "alignments of one sequence without labels: its blanks",
        aten.ctc_loss.IntList,
        ((6, 1, 5), ints(1, 3), [6], [0], 0, SUM, True),
        device="cpu",
        elementwise=5,
        comparison=1,
    ),
    Case(
        "alignments in a decomposed graph",
        aten._ctc_loss.default,
        ((6, 2, 5), ints(2, 3), [6, 4], [3, 2]),
        out=((2,), (2, 6, 7)),
        elementwise=5 * (1 + 4 * 5 + 2 * 7) + 3 * (1 + 3 * 5 + 1 * 7) + 2 * 4,
        transcendental=5 * (4 * 3 + 2 * 4) + 3 * (3 * 3 + 1 * 4) + 2 * 3,
        comparison=5 * (4 + 2 * 2) + 3 * (3 + 2) + 2,
    ),
    *(
        Case(
            "alignments by another library",
            op,
            ((6, 2, 5), ints(5), [6, 4], [3, 2], 0, True, False),
            out=((2,), (2, 6, 7)),
            elementwise=5 * (1 + 4 * 5 + 2 * 7) + 3 * (1 + 3 * 5 + 1 * 7) + 2 * 4,
            transcendental=5 * (4 * 3 + 2 * 4) + 3 * (3 * 3 + 1 * 4) + 2 * 3,
            comparison=5 * (4 + 2 * 2) + 3 * (3 + 2) + 2,
        )
        for op in existing("aten._cudnn_ctc_loss.default", "aten.miopen_ctc_loss.default")
    ),
    # Lengths that are data: 6 steps and 3 labels each.
    Case(
        "the longest alignments",
        aten.ctc_loss.Tensor,
        ((6, 2, 5), ints(2, 3), ints(2), ints(2)),
        device="cpu",
        out=(),
        elementwise=2 * 5 * (1 + 4 * 5 + 2 * 7) + 2 * 4 + 2 + 2,
        transcendental=2 * 5 * (4 * 3 + 2 * 4) + 2 * 3,
        comparison=2 * 5 * (4 + 2 * 2) + 2,
    ),
    # 7 labels of 2 sequences one after the other: 9 states from two, 5 from three.
    *(
        Case(
            "the longest alignments in a decomposed graph",
            op,
            ((6, 2, 5), ints(7), ints(2), ints(2), 0, *more),
            out=((2,), (2, 6, 9)),
            elementwise=5 * (2 + 9 * 5 + 5 * 7) + 2 * 4,
            transcendental=5 * (9 * 3 + 5 * 4) + 2 * 3,
            comparison=5 * (9 + 5 * 2) + 2,
        )
        for name, more in (
            ("aten._ctc_loss.Tensor", ()),
            ("aten._cudnn_ctc_loss.Tensor", (True, False)),
            ("aten.miopen_ctc_loss.Tensor", (True, False)),
        )
        for op in existing(name)
    ),
)
