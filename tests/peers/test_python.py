"""``fxflops.explain`` and ``fxflops.check`` in Python."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fxflops
from fxflops.peers import process
from fxflops.peers.here import functions_restored
from tests.conventions import toys

SIZES = {"N": 2, "H": 8, "W": 16}


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)

    def forward(self, image):
        return F.relu(self.conv(image))


def test_a_module_is_explained_in_this_process_and_left_as_it_is():
    model = Small().train()
    before = copy.deepcopy(model.state_dict())
    said = []
    outcome = fxflops.explain(
        model,
        "image: N 3 H W",
        against=["flop-counter", "torch.profiler"],
        sizes=SIZES,
        progress=said.append,
    )
    assert outcome.explained
    assert said == [
        "capturing the model",
        "recording the calls of its modules",
        "flop-counter",
        "torch-profiler",
    ]
    assert [(step.number, step.of) for step in said] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    products = 2 * 2 * 5 * 6 * 14 * 27
    assert [tool.measured.total for tool in outcome.tools] == [products, products]
    assert model.training
    assert not model._forward_hooks
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_one_tool_may_be_named_by_a_string():
    outcome = fxflops.explain(Small(), "image: N 3 H W", against="flop-counter", sizes=SIZES)
    assert [tool.tool for tool in outcome.tools] == ["flop-counter"]


def test_replaced_functions_are_put_back_though_the_tool_fails():
    before = F.relu, torch.matmul, torch.Tensor.add

    def fail():
        with functions_restored():
            F.relu = torch.matmul = torch.Tensor.add = None
            F.made_up = 1
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert (F.relu, torch.matmul, torch.Tensor.add) == before
    assert not hasattr(F, "made_up")


def test_all_runs_the_others_where_one_is_missing(monkeypatch):
    asked = process._ask

    def ask(python, request):
        if request["tool"] in ("flop_counter", "torch_profiler"):
            return asked(python, request)
        return {"missing": "No module"}

    monkeypatch.setattr(process, "_ask", ask)
    outcome = fxflops.explain(
        "tests.conventions.toys:Shared", toys.INPUTS, against="all", sizes=SIZES
    )
    assert {tool.tool for tool in outcome.tools} == {"flop-counter", "torch-profiler"}
    assert "thop" in {tool.tool for tool in outcome.missing}
    assert len(outcome.missing) == 8
    assert all("install" in tool.why or "pythons=" in tool.why for tool in outcome.missing)


def test_a_tool_asked_for_by_name_must_be_there(monkeypatch):
    monkeypatch.setattr(process, "_ask", lambda *_: {"missing": "No module"})
    with pytest.raises(fxflops.CheckError, match="pip install"):
        fxflops.explain(
            "tests.conventions.toys:Shared", toys.INPUTS, against=["fvcore"], sizes=SIZES
        )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"against": []}, "No tool is named"),
        ({"against": ["flop-counter"], "pythons": {"": "python"}}, "in this process"),
    ],
)
def test_what_has_no_effect_is_refused(settings, says):
    with pytest.raises(fxflops.SpecError, match=says):
        fxflops.explain(Small(), "image: N 3 H W", sizes=SIZES, **settings)


def test_a_python_for_a_tool_that_is_not_asked_for_is_refused():
    with pytest.raises(fxflops.SpecError, match="thop, which is not asked for"):
        fxflops.explain(
            "tests.conventions.toys:Shared",
            toys.INPUTS,
            against=["fvcore"],
            sizes=SIZES,
            pythons={"thop": "python"},
        )


def test_check_takes_a_module():
    said = []
    outcome = fxflops.check(
        Small(), "image: N 3 H W", sizes=SIZES, repetitions=1, progress=said.append
    )
    assert outcome.passed
    assert said[0] == "capturing the model"
    assert [step.number for step in said] == list(range(1, said[-1].of + 1))
    assert said[0].left is None
    assert all(step.left >= 0 for step in said[1:])
    assert [step.elapsed for step in said] == sorted(step.elapsed for step in said)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"device": "tpu"}, "no device 'tpu'"), ({"repetitions": 0}, "1 or more")],
)
def test_check_refuses_what_it_cannot_do(settings, says):
    with pytest.raises(fxflops.SpecError, match=says):
        fxflops.check(Small(), "image: N 3 H W", sizes=SIZES, **settings)


def test_convention_errors_are_public():
    with pytest.raises(fxflops.ConventionError, match="uncounted operators"):
        fxflops.explain(toys.Uncounted(), "x: N", against="flop-counter", sizes={"N": 2})
