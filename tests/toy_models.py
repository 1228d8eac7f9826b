"""Models that tests share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TransformerLayer(nn.Module):
    """A pre-norm transformer layer: attention, then a feed-forward network."""

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x_NLD: Tensor) -> Tensor:
        q, k, v = (
            torch.unflatten(part, -1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(self.norm_1(x_NLD)).chunk(3, -1)
        )
        read = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x_NLD = x_NLD + self.out(read)
        return x_NLD + self.down(F.gelu(self.up(self.norm_2(x_NLD))))


def transformer(layers: int, dim: int = 64, heads: int = 4, hidden: int = 256) -> nn.Module:
    """On the meta device."""
    with torch.device("meta"):
        return nn.Sequential(*(TransformerLayer(dim, heads, hidden) for _ in range(layers)))


def small() -> nn.Module:
    """One layer of `transformer`."""
    return transformer(1, 12, 3, 20)


def contraction(layers: int, dim: int, hidden: int, *, n: int, length: int) -> int:
    """Of `transformer`, by hand: five matrix products with weights, two of attention."""
    weights = 2 * n * length * dim * (3 * dim + dim + 2 * hidden)
    return layers * (weights + 2 * (2 * n * length * length * dim))
