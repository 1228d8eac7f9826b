"""RT-DETR, the real-time detection transformer (arXiv:2304.08069), in plain PyTorch.

``build("rtdetr_r50")`` gives the network, ``load_checkpoint`` fills it with released weights and
``select_detections`` turns its output into boxes in pixels. Importing this package, its
configurations or its table of variants does not import torch; using a model does.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtdetr.config import (
        DecoderConfig,
        EncoderConfig,
        HGNetV2Config,
        HGNetV2StageConfig,
        ResNetConfig,
        RTDETRConfig,
    )
    from rtdetr.errors import CheckpointError
    from rtdetr.model import RTDETR
    from rtdetr.postprocess import Detections, select_detections
    from rtdetr.variants import VARIANTS, build, catalogue
    from rtdetr.weights import load_checkpoint

__all__ = [
    "RTDETR",
    "VARIANTS",
    "CheckpointError",
    "DecoderConfig",
    "Detections",
    "EncoderConfig",
    "HGNetV2Config",
    "HGNetV2StageConfig",
    "RTDETRConfig",
    "ResNetConfig",
    "build",
    "catalogue",
    "load_checkpoint",
    "select_detections",
]

_HOME = {
    "RTDETR": "rtdetr.model",
    "VARIANTS": "rtdetr.variants",
    "CheckpointError": "rtdetr.errors",
    "DecoderConfig": "rtdetr.config",
    "Detections": "rtdetr.postprocess",
    "EncoderConfig": "rtdetr.config",
    "HGNetV2Config": "rtdetr.config",
    "HGNetV2StageConfig": "rtdetr.config",
    "RTDETRConfig": "rtdetr.config",
    "ResNetConfig": "rtdetr.config",
    "build": "rtdetr.variants",
    "catalogue": "rtdetr.variants",
    "load_checkpoint": "rtdetr.weights",
    "select_detections": "rtdetr.postprocess",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
