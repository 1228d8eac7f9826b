"""A formula says the same as text, as sympy, as coefficients, and at many sizes at once."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from fxflops.algebra import Polynomial, Symbol, evaluate, maximum, minimum
from fxflops.algebra.closed_form import (
    BLOCK,
    coefficients,
    evaluate_many,
    guard_text,
    text,
    to_latex,
    to_sympy,
)
from fxflops.algebra.polynomial import from_atom
from tests.algebra.trees import (
    DIMS,
    FEW,
    MANY,
    NUMBERS,
    ORDER,
    SOME,
    SYMBOLS,
    H,
    N,
    W,
    assignments,
    compute,
    h,
    n,
    sizes,
    trees,
    w,
)

NAMES = {"Max": max, "Min": min}
SYMPY = {name: sympy.Symbol(name, integer=True, positive=True) for name in ORDER}

RTDETR = n * (6 * h**2 * w**2 + 40 * h * w + 7) + 300 * h * w + 11
"""The shape of a detector's cost: attention over all positions, convolutions, per-image work."""


def build(tree):
    return compute(tree, DIMS, max=maximum, min=minimum)


def python(formula, values):
    return eval(formula, {"__builtins__": {}, **NAMES, **sizes(values)})


@MANY
@given(trees(), assignments(), st.sampled_from([ORDER, ORDER[::-1], ()]))
def test_python_reads_the_text(tree, values, order):
    value = build(tree)
    result = python(text(value, order), values)
    assert type(result) is int
    assert result == evaluate(value, values)


@MANY
@given(trees(), assignments(), st.sampled_from(["==", "!=", ">="]))
def test_python_reads_a_relation(tree, values, sign):
    value = build(tree)
    number = evaluate(value, values)
    expected = {"==": number == 0, "!=": number != 0, ">=": number >= 0}[sign]
    assert python(guard_text(value, sign, ORDER), values) is expected


@MANY
@given(trees(), assignments())
def test_coefficients_times_monomials_are_the_value(tree, values):
    value = build(tree)
    products = [
        Fraction(coefficient) * python(monomial, values)
        for monomial, coefficient in coefficients(value, ORDER).items()
    ]
    assert sum(products) == evaluate(value, values)


@SOME
@given(trees())
def test_equal_counts_have_one_text(tree):
    value = build(tree)
    if isinstance(value, Polynomial):
        shuffled = Polynomial(dict(list(value.terms.items())[::-1]))
        assert text(shuffled, ORDER) == text(value, ORDER)
        assert guard_text(shuffled, ">=", ORDER) == guard_text(value, ">=", ORDER)
        assert list(coefficients(shuffled)) == list(coefficients(value))


@FEW
@given(trees(depth=2, divisors=NUMBERS), assignments(10**6))
def test_sympy_reads_the_text_and_agrees(tree, values):
    value = build(tree)
    read = sympy.sympify(text(value, ORDER), locals=SYMPY)
    here = {SYMPY[name]: size for name, size in sizes(values).items()}
    assert int(read.subs(here)) == evaluate(value, values)


@FEW
@given(trees(depth=2), assignments(10**6))
def test_the_sympy_expression_agrees(tree, values):
    value = build(tree)
    expression = to_sympy(value, ORDER)
    here = {SYMPY[name]: sympy.Integer(size) for name, size in sizes(values).items()}
    result = expression.xreplace(here)  # all at once: see the remark on sympy in `to_sympy`
    assert result.is_Integer
    assert int(result) == evaluate(value, values)
    assert expression.free_symbols <= set(SYMPY.values())


