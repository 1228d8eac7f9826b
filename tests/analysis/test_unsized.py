"""Calls without a closed form over a free axis: uncounted there, exact where it is fixed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

import fxflops
from fxflops.cli import main

SYMBOLIC = "no closed form over a symbolic length: fix the axis"


class Ranked(nn.Module):
    """A linear layer, then the scores in order."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).sort(dim=1).values


class Calls(nn.Module):
    """One call."""

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self.call = call

    def forward(self, *tensors: Tensor) -> Any:
        return self.call(*tensors)


def test_sorting_along_a_free_axis_is_uncounted_and_the_rest_a_lower_bound() -> None:
    analysis = fxflops.analyze(Ranked(), "x: N S 3")
    [sort] = analysis.uncounted
    assert not analysis.complete
    assert sort.unknown == SYMBOLIC
    assert "test_unsized.py" in sort.where
    assert analysis.at(N=2, S=7) == fxflops.analyze(nn.Linear(3, 5, bias=False), "x: N S 3").at(
        N=2, S=7
    )


def test_at_size_1_the_rest_is_counted_too() -> None:
    analysis = fxflops.analyze(Ranked(), "x: N S 3")
    assert [analysis.at(N=n, S=s).contraction for n, s in ((1, 7), (2, 1), (1, 1))] == [210, 60, 30]


def test_sorting_along_a_fixed_axis_is_exact() -> None:
    analysis = fxflops.analyze(Ranked(), "x: N 7 3")
    assert analysis.complete
    assert analysis.at(N=2).comparison == 2 * 5 * 7 * 3  # ceil(log2 7) = 3


@pytest.mark.parametrize(
    ("call", "free", "fixed", "reason"),
    [
        (torch.fft.fft, "x: N S", "x: N 7", SYMBOLIC),
        (torch.argsort, "x: N S", "x: N 7", SYMBOLIC),
        (lambda x: torch.searchsorted(x, x), "x: N S", "x: N 7", SYMBOLIC),
        (
            lambda x: nn.functional.adaptive_avg_pool2d(x, (x.shape[0], 3)),
            "x: N 5 H 7",
            "x: 2 5 H 7",
            "no closed form over a symbolic number of windows: fix the axis",
        ),
    ],
    ids=["fft", "argsort", "searchsorted", "adaptive pool"],
)
def test_an_operator_is_known_where_its_axis_is_fixed(call, free, fixed, reason) -> None:
    [unknown] = fxflops.analyze(Calls(call), free).uncounted
    assert unknown.unknown == reason
    assert fxflops.analyze(Calls(call), fixed).complete


def test_other_unknown_calls_have_other_reasons() -> None:
    adaptive = fxflops.analyze(Calls(lambda x, rois: roi_align(x, rois, 7)), "x: 2 3 9 9; r: 4 5")
    assert [node.unknown for node in adaptive.uncounted] == ["depends on data"]

    @torch.library.custom_op("unsized::mystery", mutates_args=())
    def mystery(x: Tensor) -> Tensor:
        return x * x

    mystery.register_fake(torch.empty_like)
    custom = fxflops.analyze(Calls(lambda x: mystery(x)), "x: N 3")
    assert [node.unknown for node in custom.uncounted] == ["no formula"]


def test_the_report_says_why_and_where_and_strict_exits_1(capsys, monkeypatch) -> None:
    words = [
        "count",
        "tests.analysis.test_unsized:Ranked",
        "--input",
        "x: N S 3",
        "--at",
        "N=2,S=7",
    ]
    assert main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "LOWER BOUND: 1 operator call is uncounted" in said
    assert f"aten.sort.default, 1 call ({SYMBOLIC}), at" in said
    assert main([*words, "--format", "json", "--strict"]) == 1
    [listed] = json.loads(capsys.readouterr().out)["uncounted"]
    assert listed["reason"] == SYMBOLIC
    assert listed["where"][0].count("test_unsized.py") == 1
