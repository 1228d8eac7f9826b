"""The whole network: any size, any batch, the layers that run, dtypes, deployment."""

from dataclasses import replace

import pytest
import torch

import rtdetr
from rtdetr.layers import RepVGGBlock

# Small enough to run in milliseconds; no two widths alike where the design allows it.
TINY = rtdetr.RTDETRConfig(
    backbone=rtdetr.ResNetConfig(
        block="bottleneck",
        depths=(1, 2, 1, 1),
        widths=(3, 4, 5, 6),
        stem_widths=(2, 3, 4),
        freeze_norm=True,
    ),
    encoder=rtdetr.EncoderConfig(
        hidden_dim=16, nhead=2, dim_feedforward=24, csp_width=8, csp_blocks=2
    ),
    decoder=rtdetr.DecoderConfig(
        num_layers=3,
        eval_idx=1,
        num_classes=5,
        num_queries=20,
        num_points=(3, 3, 3),
        hidden_dim=24,
        nhead=2,
        dim_feedforward=20,
    ),
)

TINY_V2 = replace(
    TINY,
    backbone=rtdetr.HGNetV2Config(
        stem_channels=(4, 5),
        stages=(
            rtdetr.HGNetV2StageConfig(
                mid_channels=3, out_channels=6, num_blocks=1, downsample=False, layer_num=2
            ),
            rtdetr.HGNetV2StageConfig(
                mid_channels=4, out_channels=8, num_blocks=2, light_block=True, kernel_size=5
            ),
            rtdetr.HGNetV2StageConfig(mid_channels=5, out_channels=10, num_blocks=1, layer_num=3),
            rtdetr.HGNetV2StageConfig(mid_channels=6, out_channels=12, num_blocks=1, layer_num=2),
        ),
    ),
    decoder=replace(TINY.decoder, version="v2", num_points=(3, 1, 2)),
)
TINY_DISCRETE = replace(TINY_V2, decoder=replace(TINY_V2.decoder, cross_attn_method="discrete"))
TINIES = {"v1": TINY, "v2": TINY_V2, "discrete": TINY_DISCRETE}


def images(*shape, seed=2, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture(scope="module")
def r18(randomize):
    return randomize(rtdetr.build("rtdetr_r18"))


@pytest.fixture(params=TINIES)
def tiny(request, randomize):
    return randomize(rtdetr.RTDETR(TINIES[request.param]))


# 21 anchors per 32 x 32 pixels: 15 such squares are the least that give 300.
@pytest.mark.parametrize(
    ("batch", "height", "width"),
    [(1, 128, 128), (2, 96, 160), (3, 160, 96), (2, 32, 480), (1, 480, 32)],
)
@torch.no_grad()
def test_any_size_and_batch_gives_each_image_what_it_gets_alone(r18, batch, height, width):
    x = images(batch, 3, height, width)
    outputs = r18(x)
    logits, boxes = outputs["pred_logits"], outputs["pred_boxes"]

    assert list(outputs) == ["pred_logits", "pred_boxes"]
    assert (logits.shape, boxes.shape) == ((batch, 300, 80), (batch, 300, 4))
    assert logits.isfinite().all()
    assert ((boxes >= 0) & (boxes <= 1)).all()
    alone = r18(x[-1:])
    torch.testing.assert_close(logits[-1:], alone["pred_logits"], rtol=0, atol=1e-8)
    torch.testing.assert_close(boxes[-1:], alone["pred_boxes"], rtol=0, atol=1e-8)


@torch.no_grad()
def test_a_size_leaves_no_trace_in_the_next(tiny):
    x = images(1, 3, 96, 64)
    before = tiny(x)
    tiny(images(2, 3, 64, 160))
    torch.testing.assert_close(tiny(x), before, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(1, 3, 112, 128), (1, 3, 128, 48), (1, 4, 128, 128)])
def test_other_shapes_fail(tiny, shape):
    with pytest.raises(RuntimeError):
        tiny(images(*shape))


def test_fewer_anchors_than_queries_fail(r18):
    with pytest.raises(RuntimeError, match="out of range"):
        r18(images(1, 3, 64, 224))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, torch.float32) for name in rtdetr.VARIANTS),
        ("rtdetr_r18", torch.float64),
        ("rtdetr_r50", torch.float16),
        ("rtdetr_r18", torch.bfloat16),
        ("rtdetrv2_r18_dsp", torch.float16),
        ("rtdetrv2_hgnetv2_l", torch.bfloat16),
    ],
)
def test_every_variant_runs_on_meta_in_its_dtype(name, dtype):
    with torch.device("meta"):
        outputs = rtdetr.build(name).to(dtype)(torch.empty(2, 3, 256, 320, dtype=dtype))
    classes = 20 if name.endswith("_voc") else 80
    assert {key: (x.shape, x.dtype, x.device.type) for key, x in outputs.items()} == {
        "pred_logits": ((2, 300, classes), dtype, "meta"),
        "pred_boxes": ((2, 300, 4), dtype, "meta"),
    }


