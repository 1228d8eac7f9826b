"""Graphs of quantized numbers: which integers count, and which are free."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.ao.quantization.fx import _decomposed  # it registers the operators

import fxflops

assert _decomposed
decomposed = torch.ops.quantized_decomposed

FRONT_ENDS = pytest.mark.parametrize("frontend", ["trace", "export"])


class Bytes(nn.Module):
    """A linear layer whose products are of bytes, scaled afterwards."""

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        return torch._int_mm(x, weight) * 0.5


class Integers(nn.Module):
    """A matrix product of integers that stand for themselves."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x @ y


class Quantized(nn.Module):
    """A linear layer between quantized numbers, as a quantized graph writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 7)

    def forward(self, x: Tensor) -> Tensor:
        q = decomposed.quantize_per_tensor(x, 0.1, 3, 0, 255, torch.uint8)
        y = self.linear(decomposed.dequantize_per_tensor(q, 0.1, 3, 0, 255, torch.uint8))
        return decomposed.quantize_per_tensor(y, 0.2, 5, 0, 255, torch.uint8)


@FRONT_ENDS
def test_bytes_that_stand_for_real_numbers_count(frontend: str) -> None:
    analysis = fxflops.analyze(Bytes(), "x: 32 16 int8; weight: 16 24 int8", frontend=frontend)
    assert analysis.complete
    assert analysis.at().contraction == 2 * 32 * 24 * 16
    assert analysis.at().elementwise == 32 * 24


@FRONT_ENDS
def test_integers_that_stand_for_themselves_are_free(frontend: str) -> None:
    analysis = fxflops.analyze(Integers(), "x: N 5 int64; y: 5 7 int64", frontend=frontend)
    assert analysis.complete
    assert analysis.at(N=3).flops == 0
    assert [node.free for node in analysis.nodes] == ["integer and boolean work"]


@FRONT_ENDS
def test_a_quantised_graph_counts_its_layers_and_what_lies_between(frontend: str) -> None:
    analysis = fxflops.analyze(Quantized(), "x: N 5", frontend=frontend)
    assert analysis.complete
    assert analysis.at(N=3).contraction == 2 * 3 * 7 * 5
    # A quotient or a product for each number on the way, and the bias.
    assert analysis.at(N=3).elementwise == 3 * 5 + 3 * 5 + 3 * 7 + 3 * 7
