"""Sizes of 1: formulas are recounts there, or the domain leaves them out."""

import itertools

import pytest
import torch
from torch import nn

import fxflops
from fxflops.capture import choose as frontends
from fxflops.capture import trace
from fxflops.capture.prepare import on_meta
from fxflops.errors import FxflopsError
from fxflops.spec import parse
from tests.recount import recount


class Model(nn.Module):
    def __init__(self, compute):
        super().__init__()
        self.compute = compute

    def forward(self, *tensors):
        return self.compute(*tensors)


def branch(x):
    return x.exp() if x.shape[0] == 1 else x + 1


def inner_branch(x):
    return x.exp().exp() if x.shape[0] * x.shape[1] < 3 else x + 1


def broadcast(x):
    return x * x[:1] + x[:, :1]


def quotient(x):
    return x.exp() if x.shape[0] // (x.shape[1] - 1) < 2 else x + 1


def fewer_together(x):
    number = 5 if x.shape[0] * x.shape[1] == 1 else 7
    return x + torch.ones(number).exp().sum()


def several_apart_and_together(x):
    batch, length, width = x.shape
    number = 7 if batch == 1 else 11
    number += 13 if length + width < 3 else 17
    number += 19 if batch * length * width == 1 else 23
    return x + torch.ones(number).exp().sum()


def other_when_exported(x):
    return x.exp() if torch.compiler.is_exporting() else x.exp().exp()


CASES = {
    "less work where two are one": (fewer_together, "x: N L"),
    "less work apart and together": (several_apart_and_together, "x: N L T"),
    "pointwise": (lambda x: (x + 1).relu(), "x: N L"),
    "a transposed reshape": (lambda x: x.transpose(0, 1).reshape(-1, 6) + 1, "x: N L 6"),
    "flattened heads": (lambda x: x.transpose(1, 2).flatten(0, 1).exp(), "x: N L 6"),
    "two reshapes": (lambda x: x.permute(2, 0, 1).reshape(12, -1).t().reshape(-1), "x: N L 12"),
    "an outer product": (lambda x, y: (x[:, None] * y[None]).flatten(), "x: N; y: L"),
    "a product": (lambda x, y: x @ y.transpose(1, 2), "x: N L 5; y: N L 5"),
    "a convolution": (nn.Conv2d(3, 4, 3, padding=1).to("meta"), "x: N 3 H W"),
    "a strided one": (nn.Conv2d(3, 4, 3, 2, 1).to("meta"), "x: N 3 H W"),
    "attention": (
        lambda x: nn.functional.scaled_dot_product_attention(
            *x.unflatten(2, (3, 2, 4)).unbind(2)
        ).flatten(1),
        "x: N L 24",
    ),
    "a branch on one": (branch, "x: N L"),
    "a branch on two": (inner_branch, "x: N L"),
    "other work when exported": (other_when_exported, "x: N L"),
    "a broadcast": (broadcast, "x: N L"),
    "squeezed": (lambda x: x.squeeze().exp(), "x: N L"),
    "pooled to one": (nn.AdaptiveAvgPool2d(1), "x: N 3 H W"),
    "upsampled": (nn.Upsample(scale_factor=2), "x: N 3 H W"),
    "joined": (lambda x, y: torch.cat([x, y], 1).mean(1), "x: N L; y: N K"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_formula_is_the_recount_at_sizes_of_one(name):
    compute, written = CASES[name]
    model, spec = Model(compute), parse(written)
    analysis = fxflops.analyze(model, spec)
    names = [axis.name for axis in spec.axes]
    inside = 0
    for sizes in itertools.product((1, 2, 3, 5), repeat=len(names)):
        at = dict(zip(names, sizes, strict=True))
        try:
            cost = analysis.at(**at)
        except FxflopsError:
            continue
        assert cost == recount(on_meta(model), spec, at), at
        inside += 1
    assert inside >= 3 ** len(names)


def test_a_capture_says_what_it_assumed():
    spec = parse("x: N L 6")
    hints = {"N": 2, "L": 3}
    plain = trace.capture(Model(lambda x: x + 1), spec, hints)
    assert plain.guards == ()
    reshaped = trace.capture(Model(lambda x: x.transpose(0, 1).reshape(-1, 6)), spec, hints)
    assert reshaped.guards
    assert {guard.sign for guard in reshaped.guards} == {"!="}
    assert reshaped.domain.texts() == ("N >= 2", "L >= 2")


def test_one_capture_is_enough_where_nothing_depends_on_a_one(monkeypatch):
    seen = []

    def capture(*words):
        seen.append(words)
        return trace.capture(*words)

    front = frontends.FrontEnd(name="trace", capture=capture, recapture=capture)
    monkeypatch.setattr(frontends, "FRONT_ENDS", (front,))
    analysis = fxflops.analyze(Model(lambda x: x.exp() + 1), "x: N L M")
    assert analysis.domain.texts() == ()
    assert len(seen) == 1


def test_where_a_condition_divides_by_nought_is_outside():
    analysis = fxflops.analyze(Model(quotient), "x: N L", defaults={"N": 2, "L": 7})
    assert "L >= 2" in analysis.domain.texts()
    assert analysis.at(N=1, L=5).transcendental == 5


def test_what_is_exported_is_extended_by_what_is_exported():
    analysis = fxflops.analyze(Model(other_when_exported), "x: N L", frontend="export")
    assert analysis.domain.texts() == ()
    assert analysis.count("transcendental") == analysis.at(N=1, L=1).transcendental * (
        analysis.domain.symbols[0].size * analysis.domain.symbols[1].size
    )
    assert analysis.at(N=1, L=3).transcendental == 3
