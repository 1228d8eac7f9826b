"""PP-HGNetV2: blocks that concatenate the outputs of all their layers.

N images, C channels, H x W pixels of a map. Sources: arXiv:2304.08069, sec. 4.4 (its use as a
backbone); arXiv:1904.09730 (one-shot aggregation); PaddleClas, PP-HGNetV2 (the architecture).
"""

from itertools import accumulate, repeat

import torch
from torch import Tensor, nn

from rtdetr.config import HGNetV2Config, HGNetV2StageConfig
from rtdetr.layers import FrozenBatchNorm2d, Norm


class ConvBNAct(nn.Module):
    """Convolution without bias, batch norm and, if asked, ReLU; H and W are divided by the stride.

    An even kernel is padded at the right and at the bottom.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        norm: Norm,
        *,
        stride: int = 1,
        groups: int = 1,
        act: bool = True,
    ) -> None:
        super().__init__()
        conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding=(kernel_size - 1) // 2,
            groups=groups,
            bias=False,
        )
        self.conv = conv if kernel_size % 2 else nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), conv)
        self.bn = norm(out_channels)
        self.act = nn.ReLU() if act else nn.Identity()

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of ``out_channels`` channels."""
        y_NCHW: Tensor = self.act(self.bn(self.conv(x_NCHW)))
        return y_NCHW


class LightConvBNAct(nn.Module):
    """A 1 x 1 convolution, then a depthwise one with the activation."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = ConvBNAct(in_channels, out_channels, 1, norm, act=False)
        self.conv2 = ConvBNAct(out_channels, out_channels, kernel_size, norm, groups=out_channels)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of ``out_channels`` channels."""
        y_NCHW: Tensor = self.conv2(self.conv1(x_NCHW))
        return y_NCHW


class Stem(nn.Module):
    """From the image to stride 4: max pooling beside two 2 x 2 convolutions, both at stride 2."""

    def __init__(self, mid_channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        half = mid_channels // 2
        self.stem1 = ConvBNAct(3, mid_channels, 3, norm, stride=2)
        self.stem2a = ConvBNAct(mid_channels, half, 2, norm)
        self.stem2b = ConvBNAct(half, mid_channels, 2, norm)
        self.stem3 = ConvBNAct(2 * mid_channels, mid_channels, 3, norm, stride=2)
        self.stem4 = ConvBNAct(mid_channels, out_channels, 1, norm)
        self.pool = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, stride=1))

    def forward(self, images_N3HW: Tensor) -> Tensor:
        """A map of ``out_channels`` channels at a quarter of the size."""
        x_NCHW = self.stem1(images_N3HW)
        branches_NCHW = torch.cat([self.pool(x_NCHW), self.stem2b(self.stem2a(x_NCHW))], dim=1)
        y_NCHW: Tensor = self.stem4(self.stem3(branches_NCHW))
        return y_NCHW


class Block(nn.Module):
    """Layers in turn; the input and every layer's output together are squeezed, then excited."""

    def __init__(
        self, in_channels: int, config: HGNetV2StageConfig, norm: Norm, *, residual: bool
    ) -> None:
        super().__init__()
        layer = LightConvBNAct if config.light_block else ConvBNAct
        inputs = [in_channels] + [config.mid_channels] * (config.layer_num - 1)
        self.layers = nn.ModuleList(
            layer(channels, config.mid_channels, config.kernel_size, norm) for channels in inputs
        )
        collected = in_channels + config.layer_num * config.mid_channels
        squeezed = config.out_channels // 2
        self.aggregation_squeeze_conv = ConvBNAct(collected, squeezed, 1, norm)
        self.aggregation_excitation_conv = ConvBNAct(squeezed, config.out_channels, 1, norm)
        self.residual = residual

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """A map of ``out_channels`` channels."""
        outputs = accumulate(self.layers, lambda y_NCHW, layer: layer(y_NCHW), initial=x_NCHW)
        squeezed_NCHW = self.aggregation_squeeze_conv(torch.cat(list(outputs), dim=1))
        y_NCHW: Tensor = self.aggregation_excitation_conv(squeezed_NCHW)
        return y_NCHW + x_NCHW if self.residual else y_NCHW


class Stage(nn.Module):
    """A depthwise convolution that halves the size, if the stage does, then blocks."""

    def __init__(self, in_channels: int, config: HGNetV2StageConfig, norm: Norm) -> None:
        super().__init__()
        self.downsample = (
            ConvBNAct(in_channels, in_channels, 3, norm, stride=2, groups=in_channels, act=False)
            if config.downsample
            else nn.Identity()
        )
        self.blocks = nn.Sequential(
            Block(in_channels, config, norm, residual=False),
            *(
                Block(config.out_channels, config, norm, residual=True)
                for _ in range(config.num_blocks - 1)
            ),
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """The map after the last block."""
        y_NCHW: Tensor = self.blocks(self.downsample(x_NCHW))
        return y_NCHW


class HGNetV2(nn.Module):
    """Stem and stages."""

    def __init__(self, config: HGNetV2Config) -> None:
        super().__init__()
        norm: Norm = FrozenBatchNorm2d if config.freeze_norm else nn.BatchNorm2d
        mid_channels, stem_channels = config.stem_channels
        self.stem = Stem(mid_channels, stem_channels, norm)
        outputs = [stage.out_channels for stage in config.stages]
        inputs = [stem_channels, *outputs[:-1]]
        self.stages = nn.ModuleList(map(Stage, inputs, config.stages, repeat(norm)))
        self.return_idx = config.return_idx
        self.channels = [outputs[index] for index in config.return_idx]
        self._freeze(config.freeze_at)

    def forward(self, images_N3HW: Tensor) -> list[Tensor]:
        """The maps of the stages in ``return_idx``, finest first."""
        x_NCHW: Tensor = self.stem(images_N3HW)
        maps = []
        for stage in self.stages:
            x_NCHW = stage(x_NCHW)
            maps.append(x_NCHW)
        return [maps[index] for index in self.return_idx]

    def _freeze(self, freeze_at: int) -> None:
        parts = [self.stem, *self.stages]
        for part in parts[: freeze_at + 1]:
            part.requires_grad_(False)
