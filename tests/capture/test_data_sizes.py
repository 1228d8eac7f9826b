"""Results whose size the data decide: a symbol with a bound and a line, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import batched_nms, nms, roi_pool

import fxflops
from fxflops.algebra.closed_form import text
from fxflops.capture import trace
from fxflops.capture.data_sizes import DataSizes
from fxflops.capture.prepare import on_meta
from fxflops.cost import total
from fxflops.crosscheck.occurred import occurred, values_of
from fxflops.errors import CaptureError, DomainError, SpecError
from fxflops.spec import parse


class Calls(nn.Module):
    """One call, and a layer for what it finds."""

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self.call = call
        self.layer = nn.Linear(4, 7)

    def forward(self, *tensors: Tensor) -> Any:
        return self.call(self.layer, *tensors)


SIZED_BY_DATA = [
    (lambda f, b, s: f(b[nms(b, s, 0.5)]), "b: 9 4; s: 9", "torchvision.nms.default", ["9"]),
    (lambda f, x: f(x[x.sum(1).nonzero()[:, 0]]), "x: N 4", "aten.nonzero.default", ["N"]),
    (lambda f, x: f(x[torch.where(x > 0)[0]]), "x: N 4", "aten.nonzero.default", ["4*N"]),
    (lambda f, x: f(x[x.nonzero(as_tuple=True)[0]]), "x: N 4", "aten.nonzero.default", ["4*N"]),
    (lambda f, x: f(x[x[:, 0] > 0]), "x: N 4", "aten.nonzero.default", ["N"]),
    (lambda f, x: f(x[:, x[0, :, 0] > 0]), "x: N S 4", "aten.nonzero.default", ["S"]),
    (lambda f, x: x.masked_select(x[:, :1] > 0) * 2, "x: N 4", "aten.nonzero.default", ["N"]),
    (lambda f, x: f(x.unique(dim=0)), "x: 9 4", "aten.unique_dim.default", ["9"]),
    (lambda f, x: x.unique() * 2, "x: 3 5", "aten._unique2.default", ["15"]),
    (lambda f, x: f(x[x[:, 0] > 0]) + f(x[x[:, 1] > 0]).sum(), "x: N 4", "", ["N", "N"]),
    (lambda f, x: f(x[x[:, 0] > 0][:5]), "x: N 4", "aten.nonzero.default", ["N"]),
]


@pytest.mark.parametrize(
    ("call", "spec", "operator", "bounds"), SIZED_BY_DATA, ids=[str(i) for i in range(11)]
)
def test_the_formula_is_exact_in_the_size_that_data_decide(
    call: Callable[..., Any], spec: str, operator: str, bounds: list[str]
) -> None:
    analysis = fxflops.analyze(Calls(call), spec)
    assert analysis.complete
    data = analysis.domain.data
    assert [text(size.bound, analysis.domain.names) for size in data] == bounds
    assert all(size.operator == operator or not operator for size in data)
    assert all("test_data_sizes.py:" in size.where or "boxes.py" in size.where for size in data)
    model = Calls(call)
    for seed in range(4):
        torch.manual_seed(seed)
        sizes = {"N": 3 + 2 * seed, "S": 6 - seed}
        sizes = {name: sizes[name] for name in analysis.domain.input_names}
        tensors = [
            torch.randn([s if isinstance(s, int) else sizes[s.name] for s in tensor.axes])
            - (9 if seed == 3 else 0)  # nothing is found
            for tensor in analysis.inputs.tensors
        ]
        with torch.inference_mode():
            noted = occurred(lambda tensors=tensors: model(*tensors))
            with FlopCounterMode(display=False) as counter:
                model(*tensors)
        found = values_of(noted, analysis.domain, sizes)
        cost = analysis.at(**sizes, **found)
        assert cost.contraction == counter.get_total_flops()
        fixed = trace.capture(
            on_meta(model),
            analysis.inputs.fixed(sizes),
            {},
            with_meta_kernels=False,
            data=DataSizes(occurred=noted.by_place),
        )
        assert cost == total(node.cost for node in fxflops.analysis.count.count(fixed))


def test_the_size_not_given_is_its_bound_and_one_above_it_is_refused() -> None:
    analysis = fxflops.analyze(Calls(lambda f, x: f(x[x[:, 0] > 0])), "x: N 4")
    assert analysis.at(N=10).contraction == analysis.at(N=10, U1=10).contraction == 56 * 10
    assert analysis.at(N=10, U1=0).contraction == 0
    with pytest.raises(DomainError, match=r"U1 is at most 10 there, N \(.*test_data_sizes.py:"):
        analysis.at(N=10, U1=11)
    with pytest.raises(SpecError, match="U1 must be a natural number"):
        analysis.at(N=10, U1=-1)
    assert list(analysis.evaluate("contraction", N=[3, 10])) == [56 * 3, 56 * 10]
    assert list(analysis.evaluate("contraction", N=10, U1=[0, 7])) == [0, 56 * 7]


def test_the_same_tensor_has_the_same_size_until_it_is_changed() -> None:
    def same(f: nn.Module, x: Tensor) -> Tensor:
        mask = x[:, 0] > 0
        return f(x[mask]) + f(x[mask])

    def changed(f: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        mask = x[:, 0] > 0
        first = f(x[mask])
        mask.logical_not_()
        return first, f(x[mask])

    assert len(fxflops.analyze(Calls(same), "x: N 4").domain.data) == 1
    assert len(fxflops.analyze(Calls(changed), "x: N 4").domain.data) == 2


def test_minima_lengths_and_casts_stay_symbolic() -> None:
    def call(f: nn.Module, x: Tensor) -> Tensor:
        found = x[x[:, 0] > 0]
        count = min(len(found), 3)
        return f(found[: int(count)]) * float(max(found.shape[0], 2))

    analysis = fxflops.analyze(Calls(call), "x: N 4", defaults={"N": 20})
    assert str(analysis.formula("contraction")) == "56*Min(3, U1)"


def test_a_branch_on_the_size_is_a_condition_of_its_own() -> None:
    def call(f: nn.Module, x: Tensor) -> Tensor:
        found = x[x[:, 0] > 0]
        return f(found) if found.shape[0] < 500 else f(f(found).sum(0, keepdim=True)[:, :4])

    analysis = fxflops.analyze(Calls(call), "x: N 4", defaults={"N": 20})
    assert analysis.domain.data_texts == ("499 >= U1",)
    assert analysis.domain.input_texts == ()
    with pytest.raises(DomainError, match="499 >= U1 does not hold"):
        analysis.at(N=600)
    assert analysis.at(N=600, U1=499).contraction == 56 * 499


def test_calls_that_are_made_only_for_something_are_none_for_nothing() -> None:
    def call(f: nn.Module, x: Tensor) -> Tensor:
        found = x[x[:, 0] > 0]
        return f(found) if found.numel() == 0 else f(found) + f.bias.exp()

    analysis = fxflops.analyze(Calls(call), "x: N 4")
    assert analysis.domain.data_texts == ()
    assert analysis.at(N=10, U1=0).transcendental == 0
    assert analysis.at(N=10, U1=1).transcendental == analysis.at(N=10).transcendental == 7


def test_suppression_by_class_is_one_formula_on_either_side_of_its_threshold() -> None:
    analysis = fxflops.analyze(
        Calls(lambda f, b, s, c: f(b[batched_nms(b, s, c, 0.5)])),
        "b: 5000 4; s: 5000; c: 5000 int64",
    )
    assert analysis.complete
    assert analysis.domain.data_texts == ()
    assert analysis.at().contraction == 56 * 5000


def test_a_value_that_only_a_run_has_ends_the_count_at_its_line() -> None:
    def call(f: nn.Module, x: Tensor) -> Tensor:
        y = f(x)
        return f(y[:, :4]) if y.sum().item() > 0 else y

    analysis = fxflops.analyze(Calls(call), "x: N 4")
    assert not analysis.complete
    assert analysis.at(N=3).contraction == 56 * 3
    [node] = analysis.uncounted
    assert "test_data_sizes.py:" in node.where
    assert str(node.unknown).endswith("counted up to there")


def test_a_loop_over_what_data_decide_ends_the_count_at_its_line() -> None:
    def call(f: nn.Module, x: Tensor) -> list[Tensor]:
        return [f(row) for row in f(x)[x[:, 0] > 0][:, :4]]

    analysis = fxflops.analyze(Calls(call), "x: N 4")
    assert "loops over U1 rows" in str(analysis.uncounted[0].unknown)
    assert analysis.at(N=3).contraction == 56 * 3


def test_what_has_no_bound_is_refused() -> None:
    with pytest.raises(CaptureError, match=r"which has no bound, and .*: give it output_size"):
        fxflops.analyze(Calls(lambda f, x, n: x.repeat_interleave(n, dim=0)), "x: N 3; n: N int64")


def test_export_has_no_such_sizes_and_says_so() -> None:
    class Finds(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.nonzero() * 2

    with pytest.raises(CaptureError, match=r"depends on the data, as .* nms or nonzero"):
        fxflops.analyze(Finds(), "x: N 3", frontend="export")


def test_other_failures_say_what_they_said() -> None:
    with pytest.raises(CaptureError, match=r"aten::unique_dim: attempted to run|out of range"):
        fxflops.analyze(Calls(lambda f, x: x.unique(dim=7)), "x: N 3", frontend="trace")


def test_a_fixed_number_of_results_is_captured() -> None:
    analysis = fxflops.analyze(
        Calls(lambda f, x: torch.nonzero_static(x, size=5)), "x: N 3", frontend="trace"
    )
    assert analysis.complete
    assert analysis.at(N=2).comparison == 6


def test_a_cost_that_data_decide_is_the_worst_and_said_to_be() -> None:
    analysis = fxflops.analyze(
        Calls(lambda f, x, rois: roi_pool(x, rois, 3)), "x: N 2 H W; rois: K 5", frontend="trace"
    )
    assert analysis.complete
    assert analysis.notes == (
        "The worst case is charged where the data decide what is done: "
        "torchvision.roi_pool.default (every region is as large as the image).",
    )
    assert analysis.at(N=2, H=7, W=11, K=5).comparison == 5 * 2 * ((7 + 2) * (11 + 2) - 9)


def test_a_training_step_and_a_deployed_model_have_such_sizes_too() -> None:
    class Trained(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 7)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x[x[:, 0] > 0])

    step = fxflops.analyze(Trained(), "x: N 4", train=True)
    # The product, and its gradient of the weights.
    assert step.at(N=10, U1=3).contraction == 2 * 2 * 3 * 4 * 7
    deployed = fxflops.analyze(Trained(), "x: N 4", deploy=fxflops.PASSES)
    assert deployed.at(N=10, U1=3).contraction == 2 * 3 * 4 * 7
    assert deployed.span(N=10, U1=3) == deployed.at(N=10, U1=3).flops


def test_names_of_the_input_are_not_taken() -> None:
    analysis = fxflops.analyze(Calls(lambda f, x: f(x[x[:, 0] > 0])), "x: U1 4")
    assert analysis.domain.names == ("U1", "U2")
    assert parse("x: U1 4") == analysis.inputs
