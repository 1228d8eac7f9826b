"""Operators run by their definition on counting numbers: the same values, and the same counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from fxflops.capture.calls import bind, shaped
from fxflops.cost import COUNTERS, Cost
from fxflops.registry import cost_of
from tests.formulas import definitions as by
from tests.formulas import loss_definitions as losses
from tests.formulas import resize_definitions as resize
from tests.formulas.counted import DONE, fresh, numbers
from tests.formulas.harness import vision

aten = torch.ops.aten

X = (2, 3, 5)
IMAGE = (2, 4, 5, 6)
GATES = ((3, 2), (3, 4))


@dataclass(frozen=True)
class Proof:
    """An operator, its arguments (a tuple is a tensor), and its definition.

    The tensors' elements lie between ``low`` and 1. ``results`` is how many results the definition
    has, if not all.
    """

    op: Any
    args: tuple[Any, ...]
    definition: Callable[..., Any]
    kwargs: dict[str, Any] = field(default_factory=dict)
    low: float = -1
    results: int | None = None

    def __str__(self) -> str:
        return f"{self.op} {self.definition.__name__}"


PROOFS = (
    Proof(aten.sigmoid.default, (X,), by.sigmoid),
    Proof(aten.silu.default, (X,), lambda x: x * by.sigmoid(x)),
    Proof(aten.gelu.default, (X,), by.gelu),
    Proof(aten.gelu.default, (X,), lambda x, approximate: by.gelu_tanh(x), {"approximate": "tanh"}),
    Proof(aten.softplus.default, (X,), by.softplus),
    Proof(aten.softplus.default, (X, 2.0), lambda x, beta: by.softplus(x * beta) / beta),
    Proof(aten.log_sigmoid.default, (X,), lambda x: -by.softplus(-x)),
    Proof(aten.mish.default, (X,), lambda x: x * np.tanh(by.softplus(x))),
    Proof(aten.relu.default, (X,), lambda x: np.maximum(x, 0)),
    Proof(aten.relu6.default, (X,), lambda x: by.clamp(x, 0, 6)),
    Proof(aten.clamp.default, (X, -0.5, 0.5), by.clamp),
    Proof(aten.hardsigmoid.default, (X,), lambda x: by.clamp(x + 3, 0, 6) / 6),
    Proof(aten.hardswish.default, (X,), lambda x: x * by.clamp(x + 3, 0, 6) / 6),
    Proof(aten.leaky_relu.default, (X, 0.1), lambda x, slope: by.where(x > 0, x, slope * x)),
    Proof(aten.elu.default, (X,), by.elu),
    Proof(aten.celu.default, (X, 2.0), by.celu),
    Proof(aten.glu.default, ((2, 3, 4),), lambda x: x[..., :2] * by.sigmoid(x[..., 2:])),
    Proof(aten.lerp.Tensor, (X, X, X), lambda a, b, w: a + w * (b - a)),
    Proof(aten.logaddexp.default, (X, X), by.logaddexp),
    Proof(aten.pow.Tensor_Scalar, (X, 3), lambda x, _: x * x * x),
    Proof(
        aten.addcmul.default, (X, X, X), lambda x, y, z, value: x + value * (y * z), {"value": 3}
    ),
    Proof(aten.hypot.default, (X, X), lambda x, y: np.sqrt(x * x + y * y)),
    Proof(aten.softmax.int, (X, 1), by.softmax),
    Proof(aten.log_softmax.int, (X, 1), by.log_softmax),
    Proof(aten.logsumexp.default, (X, [1]), lambda x, axes: by.logsumexp(x, axes[0])),
    Proof(aten.sum.dim_IntList, (X, [0, 2]), lambda x, axes: x.sum(axis=tuple(axes))),
    Proof(aten.mean.dim, (X, [1]), lambda x, axes: x.sum(axis=1) / x.shape[1]),
    Proof(aten.amax.default, (X, [1]), lambda x, axes: x.max(axis=1)),
    Proof(aten.cumsum.default, (X, 1), lambda x, axis: np.add.accumulate(x, axis=axis)),
    Proof(aten.var.dim, (X, [1]), lambda x, axes: by.variance(x, (1,), 1)),
    Proof(aten.linalg_vector_norm.default, (X,), lambda x: np.asarray(np.sqrt((x * x).sum()))),
    Proof(aten.layer_norm.default, (X, [3, 5], (3, 5), (3, 5)), by.layer_norm),
    Proof(aten.rms_norm.default, (X, [5], (5,), 1e-5), by.rms_norm),
    Proof(aten.group_norm.default, (IMAGE, 2, (4,), (4,)), by.group_norm),
    Proof(
        aten.batch_norm.default,
        (IMAGE, (4,), (4,), (4,), (4,), False, 0.1, 1e-5, False),
        by.batch_norm,
        low=0.1,
    ),
    Proof(
        aten.batch_norm.default,
        (IMAGE, (4,), (4,), None, None, True, 0.1, 1e-5, False),
        by.batch_norm,
    ),
    Proof(aten.linear.default, (X, (4, 5), (4,)), by.linear),
    Proof(aten.matmul.default, ((2, 1, 3, 5), (4, 5, 2)), by.matmul),
    Proof(aten.addmm.default, ((4,), (3, 5), (5, 4)), by.addmm, {"beta": 2, "alpha": 3}),
    Proof(aten.bilinear.default, ((2, 3), (2, 5), (4, 3, 5), (4,)), by.bilinear),
    Proof(
        aten.scaled_dot_product_attention.default,
        ((2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 6), (3, 5)),
        by.attention,
    ),
    Proof(
        aten.conv2d.default,
        (IMAGE, (6, 2, 3, 2), (6,), [2, 1], [1, 2], [1, 2], 2),
        by.conv2d,
    ),
    Proof(aten.conv_transpose2d.input, (IMAGE, (4, 3, 3, 2), None, [2, 1]), by.conv_transpose2d),
    Proof(aten.max_pool2d.default, (IMAGE, [3, 2], [1, 2]), by.max_pool2d),
    Proof(aten.avg_pool2d.default, (IMAGE, [3, 2], [1, 2]), by.avg_pool2d),
    Proof(aten.adaptive_avg_pool2d.default, (IMAGE, [3, 4]), by.adaptive_avg_pool2d),
    Proof(aten.grid_sampler.default, (IMAGE, (2, 3, 2, 2), 0, 0, False), by.grid_sampler),
    Proof(
        vision.deform_conv2d.default,
        (
            *((2, 3, 4, 5), (4, 3, 2, 3), (2, 12, 3, 3), (2, 6, 3, 3), (4,)),
            *(1, 1, 0, 0, 1, 1, 1, 1, True),
        ),
        by.deform_conv2d,
    ),
    Proof(
        aten.rnn_tanh_cell.default, ((2, 3), (2, 4), (4, 3), (4, 4), (4,), (4,)), by.rnn_tanh_cell
    ),
    Proof(aten.gru_cell.default, ((2, 3), (2, 4), (12, 3), (12, 4), (12,), (12,)), by.gru_cell),
    Proof(
        aten.lstm_cell.default,
        ((2, 3), [(2, 4), (2, 4)], (16, 3), (16, 4), (16,), (16,)),
        by.lstm_cell,
    ),
    Proof(aten.cdist.default, ((3, 5), (4, 5)), by.cdist),
    Proof(aten.mse_loss.default, (X, X), by.mse_loss),
    Proof(aten.hinge_embedding_loss.default, (X, -torch.ones(X), 0.5, 0), losses.hinge_embedding),
    Proof(
        aten.cosine_embedding_loss.default,
        ((3, 5), (3, 5), -torch.ones(3), 0.1),
        losses.cosine_embedding,
    ),
    Proof(
        aten.triplet_margin_loss.default,
        ((3, 5), (3, 5), (3, 5), 1.0, 2.0, 1e-6, False, 0),
        losses.triplet,
    ),
    Proof(
        aten.triplet_margin_loss.default,
        ((3, 5), (3, 5), (3, 5), 1.0, 2.0, 1e-6, True, 0),
        losses.triplet,
    ),
    Proof(
        aten.multi_margin_loss.default,
        ((3, 5), torch.tensor([1, 4, 0]), 2, 1.0, (5,)),
        losses.multi_margin,
    ),
    Proof(
        aten.multilabel_margin_loss.default,
        ((2, 5), torch.tensor([[1, 4, -1, 0, 0], [0, 2, -1, 0, 0]])),
        losses.multilabel_margin,
    ),
    Proof(
        aten.ctc_loss.IntList,
        ((6, 2, 5), torch.tensor([[1, 4, 2], [3, 1, 0]]), [6, 4], [3, 2]),
        losses.ctc,
    ),
    Proof(aten._upsample_bilinear2d_aa.default, ((1, 2, 7, 5), [3, 4], False), resize.bilinear),
    Proof(aten._upsample_bilinear2d_aa.default, ((1, 2, 3, 5), [7, 6], False), resize.bilinear),
    Proof(aten._upsample_bicubic2d_aa.default, ((1, 2, 7, 5), [3, 4], False), resize.bicubic),
    Proof(
        aten._trilinear.default,
        ((2, 3), (5, 3, 4), (2, 4), [1, 3], [0], [1, 2], [2, 3]),
        by.trilinear,
    ),
    Proof(
        aten.lstm.data,
        (
            *((5, 3), torch.ones(5, dtype=torch.int64), [(1, 1, 2), (1, 1, 2)]),
            *([(8, 3), (8, 2), (8,), (8,)], True, 1, 0.0, False, False),
        ),
        by.packed_lstm,
    ),
    *(
        Proof(
            aten.embedding_bag.default,
            ((7, 3), torch.tensor([1, 6, 0, 2, 2]), torch.tensor([0, 2]), False, mode),
            by.embedding_bag,
            results=1,
        )
        for mode in (0, 1, 2)
    ),
    Proof(aten.linalg_matrix_norm.default, (X, 1), by.matrix_norm),
    Proof(aten.linalg_matrix_norm.default, (X, float("inf")), by.matrix_norm),
    Proof(aten.renorm.default, (X, 2, 1, 0.1), by.renorm),
    Proof(aten.round.decimals, (X,), by.rounded, {"decimals": 2}),
    Proof(aten.special_round.default, (X,), by.rounded, {"decimals": 2}),
    Proof(
        aten.segment_reduce.default,
        ((5, 3), "mean"),
        by.segment_mean,
        {"lengths": torch.tensor([2, 3])},
    ),
    Proof(aten.binary_cross_entropy_with_logits.default, (X, X, None, None, 0), by.bce_with_logits),
)


def made(value: Any, low: float, generator: torch.Generator) -> Any:
    """Doubles between ``low`` and 1 in the place of shapes."""
    if isinstance(value, tuple):
        share = torch.rand(value, generator=generator, dtype=torch.float64)
        return low + (1 - low) * share
    return [made(item, low, generator) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("proof", PROOFS, ids=str)
def test_the_definition_has_the_operators_values_and_counts(proof: Proof) -> None:
    generator = torch.Generator().manual_seed(0)
    args = [made(value, proof.low, generator) for value in proof.args]
    result = proof.op(*args, **proof.kwargs)

    counting, kwargs = tree_map_only(
        torch.Tensor, lambda t: numbers(t.numpy()), (args, proof.kwargs)
    )
    fresh()
    defined = proof.definition(*counting, **kwargs)

    for ours, theirs in zip(
        tree_leaves(defined), tree_leaves(result)[: proof.results], strict=True
    ):
        np.testing.assert_allclose(ours.astype(float), theirs.numpy(), rtol=1e-9, atol=1e-9)
    shapes = {n: shaped(v, int) for n, v in bind(proof.op, args, proof.kwargs).items()}
    counted = Cost(**{counter: DONE[counter] for counter in COUNTERS})
    assert cost_of(proof.op, shapes, shaped(result, int)) == counted
