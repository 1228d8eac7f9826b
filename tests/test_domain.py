"""Where a formula holds, and what is said to those who ask elsewhere."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxflops.algebra import Symbol
from fxflops.algebra.polynomial import from_atom
from fxflops.domain import Domain, Guard
from fxflops.errors import DomainError, FxflopsError, SpecError

N, H, W = Symbol("N"), Symbol("H", multiple=32), Symbol("W", multiple=32)
n, h, w = map(from_atom, (N, H, W))
ONES = {"N": 1, "H": 1, "W": 1}

ANCHORS = Guard(21 * h * w - 300, ">=", where="rtdetr/decoder.py:120")
DETECTOR = Domain((N, H, W), (ANCHORS,), ONES)
"""At least 300 anchors: (8*8 + 4*4 + 2*2)/4 = 21 of them in each 32x32 pixels."""

FREE = Domain((N, H, W), (), ONES)


def message(domain, sizes, what="the model"):
    with pytest.raises(FxflopsError) as caught:
        domain.values(sizes, what)
    text = str(caught.value)
    assert "\n" not in text
    return text


def proposed(text):
    """The sizes that a message calls nearest."""
    return {name: int(size) for name, size in re.findall(r"(\w)=(\d+)", text.split("Nearest")[1])}


def test_sizes_inside_become_the_values_of_the_symbols():
    assert DETECTOR.values({"N": 1, "H": 640, "W": 480}, "x") == {N: 1, H: 20, W: 15}
    assert DETECTOR.values({"W": 32 * 15, "N": 7, "H": 32}, "x") == {N: 7, H: 1, W: 15}


def test_sizes_beyond_int64():
    huge = 32 * 10**30
    values = DETECTOR.values({"N": 2**64, "H": huge, "W": huge}, "x")
    assert values == {N: 2**64, H: 10**30, W: 10**30}


def test_a_domain_without_symbols():
    assert Domain(()).values({}, "x") == {}
    assert Domain(()).arrays({}, "x") == {}
    assert Domain(()).texts() == ()
    assert message(Domain(()), {"H": 1}) == "There is no size H to set: none is free."


def test_its_conditions_are_python_comparisons():
    assert DETECTOR.texts() == ("H % 32 == 0", "W % 32 == 0", "21*H*W >= 307200")
    twice = Domain((N, H, W), (ANCHORS, ANCHORS, Guard(n - w, "!=")), {"N": 1, "H": 4})
    assert twice.texts() == (
        "H % 32 == 0",
        "W % 32 == 0",
        "H >= 128",
        "W >= 64",
        "21*H*W >= 307200",
        "32*N != W",
    )


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"N": 1, "W": 64}, "No value for the size H: give H=…."),
        ({}, "No value for the size N, H, W: give N=…, H=…, W=…."),
        (
            {"N": 1, "H": 640, "W": 640, "D": 3},
            "There is no size D to set: the free sizes are N, H, W.",
        ),
        ({"N": 0, "H": 640, "W": 640}, "The size N must be a positive integer, not 0."),
        ({"N": 1, "H": -32, "W": 640}, "The size H must be a positive integer, not -32."),
        ({"N": True, "H": 640, "W": 640}, "The size N must be a positive integer, not True."),
        ({"N": 1, "H": 640.0, "W": 640}, "The size H must be a positive integer, not 640.0."),
        ({"N": 1, "H": 640, "W": "6\n4"}, "The size W must be a positive integer, not '6\\n4'."),
        ({"N": 1, "H": 640, "W": None}, "The size W must be a positive integer, not None."),
    ],
)
def test_what_is_no_size_is_refused(sizes, expected):
    with pytest.raises(SpecError):
        DETECTOR.values(sizes, "the model")
    assert message(DETECTOR, sizes) == expected


@pytest.mark.parametrize(
    ("domain", "sizes", "expected"),
    [
        (FREE, (1, 630, 640), "H must be a multiple of 32. Nearest: 608, 640."),
        (FREE, (1, 640, 5), "W must be a multiple of 32. Nearest: 32."),
        (FREE, (1, 33, 33), "H must be a multiple of 32. Nearest: 32, 64."),
        (DETECTOR, (1, 100, 160), "H must be a multiple of 32. Nearest: 96, 128."),
        (DETECTOR, (1, 90, 160), "H must be a multiple of 32. Nearest: 96."),
        (DETECTOR, (3, 5, 64), "H must be a multiple of 32. Nearest inside: N=3, H=96, W=160."),
        (Domain((N, H, W)), (2, 33, 64), "H must be a multiple of 32. Nearest: 64."),
        (Domain((N, H, W)), (2, 32, 64), "H must be at least 64. Nearest: 64."),
        (Domain((N, H, W)), (1, 64, 64), "N must be at least 2. Nearest: 2."),
        (Domain((N, H, W), (), {"H": 4}), (2, 33, 64), "H must be a multiple of 32. Nearest: 128."),
        (Domain((N, H, W), (), {"H": 4}), (2, 96, 64), "H must be at least 128. Nearest: 128."),
    ],
)
def test_multiples_and_minima_come_with_the_nearest_sizes(domain, sizes, expected):
    at = dict(zip("NHW", sizes, strict=True))
    written = ", ".join(f"{name}={size}" for name, size in at.items())
    with pytest.raises(DomainError):
        domain.values(at, "the model")
    assert message(domain, at) == f"Cannot count the model at {written}: {expected}"


def test_a_violated_relation_says_where_it_comes_from_and_what_to_do():
    assert message(DETECTOR, {"N": 5, "H": 96, "W": 96}, "rtdetr_r50") == (
        "Cannot count rtdetr_r50 at N=5, H=96, W=96: 21*H*W >= 307200 does not hold "
        "(rtdetr/decoder.py:120). Nearest inside: N=5, H=128, W=128."
    )


def test_a_relation_without_a_source_line():
    domain = Domain((N, H, W), (Guard(h - w, "=="),), ONES)
    assert message(domain, {"N": 1, "H": 64, "W": 96}) == (
        "Cannot count the model at N=1, H=64, W=96: H == W does not hold. "
        "Nearest inside: N=1, H=64, W=64."
    )


def test_advice_moves_only_the_sizes_that_the_relation_speaks_of():
    domain = Domain((N, H, W), (Guard(h * w - 1000, ">="), Guard(n - 3, "!=")), ONES)
    sizes = proposed(message(domain, {"N": 2, "H": 32, "W": 320}))
    assert sizes["N"] == 2
    assert domain.values(sizes, "x")
    assert proposed(message(domain, {"N": 3, "H": 320, "W": 3200})) == {
        "N": 4,
        "H": 320,
        "W": 3200,
    }


def test_where_nothing_near_is_inside_the_conditions_are_quoted():
    far = Domain((N, H, W), (Guard(h - 10**9, ">="),), ONES)
    assert message(far, {"N": 1, "H": 32, "W": 32}) == (
        "Cannot count the model at N=1, H=32, W=32: H >= 32000000000 does not hold. "
        "The formula holds where H % 32 == 0 and W % 32 == 0 and H >= 32000000000."
    )


@pytest.mark.parametrize("sign", ["==", "!=", ">="])
def test_a_relation_holds_where_its_comparison_does(sign):
    guard = Guard(h - 5, sign)
    expected = {"==": [False, True, False], "!=": [True, False, True], ">=": [False, True, True]}
    assert [guard.holds({H: value}) for value in (4, 5, 6)] == expected[sign]


def test_where_a_relation_comes_from_does_not_tell_it_apart():
    assert Guard(h - 5, ">=", where="a.py:1") == Guard(h - 5, ">=", where="b.py:2")


guards = st.lists(
    st.builds(
        lambda a, b, c, constant, sign: Guard(a * h * w + b * w + c * n - constant, sign),
        st.integers(0, 3),
        st.integers(-2, 2),
        st.integers(1, 2),
        st.integers(-20, 60),
        st.sampled_from(["!=", ">=", ">="]),
    ),
    max_size=2,
)
domains = st.builds(
    lambda guards, least: Domain((N, H, W), tuple(guards), least),
    guards,
    st.fixed_dictionaries({name: st.integers(1, 4) for name in "NHW"}),
)
points = st.fixed_dictionaries(
    {
        "N": st.integers(-1, 5),
        "H": st.integers(-1, 8).map((32).__mul__) | st.integers(1, 300),
        "W": st.integers(-1, 8).map((32).__mul__) | st.integers(1, 300),
    }
)


def refusal(call, *arguments):
    """The error of a call that the user got wrong, or None."""
    try:
        call(*arguments)
    except FxflopsError as error:
        return error
    return None


@settings(max_examples=200, deadline=None)
@given(domains, points)
def test_the_domain_is_what_its_texts_say(domain, sizes):
    inside = min(sizes.values()) >= 1 and all(eval(text, {}, sizes) for text in domain.texts())
    error = refusal(domain.values, sizes, "x")
    assert (error is None) == inside
    assert isinstance(error, SpecError) == (min(sizes.values()) < 1)


@settings(max_examples=200, deadline=None)
@given(domains, points)
def test_nearest_sizes_are_inside(domain, sizes):
    error = str(refusal(domain.values, sizes, "x"))
    if "Nearest inside: " in error:
        assert domain.values(proposed(error), "x")
    elif "Nearest: " in error:
        name, nearest = re.search(r": (\w) must .* Nearest: (.*)\.$", error).groups()
        bounds = Domain(domain.symbols, (), domain.least)
        for size in map(int, nearest.split(", ")):
            if refusal(bounds.values, {**sizes, name: size}, "x") is None:
                assert domain.values({**sizes, name: size}, "x")
            assert bounds.values({"N": 99, "H": 3200, "W": 3200, name: size}, "x")


@settings(max_examples=150, deadline=None)
@given(domains, st.lists(points, min_size=1, max_size=4))
def test_arrays_are_checked_as_each_of_their_sizes(domain, sizes):
    arrays = {name: np.array([point[name] for point in sizes]) for name in "NHW"}
    errors = [refusal(domain.values, point, "x") for point in sizes]
    error = refusal(domain.arrays, arrays, "x")
    if errors == [None] * len(sizes):
        values = domain.arrays(arrays, "x")
        for i, point in enumerate(sizes):
            at = {symbol: int(array[i]) for symbol, array in values.items()}
            assert at == domain.values(point, "x")
    else:
        assert repr(error) in map(repr, filter(None, errors))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint32, np.int64, np.uint64])
def test_arrays_of_any_integer_dtype(dtype):
    coarse = Symbol("D", multiple=1000, minimum=1)
    sizes = np.array([64, 96], dtype=dtype)
    assert FREE.arrays({"N": sizes, "H": sizes, "W": sizes}, "x")[H].tolist() == [2, 3]
    with pytest.raises(DomainError, match=r"D must be a multiple of 1000\. Nearest: 1000\."):
        Domain((coarse,)).arrays({"D": sizes}, "x")


def test_arrays_broadcast_and_numbers_are_arrays():
    height, width = np.array([[320], [640]]), np.array([320, 480, 640])
    values = DETECTOR.arrays({"N": 2, "H": height, "W": width}, "x")
    assert np.broadcast_shapes(*(array.shape for array in values.values())) == (2, 3)
    assert values[H].tolist() == [[10], [20]]
    assert values[N].shape == ()
    with pytest.raises(DomainError, match="at N=2, H=32, W=128: 21"):
        DETECTOR.arrays({"N": 2, "H": np.array([[640], [32]]), "W": np.array([480, 128])}, "x")


@pytest.mark.parametrize("size", [2**63, 2**64, 2**68, 32 * 10**30])
def test_arrays_beyond_int64(size):
    several = DETECTOR.arrays({"N": 1, "H": 320, "W": [size, 320]}, "x")
    assert several[W].tolist() == [size // 32, 10]
    one = DETECTOR.arrays({"N": 1, "H": 320, "W": size}, "x")
    assert one[W].tolist() == size // 32
    assert one[W].dtype == several[W].dtype == object
    with pytest.raises(DomainError, match=rf"at N=1, H=320, W={size + 1}: W must be a multiple"):
        DETECTOR.arrays({"N": 1, "H": 320, "W": [size + 1, 32 * 10**30]}, "x")


def test_empty_arrays():
    values = DETECTOR.arrays({"N": 1, "H": [], "W": np.empty(0, dtype=np.int64)}, "x")
    assert values[H].tolist() == []
    assert values[H].dtype == np.int64


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([64.0], "The sizes W must be positive integers, not 64.0."),
        (np.array([64.0]), "The sizes W are float64, not integers."),
        ([True], "The sizes W are bool, not integers."),
        (["64"], "The sizes W are <U2, not integers."),
        ([2**64, 64.0], "The sizes W must be positive integers, not 64.0."),
        (np.array([64, 64.0], dtype=object), "The sizes W must be positive integers, not 64.0."),
        (np.array([True, 64], dtype=object), "The sizes W must be positive integers, not True."),
        ([64, -64], "The size W must be a positive integer, not -64."),
        ([1, 2, 3], "The sizes do not broadcast: N (), H (2,), W (3,)."),
    ],
)
def test_arrays_of_what_is_no_size(sizes, expected):
    with pytest.raises(SpecError) as caught:
        FREE.arrays({"N": 1, "H": [64, 64], "W": sizes}, "x")
    assert str(caught.value) == expected


def test_arrays_need_every_name():
    with pytest.raises(SpecError, match="No value for the size W"):
        FREE.arrays({"N": np.array([1]), "H": np.array([32])}, "x")
    with pytest.raises(SpecError, match="There is no size Z"):
        FREE.arrays({name: np.array([32]) for name in "NHWZ"}, "x")


def test_relations_are_asked_only_where_they_have_a_value():
    """W // (H/32 - 1) has none at H = 32, which the minimum of 64 excludes."""
    domain = Domain((N, H, W), (Guard(w // (h - 1) - 1, ">="),))
    with pytest.raises(DomainError, match="H must be at least 64"):
        domain.arrays({"N": 2, "H": np.array([64, 32]), "W": 64}, "x")
    assert domain.arrays({"N": 2, "H": np.array([64, 96]), "W": 64}, "x")[H].tolist() == [2, 3]


def test_a_fixed_size_is_accepted_at_its_value_alone():
    domain = Domain((N,), (), {"N": 1}, {"L": 197})
    assert domain.values({"N": 2, "L": 197}, "vit") == domain.values({"N": 2}, "vit") == {N: 2}
    said = "Cannot count vit at L=198: L is fixed at 197."
    assert message(domain, {"N": 2, "L": 198}, "vit") == said
    for lengths in ([197, 197], 197):
        assert domain.arrays({"N": [2, 3], "L": lengths}, "vit")[N].tolist() == [2, 3]
    with pytest.raises(DomainError) as caught:
        domain.arrays({"N": 2, "L": [197, 198]}, "vit")
    assert str(caught.value) == "Cannot count vit at every L: L is fixed at 197."


def test_a_size_that_may_be_zero():
    past = Symbol("P", offset=1)
    domain = Domain((past,), (), {"P": 1})
    assert domain.values({"P": 0}, "x") == {past: 1}
    assert message(domain, {"P": -1}) == "The size P must be a natural number, not -1."


def test_each_missing_name_stands_on_the_command_line():
    with pytest.raises(SpecError) as caught:
        DETECTOR.values({"N": 1}, "x")
    assert caught.value.command_line == "No value for the size H, W: give --at H=…,W=…."
