"""``fxflops explain``: tools run for real, and what is said when something does not fit."""

import json
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from fxflops.cli import main
from fxflops.errors import CheckError, ConventionError, SpecError
from fxflops.peers import explanation as explaining
from fxflops.peers.explanation import TOOLS, explain, tool_names
from fxflops.peers.process import Measured
from tests.conventions import toys

EVERYTHING = "tests.conventions.toys:Everything"
SHARED = ["explain", "tests.conventions.toys:Shared", "--input", toys.INPUTS, "--at", "N=1,H=8,W=8"]
MACS = 64 * 27 * 3 * 3
RELU = 64 * 3
MODELS = {
    "rtdetr_r18": None,
    "rtdetr_r50": None,
    "tests.conventions.deployed:r18": "image: N 3 H%32 W%32",
    "tests.conventions.deployed:r50": "image: N 3 H%32 W%32",
    "torchvision:resnet50": None,
    "torchvision:mobilenet_v3_large": None,
    "torchvision:vit_b_16": "image: N 3 224 224",
    "torchvision:swin_t": "image: N 3 224 224",
}


def installed(tool):
    distribution = {"ptflops-aten": "ptflops"}.get(tool, tool)
    distribution = {"torch-profiler": "torch", "flop-counter": "torch"}.get(tool, distribution)
    try:
        version(distribution)
    except PackageNotFoundError:
        pytest.skip(f"needs {distribution}")


@pytest.fixture
def says(monkeypatch):
    """Lets a test say what a tool measures, in place of the tool."""

    def put(total=None, **others):
        def measure(*args, **kwargs):
            return Measured(version="0", python=sys.executable, total=total, **others)

        monkeypatch.setattr(explaining, "measure", measure)

    return put


@pytest.mark.parametrize("tool", ["flop-counter", "torch-profiler"])
def test_a_process_of_its_own_says_the_same(tool):
    sizes = {"N": 1, "H": 8, "W": 16}
    (outcome,) = explain(EVERYTHING, toys.INPUTS, against=[tool], sizes=sizes).tools
    assert outcome.measured.total == outcome.convention > 0
    assert outcome.measured.python == sys.executable


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_every_kind_of_call(tool):
    installed(tool)
    sizes = {"N": 2, "H": 16, "W": 24}
    outcome = explain(EVERYTHING, toys.INPUTS, against=[tool], sizes=sizes)
    assert not outcome.failures
    if tool != "torchprofile":  # which fails on the fast path of attention, for a known cause
        assert outcome.tools[0].unexplained == 0


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_to_the_last_flop(tool, model):
    installed(tool)
    spec, sizes = MODELS[model], {"N": 1}
    if spec and "H%32" in spec:
        sizes |= {"H": 640, "W": 640}
    assert not explain(model, spec, against=[tool], sizes=sizes).failures


def test_what_is_unexplained_is_said_and_exits_1(says, capsys):
    says(total=MACS + 5)
    assert main([*SHARED, "--against", "ultralytics-thop"]) == 1
    out, err = capsys.readouterr()
    assert "UNEXPLAINED" in out
    assert "-5" in out
    assert f"measured {MACS + 5}" in err
    says(total=MACS)
    assert main([*SHARED, "--against", "ultralytics-thop"]) == 0
    assert "UNEXPLAINED" not in capsys.readouterr().out


@pytest.mark.parametrize(("why", "status"), [("", 1), ("it does that", 0)])
def test_a_tool_that_fails_is_reported(why, status, says, capsys):
    says(error="ValueError: no (x.py:1)", why=why)
    assert main([*SHARED, "--against", "fvcore", "--format", "markdown"]) == status
    out = capsys.readouterr().out
    assert "ValueError: no (x.py:1)" in out
    assert (why or "The cause is not known") in out


@pytest.mark.parametrize("format", ["table", "markdown", "json"])
def test_what_a_tool_leaves_out_has_our_count(format, says, capsys):
    says(total=MACS + 2 * RELU, left_out=("Shared",))
    assert main([*SHARED, "--against", "ptflops", "--format", format]) == 1  # shared: 4 layers
    out = capsys.readouterr().out
    if format == "json":
        report = json.loads(out)
        assert report["schema"] == "fxflops-explain/1"
        (tool,) = report["tools"]
        steps = sum(step["flops"] for step in tool["steps"])
        assert tool["measured"] + tool["unexplained"] + steps == tool["fxflops"]
        assert all(s["flops"] == sum(s["modules"].values()) for s in tool["steps"])
        assert tool["left_out"] == [{"kind": "Shared", "modules": 1, "flops": 0, "missed": 0}]
    else:
        assert "counted again: a layer, and the function that it calls" in out


