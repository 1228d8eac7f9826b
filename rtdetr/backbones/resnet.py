"""ResNet-vd: ResNet with a three-convolution stem and pooled shortcuts (arXiv:1812.01187, B, C, D).

N images, C channels, H x W pixels of a map.
"""

from collections import OrderedDict
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from rtdetr.config import ResNetConfig
from rtdetr.layers import ConvNorm, FrozenBatchNorm2d, Norm


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions, the first one strided, around a shortcut."""

    expansion = 1

    def __init__(
        self, in_channels: int, width: int, stride: int, short: nn.Module, norm: Norm
    ) -> None:
        super().__init__()
        self.short = short
        self.branch2a = ConvNorm(in_channels, width, 3, stride, act=nn.ReLU(), norm=norm)
        self.branch2b = ConvNorm(width, width, 3, norm=norm)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of ``width`` channels."""
        return F.relu(self.branch2b(self.branch2a(x_NCHW)) + self.short(x_NCHW))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions, the 3 x 3 one strided, around a shortcut."""

    expansion = 4

    def __init__(
        self, in_channels: int, width: int, stride: int, short: nn.Module, norm: Norm
    ) -> None:
        super().__init__()
        self.branch2a = ConvNorm(in_channels, width, 1, act=nn.ReLU(), norm=norm)
        self.branch2b = ConvNorm(width, width, 3, stride, act=nn.ReLU(), norm=norm)
        self.branch2c = ConvNorm(width, width * self.expansion, 1, norm=norm)
        self.short = short

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of four times ``width`` channels."""
        y_NCHW = self.branch2c(self.branch2b(self.branch2a(x_NCHW)))
        return F.relu(y_NCHW + self.short(x_NCHW))


BLOCKS: dict[str, type[BasicBlock] | type[Bottleneck]] = {
    "basic": BasicBlock,
    "bottleneck": Bottleneck,
}


class Stage(nn.Module):
    """Blocks at one resolution; the first of them changes channels and, if strided, size."""

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        in_channels: int,
        width: int,
        depth: int,
        stride: int,
        norm: Norm,
    ) -> None:
        super().__init__()
        out_channels = width * block.expansion
        short = ConvNorm(in_channels, out_channels, 1, norm=norm)
        entry = short if stride == 1 else _pooled(short, stride)
        self.blocks = nn.Sequential(
            block(in_channels, width, stride, entry, norm),
            *(block(out_channels, width, 1, nn.Identity(), norm) for _ in range(depth - 1)),
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """The map after the last block."""
        y_NCHW: Tensor = self.blocks(x_NCHW)
        return y_NCHW


def _pooled(short: ConvNorm, stride: int) -> nn.Sequential:
    """The vd shortcut: average instead of skipping three pixels of four (ResNet-D)."""
    return nn.Sequential(OrderedDict(pool=nn.AvgPool2d(stride), conv=short))


class ResNet(nn.Module):
    """Stem, 3 x 3 max pooling and stages; the first stage keeps the size, the others halve it."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        norm: Norm = FrozenBatchNorm2d if config.freeze_norm else nn.BatchNorm2d
        conv = partial(ConvNorm, kernel_size=3, norm=norm)
        first, second, third = config.stem_widths
        self.conv1 = nn.Sequential(
            OrderedDict(
                conv1_1=conv(3, first, stride=2, act=nn.ReLU()),
                conv1_2=conv(first, second, act=nn.ReLU()),
                conv1_3=conv(second, third, act=nn.ReLU()),
            )
        )
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1)
        block = BLOCKS[config.block]
        outputs = [width * block.expansion for width in config.widths]
        inputs = [third, *outputs[:-1]]
        strides = [1] + [2] * (len(outputs) - 1)
        self.res_layers = nn.ModuleList(
            Stage(block, *stage, norm)
            for stage in zip(inputs, config.widths, config.depths, strides, strict=True)
        )
        self.return_idx = config.return_idx
        self.channels = [outputs[index] for index in config.return_idx]
        self._freeze(config.freeze_at)

    def forward(self, images_N3HW: Tensor) -> list[Tensor]:
        """The maps of the stages in ``return_idx``, finest first; stage i has stride 4 * 2**i."""
        x_NCHW: Tensor = self.max_pool(self.conv1(images_N3HW))
        maps = []
        for stage in self.res_layers:
            x_NCHW = stage(x_NCHW)
            maps.append(x_NCHW)
        return [maps[index] for index in self.return_idx]

    def _freeze(self, freeze_at: int) -> None:
        parts = [self.conv1, *self.res_layers]
        for part in parts[: freeze_at + 1]:
            part.requires_grad_(False)
