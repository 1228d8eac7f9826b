"""Flex attention: whole as attention is, with what its function does to every score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._higher_order_ops.flex_attention import flex_attention as operator
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.utils.flop_counter import flop_registry

import fxflops
from fxflops.errors import CaptureError
from tests.versions import newer

# 3 images, 2 heads, 5 queries and 7 keys of width 8, values of width 16: 210 scores in 30 rows.
SPEC = "q: N 2 S 8; k: N 2 T 8; v: N 2 T 16"
SIZES = {"N": 3, "S": 5, "T": 7}
SCORES, ROWS = 3 * 2 * 5 * 7, 3 * 2 * 5
SOFTMAX = 3 * SCORES - ROWS


class Attends(nn.Module):
    """One call, with a slope for each head."""

    def __init__(self, score_mod: Callable[..., Any] | None = None, *, causal: bool = False):
        super().__init__()
        self.score_mod, self.causal = score_mod, causal
        self.slopes = nn.Parameter(torch.ones(2))

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Any:
        mask = None
        if self.causal:
            sizes = (None, None, q.shape[-2], k.shape[-2])
            mask = create_block_mask(lambda b, h, i, j: i >= j, *sizes, device=str(q.device))
        return flex_attention(q, k, v, score_mod=self.score_mod, block_mask=mask)


class Slopes(Attends):
    """Linear biases, arXiv:2108.12409."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Any:
        return flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: s + self.slopes[h] * (j - i))


@pytest.mark.parametrize(
    ("model", "elementwise", "transcendental"),
    [
        (Attends(), 0, 0),
        # Differences of indices are integer work.
        (Attends(lambda s, b, h, i, j: s * 2 + (i - j)), 2, 0),
        (Attends(lambda s, b, h, i, j: 20 * torch.tanh(s / 20)), 2, 1),
        (Attends(lambda s, b, h, i, j: torch.where(i >= j, s, -float("inf"))), 0, 0),
        (Slopes(), 2, 0),
    ],
    ids=["plain", "distance", "soft cap", "causal", "slopes"],
)
def test_it_is_attention_and_a_function_of_each_score(
    model: nn.Module, elementwise: int, transcendental: int
) -> None:
    analysis = fxflops.analyze(model, SPEC, frontend="trace")
    assert analysis.complete
    [node] = [node for node in analysis.nodes if node.op is operator]
    assert node.cost is not None
    cost = node.cost.at(analysis.domain.values(SIZES, ""))
    assert cost.contraction == 2 * SCORES * (8 + 16)
    assert cost.elementwise == SCORES + SOFTMAX + elementwise * SCORES
    assert cost.transcendental == SCORES + transcendental * SCORES
    assert cost.comparison == SCORES - ROWS


@newer("it has no formula for it yet")
def test_the_contraction_is_what_torch_counts() -> None:
    shapes = ((3, 2, 5, 8), (3, 2, 7, 8), (3, 2, 7, 16))
    tensors = [torch.empty(shape, device="meta") for shape in shapes]
    analysis = fxflops.analyze(Attends(), SPEC, frontend="trace")
    expected = flop_registry[operator](*tensors, out_val=None)
    assert analysis.at(**SIZES).contraction == expected


def test_what_a_mask_of_blocks_hides_is_charged() -> None:
    analysis = fxflops.analyze(
        Attends(causal=True), "q: 3 2 5 8; k: 3 2 7 8; v: 3 2 7 16", frontend="trace"
    )
    assert analysis.complete
    assert analysis.at().contraction == 2 * SCORES * (8 + 16)


def test_a_function_that_is_not_known_makes_the_call_uncounted() -> None:
    model = Attends(lambda s, b, h, i, j: torch.special.airy_ai(s))
    analysis = fxflops.analyze(model, SPEC, frontend="trace")
    [node] = analysis.uncounted
    assert node.unknown == "aten.special_airy_ai.default of every score: no formula"


def test_other_operators_of_higher_order_are_refused_in_one_line() -> None:
    class Loops(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return torch.ops.higher_order.while_loop(
                lambda x: x.sum() < 3, lambda x: (x + 1,), (x,), ()
            )

    with pytest.raises(
        CaptureError, match="cannot record the higher-order operator while_loop"
    ) as e:
        fxflops.analyze(Loops(), "x: N 3", frontend="trace")
    assert "\n" not in str(e.value)
