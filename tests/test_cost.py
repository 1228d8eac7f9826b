"""A cost is a value: it adds up and scales, and is nothing else."""

import copy
import operator
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxflops import Cost
from fxflops.algebra import Symbol, maximum
from fxflops.cost import METRICS, QUANTITIES, SUMS, ratio, total
from fxflops.errors import FormulaError

N = Symbol("N", 1, 1).size
COUNTS = st.lists(st.integers(0, 10**30), min_size=len(METRICS), max_size=len(METRICS))


@given(COUNTS, COUNTS, st.integers(0, 10**30))
def test_costs_add_and_scale_metric_by_metric(left, right, times):
    a, b = Cost(*left), Cost(*right)
    assert (a + b).counts == tuple(map(operator.add, left, right))
    assert (a + b - b) == a
    assert times * a == a * times == Cost(*(times * count for count in left))
    assert sum([a, b], Cost.zero()) == total([a, b]) == a + b
    assert dict(a.items()) == dict(zip(QUANTITIES, left, strict=True))
    assert Cost(**dict(a.items())) == a
    assert len({a, Cost(*left)}) == 1
    assert pickle.loads(pickle.dumps(a)) == copy.deepcopy(a) == a


def test_symbolic_costs_scale_by_symbols():
    assert N * Cost(2, 3) == Cost(2, 3) * N == Cost(2 * N, 3 * N)
    assert pickle.loads(pickle.dumps(Cost(2 * N))) == Cost(2 * N)


@pytest.mark.parametrize(
    "act",
    [
        len,
        iter,
        tuple,
        lambda cost: cost[0],
        lambda cost: operator.add(cost, (1,)),
        lambda cost: operator.add((1,), cost),
        lambda cost: cost + 1,
        lambda cost: cost - 1,
        lambda cost: cost * 1.5,
        lambda cost: cost * True,
        lambda cost: cost * cost,
        lambda cost: cost < cost,
        lambda cost: cost >= cost,
        lambda cost: sorted([cost, Cost(7)]),
        lambda cost: 1 in cost,
        lambda cost: Cost(1, contraction=2),
        lambda cost: Cost(flops=2),
        lambda cost: Cost(*range(len(METRICS) + 1)),
    ],
)
def test_a_cost_is_no_sequence_and_has_no_order(act):
    with pytest.raises(TypeError):
        act(Cost(1, 2))


@pytest.mark.parametrize("name", [*QUANTITIES, "flops", "counts", "anything"])
def test_a_cost_never_changes(name):
    cost = Cost(1, 2)
    with pytest.raises(AttributeError):
        setattr(cost, name, 5)
    with pytest.raises(AttributeError):
        delattr(cost, name)
    assert cost == Cost(1, 2)


def test_a_cost_is_no_tuple_and_says_what_it_is():
    assert Cost(1, 2) != (1, 2, 0, 0, 0, 0)
    assert repr(Cost(1, 2 * N)).startswith("Cost(contraction=1, elementwise=2*N, transcendental=0")
    assert eval(repr(Cost(1, 2))) == Cost(1, 2)


def test_every_metric_and_sum_is_a_property():
    cost = Cost(2, 3, 5, 7, 11, 13)
    assert [getattr(cost, metric.name) for metric in METRICS] == [2, 3, 5, 7, 11, 13]
    assert {metric.name: getattr(cost, metric.name) for metric in SUMS} == {
        "flops": 5,
        "macs": 1,
        "bytes": 24,
    }


@pytest.mark.parametrize("contraction", [0, 8, 6 * N, maximum(2 * N, 10), 3 * maximum(2 * N, 10)])
def test_macs_are_half_of_a_contraction(contraction):
    assert Cost(contraction).macs + Cost(contraction).macs == contraction or (
        Cost(contraction).macs == contraction // 2
    )


@pytest.mark.parametrize("contraction", [3, 10**400 + 1, 3 * N, 2 * N + 1, maximum(3 * N, 10)])
def test_macs_of_a_contraction_that_may_be_odd_are_refused(contraction):
    with pytest.raises(FormulaError, match="MACs are contraction / 2"):
        _ = Cost(contraction).macs


def test_a_ratio_is_a_float_or_the_nearest_integer_where_no_float_is_so_large():
    assert ratio(1, 3) == 1 / 3
    assert ratio(10**400, 10**399) == 10.0
    assert ratio(5 * 10**400, 3) == (5 * 10**400 + 1) // 3
    assert Cost(elementwise=10**400, bytes_read=2).intensity == 5 * 10**399
