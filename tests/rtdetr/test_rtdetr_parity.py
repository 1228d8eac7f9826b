"""The network's values against transformers' RT-DETR and RT-DETRv2.

In float64, with one random state dict in both.

transformers gives AIFI's tokens and their positions the same order at every shape of map, as
``rtdetr`` does; the released code agrees with them at square maps only.
"""

import re
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

import rtdetr

transformers = pytest.importorskip("transformers")

# In order: a later pattern sees what an earlier one wrote.
RENAMES = [
    (r"^backbone\.conv1\.conv1_(\d)\.", lambda m: f"backbone.embedder.embedder.{int(m[1]) - 1}."),
    (r"^backbone\.res_layers\.(\d+)\.blocks\.", r"backbone.encoder.stages.\1.layers."),
    (r"\.branch2([abc])\.", lambda m: f".layer.{'abc'.index(m[1])}."),
    (r"\.short\.conv\.(conv|norm)\.", r".shortcut.1.\1."),
    (r"\.short\.", r".shortcut."),
    (r"^backbone\.stem\.", r"backbone.embedder."),
    (r"^backbone\.stages\.", r"backbone.encoder.stages."),
    (r"\.aggregation_squeeze_conv\.", r".aggregation.0."),
    (r"\.aggregation_excitation_conv\.", r".aggregation.1."),
    (r"^(backbone\..*)\.conv\.1\.weight$", r"\1.convolution.weight"),
    (r"^(backbone\..*)\.conv\.weight$", r"\1.convolution.weight"),
    (r"^(backbone\..*)\.(?:norm|bn)\.", r"\1.normalization."),
    (r"^backbone\.", r"backbone.model."),
    (r"^encoder\.input_proj\.", r"encoder_input_proj."),
    (r"^encoder\.encoder\.", r"encoder.aifi."),
    (r"^decoder\.input_proj\.(\d)\.conv\.", r"decoder_input_proj.\1.0."),
    (r"^decoder\.input_proj\.(\d)\.norm\.", r"decoder_input_proj.\1.1."),
    (r"^decoder\.(enc_|denoising)", r"\1"),
    (r"^decoder\.dec_score_head\.", r"decoder.class_embed."),
    (r"^decoder\.dec_bbox_head\.", r"decoder.bbox_embed."),
    (r"^decoder\.decoder\.", r"decoder."),
    (r"\benc_output\.proj\.", r"enc_output.0."),
    (r"\benc_output\.norm\.", r"enc_output.1."),
    (r"\.num_points_scale$", r".n_points_scale"),
    (r"\.cross_attn\.", r".encoder_attn."),
    (r"\.linear([12])\.", r".mlp.fc\1."),
    (r"^(decoder\.layers\.\d+)\.norm2\.", r"\1.encoder_attn_layer_norm."),
    (r"\.layers\.(\d+)\.norm1\.", r".layers.\1.self_attn_layer_norm."),
    (r"\.layers\.(\d+)\.norm[23]\.", r".layers.\1.final_layer_norm."),
    (r"\.self_attn\.out_proj\.", r".self_attn.o_proj."),
    (r"^", r"model."),
]


def to_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of ``rtdetr`` under transformers' names; in_proj in its three parts."""
    renamed = {}
    for name, tensor in state.items():
        for pattern, replacement in RENAMES:
            name = re.sub(pattern, replacement, name)
        if ".in_proj_" in name:
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                renamed[name.replace("in_proj_", f"{part}_proj.")] = piece
        else:
            renamed[name] = tensor
    return renamed


def resnet(name: str) -> dict[str, object]:
    """The configuration of a ResNet detector."""
    basic = "_r18" in name
    backbone = transformers.RTDetrResNetConfig(
        layer_type="basic" if basic else "bottleneck",
        depths=[2, 2, 2, 2] if basic else [3, 4, 6, 3],
        hidden_sizes=[64, 128, 256, 512] if basic else [256, 512, 1024, 2048],
        downsample_in_bottleneck=False,
        out_indices=[2, 3, 4],
    )
    return {
        "backbone_config": backbone,
        "freeze_backbone_batch_norms": not basic,
        "encoder_in_channels": [128, 256, 512] if basic else [512, 1024, 2048],
        "hidden_expansion": 0.5 if basic else 1.0,
        "decoder_layers": 3 if basic else 6,
    }


