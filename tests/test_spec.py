"""The grammar of input specs, and what is said of what is not in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxflops.errors import SpecError, shown
from fxflops.spec import DTYPES, Axis, InputSpec, TensorInput, parse

IMAGE = TensorInput(
    name="image", axes=(Axis(name="N"), 3, Axis(name="H", multiple=32, minimum=32), 640)
)


def axes_of(text):
    [tensor] = parse(text).tensors
    return tensor.axes


def test_an_image():
    spec = parse("image: N 3 H%32 640")
    assert spec == InputSpec(
        (
            TensorInput(
                name="image",
                axes=(
                    Axis(name="N", multiple=1, minimum=1),
                    3,
                    Axis(name="H", multiple=32, minimum=32),
                    640,
                ),
            ),
        )
    )
    assert spec.tensors[0].dtype is None
    assert spec == InputSpec((IMAGE,))
    assert [axis.name for axis in spec.axes] == ["N", "H"]


@pytest.mark.parametrize(
    ("token", "axis"),
    [
        ("7", 7),
        ("007", 7),
        ("999999999999999999", 999999999999999999),
        ("H", Axis(name="H")),
        ("_h2", Axis(name="_h2")),
        ("H%1", Axis(name="H")),
        ("H%32", Axis(name="H", multiple=32, minimum=32)),
        ("H>=5", Axis(name="H", minimum=5)),
        ("H>=0", Axis(name="H")),
        ("H%32>=128", Axis(name="H", multiple=32, minimum=128)),
        ("H%32>=97", Axis(name="H", multiple=32, minimum=128)),
        ("H%32>=1", Axis(name="H", multiple=32, minimum=32)),
    ],
)
def test_one_axis(token, axis):
    assert axes_of(f"x: {token}") == (axis,)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dtype_comes_last(dtype):
    [tensor] = parse(f"ids: B L {dtype}").tensors
    assert tensor == TensorInput(name="ids", axes=(Axis(name="B"), Axis(name="L")), dtype=dtype)
    [scalar] = parse(f"step: {dtype}").tensors
    assert scalar == TensorInput(name="step", axes=(), dtype=dtype)


def test_several_tensors():
    spec = parse("input_ids: B L int64;attention_mask:B L int64 ; 3 B;")
    assert [tensor.name for tensor in spec.tensors] == ["input_ids", "attention_mask", "input2"]
    assert [tensor.dtype for tensor in spec.tensors] == ["int64", "int64", None]
    assert [axis.name for axis in spec.axes] == ["B", "L"]


def test_unnamed_tensors_are_numbered_among_the_tensors():
    assert [tensor.name for tensor in parse("; N 3;; N 4").tensors] == ["input0", "input1"]


@pytest.mark.parametrize(
    ("text", "multiple", "minimum"),
    [
        ("a: H%4; b: H%6", 12, 12),
        ("a: H%4>=20; b: H%6", 12, 24),
        ("a: H; b: H%8", 8, 8),
        ("a: H>=9 H%8", 8, 16),
        ("a: H>=100; b: H%32; c: H%48>=50", 96, 192),
    ],
)
def test_all_that_is_said_of_a_symbol_holds_everywhere(text, multiple, minimum):
    spec = parse(text)
    expected = Axis(name="H", multiple=multiple, minimum=minimum)
    assert spec.axes == (expected,)
    assert all(axis == expected for tensor in spec.tensors for axis in tensor.axes)


def test_fixing_sizes():
    spec = parse("a: N 3 H%32; b: H%32 int64").fixed({"H": 640, "X": 1})
    assert str(spec) == "a: N 3 640; b: 640 int64"
    assert [axis.name for axis in spec.axes] == ["N"]


names = st.sampled_from(["N", "H", "W", "L2", "_x", "height"])
axes = st.one_of(
    st.integers(1, 10**18 - 1),
    st.builds(
        lambda name, multiple, steps: Axis(name=name, multiple=multiple, minimum=multiple * steps),
        names,
        st.integers(1, 64),
        st.integers(1, 9),
    ),
)
tensors = st.builds(
    lambda axes, dtype: (tuple(axes), dtype),
    st.lists(axes, min_size=1, max_size=4),
    st.none() | st.sampled_from(DTYPES),
)


@settings(deadline=None)
@given(st.lists(tensors, min_size=1, max_size=3))
def test_what_is_written_is_read_back(described):
    text = "; ".join(
        str(TensorInput(name=f"t{index}", axes=axes, dtype=dtype))
        for index, (axes, dtype) in enumerate(described)
    )
    spec = parse(text)
    assert parse(str(spec)) == spec
    assert [t.dtype for t in spec.tensors] == [dtype for _, dtype in described]
    for tensor, (axes, _) in zip(spec.tensors, described, strict=True):
        for read, written in zip(tensor.axes, axes, strict=True):
            if isinstance(written, int):
                assert read == written
            else:
                assert read.name == written.name
                assert read.multiple % written.multiple == 0
                assert read.minimum >= written.minimum
                assert read.minimum % read.multiple == 0


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=20)
    | st.lists(
        st.sampled_from(["N", "H%32", ">=", "%", "0", "3", ":", ";", "²", "٣", "int64", "if", " "]),
        max_size=8,
    ).map("".join)
)
def test_any_text_is_read_or_refused_in_one_line(text):
    spec = refused = None
    try:
        spec = parse(text)
    except SpecError as error:
        refused = str(error)
    if spec is None:
        assert len(refused.splitlines()) == 1
    else:
        assert parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "The input spec is empty."),
        ("  ", "The input spec is empty."),
        (" ; ;", "The input spec is empty."),
        ("image:", "'image:' in the input spec has no axes."),
        ("image: ; x: 3", "'image:' in the input spec has no axes."),
        (": N 3", "'' in the input spec is no name."),
        ("2d: N 3", "'2d' in the input spec is no name."),
        ("a b: N 3", "'a b' in the input spec is no name."),
        ("a: b: N", "'a: b' in the input spec is no name."),
        ("größe: N", "'größe' in the input spec is no name."),
        ("x: N 0 H", "Axis 0 in 'x: N 0 H': a size is at least 1."),
        ("x: 000", "Axis 0 in 'x: 000': a size is at least 1."),
        ("x: H%0", "Axis 'H%0' in 'x: H%0': no size is a multiple of 0."),
        ("a: N; a: N", "The input spec names two tensors 'a'."),
        ("N; input0: N", "The input spec names two tensors 'input0'."),
        ("x: lambda", "Axis 'lambda' in 'x: lambda': 'lambda' means something else in a formula."),
        ("x: Max%2", "Axis 'Max%2' in 'x: Max%2': 'Max' means something else in a formula."),
    ],
)
def test_what_is_wrong_is_quoted(text, expected):
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    "token",
    [
        "-3",
        "3.5",
        "+3",
        "1_000",
        "1000000000000000000",
        "9" * 5000,
        "²",
        "٣",
        "H²",
        "H%٣",
        "Höhe",
        "H%",
        "H%-2",
        "H>=",
        "H>5",
        "H>=5%2",
        "%32",
        "N,",
        "32H",
        "H=3",
    ],
)
def test_a_token_that_is_no_axis_is_quoted(token):
    with pytest.raises(SpecError) as caught:
        parse(f"x: N {token} 3")
    assert str(caught.value).startswith(f"Cannot read the axis '{shown(token)}' in '")


@pytest.mark.parametrize("first", ["int64", "float16"])
@pytest.mark.parametrize("second", ["int64", "bool"])
def test_a_dtype_is_no_axis(first, second):
    for text in (f"x: N {first} 3", f"x: N {first} {second}", f"x: {first}%2"):
        with pytest.raises(SpecError, match=f"Cannot read the axis '{first}.*dtype comes last"):
            parse(text)


@pytest.mark.parametrize(
    ("text", "sizes", "expected"),
    [
        ("ids: N L int64; mask: N P+L int64; past=P", {"P": 0, "L": 3}, [[3], [3]]),
        ("ids: N L int64; mask: N P+L int64; past=P", {"P": 37, "L": 1}, [[1], [38]]),
        ("ids: N L int64; mask: N L+2+P int64; past=P", {"P": 5, "L": 3}, [[3], [10]]),
        ("x: N 2+3", {}, [[5]]),
    ],
)
def test_an_axis_may_be_a_sum(text, sizes, expected):
    spec = parse(text)
    assert parse(str(spec)) == spec
    fixed = spec.fixed({"N": 2, **sizes})
    assert [list(tensor.axes[1:]) for tensor in fixed.tensors] == expected
    assert fixed.past == sizes.get("P")
    assert not fixed.axes


def test_the_past_may_be_none_or_a_number_or_a_symbol():
    assert parse("x: N L").past is None
    assert parse("x: N L; past=37").past == 37
    assert parse("x: N L; past = P").past == Axis(name="P", minimum=0)
    assert parse("x: N L").with_past("P") == parse("x: N L; past=P")
    assert parse("x: N L").with_past(0) == parse("x: N L; past=0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: N L; past=P; past=3", "says twice"),
        ("x: N L; past=-1", "a number, or a symbol"),
        ("x: N L; past=", "a number, or a symbol"),
        ("x: N L; past=Max", "another name"),
        ("x: N P%2; past=P", "from 0 on"),
        ("x: N P+", "Cannot read the axis"),
        ("x: N P+L%2", "Cannot read the axis"),
    ],
)
def test_a_past_or_a_sum_that_cannot_be_is_quoted(text, said):
    with pytest.raises(SpecError, match=said):
        parse(text)
