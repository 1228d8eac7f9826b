"""``fxflops count --max``: exit 1 over a budget, the culprit first."""

import json

import pytest

from fxflops.cli import main

# By hand, as in the README: FLOPs and parameters of ResNet-18 at 224 x 224.
FLOPS, PARAMETERS = 3_633_912_040, 11_689_512


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(autouse=True)
def cache_home(answers, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(answers))


@pytest.mark.parametrize(
    ("budgets", "over"),
    [
        (f"flops={FLOPS}", []),
        (f"flops={FLOPS - 1}", ["flops"]),
        (f"flops = {FLOPS - 1}, parameters={PARAMETERS}", ["flops"]),
        ("flops=4G, parameters=11.689512M", []),
        ("flops<=3.6G,parameters=11.6M,span=1G,intensity=1", ["all"]),
    ],
)
def test_budgets(budgets, over, capsys):
    words = ["torchvision:resnet18", "--max", budgets, "--format", "json"]
    assert main(words) == (1 if over else 0)
    out, error = capsys.readouterr()
    found = {budget["quantity"]: budget for budget in json.loads(out)["budgets"]}
    exceeded = [name for name, budget in found.items() if not budget["within"]]
    assert exceeded == (list(found) if over == ["all"] else over)
    assert error.count("\n") == len(exceeded)
    assert found["flops"]["value"] == FLOPS


def test_the_culprit_comes_first(capsys):
    assert main(["torchvision:resnet18", "--max", "bytes=1M, contraction=3.628146687G"]) == 1
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(
        "bytes 117.0 MB, over the budget of 1.000 MB; the dearest module is layer4"
    )
    assert "contraction 3,628,146,688, over the budget of 3,628,146,687" in first


def test_a_lower_bound_is_not_proven_to_be_inside(capsys):
    words = ["tests.comparing.models_to_compare:Unknown", "--input", "image: 2 3 4 5"]
    assert main([*words, "--max", "flops=1T"]) == 1
    assert "not proven to be in its budget" in capsys.readouterr().err
    assert main([*words, "--max", "parameters=0"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max", "flops"], "'flops' is no budget"),
        (["--max", ""], "There is no budget"),
        (["--max", "speed=1"], "There is no quantity 'speed'"),
        (["--max", "flops=1GB"], "is no number for flops"),
        (["--max", "flops=1G", "--convention", "macs"], "leave out --max"),
    ],
)
def test_bad_budgets_are_one_line(words, said, capsys):
    assert main(["torchvision:resnet18", *words]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert said in error


def test_budgets_need_sizes(capsys):
    words = ["tests.comparing.models_to_compare:base", "--input", "image: N 3 H W"]
    assert main([*words, "--max", "flops=1G"]) == 2
    assert "--max needs numbers: give --at N=…,H=…,W=…" in capsys.readouterr().err
