"""Models and inputs at fault get one line that says what, where and what to do next."""

import io
import sys

import pytest
import torch
from torch import nn

import fxflops
from fxflops.capture.prepare import failure
from fxflops.cli import main


class Twice(nn.Module):
    def forward(self, x):
        return x * 2


class Jagged(nn.Module):
    def forward(self, x):
        rows = [torch.zeros(2, 4), torch.zeros(3, 4)]
        return torch.nested.nested_tensor(rows, layout=torch.jagged) * 2


class Holds(nn.Module):
    def __init__(self, held):
        super().__init__()
        self.held = held

    def forward(self, x):
        return self.held * 2


def holds_rows():
    rows = [torch.zeros(2, 4), torch.zeros(3, 4)]
    return Holds(torch.nested.nested_tensor(rows, layout=torch.jagged))


@pytest.mark.filterwarnings("ignore:Sparse")
def holds_compressed():
    return Holds(torch.eye(4).to_sparse_csr())


class StopError(BaseException):
    """Above Exception."""


class Stops(nn.Module):
    def forward(self, x):
        raise StopError("that is\nall")


class Exits(nn.Module):
    def forward(self, x):
        raise SystemExit(3)


class Marked(nn.Module):
    def forward(self, x):
        with torch.profiler.record_function("mine"):
            return x * 2


class Inference(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        with torch.inference_mode():
            return self.linear(x)


class Large(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2**16, 2**16)
        if self.linear.weight[0, 0].item() > 1:
            self.linear = None


LONG = "9" * 5000
OF_TWO = ["--input", "x: 4 4"]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("model", "words", "says"),
    [
        ("Jagged", OF_TWO, "nested tensor, whose sizes differ from row to row"),
        ("holds_rows", OF_TWO, "holds a nested tensor"),
        ("holds_compressed", OF_TWO, "holds a sparse_csr tensor"),
        ("Stops", OF_TWO, "raises StopError: that is all (tests/cli/test_one_line.py"),
        ("Exits", OF_TWO, "raises SystemExit: 3 (tests/cli/test_one_line.py"),
        ("Inference", [*OF_TWO, "--train"], "torch.inference_mode"),
        ("Large", OF_TWO, "takes more than 16.0 GiB"),
        ("Twice", ["--input", "x: 999999999999999999 999999999999999999"], "2**63"),
        ("Twice", ["--input", f"x: {'2 ' * 64}"], "2**63"),
        ("Twice", ["--input", f"x: {LONG}"], "at most 18 digits"),
        ("Twice", ["--input", f"x: N%{LONG}"], "at most 18 digits"),
        ("Twice", ["--input", f"x: N>={LONG}"], "at most 18 digits"),
        ("Twice", ["--input", "x: N", "--at", f"N={LONG}"], "5,000 digits"),
        ("Twice", ["--input", "x: N", "--batch", LONG], "5,000 digits"),
        ("Twice", ["--input", "x: H W", "--size", f"{LONG}x2"], "5,000 digits"),
        ("Twice", ["--input", "x: N", "--at", "N=0"], "must be a positive integer, not 0"),
        (
            "Twice",
            ["--input", "x: N", "--at", "N=0" + "0" * 5000],
            "must be a positive integer, not 0",
        ),
        ("Twice", ["--input", "x: N", "--depth", LONG], "5,000 digits"),
    ],
)
def test_one_line_says_it(model, words, says, capsys):
    assert main([f"{__name__}:{model}", *words, "--no-cache"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
    assert len(err) < 700


@pytest.mark.parametrize("digits", [19, 310, 1000])
def test_sizes_of_many_digits_are_integers(digits, capsys):
    size = 10**digits - 1
    words = ["--input", "x: N", "--at", f"N={size}", "--format", "json", "--no-cache"]
    assert main([f"{__name__}:Twice", *words]) == 0
    assert f'"value": {size}' in capsys.readouterr().out


def test_compiled_modules_are_refused_with_their_place():
    with pytest.warns(FutureWarning):
        part = torch.jit.script(nn.Linear(4, 4))
    for model, place in ((part, "itself"), (nn.Sequential(nn.ReLU(), part), "1")):
        with pytest.raises(fxflops.ModelError, match=f"TorchScript .torch.jit., in {place}"):
            fxflops.analyze(model, "x: 4 4")


def test_a_mark_for_the_profiler_is_free():
    analysis = fxflops.analyze(Marked(), "x: 4 4")
    assert analysis.complete
    assert analysis.total.flops == 16


def test_a_standard_output_that_is_not_utf_8_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert main([f"{__name__}:Twice", "--input", "x: N", "--symbolic", "--at", "N=2"]) in (0, 2)
    assert main(["torchvision:squeezenet1_1", "--size", "64x64"]) == 2
    assert "PYTHONIOENCODING=utf-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Cannot cast tensor(93839073455792) to number", "a tensor whose values are not known"),
        ("bad tensor([[1., 2.],\n [3., 4.]])", "bad tensor([[1., 2.],."),
        (
            'self.is_mps() INTERNAL ASSERT FAILED at "/pytorch/aten/src/A.cpp":85, please report a '
            "bug to PyTorch. no device",
            "self.is_mps() no device.",
        ),
        ("wrong (Triggered internally at /pytorch/aten/B.cpp:49.)", "wrong"),
        ("Traceback (most recent call last):\n  File x\nValueError: this", "ValueError: this."),
    ],
)
def test_what_a_model_says_is_made_readable(message, said):
    line = failure(RuntimeError(message))
    assert said in line
    assert ".cpp" not in line
    assert "9383" not in line
    assert "\n" not in line


def test_musicgen_has_two_text_configurations():
    transformers = pytest.importorskip("transformers")
    from fxflops.models.hf_inputs import length

    assert length(transformers.MusicgenConfig()) == 128
