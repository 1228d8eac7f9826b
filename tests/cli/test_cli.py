"""The command line, as its users meet it."""

import json
import subprocess
import sys

import pytest

from fxflops.cli import main

SMALL = ["torch.nn:Identity", "--input", "x: N H"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rtdetr_r51"], "did you mean rtdetr_r50"),
        (["rtdetr_r18", "--size", "630x640"], "H must be a multiple of 32. Nearest: 608, 640"),
        (["rtdetr_r18", "--size", "0x640"], "no positive integer"),
        (["rtdetr_r18", "--size=-32x640"], "no positive integer"),
        (["rtdetr_r18", "--size", "640"], "not of the form HxW"),
        (["rtdetr_r18", "--batch", "two"], "no positive integer"),
        (["rtdetr_r18", "--size", "640x640", "--at", "H=320"], "two values"),
        (["rtdetr_r18", "--at", "Z=3"], "no size Z"),
        (["rtdetr_r18", "--input", "image: N 3 H%0 W"], "multiple of 0"),
        (["rtdetr_r18", "-o", "/nowhere/at/all.json"], "no directory"),
        (["rtdetr_r18", "--depth", "x"], "--depth must be 0 or more, not 'x'"),
        ([*SMALL], "No value for the size N, H"),
        (["torch.nn:Nothing", "--input", "x: N"], "has no 'Nothing'"),
        (["no_such_package:f", "--input", "x: N"], "Cannot import no_such_package"),
        (["torch.nn:Identity"], "says nothing of its input"),
        (["check", "rtdetr_r18", "--repetitions", "0"], "no positive integer"),
    ],
)
def test_bad_input_gets_one_line_and_exit_2(words, says, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err


def test_an_unknown_option_is_one_line(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["rtdetr_r18", "--nonsense"])
    assert exit.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("format", ["table", "markdown", "json", "csv", "latex"])
def test_every_format_says_the_number(format, capsys):
    words = ["torch.nn:Flatten", "--input", "x: N 3 H%2", "--at", "N=2,H=8", "--format", format]
    assert main(words) == 0
    assert capsys.readouterr().out


def test_json_formulas_give_their_values(capsys):
    assert main(["rtdetr_r18", "--size", "320x416", "--batch", "2", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "fxflops/1"
    assert report["complete"]
    assert report["at"] == {"N": 2, "H": 320, "W": 416}
    names = {**report["at"], "Max": max, "Min": min}
    assert all(eval(condition, names) for condition in report["domain"])
    for row in (report["totals"], *report["modules"], *report["operators"]):
        for quantity in row.values():
            if isinstance(quantity, dict) and "formula" in quantity:
                assert eval(quantity["formula"], names) == quantity["value"]
    assert report["modules"][0]["path"] == ""


def test_symbolic_prints_formula_and_domain(tmp_path, capsys):
    file = tmp_path / "formula.txt"
    assert main(["torch.nn:ReLU", "--input", "x: N 3 H%32", "--symbolic", "-o", str(file)]) == 0
    assert capsys.readouterr().out == ""
    assert "3*N*H" in file.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["formula.txt"]


def test_importing_the_package_is_cheap():
    code = "import sys, fxflops; sys.exit('torch' in sys.modules or 'sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_output_that_is_full_or_closed_leaves_no_traceback():
    command = f"{sys.executable} -m fxflops cache"
    full = subprocess.run(f"{command} >/dev/full", shell=True, capture_output=True, text=True)
    assert full.returncode == 2
    assert full.stderr.startswith("fxflops: Cannot write to the standard output: ")
    assert full.stderr.count("\n") == 1
    closed = subprocess.run(f"{command} >&-", shell=True, capture_output=True, text=True)
    assert (closed.returncode, closed.stderr) == (0, "")
