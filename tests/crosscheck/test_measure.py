"""What a measurement refuses: another graph, another run, numbers that are none."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.autograd.profiler_util import FunctionEvent

from fxflops.cli import main
from fxflops.crosscheck import convention
from fxflops.crosscheck.events import Profiled, by_call
from fxflops.crosscheck.measure import _median, _require_sums
from fxflops.crosscheck.run import check
from fxflops.crosscheck.stream import MARK, Call, FlopCounted, Named, align
from fxflops.errors import CheckError

aten = torch.ops.aten


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def without_data(x):
    """Whether ``x`` is of a capture, in which ``x.is_meta`` is as in an eager run."""
    return x.untyped_storage().device.type == "meta"


def test_another_path_with_data_is_refused():
    def forward(x):
        return x * 2 if without_data(x) else torch.relu(x)

    with pytest.raises(CheckError, match=r"aten\.relu.*aten\.mul.*test_measure\.py"):
        check(Calls(forward), "x: 2 3", sizes={}, repetitions=1)


def test_another_size_with_data_is_refused():
    def forward(x):
        return torch.relu(x if without_data(x) else x[:1])

    with pytest.raises(CheckError, match=r"\[1, 3\].*\[2, 3\]"):
        check(Calls(forward), "x: 2 3", sizes={}, repetitions=1)


def test_a_call_more_with_data_is_refused():
    def forward(x):
        return x * 2 if without_data(x) else torch.relu(x * 2)

    with pytest.raises(CheckError, match="nothing more"):
        check(Calls(forward), "x: 2 3", sizes={}, repetitions=1)


def test_a_free_call_more_with_data_is_not():
    def forward(x):
        return torch.relu(x) if without_data(x) else torch.relu(x.reshape(3, 2).reshape(2, 3))

    outcome = check(Calls(forward), "x: 2 3", sizes={}, repetitions=1)
    assert outcome.passed
    assert [call.in_graph for call in outcome.runs[0].calls] == [False, False, True]


def test_a_run_that_changes_is_refused():
    runs = itertools.count()  # which no snapshot of the model's state winds back

    def forward(x):
        return torch.relu(x) if without_data(x) or next(runs) < 2 else torch.relu(-x)

    with pytest.raises(CheckError, match="more than its input"):
        check(Calls(forward), "x: 2 3", sizes={}, repetitions=2)


def test_an_output_that_is_not_a_number_is_refused():
    with pytest.raises(CheckError, match="not finite"):
        check(Calls(lambda x: torch.log(-x.abs())), "x: 2 3", sizes={}, repetitions=1)


def test_a_wrong_rule_is_a_mismatch(monkeypatch, capsys):
    """The rules are held against the events themselves."""
    rules = {**convention.RULES, "aten::addmm": lambda shapes, _: shapes[1][0]}
    monkeypatch.setattr("fxflops.crosscheck.events.RULES", rules)
    words = ["check", "torchvision:resnet18", "--size", "32x32", "--repetitions", "1"]
    assert main(words) == 1
    assert "torch.profiler counts 1024000, its rules give 1" in capsys.readouterr().err


def test_an_event_with_flops_and_no_rule_is_a_mismatch(monkeypatch):
    rules = {name: rule for name, rule in convention.RULES.items() if name != "aten::mul"}
    monkeypatch.setattr("fxflops.crosscheck.events.RULES", rules)
    outcome = check(Calls(lambda x: x * x), "x: 2 3", sizes={}, repetitions=1)
    assert not outcome.passed


def test_uncounted_work_is_refused():
    @torch.library.custom_op("crosscheck::mystery", mutates_args=())
    def mystery(x: torch.Tensor) -> torch.Tensor:
        return x * x

    mystery.register_fake(torch.empty_like)
    with pytest.raises(CheckError, match=r"crosscheck\.mystery"):
        check(Calls(lambda x: mystery(x)), "x: 2 3", sizes={}, repetitions=1)


def test_a_missing_device_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["check", "rtdetr_r18", "--device", "cuda"]) == 2
    assert "no CUDA device" in capsys.readouterr().err


def event(name, start, end, flops=0, shapes=()):
    return FunctionEvent(
        id=0,
        name=name,
        thread=1,
        start_us=start,
        end_us=end,
        flops=flops,
        input_shapes=list(shapes),
        concrete_inputs=[],
        use_device="cuda",
    )


def within(parent, *children):
    for child in children:
        parent.append_cpu_child(child)
        child.set_cpu_parent(parent)


def marked(name):
    """An operator that somebody listens to: the call, the mark, the call again, its kernel."""
    outer = event("aten::mul", 0, 100, 6, [[2, 3], [2, 3]])
    mark = event(MARK + name, 10, 90)
    inner = event("aten::mul", 20, 80, 6, [[2, 3], [2, 3]])
    launch = event("aten::copy_", 30, 40)
    within(outer, mark)
    within(mark, inner)
    within(inner, launch)
    inner.append_kernel("mul_kernel", 0, 5)
    launch.append_kernel("copy_kernel", 0, 7)
    launch.append_kernel(MARK + name, 0, 1000)  # how CUDA shows the mark, from end to end
    return [outer, mark, inner, launch]


def test_events_belong_to_the_mark_above_them():
    (on_cpu,) = by_call(marked("mul"), ["mul"], on_cuda=False)
    assert on_cpu.flops == on_cpu.ruled == {"aten::mul": 6}
    assert on_cpu.events == {"aten::mul": 1}
    assert on_cpu.names == {"aten::mul", "aten::copy_"}
    assert on_cpu.seconds == pytest.approx(60e-6)
    (on_cuda,) = by_call(marked("mul"), ["mul"], on_cuda=True)
    assert on_cuda.seconds == pytest.approx((5 + 7) * 1e-6)


def test_an_event_of_no_call_is_refused():
    stray = event("aten::mm", 200, 300, 30, [[2, 3], [3, 5]])
    with pytest.raises(CheckError, match=r"aten::mm with 30 FLOPs belongs to no call"):
        by_call([*marked("mul"), stray], ["mul"], on_cuda=False)


def profiled(seconds, **flops):
    return Profiled(flops=flops, ruled=flops, events={}, names=frozenset(), seconds=seconds)


def test_repetitions_must_count_the_same():
    runs = [[profiled(3.0, mm=2)], [profiled(1.0, mm=2)], [profiled(2.0, mm=2)]]
    assert _median(runs, ["node"])[0].seconds == 2.0
    with pytest.raises(CheckError, match="node"):
        _median([*runs, [profiled(1.0, mm=4)]], ["node"])


def test_the_parts_must_sum_up_to_the_whole():
    parts = [profiled(1.0, **{"aten::bmm": 2}), profiled(1.0, **{"aten::mul": 3})]
    counted = [FlopCounted(7, frozenset())]
    for product in ("aten::bmm", "aten::mm"):
        _require_sums(parts, {product: 2, "aten::mul": 3}, counted, 7)
    for ordinary, flop_counter, said in (
        ({"aten::bmm": 2, "aten::mul": 4}, 7, "elementwise work: 4 FLOP .* 3 in its calls"),
        ({"aten::bmm": 5}, 7, "contraction: 5 FLOP .* 2 in its calls"),
        ({"aten::bmm": 2, "aten::mul": 3}, 8, "contraction: 8 FLOP .* 7 in its calls"),
    ):
        with pytest.raises(CheckError, match=said):
            _require_sums(parts, ordinary, counted, flop_counter)


def test_calls_are_named_by_their_place_in_the_graph():
    def call(op, *shape, is_free=False):
        return Call(op, (shape,), is_free)

    relu, view = call(aten.relu.default, 2, 3), call(aten.view.default, 6, is_free=True)
    detach = call(aten.detach.default, 2, 3, is_free=True)
    nodes = [
        Named(name=name, where="model.py:1", call=of)
        for name, of in (("relu", relu), ("detach", detach), ("view", view), ("relu_1", relu))
    ]
    assert align(nodes, [relu, detach, view, relu]) == ["relu", "detach", "view", "relu_1"]
    assert align(nodes, [view, relu, view, relu]) == [None, "relu", "view", "relu_1"]
    for run in ([relu], [relu, relu, relu], [relu, call(aten.relu.default, 3, 2)]):
        with pytest.raises(CheckError):
            align(nodes, run)


def test_events_need_no_more_than_these_attributes():
    """What torch's own event has in every version that is supported."""
    known = vars(event("aten::mul", 0, 1))
    for name in ("flops", "input_shapes", "concrete_inputs", "cpu_parent", "kernels"):
        assert name in known
    assert SimpleNamespace(**known).device_type is torch.autograd.DeviceType.CPU
