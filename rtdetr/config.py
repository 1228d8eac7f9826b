"""What a variant of RT-DETR is made of: frozen records of integers, without torch.

Field names follow the released configurations (github.com/lyuwenyu/RT-DETR) except where a
fraction stood in for a width: the widths here are what the fraction came to. Every released
variant has dropout 0, so there is none.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ResNetConfig:
    """ResNet-vd, arXiv:1812.01187: a three-convolution stem and four stages of residual blocks.

    ``depths`` are blocks per stage, ``widths`` the inner channels of a stage's blocks and
    ``stem_widths`` the channels after each stem convolution. ``return_idx`` names the stages
    whose feature maps are returned. ``freeze_norm`` makes every batch norm a constant affine map.
    ``freeze_at`` takes parameters out of training: -1 none, 0 the stem's, k also those of the
    first k stages.
    """

    block: Literal["basic", "bottleneck"]
    depths: tuple[int, ...]
    widths: tuple[int, ...] = (64, 128, 256, 512)
    stem_widths: tuple[int, int, int] = (32, 32, 64)
    return_idx: tuple[int, ...] = (1, 2, 3)
    freeze_norm: bool = False
    freeze_at: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """The hybrid encoder: AIFI on the maps in ``use_encoder_idx``, then CCFM over all of them.

    ``csp_width`` is the inner width of a fusion block, ``csp_blocks`` its number of RepVGG blocks.
    """

    hidden_dim: int = 256
    use_encoder_idx: tuple[int, ...] = (2,)
    num_encoder_layers: int = 1
    nhead: int = 8
    dim_feedforward: int = 1024
    pe_temperature: int = 10_000
    csp_width: int = 256
    csp_blocks: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Query selection and the decoder.

    ``eval_idx`` is the last layer that runs in eval mode, counted from 0; training runs all.
    ``num_points`` are sampled per head and level.
    """

    num_layers: int = 6
    eval_idx: int = 5
    num_classes: int = 80
    num_queries: int = 300
    num_levels: int = 3
    num_points: int = 4
    hidden_dim: int = 256
    nhead: int = 8
    dim_feedforward: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RTDETRConfig:
    """A whole detector."""

    backbone: ResNetConfig
    encoder: EncoderConfig
    decoder: DecoderConfig
