"""An analysis as Python users have it: printed, pickled, called; and what they can do wrong."""

import pickle
import subprocess
import sys
import warnings

import pytest
import torch
from torch import nn

import fxflops
from fxflops.cli import main


class Net(nn.Module):
    def forward(self, x):
        return torch.linalg.svdvals(x)


SPEC = "x: N 3 H%2 W"


@pytest.fixture(scope="module")
def analysis():
    return fxflops.analyze(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), SPEC)


@pytest.mark.parametrize("options", [{}, {"deploy": fxflops.PASSES}, {"train": "adamw"}])
def test_a_pickled_analysis_says_the_same_in_another_process(options, tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    before = fxflops.analyze(model, SPEC, **options)
    _ = before.graph, before.report
    file = tmp_path / "analysis.pkl"
    file.write_bytes(pickle.dumps(before))
    code = (
        "import pickle, sys; a = pickle.load(open(sys.argv[1], 'rb')); "
        "print(a.formula('flops'), a(N=2, H=8, W=7), a.span(N=2, H=8, W=7), a.nodes[0].op); "
        "print(a.report == pickle.loads(pickle.dumps(a.report))); print(a)"
    )
    command = [sys.executable, "-c", code, str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    sizes = {"N": 2, "H": 8, "W": 7}
    lines = [before.formula("flops"), before(**sizes), before.span(**sizes), before.nodes[0].op]
    assert run.stdout == f"{' '.join(map(str, lines))}\nTrue\n{before}\n"
    after = pickle.loads(file.read_bytes())
    assert after.nodes == before.nodes
    assert after.report == before.report
    with pytest.raises(fxflops.FxflopsError, match="analyze the model again"):
        _ = after.graph


def test_the_repr_is_one_short_line(analysis):
    assert (
        repr(analysis)
        == "<fxflops.Analysis of Sequential, x: N 3 H%2 W, float32: 2 calls, complete>"
    )
    long = "y\x1b" * 300
    named = type(long.encode().hex(), (nn.ReLU,), {})()
    spec = "; ".join(f"x{i}: N" for i in range(99))
    shown = repr(fxflops.analyze(named, "x: N 3"))
    assert len(shown) < 200
    assert shown.isprintable()
    assert len(repr(fxflops.analyze(Sum(), spec))) < 200


class Sum(nn.Module):
    def forward(self, *tensors):
        return sum(tensors)


def test_an_incomplete_analysis_says_so():
    incomplete = fxflops.analyze(Net(), "x: 4 3")
    assert not incomplete.complete
    assert "INCOMPLETE: 1 call uncounted" in repr(incomplete)
    assert str(incomplete).startswith("≥ 0, INCOMPLETE: 1 call uncounted\n")


def test_printed_it_is_the_table_of_the_command_line(capsys):
    assert main(["rtdetr_r18", "--no-cache"]) == 0
    assert str(fxflops.analyze("rtdetr_r18")) == capsys.readouterr().out.rstrip("\n")


def test_it_has_symbols_notes_and_a_report(analysis):
    assert list(analysis.symbols) == ["N", "H", "W"]
    sizes = {analysis.symbols["N"]: 2, analysis.symbols["H"]: 8, analysis.symbols["W"]: 7}
    cost = analysis(N=2, H=8, W=7)
    assert analysis.formula("flops").subs(sizes) == cost.flops
    assert analysis.report.at({"N": 2, "H": 8, "W": 7}).value("flops") == cost.flops
    assert analysis.report.notes == analysis.notes
    assert cost == analysis.at(N=2, H=8, W=7)


def test_axes_may_have_any_name():
    analysis = fxflops.analyze(nn.ReLU(), "x: self quantity")
    assert analysis.at(self=3, quantity=4).comparison == 12
    assert analysis(self=3, quantity=4).comparison == 12
    assert analysis.span(self=3, quantity=4) == 0
    assert analysis.evaluate("comparison", self=[2, 3], quantity=5).tolist() == [10, 15]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"frontend": "foo"}, "no front end 'foo'. Known: auto, trace, export"),
        ({"frontend": ["trace"]}, "no front end"),
        ({"inputs": 5}, "inputs must be a spec"),
        ({"inputs": {"x": 1}}, "inputs must be a spec"),
        ({"inputs": b"x: N"}, "inputs must be a spec"),
        ({"inputs": None, "args": 5}, "args must be a tuple"),
        ({"inputs": None, "args": "ab"}, "args must be a tuple"),
        ({"inputs": None, "args": torch.ones(2)}, "args must be a tuple"),
        ({"inputs": None, "kwargs": 5}, "kwargs must be a dict"),
        ({"inputs": None, "kwargs": {5: torch.ones(2)}}, "kwargs must be a dict"),
        ({"defaults": 5}, "defaults must be a dict"),
        ({"defaults": {"N": 1.5}}, "positive integer"),
        ({"defaults": {5: 5}}, "no size 5"),
        ({"dtype": 5}, "no dtype 5"),
        ({"deploy": True}, "deploy=fxflops.PASSES, not True"),
        ({"deploy": "hoist"}, "deploy must be a tuple"),
        ({"deploy": 5}, "deploy must be a tuple"),
        ({"deploy": [5]}, "no pass 5"),
        ({"train": 5}, "train must be True"),
        ({"train": []}, "train must be True"),
        ({"train": "adam"}, "optimizer 'adam'"),
        ({"train": True, "loss": 5}, "loss must be a function"),
    ],
)
def test_a_bad_argument_is_an_error_of_ours_in_one_line(options, says):
    with pytest.raises(fxflops.FxflopsError) as error:
        fxflops.analyze(nn.Linear(3, 3), **{"inputs": "x: N 3", **options})
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert "--" not in str(error.value)


