"""The formulas against PyTorch's own counter and against recounts, as integers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops.capture.prepare import on_meta
from fxflops.models.named import NamedModel, build_empty
from rtdetr.variants import VARIANTS, build
from tests.recount import recount
from tests.versions import EXPORT_ASSUMES

QUICK = (
    "rtdetr_r18",
    "rtdetr_r34",
    "rtdetr_r50_m",
    "rtdetr_r50",
    "rtdetr_r101",
    "rtdetrv2_r18",
    "rtdetrv2_r18_dsp",
)
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS]
SIZES = [(n, h, w) for h, w in ((640, 640), (320, 416), (800, 1216)) for n in (1, 2, 5)]
AWAY = [(2, 320, 416), (5, 800, 1216)]  # from the size that is traced, on every axis
SPEC = "image: N 3 H%32 W%32"
DOMAIN = ("H % 32 == 0", "W % 32 == 0", "H*W >= 15360")


def meta(name):
    with torch.device("meta"):
        return build(name)


def torch_counts(model, n, h, w):
    """Convolution and matrix products as FlopCounterMode counts them on the meta device."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.empty(n, 3, h, w, device="meta"))
    counts = counter.get_flop_counts()["Global"]
    convolution = sum(c for op, c in counts.items() if "convolution" in str(op))
    return convolution, counter.get_total_flops() - convolution


def our_counts(analysis, n, h, w):
    values = analysis.values({"N": n, "H": h, "W": w})
    costs = {str(op): cost.at(values) for op, cost in analysis.by_operator().items()}
    convolution = sum(c.contraction for op, c in costs.items() if "conv" in op)
    return convolution, sum(c.contraction for c in costs.values()) - convolution


@pytest.mark.parametrize("name", EVERY)
def test_contraction_is_what_torch_counts(name):
    analysis = fxflops.analyze(name)
    model = meta(name)
    assert analysis.complete
    assert analysis.domain.names == ("N", "H", "W")
    assert analysis.domain.texts() == DOMAIN
    sizes = SIZES if name == "rtdetr_r18" else AWAY
    for size in sizes:
        assert our_counts(analysis, *size) == torch_counts(model, *size)
        assert (
            sum(our_counts(analysis, *size))
            == analysis.at(**dict(zip("NHW", size, strict=True))).contraction
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_contraction_is_what_torch_counts_at_every_size(name):
    analysis, model = fxflops.analyze(name), meta(name)
    for size in SIZES:
        assert our_counts(analysis, *size) == torch_counts(model, *size)


R18 = {}


def r18():
    if not R18:
        R18["analysis"] = fxflops.analyze("rtdetr_r18")
        R18["model"] = on_meta(meta("rtdetr_r18"))
    return R18["analysis"], R18["model"]


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 40))
def test_formula_is_the_recount(n, h, w):
    analysis, model = r18()
    sizes = {"N": n, "H": 32 * h, "W": 32 * w}
    if 21 * h * w < 300:
        with pytest.raises(fxflops.DomainError):
            analysis.at(**sizes)
        return
    assert analysis.at(**sizes) == recount(model, analysis.inputs, sizes)


def test_the_domain_is_what_the_graph_assumes():
    analysis, _ = r18()
    assert analysis.domain.texts() == DOMAIN


def assert_same(traced, exported):
    assert traced.total == exported.total
    assumed = set(exported.domain.texts()) - EXPORT_ASSUMES
    assert set(traced.domain.texts()) == assumed
    counted = {op: c for op, c in exported.by_operator().items() if c != fxflops.Cost()}
    assert {op: c for op, c in traced.by_operator().items() if c != fxflops.Cost()} == counted


@pytest.mark.slow
@pytest.mark.parametrize("name", [*QUICK, "rtdetr_l", "rtdetrv2_hgnetv2_h"])
def test_both_front_ends_agree(name):
    assert_same(fxflops.analyze(name, frontend="trace"), fxflops.analyze(name, frontend="export"))


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.norm = nn.BatchNorm2d(5)
        self.shared = nn.Linear(5, 5)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu_().flatten(2).transpose(1, 2)
        return self.shared(self.shared(x)).softmax(-1)


def test_front_ends_agree_on_a_small_model_that_is_left_as_it_is():
    model = Small().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    traced = fxflops.analyze(model, "x: N 3 H W", frontend="trace")
    assert_same(traced, fxflops.analyze(model, "x: N 3 H W", frontend="export"))
    assert model.training
    assert not model.conv._forward_hooks
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert traced.at(N=2, H=7, W=9).contraction == 2 * 2 * 7 * 9 * (5 * 3 * 9 + 2 * 5 * 5)
    assert traced.by_module()["shared"].at(traced.values({"N": 2, "H": 7, "W": 9})).flops == (
        2 * (2 * 2 * 7 * 9 * 5 * 5 + 2 * 7 * 9 * 5)
    )


def test_a_missing_multiple_is_named():
    with pytest.raises(fxflops.CaptureError, match=r"multiples of 32: .*'image: N 3 H%32 W%32'"):
        fxflops.analyze("rtdetr_r18", "image: N 3 H W")


class FixedAfterPooling(nn.Module):
    def forward(self, x):
        y = nn.functional.max_pool2d(x, 3, 2, 1)
        return y + torch.arange(int(y.shape[-1]), device=x.device)


class Fixed(nn.Module):
    def forward(self, x):
        return x + torch.zeros(int(x.shape[-1]), device=x.device)


