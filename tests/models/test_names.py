"""A model answers to the name that people know; what does not answer says in one line why."""

import json
import subprocess
import sys

import pytest

import fxflops
from fxflops import models
from fxflops.cli import main
from fxflops.models import bare, hf


def lines_of(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_the_index_has_exactly_the_models_that_the_libraries_list():
    import torchvision

    assert set(models.source("torchvision").names()) == set(torchvision.models.list_models())
    timm = pytest.importorskip("timm")
    assert set(models.source("timm").names()) == set(timm.list_models())


def test_the_index_has_the_architectures_of_transformers_alone():
    transformers = pytest.importorskip("transformers")
    names = list(hf.names())
    assert len(names) > 1000
    for name in sorted(names)[::97]:
        assert hasattr(getattr(transformers, name), "main_input_name"), name


def test_every_name_of_the_index_is_full():
    for name in bare.every():
        library, colon, _ = name.partition(":")
        assert models.is_installed(name), name
        assert not colon or library in models.LIBRARIES


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("vit_b_16", "torchvision:vit_b_16"),
        ("vit_tiny_patch16_224", "timm:vit_tiny_patch16_224"),
        ("LlamaForCausalLM", "hf:LlamaForCausalLM"),
        ("rtdetr_r50", "rtdetr_r50"),
    ],
)
def test_a_bare_name_is_the_one_that_has_it(name, full):
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    assert bare.full(name) == full
    assert models.is_installed(name)


def test_a_name_that_several_have_lists_them_and_answers_with_its_library(capsys):
    pytest.importorskip("timm")
    assert main(["resnet50"]) == 2
    assert "give torchvision:resnet50 or timm:resnet50." in lines_of(capsys)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hf:GPTNeoXLayer", "GPTNeoXLayer of transformers is no model with a configuration"),
        ("hf:BarkModel", "has no forward, it only generates with others: count those, hf:Bark"),
    ],
)
def test_a_class_of_transformers_that_cannot_be_counted_says_why(name, says, capsys):
    pytest.importorskip("transformers")
    assert name.removeprefix("hf:") not in set(hf.names())
    assert main([name]) == 2
    assert says in lines_of(capsys)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("vitb16", "torchvision:vit_b_16"),
        ("LLamaForCausalLM", "hf:LlamaForCausalLM"),
        ("rtdetr_r50d", "rtdetr_r50vd"),
        ("bert-base-uncased", "did you mean hf:BertModel"),
        ("llama", "did you mean hf:LlamaModel"),
    ],
)
def test_suggestions_are_of_all_libraries(name, near, capsys):
    pytest.importorskip("transformers")
    assert main([name]) == 2
    assert near in lines_of(capsys)


REFUSED_WITHOUT_TORCH = ("resnet51", "net.onnx", "net.safetensors")


@pytest.mark.parametrize("name", REFUSED_WITHOUT_TORCH)
def test_a_name_that_is_none_is_refused_without_torch(name):
    code = (
        "import sys; from fxflops.cli import main; status = main([sys.argv[1]]);"
        "assert status == 2; heavy = {'torch', 'timm', 'transformers', 'torchvision'};"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code, name], check=True, capture_output=True)


def test_list_prints_full_names_and_imports_no_library():
    code = (
        "import sys; from fxflops.cli import main; status = main(['list', 'R50VD']);"
        "assert status == 0; assert not {'torch', 'timm', 'transformers'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8"
    )
    assert "rtdetr_r50vd" in done.stdout.splitlines()


def test_list_takes_patterns_of_the_whole_name_and_suggests(capsys):
    assert main(["list", "torchvision:squeezenet1_?"]) == 0
    out = capsys.readouterr().out
    assert out == "torchvision:squeezenet1_0\ntorchvision:squeezenet1_1\n"
    assert main(["list", "squezenet1_1"]) == 2
    assert "torchvision:squeezenet1_1" in lines_of(capsys)


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"fxflops {fxflops.__version__}\n"


@pytest.mark.parametrize("suffix", models.WEIGHTS)
def test_a_file_without_a_graph_of_pytorch_says_what_it_lacks_and_what_to_do(suffix, capsys):
    assert main([f"some/net{suffix}"]) == 2
    said = lines_of(capsys)
    assert f"some/net{suffix}" in said
    assert "without" in said
    assert "torch.export.save" in said


