"""What a user frees of a model, and what is refused."""

import pytest

import fxflops
from fxflops.architecture.free import parse_free
from fxflops.spec import Axis, Hyper


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        ("d=hidden_size%64", (Hyper(("hidden_size",), Axis(name="d", multiple=64, minimum=64)),)),
        ("depth", (Hyper(("depth",), Axis(name="depth")),)),
        ({"w": "dims.0"}, (Hyper(("dims.0",), Axis(name="w")),)),
        ("Q = decoder.queries >= 10", (Hyper(("decoder.queries",), Axis(name="Q", minimum=10)),)),
        (
            "d=encoder.dim%4, d=decoder.dim%6",
            (Hyper(("encoder.dim", "decoder.dim"), Axis(name="d", multiple=12, minimum=12)),),
        ),
        (
            {"d": ["encoder.dim", "decoder.dim%8"]},
            (Hyper(("encoder.dim", "decoder.dim"), Axis(name="d", multiple=8, minimum=8)),),
        ),
    ],
)
def test_read(free: object, expected: tuple[Hyper, ...]) -> None:
    assert parse_free(free) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("free", "said"),
    [
        ("", "names no field"),
        ("d=", "Cannot read 'd='"),
        ("d=a b", "Cannot read"),
        ("H=hidden_size", "H is a size of the model's inputs. Give hidden_size another"),
        ("U1=hidden_size", "U1 is a size"),
        ("encoder.dim", "give encoder.dim a symbol, for example dim=encoder.dim"),
        ("d=a%0", "no size is a multiple of 0"),
        ("lambda=a", "means something else in a formula"),
        ("d=a, e=a", "two symbols, d and e"),
        ({"d": 3}, "free maps symbols to fields"),
        (["d"], "must be text such as"),
    ],
)
def test_refused(free: object, said: str) -> None:
    with pytest.raises(fxflops.SpecError, match=said.replace("(", r"\(")):
        parse_free(free)  # type: ignore[arg-type]
