"""What a model does with sizes and remembers of calls: kept symbolic, computed anew, restored."""

import builtins
import copy
import importlib

import pytest
import torch
from torch import nn

import fxflops
from fxflops.capture import trace
from fxflops.capture.patches.casts import IntOfSizes, len_of_sizes
from fxflops.capture.prepare import on_meta
from fxflops.crosscheck.run import check
from fxflops.errors import CaptureError, ModelError, SpecializationError
from fxflops.models.named import with_forward
from fxflops.spec import parse
from tests.recount import recount
from tests.versions import fills_a_dict

SOURCE = """
import functools
import torch
from torch import nn

@functools.lru_cache(maxsize=32)
def pairs(length):
    return [{"positions": positions(length)}]

@functools.lru_cache(maxsize=None)
def kept_once():
    return object()

@functools.lru_cache
def positions(length):
    return torch.arange(length, dtype=torch.float32).sin()

class Casts(nn.Module):
    def forward(self, x):
        half = int(x.shape[1] / 2)
        assert isinstance(half, int) or isinstance(half, torch.SymInt)
        assert int("11", base=2) == 3
        return x[:, :half].exp() * len(x)

class Fails(nn.Module):
    def forward(self, x):
        raise RuntimeError(f"{len(x)} rows")

class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return (x * self.weight) + pairs(x.shape[1])[0]["positions"]

class Helper:
    computed = None

class Keeps(nn.Module):
    def __init__(self):
        super().__init__()
        self.by_length, self.helper, self.lengths = {}, Helper(), []

    def forward(self, x):
        length = x.shape[1]
        if "bias" not in self.by_length:
            self.by_length["bias"] = torch.arange(length, dtype=torch.float32).sin()
            self.helper.computed = torch.arange(length, dtype=torch.float32).cos()
            self.lengths.append(length)
        return x + self.by_length["bias"] * self.helper.computed

class Listens(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.listens = nn.ReLU(), False

    def forward(self, x):
        heard = []
        if not self.listens:
            self.listens = True
            self.inner.register_forward_hook(lambda *call: self.heard.append(call[-1]))
        self.heard = heard
        self.inner(x)
        return sum(output.exp() for output in heard)

class Replaces(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", None)

    def forward(self, x):
        if self.mask is None:
            self.mask = torch.arange(x.shape[1], dtype=torch.float32).exp()
        return x * self.mask

class Checks(nn.Module):
    def forward(self, x):
        torch._check_tensor_all(x == x)
        return x.exp()
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "fxflops_sample.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(importlib.sys.modules, "fxflops_sample", raising=False)
    return importlib.import_module("fxflops_sample")


def as_compiled(model, spec, **hints):
    return trace.capture(on_meta(model), parse(spec), hints, mode="compiled")


def test_sizes_that_are_cast_stay_symbolic(package):
    captured = as_compiled(package.Casts(), "x: N L%2", N=3, L=10)
    (exp,) = [n for n in captured.graph.nodes if n.target is torch.ops.aten.exp.default]
    shape = [captured.read(size) for size in exp.meta["val"].shape]
    n, length = captured.domain.symbols
    assert shape == [n.size, length.size // 2]


@pytest.mark.filterwarnings("ignore:The delegation of int")  # of torch 2.9 on Python 3.11
def test_what_a_user_says_is_free_is_not_cast_unseen(package):
    with pytest.raises(SpecializationError, match="fxflops_sample"):
        trace.capture(on_meta(package.Casts()), parse("x: N L%2"), {"N": 3, "L": 10})


@pytest.mark.parametrize("name", ["Casts", "Fails"])
def test_names_and_flags_are_restored(package, name):
    before, check_of = dict(vars(package)), torch._check_tensor_all_with
    try:
        as_compiled(getattr(package, name)(), "x: N 4", N=3)
    except CaptureError:
        assert name == "Fails"
    assert vars(package) == before
    assert torch._check_tensor_all_with is check_of
    assert not torch.compiler.is_compiling()


def test_the_stand_ins_are_the_builtins_for_all_else():
    assert IntOfSizes("7") == 7
    assert isinstance(7, IntOfSizes)
    assert not isinstance("7", IntOfSizes)
    assert IntOfSizes.from_bytes(b"\1", "big") == 1
    assert len_of_sizes([1, 2]) == builtins.len([1, 2])


def test_checks_of_values_are_taken_for_true(package):
    assert fxflops.analyze(package.Checks(), "x: N 5").at(N=3).transcendental == 15


def test_linspace_of_symbolic_steps_has_that_length():
    class Spaced(nn.Module):
        def forward(self, x):
            return torch.linspace(0.5, x.shape[1] - 0.5, steps=x.shape[1], device=x.device).exp()

    assert fxflops.analyze(Spaced(), "x: N L").at(N=3, L=7).transcendental == 7


def test_what_is_remembered_is_counted_every_time(package):
    model, spec = package.Remembers(), "x: 2 9"
    first = fxflops.analyze(model, spec).total
    assert first.transcendental == 9
    assert fxflops.analyze(model, spec).total == first
    assert recount(on_meta(model), parse("x: 2 L"), {"L": 9}) == first
    assert model(torch.zeros(2, 9)).device.type == "cpu"
    assert fxflops.analyze(model, spec).total == first


@pytest.mark.parametrize("frontend", ["trace", pytest.param("export", marks=fills_a_dict)])
def test_what_modules_keep_is_counted_every_time(package, frontend):
    model, spec = package.Keeps(), "x: N 9"
    analysis = fxflops.analyze(model, spec, frontend=frontend)
    assert [analysis.at(N=n).transcendental for n in (1, 2, 5)] == [18, 18, 18]
    on_one = on_meta(model)
    for rows in (2, 1):
        assert recount(on_one, parse(spec), {"N": rows}) == analysis.at(N=rows)
    assert (on_one.by_length, on_one.helper.computed, on_one.lengths) == ({}, None, [])
    assert check(model, spec, sizes={"N": 2}).passed
    assert model.by_length == {}


@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_hooks_that_a_model_installs_in_a_call_are_those_of_one_call(package, mode):
    """As models of transformers do, which collect the outputs of their layers by them."""
    model = on_meta(package.Listens())
    for _ in range(3):
        captured = trace.capture(model, parse("x: N 4"), {"N": 3}, mode=mode)
        called = [node.target for node in captured.graph.nodes]
        assert called.count(torch.ops.aten.exp.default) == 1
    assert not model.inner._forward_hooks
    analysis = fxflops.analyze(package.Listens(), "x: N 4")
    assert [analysis.at(N=n).transcendental for n in (1, 2, 5)] == [4, 8, 20]
    assert check(package.Listens(), "x: N 4", sizes={"N": 2}).passed


def test_a_buffer_that_is_replaced_is_counted_every_time(package):
    analysis = fxflops.analyze(package.Replaces(), "x: N 9")
    assert [analysis.at(N=n).transcendental for n in (1, 2, 5)] == [9, 9, 9]


def test_parameters_without_a_shape_are_refused():
    model = nn.Sequential(nn.ReLU(), nn.LazyLinear(5))
    with pytest.raises(ModelError, match="no shape yet, in 1: call it once"):
        fxflops.analyze(model, "x: N 4")
    model(torch.zeros(2, 4))
    assert fxflops.analyze(model, "x: N 4").at(N=3).contraction == 2 * 3 * 4 * 5


def test_what_is_no_tensor_stays_remembered(package):
    kept = package.kept_once()
    fxflops.analyze(package.Remembers(), "x: 2 9")
    assert package.kept_once() is kept


def test_what_is_remembered_is_measured_every_time(package):
    assert check(package.Remembers(), "x: N 9", sizes={"N": 2}).passed


def test_a_copy_with_another_forward_calls_the_copy():
    seen = []

    def forward(original, itself, x):
        seen.append(itself)
        return original(x)

    model = with_forward(nn.Linear(3, 5), forward)
    copied = copy.deepcopy(model)
    with torch.no_grad():
        copied.weight.zero_()
        copied.bias.zero_()
    assert not copied(torch.ones(1, 3)).any()
    assert model(torch.ones(1, 3)).any()
    assert seen == [copied, model]
    assert on_meta(model)(torch.ones(1, 3, device="meta")).is_meta
