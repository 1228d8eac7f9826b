"""The hybrid encoder: AIFI within the coarsest map, CCFM across maps (arXiv:2304.08069, sec. 4.2).

N images, C channels, H x W pixels of a map; T = H·W tokens of D features each.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtdetr.config import EncoderConfig
from rtdetr.layers import ConvNorm, RepVGGBlock, SelfAttention


def sine_position_embedding(
    height: int,
    width: int,
    dim: int,
    temperature: int,
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """The (height·width, dim) position embedding, token h·width + w for the pixel (h, w).

    A quarter of the features each: sin(h·ω), cos(h·ω), sin(w·ω), cos(w·ω), where
    ω_i = temperature**(-i / (dim / 4)); ``dim`` is a multiple of 4. Source: arXiv:1706.03762,
    sec. 3.5, once per axis. The released code numbers tokens column by column with w first: the
    same at a square map, and at any other a token gets another pixel's position.
    """
    quarter = dim // 4
    omega_F = temperature ** (-torch.arange(quarter, dtype=dtype, device=device) / quarter)
    phase_HF = torch.arange(height, dtype=dtype, device=device).unsqueeze(1) * omega_F
    phase_WF = torch.arange(width, dtype=dtype, device=device).unsqueeze(1) * omega_F
    rows_HE = torch.cat([phase_HF.sin(), phase_HF.cos()], dim=1)
    columns_WE = torch.cat([phase_WF.sin(), phase_WF.cos()], dim=1)
    rows_HWE = rows_HE.unsqueeze(1).expand(-1, width, -1)
    columns_HWE = columns_WE.unsqueeze(0).expand(height, -1, -1)
    return torch.cat([rows_HWE, columns_HWE], dim=2).flatten(0, 1)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each with its residual normalized after it."""

    def __init__(self, dim: int, heads: int, dim_feedforward: int) -> None:
        super().__init__()
        self.self_attn = SelfAttention(dim, heads)
        self.linear1 = nn.Linear(dim, dim_feedforward)
        self.linear2 = nn.Linear(dim_feedforward, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, x_NTD: Tensor, position_TD: Tensor) -> Tensor:
        """Tokens of the same shape."""
        x_NTD = self.norm1(x_NTD + self.self_attn(x_NTD, position_TD))
        y_NTD: Tensor = self.norm2(x_NTD + self.linear2(F.gelu(self.linear1(x_NTD))))
        return y_NTD


class AIFI(nn.Module):
    """Attention-based intra-scale feature interaction: a transformer over one map's pixels."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.temperature = config.pe_temperature
        self.layers = nn.ModuleList(
            EncoderLayer(config.hidden_dim, config.nhead, config.dim_feedforward)
            for _ in range(config.num_encoder_layers)
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of the same shape."""
        _, dim, height, width = x_NCHW.shape
        position_TD = sine_position_embedding(
            height, width, dim, self.temperature, dtype=x_NCHW.dtype, device=x_NCHW.device
        )
        x_NTD = x_NCHW.flatten(2).transpose(1, 2)
        for layer in self.layers:
            x_NTD = layer(x_NTD, position_TD)
        return torch.unflatten(x_NTD.transpose(1, 2), 2, (height, width))


class CSPRepLayer(nn.Module):
    """Fusion block: RepVGG blocks on one of two projections, which are then added (fig. 5)."""

    def __init__(self, in_channels: int, out_channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(in_channels, width, 1, act=nn.SiLU())
        self.conv2 = ConvNorm(in_channels, width, 1, act=nn.SiLU())
        self.bottlenecks = nn.Sequential(*(RepVGGBlock(width) for _ in range(blocks)))
        self.conv3 = (
            nn.Identity()
            if width == out_channels
            else ConvNorm(width, out_channels, 1, act=nn.SiLU())
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of ``out_channels`` channels."""
        fused_NCHW = self.bottlenecks(self.conv1(x_NCHW)) + self.conv2(x_NCHW)
        y_NCHW: Tensor = self.conv3(fused_NCHW)
        return y_NCHW


class HybridEncoder(nn.Module):
    """AIFI, then CCFM: a top-down pyramid (FPN) followed by a bottom-up one (PAN)."""

    def __init__(self, config: EncoderConfig, in_channels: Sequence[int]) -> None:
        super().__init__()
        dim, steps = config.hidden_dim, len(in_channels) - 1
        self.input_proj = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, dim, 1, bias=False), nn.BatchNorm2d(dim))
            for channels in in_channels
        )
        self.use_encoder_idx = config.use_encoder_idx
        self.encoder = nn.ModuleList(AIFI(config) for _ in config.use_encoder_idx)
        self.lateral_convs = nn.ModuleList(
            ConvNorm(dim, dim, 1, act=nn.SiLU()) for _ in range(steps)
        )
        self.fpn_blocks = nn.ModuleList(
            CSPRepLayer(2 * dim, dim, config.csp_width, config.csp_blocks) for _ in range(steps)
        )
        self.downsample_convs = nn.ModuleList(
            ConvNorm(dim, dim, 3, stride=2, act=nn.SiLU()) for _ in range(steps)
        )
        self.pan_blocks = nn.ModuleList(
            CSPRepLayer(2 * dim, dim, config.csp_width, config.csp_blocks) for _ in range(steps)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps of ``hidden_dim`` channels at the sizes of ``maps``, finest first."""
        projected = [project(x) for project, x in zip(self.input_proj, maps, strict=True)]
        for index, aifi in zip(self.use_encoder_idx, self.encoder, strict=True):
            projected[index] = aifi(projected[index])
        return self._bottom_up(self._top_down(projected))

    def _top_down(self, maps: Sequence[Tensor]) -> list[Tensor]:
        coarse, *finer = reversed(maps)
        pyramid = []
        for lateral, block, fine in zip(self.lateral_convs, self.fpn_blocks, finer, strict=True):
            coarse = lateral(coarse)
            pyramid.append(coarse)
            enlarged = F.interpolate(coarse, scale_factor=2.0, mode="nearest")
            coarse = block(torch.cat([enlarged, fine], dim=1))
        return [coarse, *reversed(pyramid)]

    def _bottom_up(self, maps: Sequence[Tensor]) -> list[Tensor]:
        fine, *coarser = maps
        pyramid = [fine]
        steps = zip(self.downsample_convs, self.pan_blocks, coarser, strict=True)
        for downsample, block, coarse in steps:
            fine = block(torch.cat([downsample(fine), coarse], dim=1))
            pyramid.append(fine)
        return pyramid