@FEW
@given(trees(depth=2))
def test_latex_has_no_floor_division_signs(tree):
    latex = to_latex(build(tree), ORDER)
    assert latex.strip()
    assert "//" not in latex
    assert latex.count("{") == latex.count("}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (-7, "-7"),
        (h, "H//32"),
        (32 * h, "H"),
        (-32 * h, "-H"),
        (w - 1, "W - 1"),
        (5 - n * w, "-N*W + 5"),
        (n * (3 * w + 2) + w, "N*(3*W + 2) + W"),
        (n * (3 * w + 2) + n**2 * (w + 1) + 5 * w + 8, "N**2*(W + 1) + N*(3*W + 2) + 5*W + 8"),
        (n * (96 * h * w + 5) + 64 * h + 1, "N*(3*H*W + 5) + 2*H + 1"),
        (n * (h**2 + 3 * h) + 8, "(N*(H**2 + 96*H) + 8192)//1024"),
        (w * w * (32 * h) + w * (32 * h) ** 2, "H**2*W + H*W**2"),
        (w // 2, "(W//2)"),
        (w - 3 * (w // 2), "-3*(W//2) + W"),
        (h // 2 + n, "N + (H//64)"),
        ((3 * h * w) // (2 * n), "((3*H*W)//(64*N))"),
        (7 // (w - 2), "(7//(W - 2))"),
        ((w + n) // h, "((32*N + 32*W)//H)"),
        (maximum(h, w), "Max(H//32, W)"),
        (n * minimum(w, 300), "N*Min(W, 300)"),
    ],
)
def test_text(value, expected):
    assert text(value, ORDER) == expected


def test_the_first_symbol_of_the_order_is_factored_out():
    assert text(w * (n + 1) + 2 * w**2 * n, ("W", "N")) == "2*W**2*N + W*(N + 1)"
    assert text(w * (n + 1), ("W",)) == text(w * (n + 1)) == "N*W + W"


@pytest.mark.parametrize(
    ("value", "sign", "expected"),
    [
        (21 * h * w - 300, ">=", "21*H*W >= 9600"),
        (2 * w - 6, "!=", "W != 3"),
        (2 * w - 7, "!=", "2*W != 7"),
        (10 - h, ">=", "320 >= H"),
        (h - w, "==", "H == 32*W"),
        (w - h + 5, ">=", "32*W + 160 >= H"),
        (n * w - n * 4 - h, ">=", "32*N*W >= 128*N + H"),
        (3 * w + 1, ">=", "3*W + 1 >= 0"),
        (w % 2, "==", "W == 2*(W//2)"),
        (5, ">=", "5 >= 0"),
        (0, "==", "0 == 0"),
    ],
)
def test_relation_text(value, sign, expected):
    assert guard_text(value, sign, ORDER) == expected


def test_coefficients_are_rational_and_in_the_order_of_the_spec():
    value = w * h * h * n * 6 + h * w - 5 * n + 160
    assert coefficients(value, ("N", "W", "H")) == {
        "N*W*H**2": "3/512",
        "W*H": "1/32",
        "N": "-5",
        "1": "160",
    }
    assert coefficients(0) == {}


def test_sympy_drops_nothing_from_an_extremum():
    """7 // (N*W) is mostly 0, which sympy 1.14 denies when it simplifies the maximum."""
    values = {N: 4, W: 71}
    expression = to_sympy(maximum(7 // (n * w), 1), ORDER)
    assert expression.xreplace({SYMPY[s.name]: sympy.Integer(x) for s, x in values.items()}) == 1


def test_sympy_collects_the_batch():
    batch, height, width = (SYMPY[name] for name in ORDER)
    positions = height * width / 32
    expected = batch * (6 * positions**2 + 40 * positions + 7) + 300 * positions + 11
    expression = to_sympy(RTDETR, ORDER)
    assert sympy.expand(expression - expected) == 0
    assert expression.coeff(batch) == expected.coeff(batch)


arrays = st.lists(assignments(), max_size=5).map(
    lambda points: {s: np.array([p[s] for p in points], dtype=np.int64) for s in SYMBOLS}
)


@SOME
@given(trees(), arrays)
def test_many_sizes_at_once_are_each_size_alone(tree, arrays):
    value = build(tree)
    result = evaluate_many(value, arrays)
    columns = [array.tolist() for array in arrays.values()]
    points = [dict(zip(arrays, point, strict=True)) for point in zip(*columns, strict=True)]
    assert result.shape == (len(points),)
    assert result.tolist() == [evaluate(value, point) for point in points]
    assert result.dtype in (np.dtype(np.int64), np.dtype(object))


@pytest.mark.parametrize(
    ("value", "at", "dtype"),
    [
        (n * w, (2**32 - 1, 2, 2**31), np.int64),
        (n * w, (2**32, 2, 2**31), object),
        (n + w, (2**62, 2, 2**62 - 1), np.int64),
        (n + w, (2**62, 2, 2**62), object),
        (n**3, (2**21 - 1, 2, 3), np.int64),
        (n**3, (2**21, 2, 3), object),
        ((n * n) // w, (2**32, 2, 2**32 + 1), object),
        ((n * n + 1) // (w * w), (2**32, 2, 2**33), object),
        (maximum(n * n, w) - n * n, (2**32, 2, 3), object),
        (n * n % w, (2**32, 2, 10**9 + 7), object),
        (RTDETR, (2**20, 2**30, 2**30), object),
        (RTDETR, (2**10, 2**10, 2**10), np.int64),
    ],
)
def test_nothing_wraps_around(value, at, dtype):
    points = dict(zip(SYMBOLS, at, strict=True))
    result = evaluate_many(value, {s: np.array([x, x], np.int64) for s, x in points.items()})
    assert result.dtype == dtype
    assert result.tolist() == [evaluate(value, points)] * 2


@pytest.mark.parametrize(("value", "dtype"), [(7, np.int64), (-(2**63), object), (2**63, object)])
def test_a_constant_has_its_value_everywhere(value, dtype):
    result = evaluate_many(value, {N: np.ones((2, 1), int), W: np.ones((1, 3), int)})
    assert result.dtype == dtype
    assert result.tolist() == [[value] * 3] * 2


def test_sizes_beyond_int64_are_python_integers():
    huge = [2**63, 10**30]
    values = {N: np.array(huge, dtype=object), W: np.array(3), H: np.array(2)}
    assert evaluate_many(n * w + h, values).tolist() == [3 * size + 2 for size in huge]
    unsigned = {N: np.array([2**63], dtype=np.uint64), W: np.array(3), H: np.array(2)}
    assert evaluate_many(n - w, unsigned).tolist() == [2**63 - 3]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint32, np.uint64, object])
def test_narrow_dtypes_do_not_narrow_the_result(dtype):
    values = {s: np.array([100, 120], dtype=dtype) for s in SYMBOLS}
    expected = [evaluate(RTDETR, dict.fromkeys(SYMBOLS, size)) for size in (100, 120)]
    assert evaluate_many(RTDETR, values).tolist() == expected


@pytest.mark.parametrize("scale", [1, 10**12])
def test_sizes_broadcast(scale):
    batch, height, width = np.array([1, 2]) * scale, np.array([2, 3, 4]), np.array([3, 5, 7, 9])
    grid = {N: batch[:, None, None], H: height[None, :, None], W: width}
    result = evaluate_many(RTDETR, grid)
    assert result.shape == (2, 3, 4)
    for index in np.ndindex(result.shape):
        point = {N: int(batch[index[0]]), H: int(height[index[1]]), W: int(width[index[2]])}
        assert int(result[index]) == evaluate(RTDETR, point)


def test_no_sizes_and_one_size():
    assert evaluate_many(RTDETR, {s: np.empty((0, 3), int) for s in SYMBOLS}).shape == (0, 3)
    one = evaluate_many(RTDETR, {s: np.array(5) for s in SYMBOLS})
    assert one.shape == ()
    assert int(one) == evaluate(RTDETR, dict.fromkeys(SYMBOLS, 5))


def test_more_sizes_than_one_block():
    values = np.arange(3, 2 * BLOCK + 20)
    result = evaluate_many(w * w + n, {W: values, N: np.array(7)})
    assert np.array_equal(result, values * values + 7)


def test_the_sizes_given_stay_as_they_are():
    values = {s: np.array([4, 5, 6]) for s in SYMBOLS}
    evaluate_many(RTDETR, values)[:] = 0
    evaluate_many(from_atom(N), values)[:] = 0
    assert all(array.tolist() == [4, 5, 6] for array in values.values())


def test_a_division_by_nought_is_an_error_not_a_number():
    value = n // (w - 3)
    with pytest.raises(FloatingPointError):
        evaluate_many(value, {N: np.array([5, 5]), W: np.array([4, 3])})
    with pytest.raises(ZeroDivisionError):
        evaluate_many(value, {N: np.array([2**64, 5]), W: np.array([4, 3])})


def test_a_missing_symbol_is_an_error():
    with pytest.raises(KeyError):
        evaluate_many(n * from_atom(Symbol("L")), {N: np.array([1])})
