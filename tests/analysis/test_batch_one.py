"""Size 1 is in the domain, and exact, of what is asked first: attention, losses, padded windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import fxflops
from fxflops.capture.backward import sum_of_outputs
from fxflops.capture.prepare import on_meta
from fxflops.spec import parse
from tests.recount import recount


class Attention(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, **options)

    def forward(self, x: Tensor) -> Any:
        return self.attention(x, x, x)


class Classified(nn.Module):
    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.classes = nn.Linear(5, 7)
        self.loss = loss

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return self.loss(self.classes(x), target)


class PaddedWindows(nn.Module):
    """Attention in windows of 7 by 7, to which the image is padded, shifted by ``shift``."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.qkv, self.shift = nn.Linear(8, 24), shift

    def forward(self, x: Tensor) -> Tensor:
        n, height, width, channels = x.shape
        x = F.pad(x, (0, 0, 0, (7 - width % 7) % 7, 0, (7 - height % 7) % 7))
        x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        rows, columns = x.shape[1] // 7, x.shape[2] // 7
        x = x.view(n, rows, 7, columns, 7, channels).permute(0, 1, 3, 2, 4, 5)
        q, k, v = self.qkv(x.reshape(-1, 49, channels)).chunk(3, -1)
        read = (q @ k.transpose(1, 2)).softmax(-1) @ v
        x = read.view(n, rows, columns, 7, 7, channels).permute(0, 1, 3, 2, 4, 5)
        x = x.reshape(n, rows * 7, columns * 7, channels)
        return torch.roll(x, (self.shift, self.shift), (1, 2))[:, :height, :width].contiguous()


def encoder(**options: Any) -> nn.Module:
    return nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 12, **options), 2, enable_nested_tensor=False
    )


def swin() -> nn.Module:
    from torchvision.models.swin_transformer import SwinTransformer

    with torch.device("meta"):
        return SwinTransformer([4, 4], 16, [2, 2], [2, 2], [7, 7])


LENGTHS = [{"N": 1, "L": 5}, {"N": 3, "L": 1}, {"N": 2, "L": 7}]
BATCHES = [{"N": 1}, {"N": 2}, {"N": 5}]
IMAGES = [{"N": 1, "H": 55, "W": 63}, {"N": 3, "H": 16, "W": 56}]
OF_CLASSES = {
    "mean": F.cross_entropy,
    "each": lambda x, t: F.cross_entropy(x, t, reduction="none"),
    "smoothed": lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1),
    "weighted": lambda x, t: F.cross_entropy(x, t, weight=torch.ones(7)),
    "likelihood": lambda x, t: F.nll_loss(x.log_softmax(1), t),
    "sum of likelihoods": lambda x, t: F.nll_loss(x, t, reduction="sum"),
}
CASES: dict[str, tuple[Callable[[], nn.Module], str, list[dict[str, int]]]] = {
    "attention": (Attention, "x: L N 8", LENGTHS),
    "attention, batch first": (lambda: Attention(batch_first=True), "x: N L 8", LENGTHS),
    "attention without biases": (lambda: Attention(bias=False), "x: L N 8", LENGTHS),
    "encoder": (encoder, "x: L N 8", LENGTHS),
    "encoder, batch first": (lambda: encoder(batch_first=True), "x: N L 8", LENGTHS),
    "encoder, norm first": (
        lambda: encoder(batch_first=True, norm_first=True),
        "x: N L 8",
        LENGTHS,
    ),
    **{
        f"loss of classes, {name}": (
            lambda loss=loss: Classified(loss),
            "x: N 5; t: N int64",
            BATCHES,
        )
        for name, loss in OF_CLASSES.items()
    },
    "loss of tokens": (
        lambda: Classified(lambda x, t: F.cross_entropy(x.flatten(0, 1), t.flatten())),
        "x: N L 5; t: N L int64",
        LENGTHS,
    ),
    "loss of pixels": (
        lambda: Classified(lambda x, t: F.cross_entropy(x.movedim(3, 1), t)),
        "x: N H W 5; t: N H W int64",
        [{"N": 1, "H": 4, "W": 5}, {"N": 2, "H": 1, "W": 3}],
    ),
    "loss of probabilities": (
        lambda: Classified(lambda x, t: F.cross_entropy(x, t.softmax(1))),
        "x: N 5; t: N 7",
        BATCHES,
    ),
    "padded windows": (lambda: PaddedWindows(0), "x: N H W 8", IMAGES),
    "shifted windows": (lambda: PaddedWindows(3), "x: N H W 8", IMAGES),
}


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("case", CASES)
def test_a_size_of_one_is_exact(case: str, train: bool) -> None:
    make, spec, places = CASES[case]
    analysis = fxflops.analyze(make(), spec, train=train)
    twin = on_meta(make(), None).train(train)
    for sizes in places:
        counted = recount(twin, parse(spec), sizes, sum_of_outputs if train else None)
        assert analysis.at(**sizes) == counted, sizes


def test_swin_at_any_image_runs_with_a_batch_of_one() -> None:
    analysis = fxflops.analyze(swin(), "x: N 3 H W")
    sizes = {"N": 1, "H": 224, "W": 448}
    assert analysis.at(**sizes) == recount(swin().eval(), parse("x: N 3 H W"), sizes)


def test_a_call_made_only_at_one_is_a_row_and_on_the_critical_path() -> None:
    """The product with a bias in it is one call at a batch of 1, and two at others."""
    analysis = fxflops.analyze(Attention(), "x: L N 8", train=True)
    addmm = analysis.by_operator()[torch.ops.aten.addmm.default]
    at = analysis.values({"N": 1, "L": 5})
    fixed = fxflops.analyze(Attention(), "x: 5 1 8", train=True)
    assert addmm.at(at) == fixed.by_operator()[torch.ops.aten.addmm.default].at({})
    assert analysis.span(N=1, L=5) == fixed.span()
    for phase, cost in analysis.by_phase().items():
        assert cost.at(at) == fixed.by_phase()[phase].at({}), phase
    annotated = (node.meta.get("cost") for node in analysis.graph.nodes)
    assert sum(cost.at(at).flops for cost in annotated if cost) == fixed.at().flops
