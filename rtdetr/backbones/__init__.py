"""Backbones: an image to feature maps of growing stride. One file per family."""

from rtdetr.backbones.resnet import ResNet
from rtdetr.config import ResNetConfig


def build_backbone(config: ResNetConfig) -> ResNet:
    """The backbone that the configuration describes; ``channels`` are those of its maps."""
    return ResNet(config)
