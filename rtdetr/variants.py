"""The released variants of RT-DETR, as data.

Source: the configurations at github.com/lyuwenyu/RT-DETR (rtdetr_pytorch). Their backbones are
ResNet-vd, so each variant also answers to its longer name: ``rtdetr_r50vd`` for ``rtdetr_r50``.
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rtdetr.config import DecoderConfig, EncoderConfig, ResNetConfig, RTDETRConfig

if TYPE_CHECKING:
    from rtdetr.model import RTDETR

_R18 = RTDETRConfig(
    backbone=ResNetConfig(block="basic", depths=(2, 2, 2, 2)),
    encoder=EncoderConfig(csp_width=128),
    decoder=DecoderConfig(num_layers=3, eval_idx=2),
)
_R34 = RTDETRConfig(
    backbone=ResNetConfig(block="basic", depths=(3, 4, 6, 3)),
    encoder=EncoderConfig(csp_width=128),
    decoder=DecoderConfig(num_layers=4, eval_idx=3),
)
_R50 = RTDETRConfig(
    backbone=ResNetConfig(block="bottleneck", depths=(3, 4, 6, 3), freeze_norm=True, freeze_at=0),
    encoder=EncoderConfig(csp_width=256),
    decoder=DecoderConfig(num_layers=6, eval_idx=5),
)
_R50_M = replace(
    _R50,
    encoder=EncoderConfig(csp_width=128),
    decoder=DecoderConfig(num_layers=6, eval_idx=2),
)
_R101 = replace(
    _R50,
    backbone=replace(_R50.backbone, depths=(3, 4, 23, 3)),
    encoder=EncoderConfig(hidden_dim=384, dim_feedforward=2048, csp_width=384),
)

VARIANTS: dict[str, RTDETRConfig] = {
    "rtdetr_r18": _R18,
    "rtdetr_r34": _R34,
    "rtdetr_r50_m": _R50_M,
    "rtdetr_r50": _R50,
    "rtdetr_r101": _R101,
}

ALIASES: dict[str, str] = {
    "rtdetr_r18vd": "rtdetr_r18",
    "rtdetr_r34vd": "rtdetr_r34",
    "rtdetr_r50vd_m": "rtdetr_r50_m",
    "rtdetr_r50vd": "rtdetr_r50",
    "rtdetr_r101vd": "rtdetr_r101",
}


def build(name: str) -> "RTDETR":
    """A variant by its name or alias, with fresh weights, in eval mode, on the default device.

    Under ``torch.device("meta")`` nothing is allocated. Raises ValueError for an unknown name.
    """
    from rtdetr.model import RTDETR

    variant = ALIASES.get(name, name)
    if variant not in VARIANTS:
        known = ", ".join([*VARIANTS, *ALIASES])
        raise ValueError(f"Unknown RT-DETR variant {name!r}. Known: {known}.")
    return RTDETR(VARIANTS[variant]).eval()


def catalogue() -> dict[str, dict[str, object]]:
    """Every name and alias, for the entry-point group ``fxflops.models``.

    An entry has ``build``, which takes nothing and gives the module in eval mode; ``inputs``,
    the input spec; and ``defaults``, the sizes that the released models were made for.
    """
    return {
        name: {
            "build": partial(build, name),
            "inputs": "image: N 3 H%32 W%32",
            "defaults": {"N": 1, "H": 640, "W": 640},
        }
        for name in [*VARIANTS, *ALIASES]
    }
