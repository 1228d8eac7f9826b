"""``--assume``: sizes that data decide, from the command line."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
from torch import nn
from torchvision.ops import nms

from fxflops.cli import main

SCHEMA = json.loads((files("fxflops.reports") / "schema.json").read_text())
MODEL = [f"{__name__}:Keeps", "--input", "b: 9 4; s: 9", "--no-cache"]


class Keeps(nn.Module):
    """Suppression, and a layer for what is left."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 7, bias=False)

    def forward(self, b, s):
        return self.layer(b[nms(b, s, 0.5)])


class Reads(nn.Module):
    """It goes on with a value."""

    def forward(self, x):
        return x.exp() if x.sum().item() > 0 else x


def test_the_worst_case_is_the_default_and_said(capsys):
    assert main(MODEL) == 0
    out = capsys.readouterr().out
    assert "Keeps · b 9x4 · s 9 · worst case of 1 size from data · float32" in out.splitlines()[0]
    assert "torchvision.nms is charged as if no box suppressed another: " in out
    assert main([*MODEL, "--assume", "worst"]) == 0
    assert capsys.readouterr().out == out


def test_a_size_given_is_in_the_title_and_in_json(capsys):
    assert main([*MODEL, "--assume", "U1=3"]) == 0
    assert "Keeps · b 9x4 · s 9 · U1=3 · float32" in capsys.readouterr().out
    assert main([*MODEL, "--assume", "U1=3", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    assert found["symbols"] == ["U1"]
    assert found["at"] == {"U1": 3}
    [size] = found["data_sizes"]
    assert (size["name"], size["bound"], size["assumed"]) == ("U1", "9", 3)
    assert "boxes.py:" in size["where"]
    contraction = found["totals"]["contraction"]
    assert contraction["value"] == 2 * 3 * 4 * 7 == eval(contraction["formula"], {"U1": 3})
    comparison = found["totals"]["comparison"]
    names = {"U1": 3, "Min": min, "Max": max}
    assert eval(comparison["formula"], names) == comparison["value"] == 7 * 36 + 9 * 4


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("U1=10", "U1 is at most 9"),
        ("U2=3", "has no size U2 that data decide; it has U1."),
        ("U1", "not of the form NAME=SIZE"),
        ("U1=3,U1=4", "gives U1 two values"),
        ("", "is given nothing"),
    ],
)
def test_what_is_no_assumption_is_one_line(given, says, capsys):
    assert main([*MODEL, "--assume", given]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err


def test_a_convention_takes_none_and_is_not_quoted(capsys):
    words = [*MODEL, "--convention", "fvcore"]
    for more, says in ((["--assume", "U1=3"], "has no --assume"), ([], "data decide (U1)")):
        assert main([*words, *more]) == 2
        assert says in capsys.readouterr().err


def test_a_check_is_at_the_size_that_occurred(capsys):
    assert main(["check", *MODEL[:3], "--repetitions", "1"]) == 0
    assert f"{__name__}:Keeps at U1=" in capsys.readouterr().out


def test_peak_memory_is_refused(capsys):
    assert main([*MODEL, "--memory"]) == 2
    assert "data decide, at which its peak memory is not derived" in capsys.readouterr().err


def test_an_answer_from_the_cache_takes_another_assumption(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = [*MODEL[:3], "--cache"]
    for number in (9, 3):
        assert main([*words, "--assume", f"U1={number}", "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["totals"]["contraction"]["value"] == 2 * number * 4 * 7


def test_the_line_that_needs_a_value_comes_first(capsys):
    words = [f"{__name__}:Reads", "--input", "x: 4 4", "--no-cache"]
    assert main(words) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "INCOMPLETE: counted up to tests/cli/test_assume.py:" in first
    assert main([*words, "--strict"]) == 1