TINY = {
    "model_type": "vit",
    "architectures": ["ViTModel"],
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "image_size": 32,
    "patch_size": 16,
}


def kept(hub, identifier, written):
    folder = hub / f"models--{identifier.replace('/', '--')}" / "snapshots" / "0123"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(written))


def test_an_identifier_of_the_hub_is_that_of_its_local_copy(tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert main(["someone/tiny-vit"]) == 2
    assert "hf download someone/tiny-vit config.json" in lines_of(capsys)
    kept(tmp_path, "someone/tiny-vit", TINY)
    for name in ("someone/tiny-vit", "hf:someone/tiny-vit"):
        named = models.find(name)
        assert named.name == name
        assert models.is_file(name)
        assert not models.is_installed(name)
    folder = tmp_path / "models--someone--tiny-vit" / "snapshots" / "0123"
    counted = [
        fxflops.analyze(str(path), dtype="float32").formula("flops")
        for path in ("someone/tiny-vit", folder, folder / "config.json", f"hf:{folder}")
    ]
    assert len(set(counted)) == 1


def test_a_name_of_the_hub_without_an_uploader(tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert main(["tiny-vit"]) == 2
    assert "If it is one of the Hub: hf download tiny-vit config.json" in lines_of(capsys)
    kept(tmp_path, "tiny-vit", TINY)
    models.require("tiny-vit")
    assert models.find("tiny-vit").name == "tiny-vit"


def test_a_configuration_says_whose_it_is(tmp_path):
    pytest.importorskip("timm")
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"architecture": "mobilenetv3_small_050", "num_classes": 1000}))
    named = models.find(str(path))
    assert str(named.inputs) == str(models.find("timm:mobilenetv3_small_050").inputs)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no/such/folder", "There is no file or folder"),
        ("nowhere/config.json", "Cannot read the configuration"),
        ("nowhere.py", "There is no file nowhere.py"),
        ("nowhere.py:build", "There is no file nowhere.py"),
        ("/", "has no config.json"),
    ],
)
def test_a_path_that_leads_nowhere(name, says, capsys):
    assert main([name]) == 2
    assert says in lines_of(capsys)


def test_a_configuration_without_an_architecture(tmp_path, capsys):
    for number, written in enumerate(([], {}, {"model_type": 3}, {"architecture": "no_such_one"})):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(written))
        assert main([str(path)]) == 2
        assert lines_of(capsys)


FILE = """
from beside import WIDTH
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)

    def forward(self, x):
        return self.linear(x)

class Net(Block):
    def __init__(self):
        super().__init__(WIDTH)
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "beside.py").write_text("WIDTH = 5\n")
    path = tmp_path / "random.py"  # not that of the standard library
    path.write_text(FILE)
    yield path
    sys.modules.pop("beside", None)


def test_a_file_of_one_model_is_that_model(file):
    assert fxflops.analyze(str(file), "x: N 5").at(N=3).contraction == 2 * 3 * 5 * 5
    assert not models.is_installed(str(file))
    assert sys.path[0] != str(file.parent)


def test_a_file_of_several_models_names_them(file, capsys):
    file.write_text(f"{FILE}\ndef build(width=7):\n    return Block(width)\n")
    assert main([str(file), "--input", "x: N 5"]) == 2
    said = lines_of(capsys)
    assert f"{file}:Net" in said
    assert f"{file}:build" in said
    assert "Block" not in said
    assert fxflops.analyze(f"{file}:build", "x: N 7").at(N=3).contraction == 2 * 3 * 7 * 7


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("import torch\n", "has no model"),
        ("raise SystemExit('that is all')\n", "that is all"),
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
        ("def (:\n", "invalid syntax"),
        ("def build(width):\n    pass\n", "build must be given arguments"),
    ],
)
def test_a_file_that_gives_no_model(tmp_path, content, says, capsys):
    path = tmp_path / "model.py"
    path.write_text(content)
    assert main([str(path), "--input", "x: N 5"]) == 2
    assert says in lines_of(capsys)
