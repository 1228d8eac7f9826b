"""What stderr says while something takes its time."""

import os
import re

import pytest

from fxflops.cli import main
from fxflops.cli.options import _seconds, progress
from fxflops.reports.steps import Steps

RELU = ["torch.nn:ReLU", "--input", "x: N 7", "--at", "N=3"]


def test_steps_have_a_number_the_time_and_what_is_left():
    now = iter([100.0, 100.0, 104.0, 110.0])
    said = []
    steps = Steps(3, said.append, lambda: next(now))
    for what in ("a", "b", "c"):
        steps(what)
    assert said == ["a", "b", "c"]
    assert [(step.number, step.of) for step in said] == [(1, 3), (2, 3), (3, 3)]
    assert [step.elapsed for step in said] == [0, 4, 10]
    assert [step.left for step in said] == [None, 8, 5]  # 4 s a step; 5 s a step


def test_more_steps_than_were_foreseen_are_no_error():
    said = []
    steps = Steps(1, said.append)
    steps("a")
    steps("b")
    assert [(step.number, step.of) for step in said] == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (150, "2 min 30 s")]
)
def test_seconds_as_people_read_them(seconds, text):
    assert _seconds(seconds) == text


def test_nothing_is_said_where_nobody_looks(capsys):
    with progress("Working …") as tell:
        Steps(1, tell)("something")
    assert capsys.readouterr().err == ""


def test_verbose_says_each_step_and_stdout_has_the_answer_alone(capsys):
    assert main(["check", *RELU, "--repetitions", "1", "-v"]) == 0
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert lines[0] == "fxflops: Checking torch.nn:ReLU …"
    assert re.fullmatch(r"fxflops: \d\.\d s: step 1 of \d+: capturing the model", lines[1])
    assert re.fullmatch(r"fxflops: .* s, about .* s left: step 2 of .*", lines[2])
    assert lines[-1].endswith("s: done")
    assert "step" not in out


def test_verbose_says_where_an_answer_is_from(capsys):
    model = ["torchvision:alexnet", "-v"]
    assert main(model) == 0
    capsys.readouterr()
    assert main(model) == 0
    assert "An answer kept before is used" in capsys.readouterr().err
    assert main([*model, "--no-cache"]) == 0
    assert "Capturing torchvision:alexnet" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are of POSIX")
def test_a_terminal_shows_the_step(tmp_path):
    import pty
    import subprocess
    import sys

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fxflops", "check", *RELU, "--repetitions", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"}
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
    assert process.wait() == 0
    assert re.search(r"step \d+ of \d+: \w+ing ", shown.decode())  # a quick one may not be drawn
