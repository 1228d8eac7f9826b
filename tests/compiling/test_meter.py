"""``fxflops.meter``: work by formula over time by a clock, which here is set by hand."""

import pytest
import torch
from torch import nn

import fxflops
from fxflops.compiling import metering

PER_ROW = 2 * 3 * 5 + 5


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(metering.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture(scope="module")
def analysis():
    return fxflops.analyze(nn.Linear(3, 5), "x: N 3")


def test_rates(analysis, clock):
    with fxflops.meter(analysis, peak=1000) as meter:
        clock[0] += 2
        first = meter.step(N=4)
        clock[0] += 0.5
        second = meter.step(N=10)
    assert (first.flops, first.seconds, first.rate) == (4 * PER_ROW, 2, 2 * PER_ROW)
    assert (second.flops, second.seconds) == (10 * PER_ROW, 0.5)
    assert (meter.flops, meter.seconds) == (14 * PER_ROW, 2.5)
    assert meter.rate == 14 * PER_ROW / 2.5
    assert meter.mfu == 14 * PER_ROW / 2.5 / 1000
    assert str(meter) == "2 steps, 490 FLOP, 196 FLOP/s, 19.60 % of the peak"


def test_contraction_alone(analysis, clock):
    with fxflops.meter(analysis, quantity="contraction") as meter:
        clock[0] += 1
        meter.step(N=2)
    assert meter.rate == 2 * 2 * 3 * 5
    with pytest.raises(fxflops.SpecError, match="needs a peak"):
        _ = meter.mfu


def test_what_is_refused(analysis):
    with pytest.raises(fxflops.SpecError, match="The peak is a device's FLOP/s"):
        fxflops.meter(analysis, peak=0)
    with pytest.raises(fxflops.SpecError, match="There is no quantity 'speed'"):
        fxflops.meter(analysis, quantity="speed")
    meter = fxflops.meter(analysis)
    with pytest.raises(fxflops.SpecError, match="The meter does not run"):
        meter.step(N=1)
    with meter, pytest.raises(fxflops.SpecError, match="There is no size Q"):
        meter.step(Q=1)
    with pytest.raises(fxflops.CaptureError, match="uncounted"):
        fxflops.meter(fxflops.analyze(Unknown(), "x: 4 4"))


class Unknown(nn.Module):
    def forward(self, x):
        return torch.linalg.matrix_exp(x)
