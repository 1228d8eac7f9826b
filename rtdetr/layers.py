"""Layers that the backbone, the encoder and the decoder share.

N images, C channels, H x W pixels of a map; B sequences, L tokens of D features each.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]
"""What makes the normalization of so many channels."""


class FrozenBatchNorm2d(nn.Module):
    """Batch norm as a constant affine map per channel; statistics and affine are buffers."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """The value of ``nn.BatchNorm2d`` in eval mode."""
        scale_C = self.weight * (self.running_var + self.eps).rsqrt()
        shift_C = self.bias - self.running_mean * scale_C
        return x_NCHW * scale_C.reshape(1, -1, 1, 1) + shift_C.reshape(1, -1, 1, 1)

    def extra_repr(self) -> str:
        """As ``nn.BatchNorm2d`` prints itself."""
        return f"{self.weight.shape[0]}, eps={self.eps}"


class ConvNorm(nn.Module):
    """Convolution without bias, normalization, activation; padded to keep H x W at stride 1."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        *,
        act: nn.Module | None = None,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False
        )
        self.norm = norm(out_channels)
        self.act = nn.Identity() if act is None else act

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of ``out_channels`` channels, H and W divided by the stride."""
        y_NCHW: Tensor = self.act(self.norm(self.conv(x_NCHW)))
        return y_NCHW


class RepVGGBlock(nn.Module):
    """A 3 x 3 and a 1 x 1 convolution side by side (arXiv:2101.03697, without the identity)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, channels, 3)
        self.conv2 = ConvNorm(channels, channels, 1)
        self.act = nn.SiLU()

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of the same shape."""
        y_NCHW: Tensor = self.act(self.conv1(x_NCHW) + self.conv2(x_NCHW))
        return y_NCHW

    @torch.no_grad()
    def merge(self) -> nn.Sequential:
        """The block's value in eval mode, by one 3 x 3 convolution with a bias (sec. 3.3)."""
        kernel_3x3, bias_3x3 = _fold_norm(self.conv1)
        kernel_1x1, bias_1x1 = _fold_norm(self.conv2)
        channels = kernel_3x3.shape[0]
        conv = nn.Conv2d(
            channels, channels, 3, padding=1, device=kernel_3x3.device, dtype=kernel_3x3.dtype
        )
        conv.weight.copy_(kernel_3x3 + F.pad(kernel_1x1, (1, 1, 1, 1)))
        assert conv.bias is not None
        conv.bias.copy_(bias_3x3 + bias_1x1)
        return nn.Sequential(OrderedDict(conv=conv, act=self.act)).train(self.training)


def _fold_norm(layer: ConvNorm) -> tuple[Tensor, Tensor]:
    """Kernel and bias of the convolution that equals ``layer`` before its activation."""
    norm = layer.norm
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale_C = norm.weight / (norm.running_var + norm.eps).sqrt()
    return layer.conv.weight * scale_C.reshape(-1, 1, 1, 1), norm.bias - norm.running_mean * scale_C


class MLP(nn.Module):
    """Linear layers with ReLU in between, through the widths given."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(width, following) for width, following in pairwise(widths)
        )

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Features of the last width."""
        *hidden, last = self.layers
        for layer in hidden:
            x_BLD = F.relu(layer(x_BLD))
        y_BLD: Tensor = last(x_BLD)
        return y_BLD


class SelfAttention(nn.Module):
    """Multi-head attention where queries and keys carry a position and values do not.

    Parameters are named as in ``nn.MultiheadAttention``.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x_BLD: Tensor, position_BLD: Tensor, mask_LL: Tensor | None = None) -> Tensor:
        """Attention of ``x_BLD`` to itself; ``position_BLD`` may be one for all sequences.

        ``mask_LL`` is true where a query (row) may attend to a key (column); None is everywhere.
        """
        dim = x_BLD.shape[-1]
        weight_qk, weight_v = torch.split(self.in_proj_weight, [2 * dim, dim])
        bias_qk, bias_v = torch.split(self.in_proj_bias, [2 * dim, dim])
        q_BLD, k_BLD = F.linear(x_BLD + position_BLD, weight_qk, bias_qk).chunk(2, dim=-1)
        v_BLD = F.linear(x_BLD, weight_v, bias_v)
        context_BhLd = F.scaled_dot_product_attention(
            self._split_heads(q_BLD),
            self._split_heads(k_BLD),
            self._split_heads(v_BLD),
            mask_LL,
        )
        y_BLD: Tensor = self.out_proj(context_BhLd.transpose(1, 2).flatten(2))
        return y_BLD

    def _split_heads(self, x_BLD: Tensor) -> Tensor:
        return torch.unflatten(x_BLD, -1, (self.heads, -1)).transpose(1, 2)