@pytest.mark.parametrize(("training", "last"), [(False, 2), (True, 5)])
def test_r50_m_stops_at_its_third_layer_in_eval_only(training, last):
    with torch.device("meta"):
        model = rtdetr.build("rtdetr_r50_m").train(training)
        ran = {}
        for name in ("decoder.layers", "dec_bbox_head", "dec_score_head"):
            for index, module in enumerate(model.decoder.get_submodule(name)):
                module.register_forward_hook(
                    lambda *_, name=name, index=index: ran.setdefault(name, []).append(index)
                )
        model(torch.empty(1, 3, 256, 256))
    assert ran == {
        "decoder.layers": list(range(last + 1)),
        "dec_bbox_head": list(range(last + 1)),
        "dec_score_head": [last],
    }


@torch.no_grad()
def test_layers_after_the_last_do_not_change_the_output(tiny):
    x = images(2, 3, 96, 64)
    before = tiny(x)
    decoder = tiny.decoder
    for unused in (decoder.decoder.layers[2], decoder.dec_bbox_head[2], decoder.dec_score_head[2]):
        for parameter in unused.parameters():
            parameter.fill_(torch.nan)
    torch.testing.assert_close(tiny(x), before, rtol=0, atol=0)
    assert tiny.train()(x)["pred_logits"].isnan().any()


@torch.no_grad()
def test_boxes_are_refined_by_every_layer(tiny):
    x = images(1, 3, 96, 64)
    before = tiny(x)["pred_boxes"]
    tiny.decoder.dec_bbox_head[0].layers[-1].bias += 1
    assert (tiny(x)["pred_boxes"] - before).abs().mean() > 1e-3


@torch.no_grad()
def test_deployed_r18_gives_the_same_with_its_branches_merged(r18):
    x = images(2, 3, 96, 160)
    state = {name: tensor.clone() for name, tensor in r18.state_dict().items()}
    deployed = r18.deploy()
    before, after = r18(x), deployed(x)

    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
    torch.testing.assert_close(dict(r18.state_dict()), state, rtol=0, atol=0)
    assert sum(isinstance(module, RepVGGBlock) for module in r18.modules()) == 12
    assert not any(isinstance(module, RepVGGBlock) for module in deployed.modules())
    # A block of width 128 had two kernels and eight norm vectors; it has one kernel and a bias.
    merged, parts = 128 * 128 * 9 + 128, 128 * 128 * (9 + 1) + 4 * 128
    saved = sum(p.numel() for p in r18.parameters()) - sum(p.numel() for p in deployed.parameters())
    assert saved == 12 * (parts - merged)


@torch.no_grad()
def test_deployed_tiny_gives_the_same(tiny):
    x = images(2, 3, 96, 160)
    torch.testing.assert_close(tiny.deploy()(x), tiny(x), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", rtdetr.VARIANTS)
def test_every_variant_deploys(name):
    with torch.device("meta"):
        model = rtdetr.build(name)
        deployed = model.deploy()
        outputs = deployed(torch.empty(1, 3, 256, 320))
    merged = model.config.encoder.csp_blocks * 2 * 2
    assert sum(isinstance(module, RepVGGBlock) for module in model.modules()) == merged
    assert not any(isinstance(module, RepVGGBlock) for module in deployed.modules())
    assert outputs["pred_boxes"].shape == (1, 300, 4)


def test_deploying_leaves_a_training_model_training_and_takes_meta():
    with torch.device("meta"):
        model = rtdetr.RTDETR(TINY).train()
    deployed = model.deploy()
    assert all(module.training for module in model.modules())
    assert not any(module.training for module in deployed.modules())
    assert all(tensor.is_meta for tensor in deployed.state_dict().values())
    shared = {id(p) for p in model.parameters()} & {id(p) for p in deployed.parameters()}
    assert not shared


def test_every_parameter_that_training_reads_gets_a_gradient(tiny):
    tiny.train()
    outputs = tiny(images(2, 3, 96, 64))
    (outputs["pred_logits"].square().sum() + outputs["pred_boxes"].square().sum()).backward()
    trained = {name: p for name, p in tiny.named_parameters() if p.requires_grad}
    untouched = {name for name, p in trained.items() if p.grad is None}
    # Auxiliary predictions and denoising queries come with the losses; selection has no gradient.
    aside = ("enc_score_head", "dec_score_head.0", "dec_score_head.1", "denoising_class_embed")
    assert {name.removeprefix("decoder.").rsplit(".", 1)[0] for name in untouched} == set(aside)
