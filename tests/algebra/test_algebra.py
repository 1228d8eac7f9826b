"""Arithmetic on dims is arithmetic on the integers that they stand for."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxflops.algebra import (
    FloorDiv,
    Polynomial,
    Symbol,
    evaluate,
    floor_divide,
    is_one,
    magnitude,
    maximum,
    minimum,
    substitute,
    symbols_of,
)
from fxflops.algebra.polynomial import ONE, from_atom
from tests.algebra.trees import (
    DIMS,
    MANY,
    SOME,
    SYMBOLS,
    H,
    W,
    assignments,
    compute,
    h,
    n,
    numbers,
    trees,
    w,
)


def build(tree):
    return compute(tree, DIMS, max=maximum, min=minimum)


def direct(tree, values):
    return compute(tree, numbers(values), max=max, min=min)


@MANY
@given(trees(), assignments())
def test_evaluating_a_dim_is_computing_with_integers(tree, values):
    result = evaluate(build(tree), values)
    assert type(result) is int
    assert result == direct(tree, values)


@SOME
@given(trees())
def test_a_polynomial_is_never_constant(tree):
    value = build(tree)
    if type(value) is not int:
        assert set(value.terms) - {ONE}
        assert all(type(c) is int and c != 0 for c in value.terms.values())


@SOME
@given(trees(depth=2), trees(depth=2), trees(depth=2))
def test_equal_sums_and_products_are_one_structure(left, middle, right):
    a, b, c = build(left), build(middle), build(right)
    for one, other in [
        (a + b, b + a),
        (a * b, b * a),
        ((a + b) + c, a + (b + c)),
        ((a * b) * c, a * (b * c)),
        ((a + b) * c, c * b + c * a),
        (a - b, -(b - a)),
        (a**3, a * a * a),
    ]:
        assert one == other
        assert hash(one) == hash(other)
        assert str(one) == str(other)
    assert type(a - a) is int
    assert a - a == 0


@SOME
@given(trees(), st.permutations(SYMBOLS))
def test_the_same_terms_in_another_order_are_the_same_dim(tree, order):
    value = build(tree)
    if type(value) is int:
        return
    terms = list(value.terms.items())
    shuffled = Polynomial(dict(terms[::-1]))
    divisor = from_atom(order[0]) + 7
    assert shuffled == value
    assert hash(shuffled) == hash(value)
    assert shuffled.key == value.key
    for function in (
        lambda dim: dim // 6,
        lambda dim: dim // divisor,
        lambda dim: maximum(dim, divisor),
        lambda dim: minimum(dim, 40),
    ):
        assert function(shuffled) == function(value)


@SOME
@given(trees(depth=2), trees(depth=2), assignments())
def test_a_dim_may_take_the_place_of_a_symbol(tree, inner, values):
    put_in = maximum(build(inner), H.minimum)
    substituted = substitute(build(tree), {H: put_in})
    inside = {**values, H: evaluate(put_in, values)}
    assert evaluate(substituted, values) == direct(tree, inside)


@MANY
@given(trees(), assignments())
def test_no_value_exceeds_the_magnitude(tree, values):
    value = build(tree)
    assert abs(evaluate(value, values)) <= magnitude(value, values)


@SOME
@given(trees(), assignments())
def test_a_value_depends_on_its_symbols_only(tree, values):
    value = build(tree)
    needed = {symbol: values[symbol] for symbol in symbols_of(value)}
    assert evaluate(value, needed) == direct(tree, values)
    for symbol in needed:
        with pytest.raises(KeyError):
            evaluate(value, {s: v for s, v in needed.items() if s != symbol})


def test_arithmetic_ends_in_integers_where_the_symbols_cancel():
    for value, expected in [
        (h - h, 0),
        (0 * h, 0),
        (h**0, 1),
        (n * h + 3 - h * n, 3),
        ((4 * h) // h, 4),
        (32 * h % 32, 0),
        (h % h, 0),
        (0 // h, 0),
        (maximum(h, h + 2) - h, 2),
        (minimum(h, 1), 1),
    ]:
        assert type(value) is int
        assert value == expected


def test_minima_decide_extrema():
    assert maximum(w, 3) == w
    assert minimum(w, 3) == 3
    assert maximum(3, 5) == 5
    assert minimum(n * w, w) == w
    assert maximum(h, w) == maximum(w, h)
    assert type(maximum(h, w)) is Polynomial


def test_is_one_tells_one_from_all_above_it():
    assert [evaluate(is_one(H), {H: value}) for value in (1, 2, 3, 10**20)] == [1, 0, 0, 0]
    assert substitute(n * is_one(H), {H: 1}) == n
    assert substitute(n * is_one(H), {H: h + 2}) == 0


@pytest.mark.parametrize("other", [1.0, True, "1", None, 1j])
@pytest.mark.parametrize(
    "operate",
    [operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.pow],
)
def test_only_integers_and_dims_take_part(operate, other):
    with pytest.raises(TypeError):
        operate(h, other)
    with pytest.raises(TypeError):
        operate(other, h)


@pytest.mark.parametrize(
    "use",
    [
        bool,
        int,
        float,
        range,
        operator.index,
        lambda dim: dim < 5,
        lambda dim: dim >= w,
        lambda dim: sorted([dim, w]),
        lambda dim: max(dim, w),
        lambda dim: dim and 1,
        lambda dim: dim / 2,
        lambda dim: [0] * dim,
        lambda dim: dim**-1,
        lambda dim: dim**w,
        lambda dim: 2**dim,
        lambda dim: dim << 1,
    ],
)
def test_what_depends_on_an_unknown_size_is_an_error(use):
    with pytest.raises(TypeError):
        use(h)


def test_the_truth_of_a_size_names_the_size():
    with pytest.raises(TypeError, match=r"truth of the symbolic size .*W"):
        bool(w + 1)


def test_division_by_nought():
    for divide in (lambda: h // 0, lambda: h % 0, lambda: floor_divide(5, 0)):
        with pytest.raises(ZeroDivisionError):
            divide()
    with pytest.raises(ZeroDivisionError):
        evaluate(w // (h - 2), {H: 2, W: 3})


def test_a_dim_equals_no_number_and_no_other_type():
    assert h != 2
    assert h != "H"
    assert h != from_atom(Symbol("H", multiple=16, minimum=2))
    assert FloorDiv(h, 2) != FloorDiv(h, 3)


def test_a_message_shows_sizes_as_people_write_them():
    height, batch = Symbol("H", 32).size, Symbol("N").size
    assert str(height) == "H"
    assert str(3 * height * batch - batch**2 + 1) == "3*H*N - N**2 + 1"
    assert str(height // 32 - 5) == "(H/32) - 5"