def hgnetv2() -> dict[str, object]:
    """The configuration of a detector with the L backbone."""
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 32, 48],
        stage_in_channels=[48, 128, 512, 1024],
        stage_mid_channels=[48, 96, 192, 384],
        stage_out_channels=[128, 512, 1024, 2048],
        stage_num_blocks=[1, 1, 3, 1],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 5, 5],
        stage_numb_of_layers=[6, 6, 6, 6],
        use_learnable_affine_block=False,
        out_indices=[2, 3, 4],
    )
    return {"backbone_config": backbone, "freeze_backbone_batch_norms": True}


def reference(name: str) -> nn.Module:
    """transformers' model of the variant, its configuration written by hand."""
    fields = hgnetv2() if name.endswith("_l") else resnet(name)
    if not name.startswith("rtdetrv2"):
        config = transformers.RTDetrConfig(num_labels=80, **fields)
        return transformers.RTDetrForObjectDetection(config).double().eval()
    config = transformers.RTDetrV2Config(
        num_labels=80,
        decoder_n_points=2 if name.endswith("_sp2") else 4,
        decoder_method="discrete" if name.endswith("_dsp") else "default",
        **fields,
    )
    return transformers.RTDetrV2ForObjectDetection(config).double().eval()


RESNETS = [
    "rtdetr_r18",
    "rtdetrv2_r18",
    "rtdetrv2_r18_dsp",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("rtdetr_r50", "rtdetrv2_r18_sp2", "rtdetrv2_r50")
    ),
]


@pytest.fixture(scope="module")
def pair(request, randomize):
    """Ours and theirs, with the same random weights."""
    ours = randomize(rtdetr.build(request.param))
    theirs = reference(request.param)
    state = to_transformers(ours.state_dict())
    # RT-DETRv2's heads have a second name there.
    heads = (name for name in theirs.state_dict() if re.match(r"(class|bbox)_embed\.", name))
    state |= {name: state[f"model.decoder.{name}"] for name in heads}
    theirs.load_state_dict(state, strict=True)
    return ours, theirs


@pytest.mark.parametrize("size", [(320, 320), (320, 416)], ids=["square", "wide"])
@pytest.mark.parametrize("pair", RESNETS, indirect=True)
def test_values_equal_those_of_transformers(pair, size):
    assert_equal(*pair, size)


# Depthwise convolutions are slow in float64: the least anchors will do.
@pytest.mark.slow
@pytest.mark.parametrize("size", [(128, 128), (128, 160)], ids=["square", "wide"])
@pytest.mark.parametrize("pair", ["rtdetr_l", "rtdetrv2_hgnetv2_l"], indirect=True)
def test_values_of_hgnetv2_equal_those_of_transformers(pair, size):
    assert_equal(*pair, size)


def assert_equal(ours: nn.Module, theirs: nn.Module, size: tuple[int, int]) -> None:
    images = torch.rand(
        2, 3, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    with torch.no_grad():
        outputs, expected = ours(images), theirs(images)

    # The weights are of use only if queries and images tell apart in the output.
    assert outputs["pred_logits"].std(dim=1).mean() > 1e-2
    assert outputs["pred_boxes"].std(dim=1).mean() > 1e-2
    assert (outputs["pred_boxes"][0] - outputs["pred_boxes"][1]).abs().mean() > 1e-3

    torch.testing.assert_close(outputs["pred_logits"], expected.logits, rtol=0, atol=1e-6)
    torch.testing.assert_close(outputs["pred_boxes"], expected.pred_boxes, rtol=0, atol=1e-6)
