"""Results whose size the data decide: an error that says which, where, and at most how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import nms, roi_pool

import fxflops
from fxflops.errors import CaptureError


class Calls(nn.Module):
    """One call."""

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self.call = call

    def forward(self, *tensors: Tensor) -> Any:
        return self.call(*tensors)


SIZED_BY_DATA = [
    (lambda b, s: b[nms(b, s, 0.5)], "b: N 4; s: N", "torchvision.nms.default", "at most N"),
    (lambda x: x.nonzero(), "x: N 3 H", "aten.nonzero.default", r"at most 3\*H\*N"),
    (lambda x: torch.where(x > 0), "x: N 3", "aten.where.default", r"at most 3\*N"),
    (lambda x: torch.nonzero(x, as_tuple=True), "x: 3", "aten.nonzero_numpy.default", "at most 3,"),
    (lambda x: x.argwhere(), "x: N 3", "aten.argwhere.default", r"at most 3\*N"),
    (lambda x: x[x > 0], "x: N 3", "aten.index.Tensor", r"at most 3\*N"),
    (lambda x: x[:, x[0] > 0], "x: N S", "aten.index.Tensor", "at most S"),
    (lambda x: x.masked_select(x > 0), "x: N 3", "aten.masked_select.default", r"at most 3\*N"),
    (lambda x: x.unique(), "x: N 3", "aten._unique2.default", r"at most 3\*N"),
    (lambda x: x.unique(dim=1), "x: N S 3", "aten.unique_dim.default", "at most S"),
    (
        lambda x, n: x.repeat_interleave(n, dim=0),
        "x: N 3; n: N int64",
        "aten.repeat_interleave.self_Tensor",
        "as the data say, and .*: give it output_size",
    ),
]


@pytest.mark.parametrize(
    ("call", "spec", "operator", "bound"), SIZED_BY_DATA, ids=[row[2] for row in SIZED_BY_DATA]
)
def test_the_error_says_which_call_where_and_how_many(
    call: Callable[..., Any], spec: str, operator: str, bound: str
) -> None:
    with pytest.raises(CaptureError, match=f"{operator} gives as many .*{bound}") as raised:
        fxflops.analyze(Calls(call), spec)
    said = str(raised.value)
    assert "\n" not in said
    assert ".py:" in said


def test_export_says_so_too() -> None:
    class Finds(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.nonzero() * 2

    with pytest.raises(CaptureError, match=r"depends on the data, as .* nms or nonzero"):
        fxflops.analyze(Finds(), "x: N 3", frontend="export")


def test_other_failures_say_what_they_said() -> None:
    with pytest.raises(CaptureError, match="aten::unique_dim: attempted to run"):
        fxflops.analyze(Calls(lambda x: x.unique(dim=7)), "x: N 3", frontend="trace")


def test_a_fixed_number_of_results_is_captured() -> None:
    analysis = fxflops.analyze(
        Calls(lambda x: torch.nonzero_static(x, size=5)), "x: N 3", frontend="trace"
    )
    assert analysis.complete
    assert analysis.at(N=2).comparison == 6


def test_a_cost_that_data_decide_is_the_worst_and_said_to_be() -> None:
    analysis = fxflops.analyze(
        Calls(lambda x, rois: roi_pool(x, rois, 3)), "x: N 2 H W; rois: K 5", frontend="trace"
    )
    assert analysis.complete
    assert analysis.notes == (
        "The worst case is charged where the data decide what is done: "
        "torchvision.roi_pool.default (every region is as large as the image).",
    )
    assert analysis.at(N=2, H=7, W=11, K=5).comparison == 5 * 2 * ((7 + 2) * (11 + 2) - 9)
