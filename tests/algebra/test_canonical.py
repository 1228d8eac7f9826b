"""Sizes that strides, windows and reshapes leave behind come out in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxflops.algebra import Symbol, evaluate, maximum, minimum
from fxflops.algebra.polynomial import from_atom
from tests.algebra.trees import DIMS, SOME, SYMBOLS, H, N, W, assignments, compute, h, n, trees, w

free = from_atom(Symbol("X"))


def conv(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1


def test_two_strided_convolutions_are_one_floor():
    assert ((free - 1) // 2 + 1 - 1) // 2 + 1 == (free + 3) // 4


@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 1), (5, 2), (7, 3)])
def test_a_pyramid_of_odd_kernels_halves_and_rounds_up(kernel, padding):
    size, multiple = free, 32 * h
    for level in range(1, 6):
        size = conv(size, kernel, 2, padding)
        multiple = conv(multiple, kernel, 2, padding)
        assert size == (free + 2**level - 1) // 2**level
        assert multiple == (32 >> level) * h


@pytest.mark.parametrize(
    ("size", "canonical"),
    [
        ((2 * free + 1) // 2, free),
        ((6 * free + 7) // 3, 2 * free + 2),
        ((6 * free + 4) // 4, free + (free + 2) // 2),
        ((5 * free - 1) // 5, free - 1),
        (-(-free // 2), free - free // 2),
        (free // -2, free // 2 - free),
        ((free // 2) // 3, free // 6),
        ((free // 2 + 1) // 3, (free + 2) // 6),
        ((free // 2 - 1) // 3, (free - 2) // 6),
        ((n * h * w * 12) // (18 * h), (2 * n * w) // 3),
        ((n * h * w) // (n * h), w),
        ((n * h * w) // (w * n), h),
        (((h + 1) * (w + 2)) // (w + 2), h + 1),
        (((h + w) * (h - w) + 2 * h + 2 * w) // (h + w), h - w + 2),
        ((4 * h * w) // (6 * h * n), (2 * w) // (3 * n)),
        ((6 * w * w + 4 * w) // (2 * w), 3 * w + 2),
        ((3 * h * w) // (2 * h), w + w // 2),
        ((n + h * w * n) // n, 1 + h * w),
        (1 // h, 0),
        ((h * w + 2) // (h * w), 1),
        ((w - 1) // w, 0),
        ((w - w // 2 - 1) // w, 0),
        ((h * w - 1) // (h * w), 0),
        ((32 * h + 31) // 32, h),
        ((32 * h) % 16, 0),
        ((16 * h + 5) % 16, 5),
        (-free % 2, free - 2 * (free // 2)),
    ],
)
def test_one_form(size, canonical):
    assert size == canonical
    assert hash(size) == hash(canonical)


@SOME
@given(
    trees(depth=2),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(-40, 40),
    assignments(),
)
def test_whole_multiples_come_out_and_nested_floors_are_one(tree, q, d, r, values):
    a = compute(tree, DIMS, max=maximum, min=minimum)
    assert (q * a + r) // q == a + r // q
    assert ((free + r) // d + r) // q == (free + r + r * d) // (d * q)
    assert (d * (free + r)) // (d * q) == (free + r) // q
    point = {**values, Symbol("X"): values[W]}
    assert evaluate((free + r) // q, point) == (values[W] + r) // q


@SOME
@given(st.permutations([n, h, w, h + 1, w // 2]), st.integers(2, 9))
def test_factors_cancel_in_any_order(factors, q):
    product = 1
    for factor in factors:
        product = product * factor
    others = q * n * h * (w // 2)
    assert (q * product) // others == w * (h + 1)


def test_division_by_what_may_be_nought_keeps_its_factor():
    """W - 3 may be 0, where (W-3)*N // (W-3) has no value: nothing is assumed about atoms at 0."""
    zero = Symbol("Z", minimum=0)
    z = from_atom(zero)
    ratio = (n * z + z) // (2 * z)
    assert evaluate(ratio, {N: 4, zero: 3}) == 2
    with pytest.raises(ZeroDivisionError):
        evaluate(ratio, {N: 4, zero: 0})


def test_symbols_are_told_apart_by_all_that_is_known_of_them():
    assert {from_atom(s) for s in (*SYMBOLS, N, H, W)} == {n, h, w}
    assert from_atom(Symbol("W", minimum=2)) != w