def test_only_tools_are_explained():
    assert tool_names(["all"]) == TOOLS
    assert tool_names(["torch.profiler", "torch-profiler"]) == ("torch-profiler",)
    with pytest.raises(CheckError, match="a convention of ours"):
        tool_names(["macs"])
    with pytest.raises(SpecError, match="no convention 'nothing'"):
        tool_names(["nothing"])


def test_uncounted_work_is_not_explained(says):
    says(total=1)
    with pytest.raises(ConventionError, match="uncounted operators"):
        explain("tests.conventions.toys:Uncounted", "x: N", against=["fvcore"], sizes={"N": 2})


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--against", "fvcore", "--python", "/no/python"], "Cannot run /no/python"),
        (["--against", "fvcore", "--python", "thop="], "not of the form"),
        (["--against", "fvcore", "--picture", "way.pdf"], "neither in .png nor in .svg"),
    ],
)
def test_bad_input_gets_one_line_and_exit_2(words, error, capsys):
    assert main([*SHARED, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert error in err


def test_a_missing_tool_is_named_with_the_command_that_installs_it(monkeypatch, capsys):
    from fxflops.peers import process

    monkeypatch.setattr(process, "_ask", lambda *_: {"missing": "No module named 'fvcore'"})
    assert main([*SHARED, "--against", "fvcore"]) == 2
    assert "pip install 'fxflops[peers]'" in capsys.readouterr().err
    assert main([*SHARED, "--against", "thop"]) == 2
    assert "--python thop=PATH" in capsys.readouterr().err


def test_a_picture_without_matplotlib_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main([*SHARED, "--against", "fvcore", "--picture", "way.png"]) == 2
    assert "pip install 'fxflops[picture]'" in capsys.readouterr().err


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_picture(suffix, start, tmp_path, says, capsys):
    pytest.importorskip("matplotlib")
    says(total=MACS)
    file = tmp_path / f"way.{suffix}"
    assert main([*SHARED, "--against", "ultralytics-thop,thop", "--picture", str(file)]) == 1
    assert file.read_bytes().startswith(start)


def test_the_bars_of_the_picture_are_in_one_unit_and_sum_to_ours():
    pytest.importorskip("matplotlib")
    from fxflops.peers.waterfall_picture import _number, _steps
    from tests.reports.tiny import EXPLANATIONS

    first, *changes, last = _steps(EXPLANATIONS.tools[0])
    # 207 multiply-adds were measured and 210 explained; 210 more make them 2 FLOP each.
    assert first.label == "fvcore: 207 MAC, multiply-adds as 2 FLOP"
    assert first.amount == 207 + 210
    assert [_number(step) for step in changes] == ["+3 FLOP", "+80 FLOP"]
    assert first.amount + sum(step.amount for step in changes) == last.amount == 500


@pytest.mark.parametrize("format", ["table", "markdown", "json"])
def test_all_names_each_tool_that_is_missing_and_how_to_get_it(format, says, monkeypatch, capsys):
    says(total=MACS)
    measure = explaining.measure

    def some(tool, *args, **kwargs):
        if tool == "thop":
            raise explaining.MissingToolError("thop is not here: get it so.")
        return measure(tool, *args, **kwargs)

    monkeypatch.setattr(explaining, "measure", some)
    main([*SHARED, "--against", "all", "--format", format])
    out, err = capsys.readouterr()
    assert "get it so" in out
    assert "thop is not here: get it so." in err
    if format == "json":
        report = json.loads(out)
        assert [tool["tool"] for tool in report["missing"]] == ["thop"]
        assert len(report["tools"]) == len(TOOLS) - 1


@pytest.mark.parametrize("words", [["check", "--nodes", "--format", "json"]])
def test_nodes_change_nothing_in_json_and_are_refused(words, capsys):
    command, *options = words
    assert main([command, *SHARED[1:], *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "leave out --nodes" in err
