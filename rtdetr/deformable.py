"""Multi-scale deformable attention (arXiv:2010.04159, sec. 4.1), and that of RT-DETRv2.

N images, Q queries, D features; M heads of d = D / M features; P points per head in a level and
K in all levels together; S positions of all levels together, T of one; B = N·M.
"""

from collections.abc import Sequence
from math import cos, sin, tau

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtdetr.config import DecoderConfig


def read_bilinear(maps: Sequence[Tensor], points_BQK2: Tensor, num_points: list[int]) -> Tensor:
    """The maps between their pixels, (B, d, Q, K); outside they are 0.

    ``points_BQK2`` are (x, y) in fractions of a map, ``num_points`` how many are for each.
    """
    # To grid_sample the corners of a map are at -1 and 1.
    grids = torch.split(2 * points_BQK2 - 1, num_points, dim=2)
    return torch.cat(
        [
            F.grid_sample(map_BdHW, grid_BQP2, align_corners=False)
            for map_BdHW, grid_BQP2 in zip(maps, grids, strict=True)
        ],
        dim=-1,
    )


def read_discrete(maps: Sequence[Tensor], points_BQK2: Tensor, num_points: list[int]) -> Tensor:
    """As ``read_bilinear``, but one pixel for each point, and at the border for one outside."""
    points = torch.split(points_BQK2, num_points, dim=2)
    return torch.cat(
        [
            _pixels(map_BdHW, points_BQP2)
            for map_BdHW, points_BQP2 in zip(maps, points, strict=True)
        ],
        dim=-1,
    )


def _pixels(map_BdHW: Tensor, points_BQP2: Tensor) -> Tensor:
    """The pixel of every point, (B, d, Q, P).

    That of x is x·W + 0.5 rounded towards 0 and at most W - 1, as in the released RT-DETRv2
    (arXiv:2407.17140, sec. 2); for y, the released code has at most W - 1, too, which is the same
    in a square map only.
    """
    batch, _, height, width = map_BdHW.shape
    x_BQP, y_BQP = points_BQP2.unbind(-1)
    column_BQP = (x_BQP * width + 0.5).long().clamp(0, width - 1)
    row_BQP = (y_BQP * height + 0.5).long().clamp(0, height - 1)
    image_B11 = torch.arange(batch, device=map_BdHW.device).reshape(-1, 1, 1)
    return map_BdHW.permute(0, 2, 3, 1)[image_B11, row_BQP, column_BQP].permute(0, 3, 1, 2)


READERS = {"default": read_bilinear, "discrete": read_discrete}


class DeformableAttention(nn.Module):
    """Every query reads a few points around its box from every level, and weighs them."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        dim, heads, total = config.hidden_dim, config.nhead, sum(config.num_points)
        self.heads, self.points = heads, list(config.num_points)
        self.offset_scale = config.offset_scale
        self.read = READERS[config.cross_attn_method]
        self.sampling_offsets = nn.Linear(dim, heads * total * 2)
        self.attention_weights = nn.Linear(dim, heads * total)
        self.value_proj = nn.Linear(dim, dim)
        self.output_proj = nn.Linear(dim, dim)
        self._init_weights()
        if config.cross_attn_method == "discrete":
            # Rounding lets no gradient through: the offsets stay as bilinear training left them.
            self.sampling_offsets.requires_grad_(False)

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
        shape = (self.heads, sum(self.points), 2)
        offsets_NQMK2 = torch.unflatten(self.sampling_offsets(query_NQD), -1, shape)
        scores_NQMK = torch.unflatten(self.attention_weights(query_NQD), -1, (self.heads, -1))
        centre_NQ112, size_NQ112 = torch.split(boxes_NQ4[:, :, None, None], 2, dim=-1)
        steps_NQMK2 = self._share(offsets_NQMK2) * size_NQ112 * self.offset_scale
        value_NSD = self.value_proj(memory_NSD)
        points_NQMK2 = centre_NQ112 + steps_NQMK2
        read_NQD = self._weighted(value_NSD, points_NQMK2, scores_NQMK.softmax(-1), sizes)
        y_NQD: Tensor = self.output_proj(read_NQD)
        return y_NQD

    def _share(self, offsets_NQMK2: Tensor) -> Tensor:
        """The offsets divided by the number of points in their level."""
        return offsets_NQMK2 / self.points[0]

    def _weighted(
        self,
        value_NSD: Tensor,
        points_NQMK2: Tensor,
        weights_NQMK: Tensor,
        sizes: Sequence[tuple[int, int]],
    ) -> Tensor:
        """The weighted sum of what the points read."""
        value_BdS = torch.unflatten(value_NSD.transpose(1, 2), 1, (self.heads, -1)).flatten(0, 1)
        levels = torch.split(value_BdS, [height * width for height, width in sizes], dim=-1)
        # A head is read as an image of its own.
        maps = [
            torch.unflatten(level_BdT, -1, size)
            for level_BdT, size in zip(levels, sizes, strict=True)
        ]
        samples_BdQK = self.read(maps, points_NQMK2.transpose(1, 2).flatten(0, 1), self.points)
        weights_B1QK = weights_NQMK.transpose(1, 2).flatten(0, 1).unsqueeze(1)
        read_BdQ = (samples_BdQK * weights_B1QK).sum(-1)
        return torch.unflatten(read_BdQ, 0, (-1, self.heads)).flatten(1, 2).transpose(1, 2)

    @torch.no_grad()
    def _init_weights(self) -> None:
        """Each head looks its own way, a level's points 1 to P steps out, with equal weights."""
        offsets = [
            step * coordinate
            for head in range(self.heads)
            for points in self.points
            for step in range(1, points + 1)
            for coordinate in _direction(head / self.heads)
        ]
        self.sampling_offsets.bias.copy_(torch.tensor(offsets))
        for linear in (self.sampling_offsets, self.attention_weights):
            nn.init.zeros_(linear.weight)
        for linear in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(linear.weight)
        for linear in (self.attention_weights, self.value_proj, self.output_proj):
            nn.init.zeros_(linear.bias)


class DeformableAttentionV2(DeformableAttention):
    """Levels may differ in their number of points; each point's share is in the state dict."""

    num_points_scale: Tensor

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        shares = [1 / points for points in self.points for _ in range(points)]
        self.register_buffer("num_points_scale", torch.tensor(shares))

    def _share(self, offsets_NQMK2: Tensor) -> Tensor:
        return offsets_NQMK2 * self.num_points_scale.unsqueeze(-1)


def _direction(turn: float) -> tuple[float, float]:
    """Where a fraction of a turn meets the square of half-width 1 around the origin."""
    x, y = cos(tau * turn), sin(tau * turn)
    reach = max(abs(x), abs(y))
    return x / reach, y / reach
