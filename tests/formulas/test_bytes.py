"""The bytes that a call reads and writes, by hand: each distinct input once, each output once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import fxflops

F16, F32, F64, I64, BOOL, C64 = 2, 4, 8, 8, 1, 8
A, B = 3, 7


@dataclass(frozen=True)
class Row:
    """A function of x (A, B), y (A, B) of float32 and what it reads and writes altogether.

    ``spec`` describes other inputs.
    """

    name: str
    of: Callable[..., Any]
    read: int
    written: int
    spec: str = "x: A B; y: A B"

    def __str__(self) -> str:
        return self.name


def in_place(x: Tensor, y: Tensor) -> Tensor:
    z = x.clone()  # reads x, writes z
    z.add_(y)  # reads z and y, writes z
    return z


def into(x: Tensor, y: Tensor) -> Tensor:
    z = torch.empty_like(x)  # what it is like is its input: reads x, writes z
    torch.add(x, y, out=z)  # reads x, y and z, which is among the inputs, writes z
    return z


def copied_into(x: Tensor, y: Tensor) -> Tensor:
    z = x.clone()
    z[:, :1].copy_(y[:, :1])  # of a view: A elements of each, and A written
    return z


N = A * B
ROWS = (
    # Views and metadata.
    Row("a view", lambda x, y: x.view(-1, 1), 0, 0),
    Row("a slice", lambda x, y: x[1:], 0, 0),
    Row("a transposition", lambda x, y: x.t(), 0, 0),
    Row("an expansion", lambda x, y: x[None].expand(5, -1, -1), 0, 0),
    Row("a reshape that is a view", lambda x, y: x.reshape(-1), 0, 0),
    Row("a shape", lambda x, y: x.flatten().unsqueeze(0).squeeze(0), 0, 0),
    Row("a contiguous tensor made so", lambda x, y: x.contiguous(), 0, 0),
    Row("a cast to its own type", lambda x, y: x.float(), 0, 0),
    Row("dropout in eval", lambda x, y: nn.functional.dropout(x, 0.5, False), 0, 0),
    # Copies.
    Row("a copy", lambda x, y: x.clone(), N * F32, N * F32),
    Row("a transposition made contiguous", lambda x, y: x.t().contiguous(), N * F32, N * F32),
    Row("a reshape that copies", lambda x, y: x.t().reshape(-1), N * F32, N * F32),
    Row(
        "an expansion that is copied",  # reads as many elements as it says to have
        lambda x, y: x[None].expand(5, -1, -1).contiguous(),
        5 * N * F32,
        5 * N * F32,
    ),
    Row("a concatenation", lambda x, y: torch.cat([x, y, x]), 2 * N * F32, 3 * N * F32),
    Row("a stack", lambda x, y: torch.stack([x, y]), 2 * N * F32, 2 * N * F32),
    Row("a repetition", lambda x, y: x.repeat(2, 3), N * F32, 6 * N * F32),
    Row("padding", lambda x, y: nn.functional.pad(x, (1, 1)), N * F32, A * (B + 2) * F32),
    # Arithmetic and broadcasting.
    Row("a sum", lambda x, y: x + y, 2 * N * F32, N * F32),
    Row("a tensor twice", lambda x, y: x * x, N * F32, N * F32),
    Row("a tensor and a number", lambda x, y: x * 3, N * F32, N * F32),
    Row("a column and a row", lambda x, y: x[:, :1] + y[:1], (A + B) * F32, N * F32),
    Row("a row to all", lambda x, y: x + y[0], (N + B) * F32, N * F32),
    Row("two calls", lambda x, y: (x + y) * y, 4 * N * F32, 2 * N * F32),
    Row("a sum of all", lambda x, y: x.sum(), N * F32, F32),
    Row("sums along an axis", lambda x, y: x.sum(1), N * F32, A * F32),
    Row("of nothing", lambda x, y: x[:, :0].sum(1), 0, A * F32),
    Row("a product", lambda x, y: x @ y.t(), 2 * N * F32, A * A * F32),
    # In place and out=.
    Row("in place", in_place, (1 + 2) * N * F32, (1 + 1) * N * F32),
    Row("out=", into, (1 + 3) * N * F32, (1 + 1) * N * F32),
    Row("into a view", copied_into, N * F32 + 2 * A * F32, N * F32 + A * F32),
    # Types.
    Row("a comparison", lambda x, y: x > y, 2 * N * F32, N * BOOL),
    Row("a choice", lambda x, y: torch.where(x > y, x, y), (4 * F32 + 1) * N, N * (BOOL + F32)),
    Row("values and indices", lambda x, y: x.max(1), N * F32, A * (F32 + I64)),
    Row("indices", lambda x, y: x.argmax(1), N * F32, A * I64),
    Row("a cast", lambda x, y: x.half(), N * F32, N * F16),
    Row("casts", lambda x, y: x.double() + y, N * (F32 + F64 + F32), N * 2 * F64),
    Row("complex", lambda x, y: torch.complex(x, y).abs(), N * (8 + C64), N * (C64 + F32)),
    Row("parts of complex numbers", lambda x, y: torch.complex(x, y).real, N * 2 * F32, N * C64),
    Row(
        "halves and floats",
        lambda x, y: x + y,
        N * (F16 + F32),
        N * F32,
        spec="x: A B float16; y: A B float32",
    ),
    Row(
        "integers",
        lambda x, y: x + y,
        N * (I64 + 1),
        N * I64,
        spec="x: A B int64; y: A B uint8",
    ),
    Row(
        "an embedding, whose table is read whole",
        lambda x, y: nn.functional.embedding(y, x),
        N * F32 + 5 * I64,
        5 * B * F32,
        spec="x: A B; y: 5 int64",
    ),
    Row(
        "gathering by indices",
        lambda x, y: x[:, y],
        N * F32 + 5 * I64,
        A * 5 * F32,
        spec="x: A B; y: 5 int64",
    ),
    # Constants.
    Row("a constant", lambda x, y: torch.zeros(5), 0, 5 * F32),
    Row("positions", lambda x, y: torch.arange(5), 0, 5 * I64),
)  # fmt: skip


class Model(nn.Module):
    def __init__(self, of: Callable[..., Any]) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: Tensor, y: Tensor) -> Any:
        return self.of(x, y)


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("symbolic", [False, True], ids=["in numbers", "in symbols"])
def test_bytes_by_hand(row: Row, symbolic: bool) -> None:
    sizes = {"A": A, "B": B}
    fixed = row.spec.replace("A", str(A)).replace("B", str(B))
    analysis = fxflops.analyze(Model(row.of), row.spec if symbolic else fixed)
    cost = analysis.at(**{name: sizes[name] for name in analysis.domain.names})
    assert (cost.bytes_read, cost.bytes_written) == (row.read, row.written)
