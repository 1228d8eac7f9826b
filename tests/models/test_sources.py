"""Libraries that are no dependencies: their models by name, where they are installed, offline."""

import json
import socket
from importlib.util import find_spec

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops import models
from fxflops.capture.prepare import example_inputs, prepared
from fxflops.cli import main
from fxflops.models import diffusers, hf_inputs, ultralytics
from fxflops.models.named import build_empty, called

PACKAGE = {"smp": "segmentation_models_pytorch", "hf": "transformers"}


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Nothing of the network can be reached."""

    def refuse(*_, **__):
        raise AssertionError("a model by name asks the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))


def require(library):
    package = PACKAGE.get(library, library)
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("diffusers:AutoencoderKL", {"H": 64, "W": 96}),
        ("diffusers:AutoencoderKL.encode", {"N": 3, "H": 64, "W": 96}),
        ("diffusers:AutoencoderKL.decode", {"H": 16, "W": 24}),
        ("diffusers:UNet2DConditionModel", {"N": 2, "H": 16, "W": 24, "L": 5}),
        ("diffusers:ControlNetModel", {"H": 16, "W": 24, "L": 5}),
        ("diffusers:DiTTransformer2DModel", {"N": 3}),
        ("ultralytics:yolo11n", {"N": 3, "H": 64, "W": 96}),
        ("smp:Unet", {"N": 3, "H": 64, "W": 96}),
        ("smp:FPN-mobilenet_v2", {"H": 64, "W": 96}),
        ("open_clip:ViT-B-32", {"N": 3}),
        ("torchaudio:wav2vec2_base", {"N": 3, "S": 5000}),
        ("hf:VideoMAEModel", {"N": 3}),
        ("hf:BlipForConditionalGeneration", {"N": 2, "L": 7}),
        ("hf:LxmertForPreTraining", {"N": 2, "L": 7, "V": 5}),
        ("hf:DecisionTransformerModel", {"N": 2, "L": 7}),
        ("hf:InformerModel", {"N": 3}),
    ],
)
def test_a_model_by_name_is_counted_as_by_flop_counter_mode(name, sizes):
    require(name.partition(":")[0])
    analysis = fxflops.analyze(name)
    assert analysis.complete
    at = {axis: sizes.get(axis, size) for axis, size in analysis.defaults.items()}
    named = models.find(name)
    module = prepared(build_empty(named)).requires_grad_(False)
    called(named, module, analysis.inputs)
    tensors = example_inputs(analysis.inputs, at, torch.float32)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module(*tensors)
    assert analysis.at(**at).contraction == counter.get_total_flops() > 0


@pytest.mark.parametrize("library", models.LIBRARIES)
def test_a_missing_library_has_no_names_and_says_how_to_get_it(library, monkeypatch, capsys):
    package = PACKAGE.get(library, library)
    if package == "torchvision":
        pytest.skip("torchvision is a dependency")
    monkeypatch.setitem(__import__("sys").modules, package, None)
    assert main([f"{library}:anything", "--no-cache"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"pip install {package}" in err


@pytest.mark.parametrize("library", models.LIBRARIES)
def test_a_name_that_a_library_has_not_is_one_line(library, capsys):
    require(library)
    assert main([f"{library}:no_such_model_at_all", "--no-cache"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "no_such_model_at_all" in err


@pytest.mark.parametrize(
    ("stem", "scales", "names"),
    [
        ("yolo11", "ns", ["yolo11n", "yolo11s"]),
        ("yolo11-seg", "n", ["yolo11n-seg"]),
        ("yoloe-11-seg", "x", ["yoloe-11x-seg"]),
        ("rtdetr-l", "l", ["rtdetr-l"]),
        ("yolov9c", "", ["yolov9c"]),
    ],
)
def test_scales_of_ultralytics_stand_after_the_version(stem, scales, names, monkeypatch):
    text = "nc: 80\n" + (
        "scales: # of depth\n" + "".join(f"  {s}: [0.5, 0.25, 1024]\n" for s in scales)
        if scales
        else ""
    )
    text += "backbone:\n  - [-1, 1, Conv]\n"
    monkeypatch.setattr(
        ultralytics.installed, "texts", lambda *_: [(f"/cfg/models/{stem}.yaml", text)]
    )
    assert list(ultralytics.names()) == names


def test_a_configuration_of_diffusers(tmp_path):
    require("diffusers")
    path = tmp_path / "config.json"
    written = {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": "0.1",
        "block_out_channels": [8],
        "norm_num_groups": 4,
        "latent_channels": 2,
    }
    path.write_text(json.dumps(written))
    whole = fxflops.analyze("diffusers:AutoencoderKL").parameters
    assert fxflops.analyze(str(path)).parameters != whole
    assert "AutoencoderKL.decode" in list(diffusers.names())


class Config:
    model_type = "no_such_type"
    sub_configs = ()
    things = 11

    def get_text_config(self, **_):
        return self


class Documented:
    """An architecture as those of transformers are."""

    main_input_name = "input_ids"
    input_modalities = ("text",)

    def forward(self, input_ids, places, marks=None, rest=None):
        """Run it.

        input_ids (`torch.LongTensor` of shape `(batch_size, sequence_length)`): tokens
        places (`torch.FloatTensor` of shape `(batch_size, sequence_length, things)`, *optional*):
            where they are
        rest (`torch.FloatTensor` of shape `(batch_size, 3)`): what it can do without
        """


def test_inputs_are_those_that_a_class_documents():
    proposed = hf_inputs.proposal(Documented, Config(), lambda _: None)
    assert str(proposed.inputs) == "input_ids: N L int64; places: N L 11"
    assert proposed.defaults == {"N": 1, "L": 128}


def test_an_input_that_nothing_documents_is_refused():
    class Undocumented(Documented):
        def forward(self, input_ids, weather):
            """Run it."""

    with pytest.raises(fxflops.ModelError, match="takes weather, whose shape"):
        hf_inputs.proposal(Undocumented, Config(), lambda _: None)


def test_the_layout_that_runs_is_taken():
    class Images(Documented):
        main_input_name = "pixel_values"
        input_modalities = ("image",)

        def forward(self, pixel_values):
            """Run it."""

    def fails(proposed):
        is_right = len(proposed.inputs.tensors[0].axes) == 5
        return None if is_right else ValueError("not of these axes")

    proposed = hf_inputs.proposal(Images, Config(), fails)
    assert str(proposed.inputs) == "pixel_values: N 1 3 H%32 W%32"