@pytest.mark.parametrize("model", [5, None, nn.ReLU, [nn.ReLU()]])
def test_what_is_no_model_is_an_error_of_ours(model):
    with pytest.raises(fxflops.ModelError, match=r"must be a name or a torch\.nn\.Module"):
        fxflops.analyze(model, "x: N 3")


@pytest.mark.parametrize(
    "ask",
    [
        lambda a: a.at(N=1),
        lambda a: a.at(N="a", H=2, W=3),
        lambda a: a.at(N=1, H=4, W=3, Z=5),
        lambda a: a.at(N=10**5000, H=3, W=3),
        lambda a: a.at(N=-(10**5000), H=4, W=3),
        lambda a: a.evaluate("nothing", N=1, H=4, W=3),
        lambda a: a.evaluate("flops", N="a", H=4, W=3),
        lambda a: a.formula(5),
        lambda a: a.once_per("week"),
    ],
)
def test_a_bad_question_is_an_error_of_ours(ask, analysis):
    with pytest.raises(fxflops.FxflopsError) as error:
        ask(analysis)
    assert "--" not in str(error.value)


def test_a_size_that_python_does_not_write_is_counted(analysis):
    assert analysis.at(N=10**5000, H=4, W=3).contraction == 2 * 27 * 4 * 2 * 10**5000


def test_names_of_the_release_before_still_work():
    with pytest.warns(DeprecationWarning, match="SpecializationError"):
        assert fxflops.SpecialisedError is fxflops.SpecializationError
    with pytest.warns(DeprecationWarning, match="SpecializationError"):
        from fxflops.errors import SpecialisedError
    assert SpecialisedError is fxflops.SpecializationError
    node = fxflops.analyze(nn.ReLU(), "x: N 3").nodes[0]
    with pytest.warns(DeprecationWarning, match="dependencies"):
        assert node.needs == node.dependencies
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in fxflops.__all__:
            assert getattr(fxflops, name) is not None
        assert issubclass(fxflops.ConventionError, fxflops.FxflopsError)
