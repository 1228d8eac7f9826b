"""Names, shapes and counts against the released models; building; what importing costs."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import rtdetr
from rtdetr.variants import ALIASES

DATA = Path(__file__).parent / "data"

# Parameters and state-dict entries of the released models, frozen stem included.
RELEASED = [
    ("rtdetr_r18", "rtdetr_r18vd_6x_coco", 20_184_464, 533),
    ("rtdetr_r34", "rtdetr_r34vd_6x_coco", 31_441_668, 659),
    ("rtdetr_r50_m", "rtdetr_r50vd_m_6x_coco", 36_593_772, 760),
    ("rtdetr_r50", "rtdetr_r50vd_6x_coco", 42_891_372, 736),
    ("rtdetr_r101", "rtdetr_r101vd_6x_coco", 76_556_268, 991),
    ("rtdetrv2_r18", "rtdetrv2_r18vd_120e_coco", 20_184_464, 536),
    ("rtdetrv2_r18_voc", "rtdetrv2_r18vd_120e_voc", 20_107_424, 536),
    ("rtdetrv2_r18_sp1", "rtdetrv2_r18vd_sp1_120e_coco", 20_017_928, 536),
    ("rtdetrv2_r18_sp2", "rtdetrv2_r18vd_sp2_120e_coco", 20_073_440, 536),
    ("rtdetrv2_r18_sp3", "rtdetrv2_r18vd_sp3_120e_coco", 20_128_952, 536),
    ("rtdetrv2_r18_dsp", "rtdetrv2_r18vd_dsp_3x_coco", 20_184_464, 536),
    ("rtdetrv2_r34", "rtdetrv2_r34vd_120e_coco", 31_441_668, 663),
    ("rtdetrv2_r34_dsp", "rtdetrv2_r34vd_dsp_1x_coco", 31_441_668, 663),
    ("rtdetrv2_r50_m", "rtdetrv2_r50vd_m_7x_coco", 36_593_772, 766),
    ("rtdetrv2_r50_m_dsp", "rtdetrv2_r50vd_m_dsp_3x_coco", 36_593_772, 766),
    ("rtdetrv2_r50", "rtdetrv2_r50vd_6x_coco", 42_891_372, 742),
    ("rtdetrv2_r50_dsp", "rtdetrv2_r50vd_dsp_1x_coco", 42_891_372, 742),
    ("rtdetrv2_r101", "rtdetrv2_r101vd_6x_coco", 76_556_268, 997),
    ("rtdetrv2_hgnetv2_l", "rtdetrv2_hgnetv2_l_6x_coco", 32_925_036, 867),
    ("rtdetrv2_hgnetv2_x", "rtdetrv2_hgnetv2_x_6x_coco", 67_374_188, 1117),
    ("rtdetrv2_hgnetv2_h", "rtdetrv2_hgnetv2_h_6x_coco", 125_584_348, 1349),
]
# Published, but never as a PyTorch checkpoint: the paper gives 32 and 67 million parameters.
# Name, parameters, the release that has the same backbone and encoder.
UNRELEASED = [
    ("rtdetr_l", 32_925_036, "rtdetrv2_hgnetv2_l_6x_coco"),
    ("rtdetr_x", 67_374_188, "rtdetrv2_hgnetv2_x_6x_coco"),
]
RESNET_STEM = 3 * 32 * 9 + 32 * 32 * 9 + 32 * 64 * 9


def build_on_meta(name):
    with torch.device("meta"):
        return rtdetr.build(name)


def released_shapes(checkpoint):
    rows = (DATA / f"{checkpoint}.tsv").read_text().splitlines()
    pairs = (row.split("\t") for row in rows)
    return {name: tuple(map(int, shape.split("x"))) if shape else () for name, shape in pairs}


def test_every_variant_is_checked_against_its_release():
    assert {name for name, *_ in [*RELEASED, *UNRELEASED]} == set(rtdetr.VARIANTS)


def test_every_release_is_checked():
    assert {checkpoint for _, checkpoint, *_ in RELEASED} == {p.stem for p in DATA.glob("*.tsv")}


@pytest.mark.parametrize(("name", "checkpoint", "parameters", "entries"), RELEASED)
def test_state_dict_and_parameters_are_the_released_ones(name, checkpoint, parameters, entries):
    model = build_on_meta(name)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}

    assert shapes == released_shapes(checkpoint)
    assert len(shapes) == entries
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


@pytest.mark.parametrize(("name", "parameters", "relative"), UNRELEASED)
def test_unreleased_variants_have_the_decoder_of_v1(name, parameters, relative):
    model = build_on_meta(name)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    decoder = {name for name in shapes if name.startswith("decoder.")}

    assert decoder == {
        n for n in released_shapes("rtdetr_r50vd_6x_coco") if n.startswith("decoder.")
    }
    assert {n: shape for n, shape in shapes.items() if n not in decoder} == {
        n: shape for n, shape in released_shapes(relative).items() if not n.startswith("decoder.")
    }
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


@pytest.mark.parametrize("name", rtdetr.VARIANTS)
def test_what_is_frozen_is_the_stem_of_the_larger_variants_and_discrete_offsets(name):
    model = build_on_meta(name)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    parts = ("backbone.conv1.", "backbone.stem.")
    stem = {name for name, _ in model.named_parameters() if name.startswith(parts)}
    offsets = {name for name, _ in model.named_parameters() if ".sampling_offsets." in name}

    assert stem
    assert len(offsets) == 2 * len(model.decoder.decoder.layers)
    expected = set() if "_r18" in name or "_r34" in name else stem
    assert frozen == (expected | offsets if name.endswith("_dsp") else expected)


def test_the_stem_of_a_resnet_is_three_convolutions():
    stem = build_on_meta("rtdetr_r50").backbone.conv1
    assert sum(parameter.numel() for parameter in stem.parameters()) == RESNET_STEM


def test_freezing_reaches_as_many_stages_as_asked():
    config = rtdetr.ResNetConfig(block="basic", depths=(1, 1, 1, 1), freeze_at=2)
    from rtdetr.backbones import build_backbone

    backbone = build_backbone(config)
    trained = {part for part, p in backbone.named_parameters() if p.requires_grad}
    assert trained
    assert all(part.startswith(("res_layers.2.", "res_layers.3.")) for part in trained)


@pytest.mark.parametrize(("name", "checkpoint"), [row[:2] for row in RELEASED])
def test_a_released_state_dict_loads_strictly(name, checkpoint):
    with torch.device("meta"):
        state = {key: torch.empty(shape) for key, shape in released_shapes(checkpoint).items()}
    result = build_on_meta(name).load_state_dict(state, strict=True, assign=True)
    assert not result.missing_keys
    assert not result.unexpected_keys


@pytest.mark.parametrize("name", rtdetr.VARIANTS)
def test_building_on_meta_allocates_nothing(name):
    model = build_on_meta(name)
    assert all(tensor.is_meta for tensor in model.state_dict().values())
    assert not model.training


def test_building_gives_usable_weights():
    model = rtdetr.build("rtdetr_r18")
    decoder = model.decoder
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    torch.testing.assert_close(decoder.enc_score_head.bias.sigmoid(), torch.full((80,), 0.01))
    assert decoder.denoising_class_embed.weight[:-1].std().item() == pytest.approx(1, abs=0.05)
    assert not decoder.denoising_class_embed.weight[-1].any()
    # Head 1 of 8 looks along the diagonal: its four points lie at (1, 1), (2, 2), (3, 3), (4, 4).
    offsets = decoder.decoder.layers[0].cross_attn.sampling_offsets.bias.reshape(8, 3, 4, 2)
    steps = torch.arange(1.0, 5.0)
    torch.testing.assert_close(offsets[1, 2], torch.stack([steps, steps], dim=1))


def test_every_resnet_has_its_longer_name():
    assert (
        len(ALIASES) == sum("_r" in name.removeprefix("rtdetr") for name in rtdetr.VARIANTS) == 18
    )
    assert ALIASES["rtdetrv2_r50vd_m_dsp"] == "rtdetrv2_r50_m_dsp"


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'rtdetr_r19'.*rtdetr_r18, .*rtdetrv2_r101vd"):
        rtdetr.build("rtdetr_r19")


def test_the_catalogue_names_all():
    catalogue = rtdetr.catalogue()
    names = {*rtdetr.VARIANTS, *ALIASES}
    assert set(catalogue) == names | {f"{name}_training" for name in names}
    for name in names:
        entry, step = catalogue[name], catalogue[f"{name}_training"]
        assert set(step) == {"build", "inputs", "defaults"}
        assert set(entry) == {*step, "configuration", "construct"}
        assert entry["inputs"] == "image: N 3 H%32 W%32"
        assert entry["defaults"] == {"N": 1, "H": 640, "W": 640}
        assert step["inputs"].startswith(f"{entry['inputs']}; labels: N T int64; boxes: N T 4; ")
        assert step["defaults"] == {**entry["defaults"], "T": 7}


@pytest.mark.parametrize("name", [*rtdetr.VARIANTS, *ALIASES])
def test_the_catalogue_builds_what_it_names(name):
    entry = rtdetr.catalogue()[name]
    with torch.device("meta"):
        model = entry["build"]()
    assert model.config is rtdetr.VARIANTS[ALIASES.get(name, name)]
    assert not model.training


def test_importing_and_listing_does_not_import_torch():
    program = (
        "import sys, rtdetr, rtdetr.config, rtdetr.variants\n"
        "rtdetr.catalogue(), rtdetr.VARIANTS, rtdetr.CheckpointError, dir(rtdetr)\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(rtdetr.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize("name", rtdetr.__all__)
def test_every_public_name_is_there(name):
    assert getattr(rtdetr, name) is not None
    assert name in dir(rtdetr)


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="no attribute 'RTDETRv9'"):
        _ = rtdetr.RTDETRv9
