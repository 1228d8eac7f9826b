"""An answer belongs to the environment and the settings of torch that it was made with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import fxflops
from fxflops import cache
from fxflops.cache import key as keys

ASKED = ["cached_model:build", "--input", "x: N 4 L", "--at", "N=2,L=9", "--cache"]
REQUEST = cache.Request("model", None, None, "auto")

READS = [
    ("CACHED_FLAG", 'os.environ.get("CACHED_FLAG")'),
    ("CACHED_FLAG", "os.getenv('CACHED_FLAG', '0')"),
    ("CACHED_FLAG", '"CACHED_FLAG" in os.environ'),
    ("CACHED_FLAG", '[os.environ[n] for n in ("CACHED_FLAG",) if n in os.environ]'),
    ("CACHED_FLAG", 'os.environ.get(f"CACHED_{NAME}", 0)'),
    ("CACHED_FLAG", 'os.environ.get("CACHED_%s" % NAME)'),
    ("CACHED_FLAG", 'os.environ.get("CACHED_" + NAME)'),
    ("CACHED_FLAG", 'os.environ.get(PACKAGE + "_FLAG")'),
    ("CACHED_FLAG", 'os.environ.get(f"{PACKAGE}_FLAG")'),
    ("CACHED_FLAG", '[v for n, v in os.environ.items() if n.startswith("CACHED")]'),
    ("CACHED_FLAG", '[v for n, v in os.environ.items() if n.startswith(("CACHED_FLA",))]'),
    ("cached_flag", 'os.environ.get("cached_flag")'),
    ("cached_flag", 'from os import environ; environ.get("cached_flag")'),
    ("CACHED_FLAG", 'helper("CACHED_FLAG")'),
    ("CACHED_FLAG", 'FLAG = "CACHED_FLAG"'),
]
PREAMBLE = 'import os\nNAME, PACKAGE, helper = "FLAG", "CACHED", print\n'


@pytest.mark.parametrize(("name", "read"), READS)
def test_a_variable_that_the_source_reads_is_part_of_the_question(
    name, read, package, captures, said, monkeypatch
):
    package(2, PREAMBLE + read + "\n")
    for count, value in enumerate((None, "0", "1", ""), start=1):
        if value is not None:
            monkeypatch.setenv(name, value)
        sys.modules.pop("cached_model", None)
        said(ASKED)
        monkeypatch.setenv("OTHER", f"{value}")
        said(ASKED)
        assert len(captures) == count


def test_an_answer_belongs_to_the_environment_from_before(package, captures, said, monkeypatch):
    """Packages set variables when they are imported; the next process does not have them."""
    package(2, 'import os\nos.environ.setdefault("CACHED_FLAG", "1")\n')
    monkeypatch.setenv("CACHED_FLAG", "")
    monkeypatch.delenv("CACHED_FLAG")
    said(ASKED)
    assert os.environ["CACHED_FLAG"] == "1"
    monkeypatch.delenv("CACHED_FLAG")
    said(ASKED)
    assert len(captures) == 1


def test_no_value_is_kept(package, said, monkeypatch):
    package(2, 'import os\nos.environ.get("CACHED_TOKEN")\n')
    monkeypatch.setenv("CACHED_TOKEN", "a-secret")
    said(ASKED)
    [path] = cache.files()
    with open(path) as file:
        assert "a-secret" not in file.read()


@pytest.mark.parametrize("name", ["TORCH_ANYTHING", "PYTORCH_JIT", "TORCHDYNAMO_DISABLE",
                                  "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "CUDA_VISIBLE_DEVICES",
                                  "ATEN_CPU_CAPABILITY"])  # fmt: skip
def test_a_variable_of_torch_is_part_of_the_question(name, monkeypatch):
    monkeypatch.delenv(name, raising=False)
    names = {cache.Key(REQUEST).name}
    for value in ("0", "1"):
        monkeypatch.setenv(name, value)
        names.add(cache.Key(REQUEST).name)
    assert len(names) == 3


@pytest.mark.parametrize("name", ["TORCHINDUCTOR_CACHE_DIR", "TORCH_HOME", "OLDPWD", "EDITOR"])
def test_what_changes_no_graph_changes_no_key(name, monkeypatch):
    monkeypatch.delenv(name, raising=False)
    before = cache.Key(REQUEST).name
    monkeypatch.setenv(name, "other")
    assert cache.Key(REQUEST).name == before


CHANGES = {
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "default device": (torch.get_default_device, torch.set_default_device, "meta"),
    "autocast": (
        lambda: torch.is_autocast_enabled("cpu"),
        lambda on: torch.set_autocast_enabled("cpu", on),
        True,
    ),
    "deterministic": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
        True,
    ),
    "fill uninitialized": (
        lambda: torch.utils.deterministic.fill_uninitialized_memory,
        lambda on: setattr(torch.utils.deterministic, "fill_uninitialized_memory", on),
        False,
    ),
    "matmul precision": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        "high",
    ),
    "flash attention": (
        torch.backends.cuda.flash_sdp_enabled,
        torch.backends.cuda.enable_flash_sdp,
        False,
    ),
    "memory-efficient attention": (
        torch.backends.cuda.mem_efficient_sdp_enabled,
        torch.backends.cuda.enable_mem_efficient_sdp,
        False,
    ),
    "attention by products": (
        torch.backends.cuda.math_sdp_enabled,
        torch.backends.cuda.enable_math_sdp,
        False,
    ),
    "cudnn attention": (
        torch.backends.cuda.cudnn_sdp_enabled,
        torch.backends.cuda.enable_cudnn_sdp,
        False,
    ),
    "fused attention layers": (
        torch.backends.mha.get_fastpath_enabled,
        torch.backends.mha.set_fastpath_enabled,
        False,
    ),
    "oneDNN": (
        lambda: torch.backends.mkldnn.enabled,
        lambda on: torch.backends.mkldnn.set_flags(on),
        False,
    ),
    "cudnn": (
        lambda: torch.backends.cudnn.enabled,
        lambda on: setattr(torch.backends.cudnn, "enabled", on),
        False,
    ),
    "einsum": (
        lambda: torch.backends.opt_einsum.enabled,
        lambda on: setattr(torch.backends.opt_einsum, "enabled", on),
        None,
    ),
}


@pytest.mark.parametrize("setting", keys.SETTINGS)
def test_a_setting_of_torch_is_part_of_the_question(setting, monkeypatch):
    get, change, other = CHANGES[setting]
    if setting == "einsum":
        if not torch.backends.opt_einsum.is_available():
            pytest.skip("opt_einsum is not installed")
        other = False
    before, name = get(), cache.Key(REQUEST).name
    assert keys._settings() == {}, "torch starts with other settings than we think"
    try:
        change(other)
        changed = cache.Key(REQUEST)
    finally:
        change(None if setting == "default device" else before)
    assert list(changed.fields["settings"]) == [setting]
    assert changed.name != name
    assert cache.Key(REQUEST).name == name


def test_a_variable_of_a_package_changes_its_graph_and_so_the_answer(cache_home):
    """timm's attention is one operator, or with ``TIMM_FUSED_ATTN=0`` several."""
    pytest.importorskip("timm")

    words = ["--columns", "all"]

    def run(*more, **variables):
        ran = subprocess.run(
            [sys.executable, "-m", "fxflops", "timm:vit_tiny_patch16_224", *words, *more],
            env={**os.environ, **variables}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return ran.stdout

    fused = run()
    apart = run(TIMM_FUSED_ATTN="0")
    assert "scaled_dot_product_attention" in fused
    assert "scaled_dot_product_attention" not in apart
    assert run() == run() == fused
    assert run(TIMM_FUSED_ATTN="1") == fused
    assert run(TIMM_FUSED_ATTN="0") == apart


MODEL = "from torch import nn\nclass M(nn.Module):\n    def forward(self, x):\n        return {}\n"


def test_a_model_of_another_folder_is_another_model(tmp_path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = str(Path(fxflops.__file__).parents[1])
    script = "from fxflops.cli import script; script()"
    options = ["--input", "x: N 4", "--at", "N=2", "--cache", "--format", "json"]
    flops = []
    for folder, result in (("a", "x * 2"), ("b", "x * 6 + x"), ("a", "x * 2")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "mine_of_two.py").write_text(MODEL.format(result))
        done = subprocess.run(
            [sys.executable, "-P", "-c", script, "mine_of_two:M", *options],
            cwd=tmp_path / folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        flops.append(json.loads(done.stdout)["totals"]["flops"]["value"])
    assert flops == [8, 16, 8]
