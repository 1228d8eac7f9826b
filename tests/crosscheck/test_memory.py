"""The derived peak is what PyTorch's allocator gives, to the byte."""

import pytest
import torch
from torch import nn

from fxflops.crosscheck import memory
from fxflops.crosscheck.memory import check_memory, document
from fxflops.reports import render

SIZES = [{"N": 1, "H": 64, "W": 96}, {"N": 3, "H": 96, "W": 64}]


@pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith("AVX512"),
    reason="the blocks of oneDNN are known for AVX-512",
)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_network_of_convolutions(sizes, threads):
    """Small images, too, which PyTorch convolves by products of matrices."""
    found = check_memory("torchvision:resnet50", sizes=sizes, threads=threads)
    assert found.peak == found.measured > found.peak_tensors
    assert found.calls == ()
    assert found.threads == threads


@pytest.mark.parametrize("batch", [1, 3])
def test_attention(batch):
    found = check_memory("torchvision:vit_b_16", sizes={"N": batch}, threads=2)
    assert found.peak == found.measured
    assert "as derived" in render(document(found), "table")


class Sorted(nn.Module):
    def forward(self, x):
        return torch.linalg.cholesky(x @ x.mT + torch.eye(x.shape[-1]))


def test_a_bound_where_the_workspace_is_not_known():
    found = check_memory(Sorted(), "x: N 5 5", sizes={"N": 3})
    assert found.peak is None
    assert found.at_most is None
    assert found.passed
    assert document(found).data()["peak"] is None


def test_a_wrong_peak_does_not_pass(monkeypatch):
    monkeypatch.setattr(memory, "peak", lambda run: run() is None or 7)
    found = check_memory(nn.ReLU(), "x: N 5", sizes={"N": 3})
    assert not found.passed
    assert "-53 bytes off" in document(found).conclusion
