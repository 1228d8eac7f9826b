"""Training steps of models that index: symbolic counts are those at fixed sizes, bytes included."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

import fxflops
from fxflops.capture import backward
from fxflops.capture.prepare import on_meta
from fxflops.spec import parse
from tests.recount import recount

SPEC = "x: N L 4"
SIZES = [(7, 9), (1, 9), (2, 2), (2, 5), (3, 3), (3, 6), (3, 12), (3, 40), (2, 31), (4, 10)]


class Indexed(nn.Module):
    def __init__(self, index):
        super().__init__()
        self.linear, self.index = nn.Linear(4, 4), index

    def forward(self, x):
        return self.index(self.linear(x))


def first_is_second(y):
    z = y.clone()
    z[:, :2] = z[:, 1:3]
    return z


INDEXES = {
    ":, 1:": lambda y: y[:, 1:],
    ":, :-1": lambda y: y[:, :-1],
    ":, ::2": lambda y: y[:, ::2],
    "..., 1": lambda y: y[..., 1],
    ":, None": lambda y: y[:, None],
    "..., None, :": lambda y: y[..., None, :],
    ":": lambda y: y[:],
    "0": lambda y: y[0],
    ":, -1": lambda y: y[:, -1],
    ":, -2:": lambda y: y[:, -2:],
    ":, :5": lambda y: y[:, :5],
    ":, :50": lambda y: y[:, :50],
    "None, :, :50, 0": lambda y: y[None, :, :50, 0],
    "..., :50, :": lambda y: y[..., :50, :],
    ":, :L": lambda y: y[:, : y.shape[1]],
    ":, 0:L + 3": lambda y: y[:, 0 : y.shape[1] + 3],
    ":, :L // 2": lambda y: y[:, : y.shape[1] // 2],
    ":, -L:": lambda y: y[:, -y.shape[1] :],
    ":, :, 1:3": lambda y: y[:, :, 1:3],
    "::1, 0:": lambda y: y[::1, 0:],
    ":, [0, 1]": lambda y: y[:, [0, 1]],
    ":, arange": lambda y: y[:, torch.arange(y.shape[1])],
    "assigned": first_is_second,
}


def require_recounts(index):
    model = Indexed(index).train()
    analysis = fxflops.analyze(model, SPEC, train=True, defaults={"N": 6, "L": 10})
    checked = 0
    for n, length in SIZES:
        try:
            cost = analysis.at(N=n, L=length)
        except fxflops.DomainError:
            continue
        sizes = {"N": n, "L": length}
        counted = recount(on_meta(model).train(), parse(SPEC), sizes, backward.sum_of_outputs)
        assert cost == counted, sizes
        checked += 1
    assert checked


@pytest.mark.parametrize("name", INDEXES)
def test_an_indexed_training_step_is_its_recount(name):
    require_recounts(INDEXES[name])


BOUNDS = st.sampled_from([None, 0, 1, 3, -1, -2, 8, 30, 2**63 - 1])
ITEMS = st.one_of(
    st.builds(slice, BOUNDS, BOUNDS, st.sampled_from([None, 1, 2])),
    st.sampled_from([0, -1, None]),
)


@settings(max_examples=10, deadline=None)
@given(st.lists(ITEMS, min_size=1, max_size=3), st.booleans())
def test_any_index_is_its_recount(items, is_last):
    index = (..., *items) if is_last else tuple(items)
    if len([item for item in items if item is not None]) > 2 and is_last:
        index = tuple(items)
    x = torch.zeros(6, 10, 4)
    if x[index].numel() == 0:
        return
    try:
        require_recounts(lambda y: y[index])
    except fxflops.SpecializationError:
        return  # one row is left at the traced size, which is a size of 1


def test_by_hand_what_a_slice_of_all_rows_adds():
    """The bytes of ``self.l(x)[:, 1:]`` are those of one slice, not two."""
    model = Indexed(lambda y: y[:, 1:]).train()
    free = fxflops.analyze(model, SPEC, train=True)
    fixed = fxflops.analyze(model, "x: 2 3 4", train=True)
    ops = [str(node.op) for node in free.nodes]
    assert ops == [str(node.op) for node in fixed.nodes]
    assert ops.count("aten.slice_backward.default") == 1
