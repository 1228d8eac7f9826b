import torch

from tests.formulas.harness import Case, booleans

aten = torch.ops.aten

# 2 * 5 lines of 3: subtract 30, sum 10 * 2, divide 30; exp 30; the maximum 10 * 2.
X = (2, 3, 5)

CASES = (
    Case(
        "softmax",
        aten.softmax.int,
        (X, 1),
        aliases=(aten.special_softmax.default, aten._safe_softmax.default),
        elementwise=30 + 10 * 2 + 30,
        transcendental=30,
        comparison=10 * 2,
    ),
    Case(
        "softmax, in a decomposed graph",
        aten._softmax.default,
        (X, 1, False),
        elementwise=30 + 10 * 2 + 30,
        transcendental=30,
        comparison=10 * 2,
    ),
    Case("softmax of a scalar", aten.softmax.int, ((), 0), elementwise=2, transcendental=1),
    Case(
        "softmax under a mask",
        aten._masked_softmax.default,
        (X, booleans(2, 3, 5), 1),
        out=X,
        elementwise=30 + 10 * 2 + 30,
        transcendental=30,
        comparison=10 * 2,
    ),
    Case(
        "softmax of all under a mask",
        aten._masked_softmax.default,
        (X, booleans(2, 3, 5)),
        out=X,
        elementwise=30 + 29 + 30,
        transcendental=30,
        comparison=29,
    ),
    Case(
        "log of softmax: subtract twice",
        aten.log_softmax.int,
        (X, -2),
        aliases=(aten.special_log_softmax.default,),
        elementwise=30 + 10 * 2 + 30,
        transcendental=30 + 10,
        comparison=10 * 2,
    ),
    Case(
        "log of softmax, in a decomposed graph",
        aten._log_softmax.default,
        (X, -2, False),
        elementwise=30 + 10 * 2 + 30,
        transcendental=30 + 10,
        comparison=10 * 2,
    ),
    Case(
        "log of a sum of exponentials: add the maximum again",
        aten.logsumexp.default,
        (X, [1]),
        aliases=(aten.special_logsumexp.default,),
        elementwise=30 + 10 * 2 + 10,
        transcendental=30 + 10,
        comparison=10 * 2,
    ),
    Case(
        "log of running sums of exponentials",
        aten.logcumsumexp.default,
        (X, 1),
        elementwise=10 * 2,
        transcendental=2 * 30,
    ),
    Case(
        "log of running sums of exponentials, by its kernel",
        aten._logcumsumexp.default,
        (X, 1),
        out=X,
        elementwise=10 * 2,
        transcendental=2 * 30,
    ),
)
