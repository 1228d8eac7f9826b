"""Small buffers and what is made of numbers keep their values: code reads them as an eager run."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import fxflops
from fxflops.errors import CaptureError
from fxflops.spec import parse
from tests.recount import recount


class Reads(nn.Module):
    def __init__(self, of) -> None:
        super().__init__()
        self.of = of
        self.register_buffer("stride", torch.tensor([2.0, 4.0]))
        self.register_buffer("grid", torch.tensor([3, 4]))
        self.register_buffer("large", torch.ones(1000))
        self.plain = torch.tensor([1, 2, 3])

    def forward(self, x: Tensor):
        return self.of(self, x)


READS = {
    "float": (lambda m, x: x * float(m.stride[1]), "x: N 12 L"),
    "int": (lambda m, x: x[:, : int(m.grid[1])].exp(), "x: N 12 L"),
    "item": (lambda m, x: x.repeat(1, 1, m.grid[0].item()).exp(), "x: N 12 L"),
    "tolist": (lambda m, x: x.view(x.shape[0], *m.grid.tolist(), -1).sum((1, 2)), "x: N 12 L"),
    "a branch": (lambda m, x: x.exp() if m.stride[0] < 3 else x + 1, "x: N L"),
    "the other branch": (lambda m, x: x.exp() if m.stride[0] > 3 else x + 1, "x: N L"),
    "any": (lambda m, x: x.exp() if (m.grid == 4).any() else x + 1, "x: N L"),
    "computed": (lambda m, x: x[:, : int((m.grid * m.grid).sum()) - 20].exp(), "x: N 12"),
    "a plain tensor": (lambda m, x: x[:, : int(m.plain.max())].exp(), "x: N 12"),
    "made of numbers": (lambda m, x: x[:, : int(torch.tensor([3, 5])[1])].exp(), "x: N 12"),
    "arange": (lambda m, x: x[:, : int(torch.arange(4).sum())].exp(), "x: N 12"),
    "two conversions": (lambda m, x: x[:, : int(m.stride.long().sum())].exp(), "x: N 12"),
    "the largest": (lambda m, x: x.exp() if max(m.stride) == 4 else x + 1, "x: N L"),
}


@pytest.mark.parametrize("name", READS)
def test_a_number_read_is_that_of_an_eager_run(name: str) -> None:
    of, spec = READS[name]
    model = Reads(of)
    analysis = fxflops.analyze(model, spec)
    assert analysis.frontend == "trace"
    assert not any("torch.compile" in note for note in analysis.notes)
    sizes = {"N": 3, "L": 7}
    at = {symbol.name: sizes[symbol.name] for symbol in analysis.domain.symbols}
    numbers = [at.get(axis, axis) for axis in spec.partition(": ")[2].split()]
    shape = [int(n) for n in numbers]
    eager = model(torch.ones(shape))
    fixed = fxflops.analyze(model, "x: " + " ".join(map(str, shape)))
    assert analysis.at(**at) == fixed.at()
    *_, output = analysis.graph.nodes
    assert output.args[0].meta["val"].dim() == eager.dim()


def test_a_branch_on_a_value_counts_what_an_eager_run_does() -> None:
    assert fxflops.analyze(Reads(READS["a branch"][0]), "x: 2 5").at().transcendental == 10
    assert fxflops.analyze(Reads(READS["the other branch"][0]), "x: 2 5").at().elementwise == 10


def changed(m: Reads, x: Tensor) -> Tensor:
    m.grid.add_(1)
    return x[:, : int(m.grid[0])].exp()


def of_an_input(m: Reads, x: Tensor) -> Tensor:
    return x.exp() if (x.sum() + m.stride[0]) > 0 else x + 1


def of_many(m: Reads, x: Tensor) -> Tensor:
    return x * float(m.large[3])


def random(m: Reads, x: Tensor) -> Tensor:
    return x * float(torch.rand_like(m.stride)[0])


@pytest.mark.parametrize("of", [changed, of_an_input, of_many, random])
def test_what_is_not_known_is_refused(of) -> None:
    with pytest.raises(CaptureError, match="Only a run has the values of tensors"):
        fxflops.analyze(Reads(of), "x: N 12", frontend="trace")


def test_the_buffers_are_left_as_they_are() -> None:
    model = Reads(READS["computed"][0])
    before = {name: (id(b), b.clone()) for name, b in model.named_buffers()}
    fxflops.analyze(model, "x: N 12")
    for name, buffer in model.named_buffers():
        assert id(buffer) == before[name][0]
        assert torch.equal(buffer, before[name][1])
        assert not vars(buffer)


class Head(nn.Module):
    """Two levels of an object detector, whose strides are a buffer, as in YOLO."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("stride", torch.tensor([8.0, 16.0]))
        self.outputs = nn.ModuleList(nn.Conv2d(4, 6, 1) for _ in range(2))

    def forward(self, *levels: Tensor) -> Tensor:
        found, anchors, strides = [], [], []
        for level, output, stride in zip(levels, self.outputs, self.stride, strict=True):
            height, width = level.shape[-2:]
            y, x = torch.meshgrid(
                torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij"
            )
            anchors.append(torch.stack((x, y), -1).view(-1, 2))
            strides.append(torch.full((height * width, 1), float(stride)))
            found.append(output(level).flatten(2))
        boxes = torch.cat(found, 2)[:, :2] + torch.cat(anchors).T
        return boxes * torch.cat(strides).T


def test_a_head_with_strides_in_a_buffer_runs_with_a_batch_of_one() -> None:
    spec = "x: N 4 H W; y: N 4 J K"
    analysis = fxflops.analyze(Head(), spec)
    sizes = {"N": 1, "H": 8, "W": 6, "J": 4, "K": 3}
    from fxflops.capture.prepare import on_meta

    assert analysis.at(**sizes) == recount(on_meta(Head()), parse(spec), sizes)
