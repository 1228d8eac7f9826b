"""`lower_bound` is sound, and as sharp as the shapes of networks need."""

import itertools

import pytest
from hypothesis import given

from fxflops.algebra import Polynomial, evaluate, lower_bound, maximum, minimum
from tests.algebra.trees import DIMS, MANY, H, W, assignments, compute, h, n, numbers, trees, w


@MANY
@given(trees(), assignments())
def test_no_value_is_below_the_bound(tree, values):
    bound = lower_bound(compute(tree, DIMS, max=maximum, min=minimum))
    if bound is not None:
        assert type(bound) is int
        assert bound <= compute(tree, numbers(values), max=max, min=min)


@MANY
@given(trees(depth=2), assignments())
def test_no_value_is_above_the_bound_of_its_negation(tree, values):
    value = compute(tree, DIMS, max=maximum, min=minimum)
    bound = lower_bound(-value)
    if bound is not None:
        assert evaluate(value, values) <= -bound


@pytest.mark.parametrize(
    ("value", "bound"),
    [
        (7, 7),
        (n, 1),
        (h, 2),
        (w, 3),
        (21 * h * w - 100, 21 * 2 * 3 - 100),
        (h * w - w, 2 * 3 - 3),
        (h * h - 2 * h, 0),
        ((w + 4) // 3, (3 + 4) // 3),
        (n * (w // 2) + h, 1 * 1 + 2),
        (maximum(h, w), 3),
        (minimum(h, w), 2),
        (w - w // 2, 2),
        (w - 2 * (w // 2), 0),
        (h // w, 0),
    ],
)
def test_bounds_that_are_attained_or_nearly(value, bound):
    assert lower_bound(value) == bound


def test_the_bound_does_not_depend_on_the_order_of_the_terms():
    value = 2 * h * w + 2 * (h // 2) - (h * w) // 5 - h + 2 * w
    terms = list(value.terms.items())
    bounds = {lower_bound(Polynomial(dict(order))) for order in itertools.permutations(terms)}
    assert bounds == {lower_bound(value)}


def test_a_factor_that_may_be_negative_turns_a_floor_around():
    factor = minimum(w - 10, h - 20)
    value = (w - 2 * (w // 2)) * factor
    assert evaluate(value, {H: 2, W: 3}) == -18
    assert lower_bound(value) is None


@pytest.mark.parametrize("value", [-n, h - w, 5 - h * w, -(w // 2), h // (n - 5)])
def test_what_falls_without_end_has_no_bound(value):
    assert lower_bound(value) is None
