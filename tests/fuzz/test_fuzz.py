"""Random modules, each counted four ways; and those that once were counted wrong."""

from __future__ import annotations

import pytest
import torch

from fxflops.cost import QUANTITIES, Cost
from tests.fuzz import judge as judging
from tests.fuzz.grammar import every, program
from tests.fuzz.judge import judge
from tests.fuzz.program import Program, Step
from tests.fuzz.shrink import shrunk

PER_TEST = 10
MODULES = 200


@pytest.mark.parametrize("first", range(0, MODULES, PER_TEST))
def test_a_random_module_costs_the_same_four_times(first: int) -> None:
    compared = 0
    for seed in range(first, first + PER_TEST):
        verdict = judge(program(seed), seed)
        assert verdict.differences == [], f"seed {seed}: run scripts/fuzz.py --seeds {seed}"
        compared += verdict.compared["by rules"]
    assert compared >= PER_TEST


FOUND = {
    "a dropout that does not drop returns its input": (
        "v01: N L 4",
        "v02 = F.dropout(v01, 0.5, False)",
        "v03 = torch.minimum(v01, v02)",
    ),
    "an axis flattened into itself, too": (
        "v01: N L 4",
        "v02 = v01.flatten(1, 1)",
        "v03 = torch.minimum(v01, v02)",
    ),
    "a number set in a slice is one call": (
        "v01: N L 4",
        "v02 = v01.clone()",
        "v02[:, 1:] = 0",
        "v02[0] = 2.5",
        "v03 = v02 * 2",
    ),
    "a number set where a mask is true": (
        "v01: N L 4",
        "v03 = v01.clone()",
        "v03[v03 > 0] = 0.0",
        "v03[:, [0, 0]] = 1",
        "v03[torch.arange(2) // 2] = v03.shape[0]",
    ),
    "a gradient that nobody asks for is not written": (
        "v01: N 4 H W",
        "self.m1 = nn.BatchNorm2d(4)",
        "self.m2 = nn.GroupNorm(2, 4)",
        "v02 = self.m1(v01)",
        "v03 = self.m2(v01) + v02",
    ),
    "no row is looked up by no index": (
        "v01: N 4 L",
        "v03 = v01.scatter(2, torch.zeros_like(v01, dtype=torch.int64), 1.0)",
    ),
    "attention calls another product at a size of 1": (
        "v01: N L 4",
        "self.m1 = nn.MultiheadAttention(4, 2, batch_first=True)",
        "v03 = self.m1(v01, v01, v01)[0]",
    ),
    "a power and a factor that are sizes": (
        "v01: N L 4",
        "v02 = v01 ** v01.shape[1] + v01 ** (v01.shape[0] + 1)",
        "v03 = torch.add(v01, v02, alpha=v01.shape[0])",
    ),
    "a loss of classes": (
        "v01: N 4",
        "v02 = F.cross_entropy(v01, torch.zeros(v01.shape[0], dtype=torch.int64))",
        "v03 = F.nll_loss(v01, torch.zeros(v01.shape[0], dtype=torch.int64)) + v02",
    ),
}


def written(inputs: str, *lines: str) -> Program:
    """A program of these lines, which returns ``v03``."""
    names = tuple(part.partition(":")[0].strip() for part in inputs.split(";"))
    setup = tuple(line for line in lines if line.startswith("self."))
    body = [line for line in lines if line not in setup]
    return Program(inputs, names, (Step("\n".join(body), names, ("v03",), setup),), ("v03",))


@pytest.mark.parametrize("found", FOUND)
def test_what_was_counted_wrong_is_counted_right(found: str) -> None:
    verdict = judge(written(*FOUND[found]))
    assert verdict.differences == []
    assert verdict.compared["by rules"] >= 3
    assert verdict.refused == []


def test_the_gradient_of_a_sampling_grid_is_written_in_any_case() -> None:
    step = "v03 = F.grid_sample(self.m1(v01), v02, align_corners=False)"
    module = written("v01: N 4 5 6; v02: N 3 3 2", "self.m1 = nn.Conv2d(4, 4, 1)", step)
    verdict = judge(module)
    assert verdict.differences == []
    assert verdict.compared["train"] >= 3


# The fuzz itself finds what is wrong.


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_count_that_is_off_by_one_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = judging.recount

    def wrong(*args: object) -> Cost:
        cost = right(*args)  # type: ignore[arg-type]
        return cost.replace(**{name: getattr(cost, name) + 1})

    monkeypatch.setattr(judging, "recount", wrong)
    differences = judge(written("v01: N L 4", "v03 = v01.softmax(1) @ v01.mT")).differences
    assert any(name in difference for difference in differences)


def test_a_module_that_is_changed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = judging.fxflops.analyze

    def changes(model: torch.nn.Module, *args: object, **kwargs: object) -> object:
        with torch.no_grad():
            next(model.parameters()).add_(1)
        return right(model, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(judging.fxflops, "analyze", changes)
    module = written("v01: N 4", "self.m1 = nn.Linear(4, 3)", "v03 = self.m1(v01)")
    assert "eval: the module is changed" in judge(module).differences


def test_a_failing_module_becomes_minimal() -> None:
    composed = next(p for p in map(program, range(500)) if len(p.steps) >= 5 and fails(p))
    small = shrunk(composed, fails)
    assert fails(small)
    assert len(small.steps) <= 2


def fails(composed: Program) -> bool:
    """Stands for a difference that one statement makes."""
    try:
        composed.module()
    except Exception:
        return False
    return any("softmax" in step.text for step in composed.steps)


def test_a_seed_gives_the_same_module_always() -> None:
    assert program(7).source == program(7).source
    assert len({program(seed).source for seed in range(40)}) == 40


def test_the_grammar_has_what_it_promises() -> None:
    promised = {
        *("views", "slices", "in place", "broadcasting", "dtypes", "branches", "state", "norms"),
        *("reductions", "products", "attention", "sampling", "indexing", "resizing", "losses"),
    }
    assert promised <= set(every())
    text = "\n".join(program(seed).source for seed in range(300))
    for part in (":0]", ".add_(", ".half()", " if ", "self.b", "MultiheadAttention", "F.interp"):
        assert part in text, part
