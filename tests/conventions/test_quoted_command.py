"""``fxflops MODEL --convention``: each option has an effect, or is refused."""

import json

import pytest
import torch
from torch import nn

from fxflops.cli import main


class Series(nn.Module):
    """A recurrent layer and a convolution whose padding is given by its name."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv1d(8, 8, 3, padding="same", bias=False)
        self.lstm = nn.LSTM(8, 16, batch_first=True, bias=False)

    def forward(self, x):
        return self.lstm(self.mix(x.mT).mT)[0]


class Unproven(nn.Module):
    """An operator that no tool was run on."""

    def forward(self, x):
        return torch.special.i0(x)


SERIES = [f"{__name__}:Series", "--input", "x: N L 8", "--at", "N=2,L=10"]
UNPROVEN = [f"{__name__}:Unproven", "--input", "x: N 8", "--at", "N=2"]
MIX, CELL = 2 * 10 * 8 * 8 * 3, 4 * 16 * (8 + 16)  # multiply-adds, of a cell in one step


@pytest.mark.parametrize(
    ("convention", "value"),
    [
        ("fvcore", 0),  # neither of them
        ("torchprofile", 2 * 10 * CELL),
        ("flop-counter", 2 * MIX),
        ("ultralytics-thop", MIX + 2 * 10 * (CELL + 4 * 16 + 3 * 16 + 16)),
        # 2 per weight less one per gate and product, 10 per hidden feature
        ("calflops", 2 * MIX + 2 * 10 * (2 * CELL - 2 * 4 * 16 + 10 * 16)),
        ("ptflops", (MIX + 2 * 10 * (CELL + 10 * 16)) // 2),  # per image
        ("macs", MIX + 2 * 10 * CELL),
    ],
)
def test_a_recurrent_layer_and_padding_by_name(convention, value, capsys):
    assert main([*SERIES, "--convention", convention, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["value"] == value
    assert said["unproven"] == []


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--train"], "leave out --train"),
        (["--train=sgd"], "leave out --train"),
        (["--loss", "torch:sum"], "leave out --loss"),
        (["--deploy"], "leave out --deploy"),
        (["--depth", "0"], "leave out --depth"),
        (["--cache"], "leave out --cache"),
        (["--frontend", "export"], "leave out --frontend export"),
        (["--trust"], "a saved program"),
        (["--static", "--symbolic"], "Give one of them"),
    ],
)
def test_an_option_without_meaning_is_refused(option, says, capsys):
    assert main([*SERIES, "--convention", "fvcore", *option]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err


def test_static_leaves_no_symbols(capsys):
    words = [*SERIES, "--convention", "macs", "--format", "json"]
    assert main([*words, "--static"]) == 0
    static = json.loads(capsys.readouterr().out)
    assert static["formula"] == str(static["value"]) == str(MIX + 2 * 10 * CELL)
    assert static["symbols"] == []
    assert main([*words, "--frontend", "trace", "--no-cache"]) == 0
    assert json.loads(capsys.readouterr().out)["symbols"] == ["N", "L"]


@pytest.mark.parametrize("format", ["table", "markdown", "json"])
def test_what_is_not_proven_is_named_and_strict_says_no(format, capsys):
    words = [*UNPROVEN, "--convention", "fvcore", "--format", format]
    assert main(words) == 0
    assert "aten.special_i0.default" in capsys.readouterr().out
    assert main([*words, "--strict"]) == 1
    assert "not proven for aten.special_i0.default" in capsys.readouterr().err
    assert main([*SERIES, "--convention", "fvcore", "--format", format, "--strict"]) == 0
    assert "PROVEN" not in capsys.readouterr().out


def test_our_own_conventions_need_no_proof(capsys):
    assert main([*UNPROVEN, "--convention", "fxflops", "--strict", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["unproven"] == []


def test_a_size_of_one_has_a_formula_of_its_own(capsys):
    """A linear layer of a transposed input is contiguous, and its bias counted, at one pixel."""
    words = [f"{__name__}:Transposed", "--input", "x: N 6 L", "--convention", "ptflops-aten"]
    for length, value in ((1, 3 * (6 * 4 + 4)), (5, 3 * 5 * 6 * 4)):
        assert main([*words, "--at", f"N=3,L={length}", "--format", "json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["value"] == value
        assert eval(said["formula"], dict(said["at"])) == value
        assert ("L = 1" in said["domain"]) == (length == 1)


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, x):
        return self.linear(x.mT)
