"""Small models that fxflops refuses, and what it says of each: the table of docs/refused.md."""

from __future__ import annotations

import inspect
import re

import torch
from torch import Tensor, nn

import fxflops


class FixedSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ torch.ones(3072, 10, device=x.device)


class LoopOverSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, :, i] for i in range(x.shape[2])])


class ValueBranch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu() if x.sum() > 0 else x


class WithoutBound(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten().repeat_interleave(x.flatten().long())


MODELS = (FixedSize, LoopOverSize, ValueBranch, WithoutBound)
INPUT = "x: N 3 H W"
LINE = re.compile(r"[^\s(]*refused\.py:\d+")
"""A line of this file, whose number would change with it."""


def table() -> str:
    """One row a model: its line, and the error."""
    rows = [f"| `{line(model)}` | {message(model())} |" for model in MODELS]
    return "\n".join(["| the model's line | what fxflops says |", "| --- | --- |", *rows])


def line(model: type[nn.Module]) -> str:
    """The last line of the model's forward."""
    return inspect.getsource(model.forward).strip().splitlines()[-1].strip()


def message(model: nn.Module) -> str:
    """What fxflops says of a model."""
    try:
        analysis = fxflops.analyze(model, INPUT)
    except fxflops.FxflopsError as error:
        return LINE.sub("model.py", " ".join(str(error).split()))
    assert analysis.uncounted, f"{type(model).__name__} is neither refused nor incomplete"
    [node] = analysis.uncounted
    return LINE.sub("model.py", f"INCOMPLETE: {node.unknown} ({node.where}).")
