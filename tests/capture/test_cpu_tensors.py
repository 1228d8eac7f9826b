"""A model's code gets the tensors and the answers of an eager run on the CPU."""

import contextlib
import json
import logging
import math
import numbers
import operator

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

import fxflops
from fxflops.capture import choose as frontends
from fxflops.capture import trace
from fxflops.capture.prepare import on_meta
from fxflops.errors import CaptureError
from fxflops.spec import parse
from tests.recount import recount


class Calls(nn.Module):
    """A model that is one function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def captured_output(function, spec, hints):
    graph = trace.capture(on_meta(Calls(function)), parse(spec), hints).graph
    *_, output = graph.nodes
    return output.args[0].meta["val"]


LEAVES = {
    "True": lambda x: True,
    "3": lambda x: 3,
    "0.5": lambda x: 0.5,
    "2j": lambda x: 2j,
    "n": lambda x: x.shape[0],
    "n / 2": lambda x: x.shape[0] / 2,
    "n > 4": lambda x: x.shape[0] > 4,
    "half": lambda x: x.half()[0, 0],
    "double": lambda x: x.double()[0, 0],
    "index": lambda x: x.argmax(),
}
NESTED = st.recursive(st.sampled_from(sorted(LEAVES)), lambda i: st.lists(i, max_size=3))
RECTANGLES = st.tuples(st.integers(0, 3), st.integers(1, 3)).flatmap(
    lambda shape: st.lists(
        st.lists(st.sampled_from(sorted(LEAVES)), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)
MAKERS = {
    "tensor": lambda x: torch.tensor,
    "as_tensor": lambda x: torch.as_tensor,
    "asarray": lambda x: torch.asarray,
    "new_tensor": lambda x: x.new_tensor,
}


def filled(tree, x):
    return [filled(item, x) for item in tree] if isinstance(tree, list) else LEAVES[tree](x)


@pytest.mark.filterwarnings("ignore:To copy construct")
@settings(max_examples=80, deadline=None)
@given(
    st.one_of(NESTED, RECTANGLES),
    st.sampled_from(sorted(MAKERS)),
    st.sampled_from([None, torch.float64, torch.int32, torch.complex64]),
)
def test_a_tensor_of_numbers_is_that_of_an_eager_run(tree, maker, dtype):
    def function(x):
        return MAKERS[maker](x)(filled(tree, x), dtype=dtype)

    try:
        eager = function(torch.rand(6, 3))
    except (TypeError, ValueError, RuntimeError) as error:
        if "complex" in str(error) or "overflow" in str(error):
            return  # what does not fit into a type is a matter of values, which there are none of
        for spec, hints in (("x: N 3", {"N": 6}), ("x: 6 3", {})):
            with pytest.raises(CaptureError):
                captured_output(function, spec, hints)
        return
    for spec, hints in (("x: N 3", {"N": 6}), ("x: 6 3", {})):
        found = captured_output(function, spec, hints)
        assert (found.dtype, found.shape) == (eager.dtype, eager.shape)


FACTORIES = {
    "full": lambda x: torch.full((x.shape[0], 2), x.shape[0]),
    "full of a quotient": lambda x: torch.full((2,), fill_value=x.shape[0] / 2),
    "full of a truth": lambda x: torch.full((2,), x.shape[0] > 2),
    "full_like": lambda x: torch.full_like(x, x.shape[0]),
    "full_like of integers": lambda x: torch.full_like(x.argmax(1), x.shape[0] / 4),
    "new_full": lambda x: x.new_full((x.shape[0],), x.shape[0]),
    "scalar_tensor": lambda x: torch.scalar_tensor(x.shape[0]),
    "scalar_tensor of a truth": lambda x: torch.scalar_tensor(x.shape[0] > 2),
    "arange": lambda x: torch.arange(x.shape[0]),
    "arange from": lambda x: torch.arange(1, x.shape[0], 2),
    "arange of floats": lambda x: torch.arange(0.0, x.shape[0]),
    "arange by halves": lambda x: torch.arange(0, x.shape[0], 0.5),
    "arange of a quotient": lambda x: torch.arange(x.shape[0] / 1),
    "linspace": lambda x: torch.linspace(-1, 1, x.shape[0]),
    "linspace to a size": lambda x: torch.linspace(0, x.shape[0] - 1, 5),
    "linspace by name": lambda x: torch.linspace(0, end=1, steps=x.shape[0], dtype=torch.float64),
    "linspace of tensors": lambda x: torch.linspace(x.double().sum(), x.sum(), x.shape[0]),
    "linspace of complex numbers": lambda x: torch.linspace(0, 1j, x.shape[0]),
    "logspace": lambda x: torch.logspace(0, 1, x.shape[0]),
    "logspace of a base": lambda x: torch.logspace(0, 1, x.shape[0], base=2, dtype=torch.float64),
    "new": lambda x: x.new(x.shape[0], 2),
    "new of numbers": lambda x: x.new([x.shape[0], 2]),
    "tensor of a shape": lambda x: torch.tensor(x.shape),
    "tensor of a number": lambda x: torch.tensor(x.shape[0] / 2),
    "on the input's device": lambda x: torch.zeros(x.shape, device=x.device),
    "on the CPU by name": lambda x: torch.ones(x.shape[0], 2, device="cpu"),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_a_factory_makes_what_an_eager_run_makes(name):
    def function(x):
        made = FACTORIES[name](x)
        return made * made

    eager = function(torch.rand(6, 3))
    found = captured_output(function, "x: N 3", {"N": 6})
    shape = tuple(size if isinstance(size, int) else size.node.hint for size in found.shape)
    assert (found.dtype, shape) == (eager.dtype, tuple(eager.shape))
    analysis = fxflops.analyze(Calls(function), "x: N 3", defaults={"N": 6}, frontend="trace")
    for n in (4, 5, 7, 10):
        counted = recount(on_meta(Calls(function)), parse("x: N 3"), {"N": n})
        assert analysis.at(N=n) == counted, n


def test_arithmetic_of_mixed_numbers_is_charged():
    def function(x):
        return x * torch.tensor([x.shape[0], 0.5, 1]) + torch.tensor([1, x.shape[1] / 2]).sum()

    analysis = fxflops.analyze(Calls(function), "x: N 3")
    assert analysis.at(N=5).elementwise == 15 + 15 + 1


def test_data_that_fill_no_rectangle_are_refused():
    for function in (
        lambda x: torch.tensor([[x.shape[0], 1], [2]]),
        lambda x: torch.as_tensor([[1.0, 2.0], 3.0]),
        lambda x: torch.tensor([x.sum(), [x.shape[0]]]),
    ):
        with pytest.raises(fxflops.CaptureError):
            fxflops.analyze(Calls(function), "x: N 3", frontend="trace")


def twice(x, condition):
    return 2 * x + 1 if condition else 2 * x


PLACES = {
    "is_meta": lambda x: not x.is_meta,
    "is_cpu": lambda x: x.is_cpu,
    "is_cuda": lambda x: not x.is_cuda,
    "device.type": lambda x: x.device.type == "cpu",
    "device": lambda x: x.device == torch.device("cpu"),
    "device as text": lambda x: str(x.device) == "cpu",
    "get_device": lambda x: x.get_device() == -1,
    "type": lambda x: x.type() == "torch.FloatTensor",
    "of a result": lambda x: (x + x).device.type == "cpu",
    "of a part": lambda x: x[0].device == x.device,
    "of what is made": lambda x: torch.zeros(3, device=x.device).device == x.device,
    "under a device": lambda x: on_its_device(x).device.type == "cpu",
}


def on_its_device(x):
    with torch.device(x.device):
        return torch.zeros(3)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("mode", ["eager", "compiled"])
@pytest.mark.parametrize("spec", ["x: N 3", "x: 5 3"])
@pytest.mark.parametrize("name", PLACES)
def test_a_branch_on_the_device_is_that_of_the_cpu(name, spec, mode, train):
    if train:
        model = nn.Sequential(nn.Linear(3, 3), Calls(lambda x: twice(x, PLACES[name](x))))
        analysis = fxflops.analyze(model, spec, train=True)
        counts = [node for node in analysis.nodes if node.path == "1"]
        assert any("add" in str(node.op) for node in counts)
        return
    model = on_meta(Calls(lambda x: twice(x, PLACES[name](x))))
    graph = trace.capture(model, parse(spec), {"N": 5} if "N" in spec else {}, mode=mode).graph
    assert torch.ops.aten.add.Tensor in [node.target for node in graph.nodes][-2:]


MOVES = {
    "to a device": lambda x: x.to(x.device),
    "to its name": lambda x: x.to("cpu"),
    "to a dtype and device": lambda x: x.to(device="cpu", dtype=torch.float64),
    "cpu": lambda x: x.cpu(),
    "to another's": lambda x: x.to(torch.zeros(3)),
    "empty_like": lambda x: torch.empty_like(x, device=x.device),
    "arange": lambda x: torch.arange(x.shape[0], device=x.device)[:, None],
}


@pytest.mark.parametrize("name", MOVES)
def test_what_moves_to_the_cpu_stays_on_meta(name):
    def function(x):
        return x + MOVES[name](x)

    found: Tensor = captured_output(function, "x: N 3", {"N": 5})
    assert found.is_meta
    analysis = fxflops.analyze(Calls(function), "x: N 3", frontend="trace")
    for n in (2, 3, 8):
        assert analysis.at(N=n) == recount(on_meta(Calls(function)), parse("x: N 3"), {"N": n})


SIZES = {
    "isinstance of int": lambda n: isinstance(n, int),
    "isinstance of several": lambda n: isinstance(n, (str, int)),
    "isinstance of Integral": lambda n: isinstance(n, numbers.Integral),
    "isinstance of a derived size": lambda n: isinstance(2 * n + 1, int),
    "isinstance of float": lambda n: isinstance(n / 2, float) and not isinstance(n / 2, int),
    "isinstance of bool": lambda n: isinstance(n > 3, bool),
    "not a tensor": lambda n: not isinstance(n, (Tensor, float)),
    "type": lambda n: type(n) is int,
    "type equals": lambda n: type(n / 2) == float,  # noqa: E721
    "type in": lambda n: type(n) in (int, float),
    "__class__": lambda n: n.__class__ is int,
    "match": lambda n: matched(n),
    "str": lambda n: str(n).isdigit(),
    "repr": lambda n: repr(n).isdigit(),
    "f-string": lambda n: f"{n}".isdigit(),
    "format": lambda n: "{}".format(n).isdigit(),  # noqa: UP032
    "percent": lambda n: ("%s" % n).isdigit(),  # noqa: UP031
    "text of a shape": lambda n: "N" not in str((n, 3)),
    "equality": lambda n: n == n + 0 and n != -1,
    "membership": lambda n: n in (-1, n),
}


def matched(n):
    match n:
        case int():
            return True
        case _:
            return False


@pytest.mark.parametrize("mode", ["eager", "compiled"])
@pytest.mark.parametrize("name", SIZES)
def test_a_branch_on_what_a_size_is_is_that_of_an_eager_run(name, mode):
    model = on_meta(Calls(lambda x: twice(x, SIZES[name](x.shape[0]))))
    captured = trace.capture(model, parse("x: N 3"), {"N": 6}, mode=mode)
    assert torch.ops.aten.add.Tensor in [node.target for node in captured.graph.nodes]
    assert twice(torch.rand(6, 3), SIZES[name](6)).shape == (6, 3)
    is_text = name in ("str", "repr", "f-string", "format", "percent", "text of a shape")
    assert any("makes text of the size N" in note for note in captured.notes) == is_text


VALUES = {
    "index": lambda n: operator.index(n) > 3,
    "float": lambda n: float(n) > 3,
    "sqrt": lambda n: math.sqrt(n) > 3,
    "percent": lambda n: ("%d" % n) == "6",  # noqa: UP031
    "format": lambda n: f"{n:d}" == "6",
    "hash": lambda n: n in {6: 1},
    "set": lambda n: n in {2, 6},
    "json": lambda n: json.dumps(n) == "6",
    "range": lambda n: len(range(n)) > 3,
    "list": lambda n: len([0] * n) > 3,
    "equals": lambda n: n == 6,
    "bit_length": lambda n: n.bit_length() == 3,
}


@pytest.mark.parametrize("name", VALUES)
def test_a_branch_on_a_number_that_cannot_stay_symbolic_is_refused(name):
    """Or it becomes a condition: nothing is counted at sizes for which it may not be decided so."""
    model = on_meta(Calls(lambda x: twice(x, VALUES[name](x.shape[0]))))
    with pytest.raises(CaptureError, match=r"test_cpu_tensors\.py|JSON"):
        trace.capture(model, parse("x: N 3"), {"N": 6})


def test_text_for_a_log_is_nothing_decided(caplog):
    def function(x):
        logging.getLogger(__name__).warning("a batch of %s", x.shape[0])
        return x

    captured = trace.capture(on_meta(Calls(function)), parse("x: N 3"), {"N": 6})
    assert captured.notes == ()


def test_symbolic_sizes_are_left_as_they_were():
    before = [dict(vars(kind)) for kind in (torch.SymInt, torch.SymFloat, torch.SymBool)]
    for function in (lambda x: twice(x, type(x.shape[0]) is int), lambda x: x.no_such_method()):
        with contextlib.suppress(CaptureError):
            trace.capture(on_meta(Calls(function)), parse("x: N 3"), {"N": 6})
    assert [dict(vars(kind)) for kind in (torch.SymInt, torch.SymFloat, torch.SymBool)] == before
    assert "type" not in globals()


class OnceCompiled(nn.Module):
    """Costs twice as much in an eager run, if that can be captured."""

    def __init__(self, eager):
        super().__init__()
        self.linear, self.eager = nn.Linear(8, 8), eager

    def forward(self, x):
        if not torch.compiler.is_compiling():
            x = self.linear(self.eager(x))
        return self.linear(x)


def cast_batch(x):
    return x.view(int(x.shape[0]), int(x.shape[1]))


def test_an_eager_run_is_counted_where_only_a_cast_is_in_its_way():
    model, fronts = on_meta(OnceCompiled(cast_batch)), frontends.front_ends("trace")
    found = frontends.capture(model, parse("x: N 8"), {}, fronts, is_users=False)
    linear = [n for n in found.capture.graph.nodes if n.target is torch.ops.aten.linear.default]
    assert len(linear) == 2
    assert found.capture.notes == ()
    with pytest.raises(fxflops.SpecializationError):  # whose code it is can change it
        frontends.capture(model, parse("x: N 8"), {}, fronts, is_users=True)


@pytest.mark.parametrize("frontend", ["auto", "trace", "export"])
def test_a_graph_that_is_not_of_an_eager_run_says_so(frontend):
    def eager(x):
        return x if x.sum() > 0 else -x

    analysis = fxflops.analyze(OnceCompiled(eager), "x: N 8", frontend=frontend)
    assert analysis.at(N=5).contraction == 2 * 5 * 8 * 8
    [note] = [note for note in analysis.notes if "is_compiling() is true" in note]
    assert "An eager run may take other branches." in note
    if frontend != "export":
        assert "test_cpu_tensors.py" in note


def test_the_graph_of_an_eager_run_says_nothing():
    analysis = fxflops.analyze(OnceCompiled(lambda x: x), "x: N 8")
    assert analysis.at(N=5).contraction == 2 * 2 * 5 * 8 * 8
    assert analysis.notes == ()


def test_text_of_what_failed_is_nothing_decided():
    def checked(x):
        torch._assert(x.dim() == 2, f"two axes, not {tuple(x.shape)}")
        assert x.shape[0] > 0, f"no rows in {x.shape[0]}"
        if x.shape[1] < 0:
            raise ValueError(f"{x.shape[1]} columns")
        return x * 2

    assert fxflops.analyze(Calls(checked), "x: N L").notes == ()

    def decided(x):
        return x * len(str(x.shape[0]))

    assert fxflops.analyze(Calls(decided), "x: N L").notes


@pytest.mark.parametrize("is_large", [lambda n: (n > 3) is True, lambda n: (n > 3) in (True,)])
def test_a_comparison_of_sizes_is_true_or_false(is_large):
    def branches(x):
        return x * 2 + 1 if is_large(x.shape[0]) else x

    above = fxflops.analyze(Calls(branches), "x: N L", defaults={"N": 5, "L": 6})
    assert above.at(N=5, L=7).flops == 2 * 5 * 7
    assert "N >= 4" in above.domain.texts()
    below = fxflops.analyze(Calls(branches), "x: N L", defaults={"N": 3, "L": 6})
    assert below.at(N=3, L=7).flops == 0
    before = torch.SymInt.__gt__
    fxflops.analyze(Calls(branches), "x: N L")
    assert torch.SymInt.__gt__ is before
