"""Models of torchvision: both front ends, and PyTorch's own counter away from the traced sizes."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

import fxflops

GRID_32, GRID_224 = "image: N 3 H%32 W%32", "image: N 3 H%224 W%224"
FAST = {
    "resnet50": GRID_32,
    "convnext_tiny": GRID_32,
    "mobilenet_v3_large": GRID_32,
    "swin_t": GRID_224,
    "vit_b_16": "image: N 3 224 224",
}
SLOW = {
    "alexnet": GRID_32,
    "deeplabv3_resnet50": GRID_32,
    "densenet121": GRID_32,
    "efficientnet_b0": GRID_32,
    "efficientnet_v2_s": GRID_32,
    "fcn_resnet50": GRID_32,
    "googlenet": GRID_32,
    "inception_v3": GRID_32,
    "lraspp_mobilenet_v3_large": GRID_32,
    "maxvit_t": "image: N 3 224 224",
    "mnasnet1_0": GRID_32,
    "mobilenet_v2": GRID_32,
    "regnet_y_400mf": GRID_32,
    "resnext50_32x4d": GRID_32,
    "shufflenet_v2_x1_0": GRID_32,
    "squeezenet1_0": GRID_32,
    "swin_v2_t": "image: N 3 256 256",
    "vgg11_bn": GRID_32,
}
NEEDS_NUMBERS = ("regnet_y_400mf",)
"""Whose constructors compute with weights."""
SEGMENTATION = ("deeplabv3_resnet50", "fcn_resnet50", "lraspp_mobilenet_v3_large")
EVERY = [*FAST.items(), *(pytest.param(*item, marks=pytest.mark.slow) for item in SLOW.items())]
AWAY = [{"N": 1, "H": 448, "W": 672}, {"N": 3, "H": 896, "W": 448}]


def built(name):
    more = {"weights_backbone": None} if name in SEGMENTATION else {}
    if name in ("googlenet", "inception_v3"):
        more["init_weights"] = False
    with torch.device("cpu" if name in NEEDS_NUMBERS else "meta"):
        return models.get_model(name, weights=None, **more).eval().to("meta")


def torch_count(model, n, h, w):
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.empty(n, 3, h, w, device="meta"))
    return counter.get_total_flops()


@pytest.mark.parametrize(("name", "spec"), EVERY)
def test_contraction_is_what_torch_counts(name, spec):
    model = built(name)
    analysis = fxflops.analyze(model, spec, frontend="trace")
    assert analysis.complete
    fixed = dict(zip("HW", map(int, spec.split()[3:]), strict=True)) if "H" not in spec else {}
    for away in AWAY:
        sizes = {**away, **fixed}
        free = {name: size for name, size in sizes.items() if name in analysis.domain.names}
        assert analysis.at(**free).contraction == torch_count(
            model, sizes["N"], sizes["H"], sizes["W"]
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["resnet50", "convnext_tiny", "mobilenet_v3_large", "vit_b_16", "googlenet"]
)
def test_both_front_ends_give_the_same_formulas(name):
    spec = {**FAST, **SLOW}[name]
    traced, exported = (
        fxflops.analyze(built(name), spec, frontend=frontend) for frontend in ("trace", "export")
    )
    assert traced.total == exported.total
    assert traced.domain.texts() == exported.domain.texts()
    by_operator = [
        {str(op): cost for op, cost in analysis.by_operator().items()}
        for analysis in (traced, exported)
    ]
    assert by_operator[0] == by_operator[1]
