"""From names to models, their inputs, and what packages bring."""

import json
import sys
from importlib.metadata import EntryPoint

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops import formulas, models, registry
from fxflops.cli import main
from fxflops.models.named import NamedModel, build_empty
from fxflops.spec import parse


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 5)

    def forward(self, parts, *, scale):
        return {"out": self.linear(parts["x"]) @ parts["pair"][1] * scale}


def test_arguments_are_those_of_a_call():
    parts = {"x": torch.empty(2, 3), "pair": (7, torch.empty(5, 11))}
    analysis = fxflops.analyze(Nested(), args=(parts,), kwargs={"scale": 3.0})
    assert analysis.at().contraction == 2 * 2 * 5 * 3 + 2 * 2 * 11 * 5
    with pytest.raises(fxflops.SpecError, match="Give one of them"):
        fxflops.analyze(Nested(), "x: N 3", args=(parts,))


class Grid(nn.Module):
    def forward(self, x):
        assert x.shape[-1] == 224, "the grid is fixed"
        return x + 1


def test_an_axis_that_is_fixed_is_named_with_the_spec_that_works():
    with pytest.raises(
        fxflops.CaptureError, match=r"test_models.py:\d+ in forward.*'x: N 3 H 224'"
    ):
        fxflops.analyze(Grid(), "x: N 3 H W", frontend="trace")


def test_a_grid_of_torchvision_is_counted_at_its_size():
    analysis = fxflops.analyze("torchvision:vit_b_16")
    assert str(analysis.inputs) == "image: N 3 224 224"
    assert any("vision_transformer.py" in note for note in analysis.notes)