class FixedProduct(nn.Module):
    def forward(self, x):
        h, w = x.shape[-2:]
        return x + 1 if h * w == 196 else x.permute(0, 1, 3, 2)


class FixedHalf(nn.Module):
    def forward(self, x):
        return x.sum(-1) + torch.zeros(int(-(-x.shape[-1] // 2)), device=x.device).sum()


@pytest.mark.parametrize("frontend", ["trace", "export"])
@pytest.mark.parametrize(
    ("model", "spec", "sizes", "names"),
    [
        (FixedHalf(), "x: N H", {"N": 3, "H": 224}, "H"),
        (FixedAfterPooling(), SPEC, {"H": 320, "W": 608}, "W"),
        (Fixed(), SPEC, {"H": 320, "W": 608}, "W"),
        (FixedProduct(), "x: N 3 H W", {"H": 7, "W": 28}, "H and W"),
    ],
)
def test_a_size_quietly_fixed_names_its_line(frontend, model, spec, sizes, names):
    with pytest.raises(
        fxflops.SpecializationError, match=rf"fixes {names} at .*test_pipeline.py:\d+"
    ):
        fxflops.analyze(model, spec, defaults=sizes, frontend=frontend)


class Resized(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return nn.functional.interpolate(x, scale_factor=self.factor) + 1


def assert_recounted(model, spec, *sizes, frontend="trace"):
    analysis = fxflops.analyze(model, spec, frontend=frontend)
    for at in sizes:
        assert analysis.at(**at) == recount(on_meta(model), analysis.inputs, at)


@pytest.mark.parametrize("frontend", ["trace", "export"])
def test_a_size_scaled_in_floating_point_is_exact_or_refused(frontend):
    odd, even = {"N": 2, "H": 101, "W": 67}, {"N": 1, "H": 100, "W": 66}
    assert_recounted(Resized(1.5), "x: N 3 H W", odd, even, frontend=frontend)
    with pytest.raises(fxflops.CaptureError, match="not exact"):
        # 100 * 0.29 is 28.999999999999996 in floating point, and 29 on paper.
        fxflops.analyze(Resized(0.29), "x: N 3 H W", frontend=frontend)


class BroadcastValue(nn.Module):
    def forward(self, query, value):
        return nn.functional.scaled_dot_product_attention(query, query, value) + 1


class SoftmaxInFloat32(nn.Module):
    def forward(self, x):
        return torch.softmax(x, -1, torch.float32) * 2


@pytest.mark.parametrize("frontend", ["trace", "export"])
def test_shapes_and_types_that_a_rule_must_leave_to_the_kernel(frontend):
    sizes = {"N": 2, "L": 5}, {"N": 3, "L": 7}
    assert_recounted(BroadcastValue(), "q: 1 3 L 4; v: N 3 L 4", *sizes, frontend=frontend)
    assert_recounted(SoftmaxInFloat32(), "x: N L float16", *sizes, frontend=frontend)


def test_all_sizes_may_be_one_where_that_is_proven():
    ones = {"N": 1, "H": 1, "W": 1}
    assert_recounted(Small().eval(), "x: N 3 H W", ones, {**ones, "N": 2}, {**ones, "H": 3})


def test_a_formula_of_torch_is_named():
    from torch.utils.flop_counter import flop_registry, register_flop_formula

    @torch.library.custom_op("fxflops_pipeline::double", mutates_args=())
    def double(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    @double.register_fake
    def _(x):
        return torch.empty_like(x)

    register_flop_formula(torch.ops.fxflops_pipeline.double)(lambda x, **_: 2 * x[0] * x[1])

    class Doubled(nn.Module):
        def forward(self, x):
            return double(x)

    try:
        analysis = fxflops.analyze(Doubled(), "x: N 5")
    finally:
        flop_registry.pop(torch.ops.fxflops_pipeline.double)
    assert analysis.at(N=3).contraction == 2 * 3 * 5
    assert any("fxflops_pipeline.double" in note for note in analysis.notes)
    uncounted = fxflops.analyze(Doubled(), "x: N 5")
    assert not uncounted.complete
    assert uncounted.uncounted[0].cost is None


def test_evaluation_is_exact_at_huge_sizes():
    import numpy as np

    analysis, _ = r18()
    n = np.array([1, 2**40])
    h = np.array([640, 32 * 10**6])
    expected = [analysis.at(N=int(a), H=int(b), W=640).flops for a, b in zip(n, h, strict=True)]
    assert analysis.evaluate("flops", N=n, H=h, W=640).tolist() == expected


def test_span_and_graph():
    analysis, _ = r18()
    sizes = {"N": 2, "H": 320, "W": 416}
    flow = analysis.to_networkx()
    assert 0 < analysis.span(**sizes) < analysis.at(**sizes).flops
    assert sum(kind == "input" for _, kind in flow.nodes(data="kind")) == 1


def test_example_tensors_fix_the_sizes():
    analysis = fxflops.analyze(nn.Linear(3, 5), torch.empty(2, 3))
    assert analysis.domain.names == ()
    assert analysis.at().contraction == 2 * 2 * 3 * 5


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("\nno weights\nat all"), "no weights"),
        (ImportError("\nIt needs timm.\nInstall it: pip install timm\n"), "pip install timm"),
        (KeyError(), "KeyError"),
    ],
)
def test_a_model_that_cannot_be_built_says_so_in_one_line(error, said):
    def broken():
        raise error

    with pytest.raises(fxflops.ModelError, match=f"^Cannot build it: .*{said}$") as raised:
        build_empty(NamedModel(name="it", build=broken))
    assert "\n" not in str(raised.value)
