"""The first screen, in windows of several widths."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from fxflops.reports import render
from fxflops.reports.module_table import COLUMNS
from fxflops.reports.table import middle_cut, wrapped
from tests.reports.tiny import DOCUMENTS

LONG = "a_module_whose_name_has_eighty_characters_as_those_of_generated_models_do_have_it"
assert len(LONG) == 81

MODEL = f"""
import torch
from torch import nn

class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.{LONG[:80]} = nn.Linear(12, 10)
        self.other = nn.Linear(10, 14)

    def forward(self, x):
        return self.other(self.{LONG[:80]}(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(12, 12) for _ in range(3))
        self.tied = nn.Linear(12, 12)
        self.tied.weight = self.blocks[0].weight
        self.{LONG[:80]} = Head()

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.{LONG[:80]}(self.tied(x) + x)
"""
WORDS = ["a_model_of_long_names:Net", "--input", "x: N 12", "--at", "N=5"]
posix = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are of POSIX")


def screen(words, folder, width, **environment):
    """What a window of this many columns shows, without what moves the cursor."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    path = os.pathsep.join([str(folder), *sys.path])
    inherited = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "fxflops", *words],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**inherited, "TERM": "xterm", "PYTHONPATH": path, **environment},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 2**16)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    (path / "a_model_of_long_names.py").write_text(MODEL)
    return path


@posix
@pytest.mark.parametrize("more", [[], ["--columns", "all"], ["--depth", "2", "--sort", "params"]])
def test_no_line_is_wider_than_the_window(folder, more):
    widths = (60, 80, 120)
    shown = {w: screen([*WORDS, "--cache", *more], folder, w, NO_COLOR="1") for w in widths}
    for width, text in shown.items():
        assert max(map(len, text.splitlines())) <= width
        assert "\x1b" not in text
        assert "blocks.0-2 ×3" in text
        assert "next: --symbolic" in text
    assert "not shown in this width" in shown[60] or more[:1] != ["--columns"]


@posix
def test_a_terminal_shows_headings_in_bold_and_no_color_forbids_it(folder):
    assert "\x1b[1m" in screen([*WORDS, "--cache"], folder, 80)
    assert "\x1b" not in screen([*WORDS, "--cache"], folder, 80, NO_COLOR="1")


@posix
def test_the_window_may_be_given(folder):
    text = screen([*WORDS, "--cache"], folder, 120, COLUMNS="60", NO_COLOR="1")
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("name", [n for n in DOCUMENTS if "formulas" not in n])
def test_every_document_fits_every_window(name, width):
    text = render(DOCUMENTS[name](), "table", width=width)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_does_not_fit_is_named(width):
    document = DOCUMENTS["incomplete"]()
    text = render(document, "table", width=width)
    headings = document.tables[0].headings
    heading = next(line for line in text.splitlines() if line.startswith("module "))
    said = " ".join(re.search(r"not shown in this width: (.*?)\n\n", text, re.S)[1].split())
    shown = re.split(r"  +", heading.strip())
    assert sorted([*shown, *said.split(", ")]) == sorted(headings)


def test_a_window_that_is_wide_enough_shows_everything():
    document = DOCUMENTS["incomplete"]()
    assert render(document, "table", width=500) == render(document, "table")


@pytest.mark.parametrize("text", ["one two  three", "  indented words that go on", "x" * 50, ""])
@pytest.mark.parametrize("width", [7, 12, 20])
def test_wrapping_loses_no_character(text, width):
    lines = wrapped(text, width)
    assert max(map(len, lines), default=0) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize("width", range(1, 12))
def test_a_name_is_cut_in_its_middle(width):
    cut = middle_cut("abcdefghij", width)
    assert len(cut) == min(width, 10)
    assert cut == "abcdefghij" or "…" in cut
    assert cut[0] == "a" or width < 2


def test_columns_and_sorting_are_those_asked_for(capsys):
    from fxflops.cli import main

    words = ["torchvision:resnet18", "--columns", "calls,params,bytes_read,share", "--depth", "1"]
    assert main([*words, "--sort", "params"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("module "))
    assert lines[start].split() == ["module", "calls", "params", "bytes", "read", "share"]
    names = [line.split()[0] for line in lines[start + 1 : start + 8]]
    assert names == ["layer4", "layer3", "layer2", "fc", "layer1.0-1", "conv1", "bn1"]
    assert lines[start + 1].split()[2:4] == ["8.394", "M"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--columns", "nonsense"], "There is no column 'nonsense'. Known: all, type, output"),
        (["--columns", "params,params"], "named twice"),
        (["--columns", ""], "names no column"),
        (["--sort", "share"], "Modules are not sorted by 'share'"),
        (["--columns", "params", "--format", "json"], "not of --format json"),
        (["--sort", "flops", "--format", "csv"], "not of --format csv"),
        (["--sort", "flops", "--symbolic"], "which --symbolic does not print"),
        (["--columns", "flops", "--convention", "fvcore"], "which --convention does not print"),
    ],
)
def test_what_has_no_effect_is_refused(words, says, capsys):
    from fxflops.cli import main

    assert main(["torch.nn:ReLU", "--input", "x: N 3", "--at", "N=2", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_every_column_can_be_asked_for(capsys):
    from fxflops.cli import main

    for column in COLUMNS:
        model = ["torchvision:alexnet", "--columns", column, "--depth", "1"]
        assert main(model) == 0
        assert "features" in capsys.readouterr().out


def test_there_is_a_file_where_no_window_is():
    from fxflops.cli.options import is_screen

    assert not is_screen(SimpleNamespace(format="table", output="file"))
