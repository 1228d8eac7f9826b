"""Detection transformers of `transformers`: formulas in N, H, W, held against FlopCounterMode."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops import models
from fxflops.capture.prepare import prepared
from fxflops.cli import main
from fxflops.models.named import build_empty

transformers = pytest.importorskip("transformers")

RELATIVES = {
    "RTDetr": {},
    "RTDetrV2": {},
    "DFine": {},
    "DeformableDetr": {},
    "LwDetr": {"projector_scale_factors": [1.0]},
    "RfDetr": {},
    "Deimv2": {},
}
# RfDetr resizes its position embedding, in a number of products that depends on the scale.
FIXED = {"RfDetr": "no closed form over a symbolic scale: fix the axis"}
SIZES = [{"N": 3, "H": 576, "W": 704}, {"N": 2, "H": 768, "W": 640}]


@pytest.fixture
def configuration(tmp_path):
    def write(name, changes):
        config = getattr(transformers, f"{name}Config")(**changes).to_dict()
        path = tmp_path / f"{name}.json"
        architectures = [f"{name}ForObjectDetection"]
        path.write_text(json.dumps(config | {"architectures": architectures}, default=str))
        return f"hf:{path}"

    return write


def of_matrix_and_vector(matrix, vector, **_):
    """What FlopCounterMode has no formula for: DFine weighs bins with one."""
    return 2 * matrix[0] * matrix[1]


def measured(model, batch, height, width):
    module = prepared(build_empty(models.find(model))).requires_grad_(False)
    image = torch.empty(batch, 3, height, width, device="meta")
    rules = {torch.ops.aten.mv: of_matrix_and_vector}
    counter = FlopCounterMode(display=False, custom_mapping=rules)
    with counter, torch.inference_mode(), torch.device("meta"):
        module(pixel_values=image)
    return counter.get_total_flops()


@pytest.mark.slow
@pytest.mark.parametrize("name", RELATIVES)
def test_a_relative_is_counted_with_free_sizes(name, configuration, monkeypatch):
    if name == "DeformableDetr":
        pytest.importorskip("timm", reason="its backbone is of timm")
    model = configuration(name, RELATIVES[name])
    analysis = fxflops.analyze(model)
    assert analysis.complete
    if name in FIXED:
        assert analysis.domain.names == ("N",)
        assert FIXED[name] in analysis.notes[-1]
    else:
        assert analysis.domain.names == ("N", "H", "W")
    assert analysis.at(N=1).contraction > 0
    # What these models check of values cannot be known on the meta device.
    monkeypatch.setattr(torch, "_check_tensor_all_with", lambda *_: None)
    for sizes in SIZES:
        at = {**sizes, **analysis.domain.fixed}
        assert analysis.at(**at).contraction == measured(model, at["N"], at["H"], at["W"])


def test_a_configuration_file_is_a_model(configuration, capsys, monkeypatch):
    model = configuration("RTDetr", {"encoder_layers": 1, "decoder_layers": 1})
    assert main([model, "--size", "480x672", "--batch", "2", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(torch, "_check_tensor_all_with", lambda *_: None)
    assert report["totals"]["contraction"]["value"] == measured(model, 2, 480, 672)


def test_a_second_count_shows_the_work_that_the_first_one_remembers(configuration):
    model = configuration("RTDetr", {"encoder_layers": 1, "decoder_layers": 1})
    fixed = [fxflops.analyze(model, "pixel_values: 2 3 320 416").total for _ in range(2)]
    assert fixed == [fxflops.analyze(model).at(N=2, H=320, W=416)] * 2
