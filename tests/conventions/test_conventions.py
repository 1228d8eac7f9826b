"""Conventions: by hand, against the tools that come with PyTorch, and as a way to our number."""

import json
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fxflops import analyze, conventions
from fxflops.algebra import evaluate
from fxflops.capture.prepare import hints, on_meta
from fxflops.cli import main
from fxflops.conventions.quote import convention_total
from fxflops.conventions.record import FUNCTIONS, record
from fxflops.conventions.waterfall import waterfall
from fxflops.peers.explanation import TOOLS
from fxflops.peers.tools import flop_counter, torch_profiler
from fxflops.spec import parse
from tests.conventions import toys

KINDS = (toys.Layers, toys.Functions, toys.Attention, toys.Masked, toys.Shared, toys.Everything)
SIZES = ({"N": 2, "H": 16, "W": 24}, {"N": 3, "H": 32, "W": 8})


@cache
def recorded(kind, inputs=toys.INPUTS):
    spec = parse(inputs)
    return record(on_meta(kind()), spec, hints(spec, {}))


@cache
def analysed(kind, inputs=toys.INPUTS):
    return analyze(kind(), inputs)


def total(name, kind, sizes, inputs=toys.INPUTS):
    dim = convention_total(conventions.find(name), recorded(kind, inputs))
    return evaluate(dim, analysed(kind, inputs).values(sizes))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tool", [flop_counter, torch_profiler])
def test_what_pytorch_itself_measures(tool, kind, sizes, monkeypatch):
    monkeypatch.setenv("KINETO_LOG_LEVEL", "99")
    model = kind().eval()
    name = tool.__name__.rpartition(".")[2]
    with torch.no_grad():
        measured = tool.run(model, (torch.rand(sizes["N"], 3, sizes["H"], sizes["W"]),)).total
    assert total(name, kind, sizes) == measured > 0


class Block(nn.Module):
    """2 images of 3 x 5 x 7; convolution to 4 channels, norm, ReLU; attention's F.linear."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU()
        self.mix = nn.Linear(4, 6, bias=False)

    def forward(self, image):
        x = self.act(self.norm(self.conv(image))).flatten(2).transpose(1, 2)
        return self.mix(x) + F.linear(x, self.mix.weight)


OUT = 2 * 4 * 5 * 7  # of conv, norm and ReLU
CONV, MIX = OUT * 3 * 3 * 3, 2 * 35 * 4 * 6  # multiply-adds; MIX happens twice
SUM = 2 * 35 * 6
BY_HAND = {
    "fxflops": 2 * CONV + OUT + (2 * OUT + 4 * 4) + 2 * 2 * MIX + SUM,
    "contraction": 2 * CONV + 2 * 2 * MIX,
    "macs": CONV + 2 * MIX,
    "torch-profiler": 2 * CONV + 2 * 2 * MIX + SUM,
    "flop-counter": 2 * CONV + 2 * 2 * MIX,
    "fvcore": CONV + 2 * MIX + 2 * OUT,
    # modules per image; ReLU as a module, and as a function per batch
    "ptflops": (CONV + OUT + 2 * OUT + OUT + MIX) // 2 + OUT,
    "ptflops-aten": CONV + OUT + 2 * MIX,
    "thop": CONV + 4 * OUT + MIX,
    "ultralytics-thop": CONV + 4 * OUT + 2 * MIX,
    "calflops": 2 * CONV + OUT + 2 * OUT + OUT + 2 * 2 * MIX,
    # conv's 4 * 27 weights and 4 biases per position; 8 of the norm and 24 of linear per image
    "torchinfo": (4 * 27 + 4) * 2 * 35 + 8 * 2 + 24 * 2,
    "torchprofile": CONV + 2 * MIX + OUT,
}


@pytest.mark.parametrize("name", conventions.names())
def test_by_hand(name):
    sizes = {"N": 2, "H": 5, "W": 7}
    assert total(name, Block, sizes, "image: N 3 H W") == BY_HAND[name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", conventions.names())
def test_the_waterfall_ends_at_our_number(name, kind):
    analysis = analysed(kind)
    fall = waterfall(recorded(kind), conventions.find(name))
    for sizes in SIZES:
        values = analysis.values(sizes)
        steps = [evaluate(step.amount, values) for step in fall.steps]
        assert evaluate(fall.start, values) + sum(steps) == analysis.at(**sizes).flops
        for step, amount in zip(fall.steps, steps, strict=True):
            assert sum(evaluate(part, values) for part in step.modules.values()) == amount


def test_a_shared_layer_is_charged_again():
    sizes = {"N": 2, "H": 16, "W": 24}
    once = 2 * 3 * 16 * 24 * 27 * 3  # one layer, three calls
    assert total("macs", toys.Shared, sizes) == once
    assert total("thop", toys.Shared, sizes) == 4 * once  # two hooks, two parents
    assert total("ultralytics-thop", toys.Shared, sizes) == once


def test_the_functions_are_put_back():
    before = [vars(owner).get(name) for owner, name in FUNCTIONS]
    recorded(toys.Functions)
    assert [vars(owner).get(name) for owner, name in FUNCTIONS] == before
    assert "shape" not in vars(torch.Tensor)


def test_a_function_is_recorded_once_with_its_operators():
    calls = recorded(toys.Functions).functions
    names = [call.target for call in calls]
    assert names.count("torch.matmul") == 1  # and @ is not seen
    assert names.count("torch.mul") == 1  # and * is not
    (silu,) = [call for call in calls if call.target == "F.silu"]
    assert [str(node.op) for node in silu.nodes] == ["aten.silu.default"]


def test_every_tool_has_its_convention():
    assert set(TOOLS) < set(conventions.names())
    for name in conventions.names():
        assert conventions.find(name).unit in ("FLOP", "MAC")
    assert conventions.find("torch.profiler") is conventions.find("torch-profiler")
    assert conventions.find("FlopCounterMode") is conventions.find("flop-counter")


@pytest.mark.parametrize("convention", ["ptflops", "torch-profiler", "macs"])
def test_a_formula_gives_its_value(convention, capsys):
    words = ["tests.conventions.toys:Everything", "--input", toys.INPUTS, "--at", "N=2,H=16,W=24"]
    assert main([*words, "--convention", convention, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["convention"] == convention
    assert eval(said["formula"], {**said["at"], "Max": max, "Min": min}) == said["value"] > 0


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_the_report_names_the_convention(format, capsys):
    words = ["tests.conventions.toys:Shared", "--input", toys.INPUTS, "--at", "N=1,H=8,W=8"]
    words += ["--convention", "thop", "--format", format]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "convention of thop" in out
    assert f"{4 * 3 * 64 * 27 * 3:,}" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--convention", "thopp"], "known are"),
    ],
)
def test_bad_conventions_get_one_line(words, says, capsys):
    assert main(["torch.nn:ReLU", "--input", "x: N 3", "--at", "N=2", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
