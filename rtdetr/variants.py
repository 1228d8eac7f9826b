"""The released variants of RT-DETR and RT-DETRv2, as data.

Source: the configurations at github.com/lyuwenyu/RT-DETR (rtdetr_pytorch, rtdetrv2_pytorch; for
``rtdetr_l`` and ``rtdetr_x``, rtdetr_paddle and arXiv:2304.08069, table 2). A ResNet here is a
ResNet-vd, so such a variant also answers to its longer name: ``rtdetr_r50vd`` for ``rtdetr_r50``.
``dsp`` reads single pixels (discrete sampling), ``spK`` samples K points in each level.
"""

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rtdetr.config import (
    DecoderConfig,
    EncoderConfig,
    HGNetV2Config,
    HGNetV2StageConfig,
    ResNetConfig,
    RTDETRConfig,
)

if TYPE_CHECKING:
    from rtdetr.model import RTDETR
    from rtdetr.training import TrainingStep

_R18 = RTDETRConfig(
    backbone=ResNetConfig(block="basic", depths=(2, 2, 2, 2)),
    encoder=EncoderConfig(csp_width=128),
    decoder=DecoderConfig(num_layers=3),
)
_R34 = RTDETRConfig(
    backbone=ResNetConfig(block="basic", depths=(3, 4, 6, 3)),
    encoder=EncoderConfig(csp_width=128),
    decoder=DecoderConfig(num_layers=4),
)
_RESNET50 = ResNetConfig(block="bottleneck", depths=(3, 4, 6, 3), freeze_norm=True, freeze_at=0)
_R50 = RTDETRConfig(
    backbone=_RESNET50,
    encoder=EncoderConfig(csp_width=256),
    decoder=DecoderConfig(num_layers=6),
)
_R50_M = replace(
    _R50,
    encoder=EncoderConfig(csp_width=128),
    decoder=DecoderConfig(num_layers=6, eval_idx=2),
)
_R101 = replace(
    _R50,
    backbone=replace(_RESNET50, depths=(3, 4, 23, 3)),
    encoder=EncoderConfig(hidden_dim=384, dim_feedforward=2048, csp_width=384),
)


_LIGHT = partial(HGNetV2StageConfig, light_block=True, kernel_size=5)
_HGNETV2_L = HGNetV2Config(
    stem_channels=(32, 48),
    stages=(
        HGNetV2StageConfig(mid_channels=48, out_channels=128, num_blocks=1, downsample=False),
        HGNetV2StageConfig(mid_channels=96, out_channels=512, num_blocks=1),
        _LIGHT(mid_channels=192, out_channels=1024, num_blocks=3),
        _LIGHT(mid_channels=384, out_channels=2048, num_blocks=1),
    ),
)
_HGNETV2_X = HGNetV2Config(
    stem_channels=(32, 64),
    stages=(
        HGNetV2StageConfig(mid_channels=64, out_channels=128, num_blocks=1, downsample=False),
        HGNetV2StageConfig(mid_channels=128, out_channels=512, num_blocks=2),
        _LIGHT(mid_channels=256, out_channels=1024, num_blocks=5),
        _LIGHT(mid_channels=512, out_channels=2048, num_blocks=2),
    ),
)
_HGNETV2_H = HGNetV2Config(
    stem_channels=(48, 96),
    stages=(
        HGNetV2StageConfig(mid_channels=96, out_channels=192, num_blocks=2, downsample=False),
        HGNetV2StageConfig(mid_channels=192, out_channels=512, num_blocks=3),
        _LIGHT(mid_channels=384, out_channels=1024, num_blocks=6),
        _LIGHT(mid_channels=768, out_channels=2048, num_blocks=3),
    ),
)
_L = replace(_R50, backbone=_HGNETV2_L)
_X = replace(_R101, backbone=_HGNETV2_X)
_H = replace(
    _L,
    backbone=_HGNETV2_H,
    encoder=EncoderConfig(
        hidden_dim=512, num_encoder_layers=2, dim_feedforward=2048, csp_width=512
    ),
)


def _decoded(config: RTDETRConfig, **changes: Any) -> RTDETRConfig:
    """The detector with these fields of its decoder changed."""
    return replace(config, decoder=replace(config.decoder, **changes))


