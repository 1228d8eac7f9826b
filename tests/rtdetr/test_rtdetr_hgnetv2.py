"""A small HGNetv2, its norms live and frozen, against that of transformers; what is frozen."""

import re

import pytest
import torch

from rtdetr.backbones import build_backbone
from rtdetr.config import HGNetV2Config, HGNetV2StageConfig

transformers = pytest.importorskip("transformers")

# Every kind of stage: with and without a strided entry, light and not, one block and more.
STAGES = (
    HGNetV2StageConfig(mid_channels=3, out_channels=6, num_blocks=2, downsample=False, layer_num=2),
    HGNetV2StageConfig(
        mid_channels=4, out_channels=8, num_blocks=1, light_block=True, kernel_size=5, layer_num=3
    ),
    HGNetV2StageConfig(
        mid_channels=5, out_channels=10, num_blocks=3, light_block=True, layer_num=1
    ),
)
RENAMES = [
    (r"^stem\.", "embedder."),
    (r"^stages\.", "encoder.stages."),
    (r"\.aggregation_squeeze_conv\.", ".aggregation.0."),
    (r"\.aggregation_excitation_conv\.", ".aggregation.1."),
    (r"\.conv(\.1)?\.weight$", ".convolution.weight"),
    (r"\.bn\.", ".normalization."),
]


def reference():
    config = transformers.HGNetV2Config(
        stem_channels=[3, 4, 7],
        stage_in_channels=[7, *(stage.out_channels for stage in STAGES[:-1])],
        stage_mid_channels=[stage.mid_channels for stage in STAGES],
        stage_out_channels=[stage.out_channels for stage in STAGES],
        stage_num_blocks=[stage.num_blocks for stage in STAGES],
        stage_downsample=[stage.downsample for stage in STAGES],
        stage_light_block=[stage.light_block for stage in STAGES],
        stage_kernel_size=[stage.kernel_size for stage in STAGES],
        stage_numb_of_layers=[stage.layer_num for stage in STAGES],
        stage_downsample_strides=[2] * len(STAGES),
        hidden_sizes=[stage.out_channels for stage in STAGES],
        depths=[stage.num_blocks for stage in STAGES],
        use_learnable_affine_block=False,
        out_indices=[1, 2, 3],
    )
    return transformers.HGNetV2Backbone(config).double().eval()


def built(**fields):
    return build_backbone(
        HGNetV2Config(stem_channels=(4, 7), stages=STAGES, return_idx=(0, 1, 2), **fields)
    )


def renamed(name):
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


@pytest.mark.parametrize("size", [(64, 64), (32, 96), (43, 70)])
@torch.no_grad()
def test_maps_equal_those_of_transformers(randomize, size):
    ours, theirs = randomize(built(freeze_norm=False)), reference()
    state = ours.state_dict()
    theirs.load_state_dict({renamed(name): tensor for name, tensor in state.items()}, strict=True)
    frozen = built(freeze_norm=True).double()
    frozen.load_state_dict({n: t for n, t in state.items() if not n.endswith("_tracked")})

    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    expected = list(theirs(images).feature_maps)
    assert [x.shape[1] for x in expected] == ours.channels
    torch.testing.assert_close(ours(images), expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(frozen.train()(images), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("freeze_at", "trained"), [(-1, "stem 0 1 2"), (0, "0 1 2"), (2, "2")])
def test_freezing_reaches_as_many_stages_as_asked(freeze_at, trained):
    backbone = built(freeze_at=freeze_at)
    parts = {
        name.removeprefix("stages.").split(".")[0]
        for name, parameter in backbone.named_parameters()
        if parameter.requires_grad
    }
    assert parts == set(trained.split())
