"""What a capture assumed, as conditions for people: the same sizes, in fewer and plainer words."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import assume, given

import fxflops
from fxflops.algebra import Symbol, maximum, minimum
from fxflops.algebra.polynomial import from_atom
from fxflops.capture.guards.simplify import plain
from fxflops.capture.guards.to_domain import all_implied, domain_from_guards
from fxflops.domain import Guard
from fxflops.errors import SpecializationError
from tests.algebra.trees import DIMS, MANY, SOME, H, N, W, compute, trees

SIGNS = st.sampled_from(["==", "!=", ">="])
VALUES = st.fixed_dictionaries({N: st.integers(1, 9), H: st.integers(2, 9), W: st.integers(3, 20)})
n, h, w = map(from_atom, (N, H, W))
a, b = (Symbol(name, minimum=1) for name in "AB")
x, y = from_atom(a), from_atom(b)


def guards(depth):
    values = trees(depth).map(lambda t: compute(t, DIMS, max=maximum, min=minimum))
    return st.builds(Guard, values, SIGNS)


@MANY
@given(guards(3), st.lists(VALUES, min_size=8, max_size=8))
def test_the_plain_form_says_the_same(guard, samples):
    found = plain(guard)
    assert [found.holds(values) for values in samples] == [guard.holds(v) for v in samples]
    assert plain(found) == found


@SOME
@given(
    st.lists(guards(2), min_size=1, max_size=5),
    VALUES,
    st.lists(VALUES, min_size=20, max_size=20),
)
def test_the_domain_is_where_all_that_was_assumed_holds(assumed, hint, samples):
    assumed = [r for r in assumed if r.holds(hint)]
    assume(assumed)
    try:
        domain = domain_from_guards((N, H, W), assumed)
    except SpecializationError:
        return
    assert all_implied(assumed, domain.guards)
    for values in samples:
        if values[N] >= 2:
            inside = all(guard.holds(values) for guard in domain.guards)
            assert inside == all(guard.holds(values) for guard in assumed)


@pytest.mark.parametrize(
    ("value", "sign", "expected"),
    [
        (2 * x - 7, ">=", ("A >= 4",)),
        (x * y - y, ">=", ()),
        (x * y * y - 3 * y * y, ">=", ("A >= 3",)),
        ((x + 5) // 16 - 4, ">=", ("A >= 59",)),
        ((x + 5) // 16 - 4, "!=", ("((A + 5)//16) != 4",)),
        ((x + 1) // 2 - 1, "!=", ("A >= 3",)),
        (3 - (x + 1) // 2, ">=", ("6 >= A",)),
        (maximum(1, x // 2 - 3) - 3, ">=", ("A >= 12",)),
        (maximum(1, x // 2 - 3) - x // 2 + 3, "==", ("A >= 8",)),
        (minimum(9, x // 2) - x // 2, "==", ("19 >= A",)),
        (maximum(x, y) - y, "==", ("B >= A",)),
        (6 * x - 4 * y - 3, "!=", ()),
        (x * y - 1, "!=", ()),
    ],
)
def test_how_a_condition_is_put(value, sign, expected):
    assert domain_from_guards((a, b), [Guard(value, sign)]).texts()[2:] == expected


def test_least_sizes_make_other_conditions_plain():
    padded = maximum(1, (x + 5) // 16 - 2)
    assumed = [
        Guard(448 * y * (padded * y - 2 * y) + y - 2, ">="),
        Guard(padded * y - y, "!="),
        Guard(padded - (x + 5) // 16 + 2, "=="),
        Guard((x + 5) // 16 - 3, "!="),
    ]
    assert domain_from_guards((a, b), assumed).texts() == ("A >= 2", "B >= 2", "A >= 59")


def test_a_least_size_is_where_it_was_assumed():
    assumed = [Guard(x // 4 - 3, ">=", "a.py:1"), Guard(x // 9 - 3, ">=", "b.py:2")]
    [bound] = domain_from_guards((a,), assumed).guards
    assert bound == Guard(x - 27, ">=")
    assert bound.where == "b.py:2"


def test_a_model_of_padded_convolutions_has_a_least_size():
    class Narrows(torch.nn.Module):
        def forward(self, image):
            for _ in range(3):
                image = torch.nn.functional.avg_pool2d(image, 3, stride=2)
            return image

    texts = fxflops.analyze(Narrows(), "image: N 3 H W").domain.texts()
    assert texts == ("H >= 15", "W >= 15")
