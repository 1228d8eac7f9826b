"""Small models that fxflops refuses, and what it says of each: the table of docs/refused.md."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

import fxflops

Say = tuple[str, str, str]


class FixedSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ torch.ones(3072, 10, device=x.device)


class PythonNumber(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * {32: 1.0, 64: 2.0}[int(x.shape[2])]


class ValueBranch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu() if x.sum() > 0 else x


class DataDependentSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0].sum()


MODELS = (FixedSize, PythonNumber, ValueBranch, DataDependentSize)
INPUT = "x: N 3 H W"


def table() -> str:
    """One row a model: its line, and the error."""
    rows = [f"| `{line(model)}` | {message(model())} |" for model in MODELS]
    return "\n".join(["| the model's line | what fxflops says |", "| --- | --- |", *rows])


def line(model: type[nn.Module]) -> str:
    """The last line of the model's forward."""
    return inspect.getsource(model.forward).strip().splitlines()[-1].strip()


def message(model: nn.Module, **options: Any) -> str:
    try:
        fxflops.analyze(model, INPUT, **options)
    except fxflops.FxflopsError as error:
        # Line numbers here would change with this file.
        text = " ".join(str(error).split()).partition(" (scripts/")[0].partition(" (refused.py")[0]
        return f"{text.rstrip('.')}."
    raise AssertionError(f"{type(model).__name__} is not refused")
