"""Sizes and arguments as people write them."""

import json

import pytest
import torch
from torch import nn

import fxflops
from fxflops.cli import main
from fxflops.spec import of_argument, parse

TWICE = f"{__name__}:Twice"


class Twice(nn.Module):
    def forward(self, x):
        return x * 2


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 7, bias=False)

    def forward(self, x):
        return self.linear(x)


class Batched(nn.Module):
    """Takes what a data loader gives."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1, bias=False)

    def forward(self, x=None, *, batch, mode="N", scale=1):
        assert mode in ("N", "area of it")
        image = self.conv(batch["image"]) * scale
        if x is not None:
            image = image + x
        return image + batch["parts"][1][:, None, :, None]


def convolution(N, H, W):
    return 2 * N * 5 * H * W * 3 * 9


@pytest.mark.parametrize("sizes", [{"H": 6, "W": 10}, {"N": 3, "H": 1, "W": 4}])
@pytest.mark.parametrize("mode", ["N", "area of it"])
def test_specs_in_arguments_are_symbolic_wherever_they_are(sizes, mode):
    batch = {"image": "N 3 H W", "parts": ("ignored", "N H")}
    analysis = fxflops.analyze(Batched(), kwargs={"batch": batch, "mode": mode, "scale": 2})
    at = {"N": 1, **sizes}
    assert str(analysis.inputs) == "image: N 3 H W; input0: N H"
    assert analysis.at(**sizes).contraction == convolution(**at)
    n = at["N"] * 5 * at["H"] * at["W"]
    assert analysis.at(**sizes).elementwise == 2 * n
    assert batch["image"] == "N 3 H W"


@pytest.mark.parametrize("given", ["x: N 5 H W", parse("x: N 5 H W"), ["N 5 H W"]])
def test_inputs_are_the_arguments_by_position_beside_kwargs(given):
    batch = {"image": "N 3 H W", "parts": (None, torch.empty(2, 6))}
    spec = {"image": "N 3 6 W", "parts": (None, torch.empty(2, 6))}
    analysis = fxflops.analyze(Batched(), given, kwargs={"batch": batch | {"parts": (0, "N H")}})
    assert analysis.at(H=6, W=10).elementwise == 3 * 5 * 6 * 10  # * 1, too
    fixed = fxflops.analyze(
        Batched(),
        torch.empty(2, 5, 6, 10),
        kwargs={"batch": spec | batch | {"image": torch.empty(2, 3, 6, 10)}},
    )
    assert fixed.total.contraction == convolution(2, 6, 10)
    with pytest.raises(fxflops.SpecError, match="Give one of them"):
        fxflops.analyze(Batched(), given, args=(torch.empty(2, 5, 6, 10),))


@pytest.mark.parametrize(
    "text", ["bilinear", "N", "the quick fox", "Hello World", "", "x", "a: b; c: d", "same mode 2"]
)
def test_words_among_arguments_are_words(text):
    assert of_argument(text) is None


@pytest.mark.parametrize("text", ["N 3 H W", "N L int64", "1 3", "x: N", "N float32", "(1, 3)"])
def test_specs_among_arguments_are_specs(text):
    assert of_argument(text) == parse(text).tensors[0]


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("(1, 3, 224, 224)", "input0: 1 3 224 224"),
        ("[1,3,20,30]", "input0: 1 3 20 30"),
        ("torch.Size([1, 3])", "input0: 1 3"),
        ("(7,)", "input0: 7"),
        ("x: (N, 3, H%32, W) float16", "x: N 3 H%32 W float16"),
        ("x: (1, 3); y: (N, 4) int64", "x: 1 3; y: N 4 int64"),
    ],
)
def test_a_shape_is_a_spec(written, spec):
    assert str(parse(written)) == spec


@pytest.mark.parametrize("written", ["(1, 3", "1, 3)", "((1), 3)", "()", "(1.5, 3)"])
def test_what_is_no_shape_is_refused(written):
    with pytest.raises(fxflops.SpecError):
        parse(written)


def test_a_shape_in_python():
    for shape in ((2, 3), [2, 3], torch.Size([2, 3])):
        assert fxflops.analyze(Twice(), shape).total.flops == 2 * 3


def test_a_batch_is_one_where_nobody_says_another(capsys):
    words = [TWICE, "--input", "x: N 3 H", "--format", "json"]
    for more, flops in (([], 3 * 5), (["--batch", "4"], 4 * 3 * 5)):
        assert main([*words, "--at", "H=5", *more]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["flops"]["value"] == flops
        assert main([*words, "--at", "H=5", *more, "--static"]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["flops"]["value"] == flops
    assert fxflops.analyze(Twice(), "x: N 3").at().flops == 3
    assert fxflops.analyze(Twice(), "x: N%4 3").at().flops == 4 * 3
    with pytest.raises(fxflops.FxflopsError, match="B"):
        fxflops.analyze(Twice(), "x: B 3").at()


class Pairs(nn.Module):
    def forward(self, x):
        if x.shape[0] < 2:
            raise ValueError("two at least")
        return x * 2


def test_a_batch_of_one_that_the_model_refuses_is_refused():
    analysis = fxflops.analyze(Pairs(), "x: N 3")
    assert analysis.at(N=2).flops == 6
    with pytest.raises(fxflops.DomainError):
        analysis.at()


def test_without_sizes_there_are_formulas_and_the_sizes_that_are_missing(capsys):
    assert main([TWICE, "--input", "x: N 3 H W"]) == 0
    out, err = capsys.readouterr()
    assert "3·H·N·W" in out.replace("*", "·") or "H" in out
    assert err == "fxflops: these are formulas: for numbers give --at H=…,W=….\n"
    assert main([TWICE, "--input", "x: N 3 H W", "--symbolic"]) == 0
    formulas, err = capsys.readouterr()
    assert (formulas, err) == (out, "")
    assert main([TWICE, "--input", "x: N 3 H W", "--at", "H=5"]) == 2
    assert "W" in capsys.readouterr().err
    assert main([TWICE, "--input", "x: N 3"]) == 0
    assert capsys.readouterr().err == ""


def test_several_sizes_are_printed_one_after_the_other(capsys, tmp_path):
    words = [TWICE, "--input", "x: N 3 H W"]
    alone = []
    for size in ("5x7", "4x6"):
        assert main([*words, "--size", size]) == 0
        alone.append(capsys.readouterr().out)
    both = [*words, "--size", "5x7", "--size", "4x6"]
    assert main(both) == 0
    assert capsys.readouterr().out == "\n".join(alone)
    assert main([*both, "-o", str(tmp_path / "both.txt")]) == 0
    assert (tmp_path / "both.txt").read_text() == "\n".join(alone)
    capsys.readouterr()
    for refused in (["--format", "json"], ["--convention", "macs"], ["--size", "x"]):
        assert main([*both, *refused]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["check", *both]) == 2


def test_profile_gives_multiply_adds_and_parameters():
    macs, parameters = fxflops.profile(Linear(), inputs=(torch.empty(3, 5),))
    assert (macs, parameters) == (3 * 5 * 7, 5 * 7)
    assert type(macs) is type(parameters) is int


def test_profile_gives_no_number_that_is_too_small():
    library = torch.library.Library("fxflops_profiled", "DEF")
    library.define("unheard_of(Tensor x) -> Tensor")
    library.impl("unheard_of", lambda x: torch.empty_like(x), "Meta")

    class Calls(nn.Module):
        def forward(self, x):
            return torch.ops.fxflops_profiled.unheard_of(x)

    with pytest.raises(fxflops.CaptureError, match="unheard_of"):
        fxflops.profile(Calls(), inputs=(torch.empty(3),))
