"""RT-DETR's relatives in transformers, held against FlopCounterMode at sizes not traced."""

import json

import pytest
import torch
from torch import nn

import fxflops
from fxflops.cli import main

pytest.importorskip("transformers")

from scripts.relatives import RELATIVES, analysed, compared

WINDOWED = {"LwDetr": 64, "RfDetr": 56, "DeformableDetr": 64}
BY_VECTOR = {"DFine", "Deimv2"}


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.slow
@pytest.mark.parametrize("relative", RELATIVES)
def test_free_sizes_and_the_contraction_of_flop_counter(relative):
    analysis = analysed(relative)
    multiple = WINDOWED.get(relative, 32)
    assert str(analysis.inputs) == f"pixel_values: N 3 H%{multiple} W%{multiple}"
    assert analysis.frontend == "trace"
    for one in compared(relative, analysis):
        assert one.fxflops == one.flop_counter + one.by_vector
        assert bool(one.by_vector) == (relative in BY_VECTOR)


class Remembering(nn.Module):
    """An embedding of sizes that transformers would keep from one call to the next."""

    def __init__(self):
        super().__init__()
        from transformers.models.rt_detr.modeling_rt_detr import RTDetrSinePositionEmbedding

        self.position_embedding = RTDetrSinePositionEmbedding(embed_dim=8)

    def forward(self, x):
        height, width = x.shape[-2:]
        return self.position_embedding(width, height, x.device, x.dtype)


def test_what_is_kept_by_sizes_is_counted_each_time():
    first, second = (fxflops.analyze(Remembering(), "x: 1 1 5 7") for _ in range(2))
    assert first.total == second.total
    # the sine of 8 // 4 frequencies, for rows and for columns
    assert first.by_operator()[torch.ops.aten.sin.default].transcendental == 2 * 2 * 5 * 7
    free = fxflops.analyze(Remembering(), "x: 1 1 H W")
    assert free.frontend == "trace"
    assert free.at(H=5, W=7) == first.total


def test_the_helpers_are_back_after_a_capture():
    from transformers import pytorch_utils
    from transformers.models.rt_detr import modeling_rt_detr as rt_detr

    before = dict(vars(rt_detr)), dict(vars(pytorch_utils))
    fxflops.analyze(Remembering(), "x: 1 1 H W")
    assert (vars(rt_detr), vars(pytorch_utils)) == before


def test_linspace_over_a_free_size():
    class Points(nn.Module):
        def forward(self, x):
            return x * torch.linspace(0.5, x.shape[1] - 0.5, x.shape[1], dtype=x.dtype)

    analysis = fxflops.analyze(Points(), "x: N W", frontend="trace")
    assert analysis.at(N=3, W=7).elementwise == 3 * 7


@pytest.mark.slow
def test_a_default_that_lacks_something_is_completed_and_said(capsys):
    assert main(["hf:LwDetrForObjectDetection", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["symbols"] == ["N", "H", "W"]
    assert any("projector_scale_factors is [1.0]" in note for note in report["notes"])
