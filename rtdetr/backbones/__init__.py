"""Backbones: an image to feature maps of growing stride. One file per family."""

from rtdetr.backbones.hgnetv2 import HGNetV2
from rtdetr.backbones.resnet import ResNet
from rtdetr.config import HGNetV2Config, ResNetConfig


def build_backbone(config: ResNetConfig | HGNetV2Config) -> ResNet | HGNetV2:
    """The backbone that the configuration describes; ``channels`` are those of its maps."""
    return ResNet(config) if isinstance(config, ResNetConfig) else HGNetV2(config)
