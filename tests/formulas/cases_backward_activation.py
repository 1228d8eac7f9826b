"""Derivatives of activations, of softmax and of dropout: per element, 30 of them."""

import torch

from tests.formulas.harness import Case, booleans

aten = torch.ops.aten

X, N = (2, 3, 5), 2 * 3 * 5
SIGMOID = 2 * N  # and N calls of exp

CASES = (
    Case("relu", aten.threshold_backward.default, (X, X, 0), comparison=N),
    Case("clamp", aten.hardtanh_backward.default, (X, X, -1, 1), comparison=2 * N),
    Case(
        "shrink",
        aten.hardshrink_backward.default,
        (X, X, 0.5),
        aliases=(aten.softshrink_backward.default,),
        comparison=2 * N,
    ),
    Case(
        "leaky relu",
        aten.leaky_relu_backward.default,
        (X, X, 0.1, False),
        elementwise=N,
        comparison=N,
    ),
    Case(
        "hard sigmoid", aten.hardsigmoid_backward.default, (X, X), elementwise=N, comparison=2 * N
    ),
    Case(
        "hard swish", aten.hardswish_backward.default, (X, X), elementwise=3 * N, comparison=2 * N
    ),
    Case(
        "sigmoid",
        aten.sigmoid_backward.default,
        (X, X),
        aliases=(aten.tanh_backward.default,),
        elementwise=3 * N,
    ),
    Case("silu", aten.silu_backward.default, (X, X), elementwise=SIGMOID + 5 * N, transcendental=N),
    Case(
        "log sigmoid",
        aten.log_sigmoid_backward.default,
        (X, X, X),
        elementwise=SIGMOID + N,
        transcendental=N,
    ),
    Case(
        "mish",
        aten.mish_backward.default,
        (X, X),
        # sigmoid, softplus N, six more; exp, exp and log, tanh
        elementwise=SIGMOID + N + 6 * N,
        transcendental=4 * N,
    ),
    Case("logit", aten.logit_backward.default, (X, X, 0.1), elementwise=3 * N),
    Case("dropout", aten.native_dropout_backward.default, (X, booleans(*X), 2.0), elementwise=N),
    Case("gelu", aten.gelu_backward.default, (X, X), elementwise=9 * N, transcendental=2 * N),
    Case(
        "gelu by tanh",
        aten.gelu_backward.default,
        (X, X),
        {"approximate": "tanh"},
        elementwise=17 * N,
        transcendental=N,
    ),
    Case(
        "gated linear unit",
        aten.glu_backward.default,
        (X, (2, 3, 10), -1),
        elementwise=6 * N,
        transcendental=N,
    ),
    Case(
        "elu",
        aten.elu_backward.default,
        (X, 1, 1, 1, False, X),
        elementwise=N,
        transcendental=N,
        comparison=N,
    ),
    Case(
        "elu with factors",
        aten.elu_backward.default,
        (X, 2, 3, 5, False, X),
        elementwise=4 * N,
        transcendental=N,
        comparison=N,
    ),
    Case(
        "elu from its result",
        aten.elu_backward.default,
        (X, 2, 3, 1, True, X),
        elementwise=3 * N,
        comparison=N,
    ),
    Case(
        "softplus",
        aten.softplus_backward.default,
        (X, X, 1, 20),
        elementwise=3 * N,
        transcendental=N,
    ),
    Case(
        "softplus with a factor",
        aten.softplus_backward.default,
        (X, X, 2, 20),
        elementwise=4 * N,
        transcendental=N,
    ),
    Case(
        "leaky relu with a learned slope",
        aten._prelu_kernel_backward.default,
        (X, X, (1, 3, 1)),
        elementwise=2 * N,
        comparison=N,
    ),
    Case(
        "softmax",
        aten._softmax_backward_data.default,
        (X, X, 1, torch.float32),
        # dy y, its sum, the difference, the product; 10 lines of 3
        elementwise=N + (N - 10) + N + N,
    ),
    Case(
        "logarithm of softmax",
        aten._log_softmax_backward_data.default,
        (X, X, -1, torch.float32),
        # the sum of dy over 6 lines of 5, the product, the difference
        elementwise=(N - 6) + N + N,
        transcendental=N,
    ),
)
