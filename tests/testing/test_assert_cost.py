"""``fxflops.testing.assert_cost``: conditions, and snapshots in a pytest of their own."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn

import fxflops
from fxflops.testing import assert_cost

ROOT = Path(__file__).parents[2]
SPEC = "x: N 3 8 10"
PER_IMAGE = (2 * 9 * 3 * 4 + 4) * 8 * 10
"""FLOPs of a convolution of 3 by 3 from 3 to 4 channels, with its bias."""


def conv():
    return nn.Conv2d(3, 4, 3, padding=1)


def test_conditions_that_hold():
    assert_cost(conv(), SPEC, flops=f"<= {PER_IMAGE}", parameters="== 112")
    assert_cost(conv(), SPEC, flops=f"== {5 * PER_IMAGE}", at={"N": 5}, span=">= 1k")
    assert_cost("torchvision:resnet18", flops="<= 3.7G", macs="<= 1.9G")


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"flops": f"<= {PER_IMAGE - 1}"}, f"FLOPs 17.60 kFLOP ({PER_IMAGE:,})"),
        ({"parameters": "< 112"}, "parameters 112 (112)"),
        ({"flops": "<= 1", "bytes": "<= 1"}, "flops <= 1 does not hold"),
    ],
)
def test_conditions_that_do_not_hold(conditions, said):
    with pytest.raises(AssertionError, match=re.escape(said)):
        assert_cost(conv(), SPEC, **conditions)


def test_the_dearest_module_is_named():
    model = nn.Sequential(conv(), nn.Conv2d(4, 64, 3))
    with pytest.raises(AssertionError, match=r"the dearest module is 1$"):
        assert_cost(model, SPEC, flops="<= 1k")


class Unknown(nn.Module):
    def forward(self, x):
        return torch.linalg.matrix_exp(x @ x.transpose(-1, -2))


def test_an_upper_bound_of_what_is_uncounted_is_not_proven():
    with pytest.raises(AssertionError, match=r"not proven: aten\.linalg_matrix_exp"):
        assert_cost(Unknown(), SPEC, flops="<= 1T")
    assert_cost(Unknown(), SPEC, flops=">= 100", parameters="<= 0")


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"speed": "<= 1"}, "There is no quantity 'speed'"),
        ({"flops": "8G"}, "is no condition"),
        ({"flops": 8}, "must be a comparison"),
    ],
)
def test_conditions_that_cannot_be_read(conditions, said):
    with pytest.raises(fxflops.SpecError, match=said):
        assert_cost(conv(), SPEC, **conditions)


TESTS = """
from torch import nn
from fxflops.testing import assert_cost

def test_cost():
    assert_cost(nn.Conv2d(3, {channels}, 3), "x: N 3 H W", at={{"H": 9, "W": 9}})
    assert_cost(nn.Linear(3, 5), "x: N 3")
"""


def run(folder, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    plugins = ["-p", "no:randomly", "-p", "no:cacheprovider", "-p", "fxflops.testing.plugin"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *words]
    if "fxflops" in _entry_points():
        command[command.index("fxflops.testing.plugin")] = "no:xdist"
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def _entry_points():
    from importlib.metadata import entry_points

    return {point.name for point in entry_points(group="pytest11")}


def test_snapshots(tmp_path):
    file = tmp_path / "test_mine.py"
    file.write_text(TESTS.format(channels=4))
    first = run(tmp_path)
    assert first.returncode == 1
    assert "pytest --fxflops-update writes it" in first.stdout
    assert run(tmp_path, "--fxflops-update").returncode == 0
    names = {path.name for path in (tmp_path / "__fxflops__").iterdir()}
    assert names == {"test_mine.test_cost.json", "test_mine.test_cost-2.json"}
    assert run(tmp_path).returncode == 0
    file.write_text(TESTS.format(channels=6))
    changed = run(tmp_path)
    assert changed.returncode == 1
    assert "+108·N·H·W" in changed.stdout  # 2 · 9 · 3 · 2 more per pixel, of which the edges less
    assert re.search(r"parameters +112 +168", changed.stdout)
    assert "takes this for right" in changed.stdout


def test_a_snapshot_needs_a_test(monkeypatch):
    from fxflops.testing import snapshots

    with monkeypatch.context() as outside:  # the plugin itself has this test running
        outside.setattr(snapshots, "running", [])
        with pytest.raises(fxflops.SpecError, match="There is no test to have a snapshot"):
            assert_cost(conv(), SPEC)


def test_the_plugin_is_an_entry_point_that_imports_no_torch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    name = project["entry-points"]["pytest11"]["fxflops"]
    assert import_module(name).pytest_addoption
    code = f"import {name}, sys; sys.exit('torch' in sys.modules or 'sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
