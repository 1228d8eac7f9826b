"""What bounds a call on a device, in integers that a person can redo."""

import json
from fractions import Fraction

import pytest
from torch import nn

import fxflops
from fxflops.cache import codec
from fxflops.devices import device, known
from fxflops.errors import SpecError
from fxflops.reports import FORMATS, render
from fxflops.reports.count import document

MINE = """
name = "Mine"
[rates]
float32 = 1e9
[memory]
bandwidth = 1e8
size = 16e9
overhead = 2e-6
[sources]
rates = "measured"
memory = "measured"
"""


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(100, 200, bias=False)

    def forward(self, x):
        return self.inner(x).relu()


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return str(path)


def test_each_call_is_bound_by_the_larger_limit(mine):
    analysis = fxflops.analyze(Layers(), "x: N 100", device=mine)
    answer = analysis.report.at({"N": 1000})
    found = document(answer).data()["roofline"]
    linear, relu = found["nodes"]
    # 2 * 1000 * 100 * 200 FLOP at 1e9/s; 4 * (1000*100 + 200*100 + 1000*200) bytes at 1e8/s.
    assert (linear["flops"], linear["bytes"]) == (40_000_000, 1_280_000)
    assert (linear["seconds"], linear["bound_by"]) == (0.04, "compute")
    assert (relu["seconds"], relu["bound_by"]) == (1_600_000 / 1e8, "bandwidth")
    assert found["estimate_us"] == pytest.approx(56_000)
    assert (found["lower_bound_us"], found["bound_by"]) == (40_000, "compute")
    assert found["ridge"] == 10
    assert found["device"]["rate"] == 10**9


def test_the_lower_bound_moves_everything_once(mine):
    analysis = fxflops.analyze(nn.ReLU(), "x: N 100", device=mine)
    roofline = analysis.report.figures["roofline"]
    time, bound = roofline.lower_bound(analysis.report.at({"N": 7}))
    assert (time, bound) == (Fraction(2 * 4 * 700 * 10**12, 10**8), "bandwidth")


def test_a_small_call_takes_the_overhead(mine):
    [timed] = (
        fxflops.analyze(nn.ReLU(), "x: N 1", device=mine)
        .report.figures["roofline"]
        .times(fxflops.analyze(nn.ReLU(), "x: N 1", device=mine).report.at({"N": 2}))
    )
    assert (timed.time, timed.bound) == (2_000_000, "overhead")


def test_every_format_and_the_cache_have_it(mine):
    report = fxflops.analyze(Layers(), "x: N 100", device=mine).report
    assert codec.read(json.loads(json.dumps(codec.written(report)))) == report
    for format in set(FORMATS) - {"latex-table", "speedscope"}:
        text = render(document(report.at({"N": 1000})), format)
        assert "40000" in text.replace(",", ""), format
    open_ = document(report.at(None), symbolic=True).data()["roofline"]
    assert open_["lower_bound_us"] is None
    assert open_["nodes"] == []


@pytest.mark.parametrize("name", known())
def test_a_known_device_says_where_its_numbers_are_from(name):
    found = device(name)
    assert found.rate("float32") > 10**12
    assert found.bandwidth >= 3 * 10**11
    assert len(found.sources) == 2
    assert found.memory >= 16 * 10**9


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name = 3", "no table .rates."),
        ("rates", "no TOML file"),
        (MINE.replace("1e8", "-1"), "memory.bandwidth in .* positive"),
        (MINE.replace("1e9", "'fast'"), "rates.float32 in .* positive"),
        (MINE.replace("overhead", "delay"), "memory.delay, which nothing reads"),
        (MINE.replace('"Mine"', '"a\\u001bb"'), "one line"),
    ],
)
def test_a_file_that_describes_none(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(SpecError, match=message):
        device(str(path))


def test_what_a_device_has_not(mine):
    with pytest.raises(SpecError, match=r"no device 'abacus'\. Known: a100"):
        device("abacus")
    with pytest.raises(SpecError, match="Cannot read"):
        device(f"{mine}.toml")
    with pytest.raises(SpecError, match="no rate for float16"):
        fxflops.analyze(Layers(), "x: N 100", dtype="float16", device=mine)
    with pytest.raises(SpecError, match="roofline is that of a device"):
        fxflops.analyze(Layers(), "x: N 100", figures=("roofline",))
    with pytest.raises(SpecError, match="roofline is that of a device"):
        fxflops.analyze(Layers(), "x: N 100").figure("roofline", N=3)