def test_static_counts_at_one_size(capsys):
    words = ["torch.nn:ReLU", "--input", "x: N 3 H", "--static", "--format", "json"]
    assert main([*words, "--at", "N=2,H=5"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["symbols"] == []
    assert report["totals"]["comparison"]["value"] == 2 * 3 * 5
    assert main(words) == 2
    assert "No value for the size H" in capsys.readouterr().err
    assert main([*words, "--symbolic"]) == 2


def test_a_configuration_of_transformers(tmp_path):
    pytest.importorskip("transformers")
    config = {
        "model_type": "vit",
        "architectures": ["ViTModel"],
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 12,
        "image_size": 32,
        "patch_size": 16,
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    analysis = fxflops.analyze(f"hf:{path}")
    assert str(analysis.inputs) == "pixel_values: N 3 32 32"
    tokens, attention = 2 * 2 + 1, 2 * 2 * 5 * 5 * 8
    per_token = 4 * 8 * 8 + 2 * 8 * 12
    by_hand = 2 * 4 * 8 * 3 * 16 * 16 + 2 * tokens * per_token + attention + 2 * 8 * 8
    assert analysis.at(N=3).contraction == 3 * by_hand
    assert models.is_file(f"hf:{path}")
    assert not models.is_installed(f"hf:{path}")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hf:/nowhere/config.json", "Cannot read the configuration"),
        ("torchvision:resnet51", "did you mean"),
    ],
)
def test_what_is_not_there(name, says, capsys):
    assert main([name]) == 2
    assert says in capsys.readouterr().err


@pytest.fixture
def brought(monkeypatch):
    """Pretend that a package with this entry point is installed."""

    def install(value):
        entry = EntryPoint(name="brought", value=value, group=formulas.ENTRY_POINTS)
        monkeypatch.setattr(
            "importlib.metadata.entry_points",
            lambda *, group: [entry] if group == formulas.ENTRY_POINTS else [],
        )
        formulas.packages.cache_clear()

    formulas.load()
    monkeypatch.setattr(registry, "FORMULAS", dict(registry.FORMULAS))
    yield install
    formulas.packages.cache_clear()


def test_a_package_brings_its_formulas(brought, tmp_path, monkeypatch):
    library = torch.library.Library("fxflops_brought", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: torch.empty_like(x), "Meta")
    (tmp_path / "brought_formulas.py").write_text(
        "import torch, fxflops\n"
        "@fxflops.formula(torch.ops.fxflops_brought.twice.default, counter='elementwise')\n"
        "def twice(*, out):\n"
        "    return out[0] * out[1]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    class Twice(nn.Module):
        def forward(self, x):
            return torch.ops.fxflops_brought.twice(x)

    brought("brought_formulas")
    analysis = fxflops.analyze(Twice(), "x: N 7")
    assert analysis.complete
    assert analysis.at(N=3).elementwise == 3 * 7
    assert "brought_formulas" in analysis.packages


def test_formulas_that_cannot_be_loaded_are_one_line(brought, capsys):
    brought("no_such_package_of_formulas")
    assert main(["torch.nn:ReLU", "--input", "x: N 3", "--at", "N=2"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "no_such_package_of_formulas cannot be loaded" in err


class Square(nn.Module):
    """Takes images of 32 x 32 alone."""

    def forward(self, image):
        if image.shape[2:] != (32, 32):
            raise ValueError("the grid is 4 x 4")
        return image.relu()


def offered(build):
    return NamedModel(
        name=build.__name__.lower(),
        build=build,
        inputs=parse("image: N 3 H%16 W%16"),
        defaults={"N": 1, "H": 32, "W": 32},
        narrower=(parse("image: N 3 32 32"),),
    )


@pytest.fixture
def square(monkeypatch):
    monkeypatch.setattr(models, "find", lambda name, **_: offered(Square))


def test_a_model_of_one_size_takes_that_size_and_says_so_of_others(square, capsys):
    words = ["toys:square", "--no-cache", "--batch", "2", "--format", "json"]
    assert main([*words, "--size", "32x32"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["totals"]["comparison"]["value"] == 2 * 3 * 32 * 32
    assert "The sizes are those of 'image: N 3 32 32'" in report["notes"][-1]
    assert main([*words, "--size", "48x32"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("fxflops: Cannot count square at H=48: H is fixed at 32.")
    assert error.count("\n") == 1
    with pytest.raises(fxflops.DomainError, match="H is fixed at 32"):
        fxflops.analyze("square").evaluate("comparison", H=[32, 48])


class Ranked(nn.Module):
    """Sorts along the height."""

    def forward(self, image):
        return image.sort(dim=2).values


def test_a_size_is_fixed_where_a_call_has_no_closed_form_in_it(monkeypatch):
    monkeypatch.setattr(models, "find", lambda name, **_: offered(Ranked))
    analysis = fxflops.analyze("ranked")
    assert analysis.complete
    assert str(analysis.inputs) == "image: N 3 32 32"
    assert any("no closed form over a symbolic length" in note for note in analysis.notes)
    assert analysis.at(N=2).comparison == 2 * 3 * 32 * 32 * 5  # log2 32


class Detector(Square):
    """As many results as the data say, without a bound, whatever the sizes are."""

    def forward(self, image):
        image = super().forward(image)
        return image.flatten().repeat_interleave(image.flatten().long()).exp()


def test_a_model_that_fails_at_every_size_says_why_at_its_own(monkeypatch, capsys):
    monkeypatch.setattr(models, "find", lambda name, **_: offered(Detector))
    assert main(["toys:detector", "--no-cache", "--batch", "2"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "gives as many results as the data say" in error


def test_a_model_of_timm_takes_the_size_that_its_configuration_says():
    pytest.importorskip("timm")
    named = models.find("timm:mobilenetv3_small_050")
    assert str(named.inputs) == "image: N 3 H%32 W%32"
    assert named.defaults == {"N": 1, "H": 224, "W": 224}
    analysis = fxflops.analyze("timm:mobilenetv3_small_050")
    assert analysis.complete
    module = build_empty(named).eval().requires_grad_(False)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module(torch.empty(3, 3, 160, 96, device="meta"))
    assert analysis.at(N=3, H=160, W=96).contraction == counter.get_total_flops()


def test_a_name_that_timm_does_not_have_gets_the_closest(capsys):
    pytest.importorskip("timm")
    assert main(["timm:resnet51"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_a_language_model_reads_whole_sequences_of_any_length(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        n_layer=1, n_embd=8, n_head=2, n_inner=12, vocab_size=17, n_positions=64
    )
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict() | {"architectures": ["GPT2LMHeadModel"]}))
    analysis = fxflops.analyze(f"hf:{path}")
    assert str(analysis.inputs) == "input_ids: N L int64"
    assert analysis.frontend == "trace"
    per_token = 2 * (8 * 24 + 8 * 8 + 2 * 8 * 12 + 8 * 17)  # qkv, projection, feed-forward, head
    assert analysis.at(N=3, L=11).contraction == 3 * 11 * (per_token + 2 * 2 * 11 * 8)


@pytest.mark.parametrize(
    ("package", "name"),
    [("timm", "timm:resnet50"), ("transformers", "hf:ViTModel")],
)
def test_each_missing_package_gets_its_own_command(monkeypatch, capsys, package, name):
    monkeypatch.setitem(sys.modules, package, None)
    assert main([name, "--no-cache"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.rstrip().endswith(f"pip install {package}")
