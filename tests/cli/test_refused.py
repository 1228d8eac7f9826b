"""Options that have no effect together are refused, each with the whole "
"message."""

import pytest
from torch import nn

import fxflops
from fxflops.cli import main
from fxflops.cli.explain import _pythons
from fxflops.errors import SpecError

LINEAR = ["torch.nn:ReLU", "--input", "x: N H"]
LONG = "9" * 5000
HUGE = str(2**63)
QUOTED = [*LINEAR, "--at", "N=2,H=3", "--convention", "fvcore"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            [*LINEAR, "--static", "--at", "N=2,H=3", "--symbolic"],
            "--static leaves no symbols for --symbolic to show. Give one of them.",
        ),
        (
            [*LINEAR, "--static", "--at", f"N=2,H={HUGE}"],
            f"H is {HUGE}, and --static needs tensors of that size: no axis is "
            f"longer than {2**63 - 1}.",
        ),
        (
            [*LINEAR, "--loss", "torch:sum", "--cache", "--train"],
            "--cache keeps no answer for a loss, which may change. Leave it out.",
        ),
        (
            ["model.pt2", "--cache"],
            "--cache keeps no answer for a file, which may change. Leave it out.",
        ),
        (
            [*LINEAR, "--deploy=merge"],
            "There is no pass 'merge'. Known: merge-repvgg, fold-batch-norm, hoist.",
        ),
        (
            [*LINEAR, "--train=lion"],
            "The step of the optimizer 'lion' is not known. Known: sgd, adamw.",
        ),
        (
            [*LINEAR, "--train", "--deploy"],
            "A deployed model is not trained: leave out deploy, or train.",
        ),
        (
            [*LINEAR, "--train", "--frontend", "export"],
            "torch.export gives no gradients: for train the front end is trace.",
        ),
        (
            [*LINEAR, "--loss", "torch:sum"],
            "A loss is that of a training step: give train=True, too.",
        ),
        ([*LINEAR, "--depth", LONG], "--depth has 5,000 digits, at most 1,000 are read."),
        ([*LINEAR, "--depth=-1"], "--depth must be 0 or more, not '-1'."),
        ([*LINEAR, "--at", "N"], "--at 'N' is not of the form NAME=SIZE, e.g. N=2,H=800."),
        (
            [*LINEAR, "--size", "3x4", "--size", "4x5", "--format", "json"],
            "--format json has room for one --size. Give it once.",
        ),
        (
            [*LINEAR, "--convention", "fvcore", "--size", "3x4", "--size", "4x5"],
            "--size is given several times, which only a count prints. Give it once.",
        ),
        ([*QUOTED, "--train"], "--convention counts a call of the model: leave out --train."),
        (
            [*QUOTED, "--loss", "torch:sum"],
            "--convention counts a call of the model: leave out --loss.",
        ),
        (
            [*QUOTED, "--deploy"],
            "--convention counts the graph that the tool sees: leave out --deploy.",
        ),
        (
            [*QUOTED, "--depth", "1"],
            "--convention gives one number, without modules: leave out --depth.",
        ),
        ([*QUOTED, "--cache"], "--convention keeps no answers: leave out --cache."),
        (
            [*QUOTED, "--past", "P"],
            "--convention has no past: no other tool is quoted for a cache.",
        ),
        ([*QUOTED, "--trust"], "--trust is for a saved program, which torch.nn:ReLU is not."),
        (
            [*QUOTED, "--frontend", "export"],
            "--convention counts calls of modules and functions, which "
            "torch.export does not show: leave out --frontend export.",
        ),
        (
            [*QUOTED, "--static", "--symbolic"],
            "--static leaves no symbols for --symbolic to show. Give one of them.",
        ),
        (
            [*LINEAR, "--at", f"N=2,H={HUGE}", "--convention", "fvcore"],
            f"H is {HUGE}, and --convention needs tensors of that size: no axis is "
            f"longer than {2**63 - 1}.",
        ),
        (
            ["explain", *LINEAR, "--against", "fvcore", "--at", f"N=2,H={HUGE}"],
            f"H is {HUGE}, and explain needs tensors of that size: no axis is "
            f"longer than {2**63 - 1}.",
        ),
        (
            ["explain", *LINEAR, "--against", "fvcore", "--at", "N=2,H=3", "--python", "fvcore="],
            "--python fvcore= is not of the form PATH or TOOL=PATH.",
        ),
        (
            ["check", *LINEAR, "--at", f"N=2,H={HUGE}"],
            f"H is {HUGE}, and check needs tensors of that size: no axis is longer "
            f"than {2**63 - 1}.",
        ),
    ],
)
def test_the_whole_message(words, says, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"fxflops: {says}\n")


def test_one_tool_has_one_interpreter():
    assert _pythons(["fvcore=/a", "fvcore=/a", "/b"]) == {"fvcore": "/a", "": "/b"}
    for twice, whose in ((["fvcore=/a", "fvcore=/b"], "fvcore"), (["/a", "/b"], "all tools")):
        with pytest.raises(SpecError) as refused:
            _pythons(twice)
        assert str(refused.value) == f"--python is given two paths for {whose}. Give one."


def test_a_formula_suffices_for_a_quoted_number_without_sizes(capsys):
    words = [f"{__name__}:linear", "--input", "x: N 3", "--convention", "fvcore"]
    assert main([*words, "--symbolic"]) == 0
    assert "15*N" in capsys.readouterr().out
    assert main([*words, "--format", "json"]) == 0
    assert '"15*N"' in capsys.readouterr().out


def linear():
    return nn.Linear(3, 5)


def test_a_fixed_size_is_accepted_at_its_value_and_refused_at_another():
    analysis = fxflops.analyze("torchvision:vit_b_16")
    assert analysis.domain.fixed
    name, only = next(iter(analysis.domain.fixed.items()))
    assert analysis.at(N=1, **{name: only}) == analysis.at(N=1)
    with pytest.raises(fxflops.DomainError) as refused:
        analysis.at(N=1, **{name: only + 1})
    assert f"at {name}={only + 1}: {name} is fixed at {only}." in str(refused.value)
