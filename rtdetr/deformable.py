"""Multi-scale deformable attention (arXiv:2010.04159, sec. 4.1).

N images, Q queries, D features; M heads of d = D / M features; L levels, P points per head and
level and K = L·P in all; S positions of all levels together, T of one; B = N·M.
"""

from collections.abc import Sequence
from math import cos, sin, tau

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DeformableAttention(nn.Module):
    """Every query reads a few points around its box from every level, and weighs them."""

    def __init__(self, dim: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(dim, heads * levels * points * 2)
        self.attention_weights = nn.Linear(dim, heads * levels * points)
        self.value_proj = nn.Linear(dim, dim)
        self.output_proj = nn.Linear(dim, dim)
        self._init_weights()

    def forward(
        self,
        query_NQD: Tensor,
        boxes_NQ4: Tensor,
        memory_NSD: Tensor,
        sizes: Sequence[tuple[int, int]],
    ) -> Tensor:
        """What the queries read, (N, Q, D).

        ``boxes_NQ4`` are (cx, cy, w, h) in fractions of the image, ``sizes`` the height and width
        of each level in ``memory_NSD``.
        """
        shape = (self.heads, self.levels, self.points, 2)
        offsets_NQMLP2 = torch.unflatten(self.sampling_offsets(query_NQD), -1, shape)
        scores_NQMK = torch.unflatten(self.attention_weights(query_NQD), -1, (self.heads, -1))
        centre_NQ1112, size_NQ1112 = torch.split(boxes_NQ4[:, :, None, None, None], 2, dim=-1)
        points_NQMLP2 = centre_NQ1112 + offsets_NQMLP2 / self.points * size_NQ1112 * 0.5
        value_NSD = self.value_proj(memory_NSD)
        read_NQD = self._sample(value_NSD, points_NQMLP2, scores_NQMK.softmax(-1), sizes)
        y_NQD: Tensor = self.output_proj(read_NQD)
        return y_NQD

    def _sample(
        self,
        value_NSD: Tensor,
        points_NQMLP2: Tensor,
        weights_NQMK: Tensor,
        sizes: Sequence[tuple[int, int]],
    ) -> Tensor:
        """The weighted sum of the bilinear samples at the points; outside a map they are 0."""
        value_BdS = torch.unflatten(value_NSD.transpose(1, 2), 1, (self.heads, -1)).flatten(0, 1)
        levels = torch.split(value_BdS, [height * width for height, width in sizes], dim=-1)
        # To grid_sample a head is an image of its own, whose corners are at -1 and 1.
        grid_BQLP2 = (2 * points_NQMLP2 - 1).transpose(1, 2).flatten(0, 1)
        samples_BdQK = torch.cat(
            [
                F.grid_sample(torch.unflatten(level_BdT, -1, size), grid_BQP2, align_corners=False)
                for level_BdT, size, grid_BQP2 in zip(
                    levels, sizes, grid_BQLP2.unbind(2), strict=True
                )
            ],
            dim=-1,
        )
        weights_B1QK = weights_NQMK.transpose(1, 2).flatten(0, 1).unsqueeze(1)
        read_BdQ = (samples_BdQK * weights_B1QK).sum(-1)
        return torch.unflatten(read_BdQ, 0, (-1, self.heads)).flatten(1, 2).transpose(1, 2)

    @torch.no_grad()
    def _init_weights(self) -> None:
        """Each head looks its own way, its points 1 to P steps out, all with equal weights."""
        offsets = [
            step * coordinate
            for head in range(self.heads)
            for _ in range(self.levels)
            for step in range(1, self.points + 1)
            for coordinate in _direction(head / self.heads)
        ]
        self.sampling_offsets.bias.copy_(torch.tensor(offsets))
        for linear in (self.sampling_offsets, self.attention_weights):
            nn.init.zeros_(linear.weight)
        for linear in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(linear.weight)
        for linear in (self.attention_weights, self.value_proj, self.output_proj):
            nn.init.zeros_(linear.bias)


def _direction(turn: float) -> tuple[float, float]:
    """Where a fraction of a turn meets the square of half-width 1 around the origin."""
    x, y = cos(tau * turn), sin(tau * turn)
    reach = max(abs(x), abs(y))
    return x / reach, y / reach