_v2 = partial(_decoded, version="v2")
_dsp = partial(_v2, cross_attn_method="discrete")

VARIANTS: dict[str, RTDETRConfig] = {
    "rtdetr_r18": _R18,
    "rtdetr_r34": _R34,
    "rtdetr_r50_m": _R50_M,
    "rtdetr_r50": _R50,
    "rtdetr_r101": _R101,
    "rtdetr_l": _L,
    "rtdetr_x": _X,
    "rtdetrv2_r18": _v2(_R18),
    "rtdetrv2_r18_voc": _v2(_R18, num_classes=20),
    "rtdetrv2_r18_sp1": _v2(_R18, num_points=(1, 1, 1)),
    "rtdetrv2_r18_sp2": _v2(_R18, num_points=(2, 2, 2)),
    "rtdetrv2_r18_sp3": _v2(_R18, num_points=(3, 3, 3)),
    "rtdetrv2_r18_dsp": _dsp(_R18),
    "rtdetrv2_r34": _v2(_R34),
    "rtdetrv2_r34_dsp": _dsp(_R34),
    "rtdetrv2_r50_m": _v2(_R50_M),
    "rtdetrv2_r50_m_dsp": _dsp(_R50_M),
    "rtdetrv2_r50": _v2(_R50),
    "rtdetrv2_r50_dsp": _dsp(_R50),
    "rtdetrv2_r101": _v2(_R101),
    "rtdetrv2_hgnetv2_l": _v2(_L),
    "rtdetrv2_hgnetv2_x": _v2(_X),
    "rtdetrv2_hgnetv2_h": _v2(_H),
}

ALIASES: dict[str, str] = {
    re.sub(r"_(r\d+)", r"_\1vd", name): name for name in VARIANTS if re.search(r"_r\d", name)
}


def build(name: str) -> "RTDETR":
    """A variant by its name or alias, with fresh weights, in eval mode, on the default device.

    Under ``torch.device("meta")`` nothing is allocated. Raises ValueError for an unknown name.
    """
    return construct(_config(name))


def construct(config: RTDETRConfig) -> "RTDETR":
    """The detector that a configuration describes, as ``build`` makes a variant."""
    from rtdetr.model import RTDETR

    return RTDETR(config).eval()


def build_training(name: str) -> "TrainingStep":
    """The training step of a variant (`rtdetr.training`), in training mode.

    Raises ValueError for an unknown name.
    """
    from rtdetr.training import TrainingStep

    return TrainingStep(_config(name)).train()


def catalogue() -> dict[str, dict[str, object]]:
    """Every name and alias, for the entry-point group ``fxflops.models``.

    An entry has ``build``, which takes nothing and gives the module; ``inputs``, the input spec;
    ``defaults``, the sizes that the released models were made for; and of a detector its
    ``configuration``, and ``construct``, which makes the module of another one. ``…_training`` is
    the step from images, the classes and boxes in them, and an assignment, to the loss: for it, T
    boxes in each image, 7 as in the mean image of COCO.
    """
    names = [*VARIANTS, *ALIASES]
    sizes = {"N": 1, "H": 640, "W": 640}
    models: dict[str, dict[str, object]] = {
        name: {
            "build": partial(build, name),
            "configuration": _config(name),
            "construct": construct,
            "inputs": "image: N 3 H%32 W%32",
            "defaults": sizes,
        }
        for name in names
    }
    steps: dict[str, dict[str, object]] = {
        f"{name}_training": {
            "build": partial(build_training, name),
            "inputs": _training_inputs(_config(name)),
            "defaults": {**sizes, "T": 7},
        }
        for name in names
    }
    return models | steps


def _training_inputs(config: RTDETRConfig) -> str:
    """Of each box the class, the box, and the query that answers for it in each prediction."""
    predictions = config.decoder.num_layers + 1
    return (
        "image: N 3 H%32 W%32; labels: N T int64; boxes: N T 4; "
        f"assignment: N {predictions} T int64"
    )


def _config(name: str) -> RTDETRConfig:
    variant = ALIASES.get(name, name)
    if variant not in VARIANTS:
        known = ", ".join([*VARIANTS, *ALIASES])
        raise ValueError(f"Unknown RT-DETR variant {name!r}. Known: {known}.")
    return VARIANTS[variant]
