"""What a command writes where: the terminal, files, pipes; numbers of any length; errors."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import jsonschema
import pytest

from fxflops.cli import main
from tests.reports.test_documents import SCHEMA

RELU = ["torch.nn:ReLU", "--input", "x: N 7"]
posix = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are of POSIX")


def said(words, capsys):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(words, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fxflops: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert err[:-1].isprintable()
    return err


@posix
@pytest.mark.parametrize("no_color", [None, "1"])
def test_a_file_never_has_colors_whatever_the_terminal_shows(tmp_path, no_color):
    import pty

    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    if no_color:
        environment["NO_COLOR"] = no_color
    file = tmp_path / "out"
    for more in ([], ["-o", str(file)]):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "fxflops", *RELU, "--at", "N=3", *more]
        process = subprocess.Popen(
            command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment
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
        assert process.wait() == 0
        os.close(ours)
        if not more:
            assert (b"\x1b[1m" in shown) == (no_color is None)
            assert b"ReLU" in shown
        else:
            assert shown == b""
    assert "\x1b" not in file.read_text()
    assert "comparison" in file.read_text()


@pytest.mark.parametrize("digits", [20, 310, 1000])
def test_a_size_of_any_length_is_counted_exactly(digits, capsys):
    size = 10 ** (digits - 1) + 7
    out = said([*RELU, "--at", f"N={size}", "--format", "json"], capsys)
    report = json.loads(out)
    assert report["totals"]["comparison"]["value"] == 7 * size
    assert report["totals"]["bytes_read"]["value"] == 28 * size
    table = said([*RELU, "--at", f"N={size}", "--columns", "all"], capsys)
    line = next(line for line in table.splitlines() if line.startswith("comparison"))
    assert f"{7 * size:,}" in line
    assert re.search(r" 7\.000e|  70\.00 E ", line)


def test_what_grows_past_every_float_is_still_a_number(capsys):
    size = 10**320
    words = ["torch.nn:Softmax", "--input", "x: N L", "--at", f"N=2,L={size}", "--format", "json"]
    report = json.loads(said(words, capsys))
    flops, span = report["totals"]["flops"]["value"], report["span"]["value"]
    assert (flops, span) == (2 * (3 * size - 1), 2 * (3 * size - 1))
    assert report["parallelism"] == 1.0
    assert 0 < report["intensity"] < 1
    said(words[:-2], capsys)


@pytest.mark.parametrize(
    "words",
    [
        [*RELU, "--at", "N=" + "1" * 5000],
        [*RELU, "--at", "N=" + "1" * 4300],  # 7 N is too long to be written
        [*RELU, "--at", "N=" + "1" * 310, "--static"],
        [*RELU, "--at", "N=" + "1" * 310, "--convention", "fvcore"],
        [*RELU, "--at", "N=" + "9" * 18, "--convention", "fvcore"],
        [*RELU, "--at", "N=3", "--depth", "1" * 5000],
        ["check", *RELU, "--at", "N=" + "1" * 310],
        ["check", *RELU, "--at", "N=3", "--repetitions", "1" * 5000],
        ["explain", *RELU, "--against", "fvcore", "--at", "N=" + "1" * 310],
        [*RELU, "--size", "1" * 5000 + "x32"],
        [*RELU, "--batch", "1" * 5000],
        [*RELU, "--at", "N=" + "x" * 5000],
        ["torch.nn:ReLU", "--input", "x: N%32", "--at", "N=" + "1" * 4300],
        [*RELU, "--at", "N=3", "-o", ""],
        ["check", *RELU, "--at", "N=3", "-o", ""],
        ["explain", *RELU, "--at", "N=3", "--against", "fvcore", "--picture", ""],
        [*RELU, "--at", "N=3", "--depth", "²"],
        ["torch.nn:\x1b[31m", "--input", "x: N"],
        [*RELU, "--at", "N=\x1b[31m"],
        [*RELU, "--at", "N=3", "--loss", "\x1b]0;x\x07"],
    ],
)
def test_what_cannot_be_is_one_clear_line(words, capsys):
    refused(words, capsys)


@pytest.mark.parametrize("format", ["table", "markdown", "json", "csv", "latex"])
@pytest.mark.parametrize("more", [[], ["--convention", "contraction"]])
def test_every_format_goes_with_every_question(format, more, capsys):
    out = said([*RELU, "--at", "N=3", *more, "--format", format], capsys)
    assert "ReLU" in out or format == "csv"
    if format == "json":
        jsonschema.validate(json.loads(out), SCHEMA)
    if format == "csv":
        assert len(list(csv.reader(io.StringIO(out)))) >= 2


def test_check_speaks_every_format_and_its_json_is_as_the_schema_says(capsys):
    words = ["check", *RELU, "--at", "N=3", "--repetitions", "1"]
    jsonschema.validate(json.loads(said([*words, "--format", "json"], capsys)), SCHEMA)
    assert "torch.profiler" in said([*words, "--format", "csv"], capsys)
    assert r"\begin{tabular}" in said([*words, "--format", "latex"], capsys)


def test_the_command_line_speaks_of_options_and_python_of_arguments(capsys):
    import fxflops

    two = ["torch.nn:ReLU", "--input", "x: H W", "--at", "H=7"]
    assert "give --at W=…." in refused(two, capsys)
    analysis = fxflops.analyze("torch.nn:ReLU", "x: H 7")
    with pytest.raises(fxflops.SpecError, match=r"give H=…\.$"):
        analysis.at()
