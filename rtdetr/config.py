"""What a variant of RT-DETR is made of: frozen records of numbers, without torch.

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
class HGNetV2StageConfig:
    """A stage: ``num_blocks`` blocks of ``layer_num`` layers each, ``mid_channels`` wide inside.

    ``downsample`` puts a strided depthwise convolution before them. The layers of a
    ``light_block`` are depthwise separable.
    """

    mid_channels: int
    out_channels: int
    num_blocks: int
    downsample: bool = True
    light_block: bool = False
    kernel_size: int = 3
    layer_num: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class HGNetV2Config:
    """PP-HGNetV2: a stem that ends at stride 4 and four stages.

    ``stem_channels`` are the channels inside the stem and after it. ``return_idx``,
    ``freeze_norm`` and ``freeze_at`` are as for ``ResNetConfig``.
    """

    stem_channels: tuple[int, int]
    stages: tuple[HGNetV2StageConfig, ...]
    return_idx: tuple[int, ...] = (1, 2, 3)
    freeze_norm: bool = True
    freeze_at: int = 0


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

    ``eval_idx`` is the last layer that runs in eval mode, counted from 0; None is the last of all.
    Training runs all.
    ``num_points`` are sampled per head, one number for each level, finest first; ``offset_scale``
    is the part of a box's size that the farthest of them is from its centre when training starts.
    ``cross_attn_method`` reads a level between its pixels, or the nearest pixel alone.
    ``version`` is that of the released state dicts: in RT-DETRv2's, the points' shares of an
    offset are an entry of their own, and levels may differ in their number of points.

    Raises ValueError where they differ in v1.
    """

    num_layers: int = 6
    eval_idx: int | None = None
    num_classes: int = 80
    num_queries: int = 300
    num_points: tuple[int, ...] = (4, 4, 4)
    offset_scale: float = 0.5
    cross_attn_method: Literal["default", "discrete"] = "default"
    hidden_dim: int = 256
    nhead: int = 8
    dim_feedforward: int = 1024
    version: Literal["v1", "v2"] = "v1"

    def __post_init__(self) -> None:
        if self.version == "v1" and len(set(self.num_points)) > 1:
            raise ValueError(
                f"RT-DETR v1 samples as many points in each level, not {self.num_points}: "
                'make them equal, or set version="v2".'
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RTDETRConfig:
    """A whole detector."""

    backbone: ResNetConfig | HGNetV2Config
    encoder: EncoderConfig
    decoder: DecoderConfig
