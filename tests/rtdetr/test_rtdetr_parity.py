"""The network's values against transformers' RT-DETR, float64, one random state dict in both.

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
    (r"^(backbone\..*)\.conv\.weight$", r"\1.convolution.weight"),
    (r"^(backbone\..*)\.norm\.", r"\1.normalization."),
    (r"^backbone\.", r"backbone.model."),
    (r"^encoder\.input_proj\.", r"encoder_input_proj."),
    (r"^encoder\.encoder\.", r"encoder.aifi."),
    (r"^decoder\.input_proj\.(\d)\.conv\.", r"decoder_input_proj.\1.0."),
    (r"^decoder\.input_proj\.(\d)\.norm\.", r"decoder_input_proj.\1.1."),
    (r"^decoder\.(enc_|denoising)", r"\1"),
    (r"^decoder\.dec_score_head\.", r"decoder.class_embed."),
    (r"^decoder\.dec_bbox_head\.", r"decoder.bbox_embed."),
    (r"^decoder\.decoder\.", r"decoder."),
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


def reference(name: str) -> nn.Module:
    """transformers' model of the variant, its configuration written by hand."""
    basic = name == "rtdetr_r18"
    backbone = transformers.RTDetrResNetConfig(
        layer_type="basic" if basic else "bottleneck",
        depths=[2, 2, 2, 2] if basic else [3, 4, 6, 3],
        hidden_sizes=[64, 128, 256, 512] if basic else [256, 512, 1024, 2048],
        downsample_in_bottleneck=False,
        out_indices=[2, 3, 4],
    )
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        freeze_backbone_batch_norms=not basic,
        encoder_in_channels=[128, 256, 512] if basic else [512, 1024, 2048],
        hidden_expansion=0.5 if basic else 1.0,
        decoder_layers=3 if basic else 6,
        num_labels=80,
    )
    return transformers.RTDetrForObjectDetection(config).double().eval()


@pytest.fixture(scope="module")
def pair(request, randomize):
    """Ours and theirs, with the same random weights."""
    ours = randomize(rtdetr.build(request.param))
    theirs = reference(request.param)
    theirs.load_state_dict(to_transformers(ours.state_dict()), strict=True)
    return ours, theirs


@pytest.mark.parametrize("size", [(320, 320), (320, 416)], ids=["square", "wide"])
@pytest.mark.parametrize(
    "pair", ["rtdetr_r18", pytest.param("rtdetr_r50", marks=pytest.mark.slow)], indirect=True
)
def test_values_equal_those_of_transformers(pair, size):
    ours, theirs = pair
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
