"""Random integer expressions, which one function builds from dims or computes with numbers."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from fxflops.algebra import Polynomial, Symbol
from fxflops.algebra.polynomial import from_atom

MANY = settings(max_examples=200, deadline=None)
SOME = settings(max_examples=80, deadline=None)
FEW = settings(max_examples=25, deadline=None)

N = Symbol("N", multiple=1, minimum=1)
H = Symbol("H", multiple=32, minimum=2)
W = Symbol("W", multiple=1, minimum=3)
SYMBOLS = (N, H, W)
ORDER = ("N", "H", "W")

n, h, w = map(from_atom, SYMBOLS)
DIMS: dict[str, Polynomial] = {"N": n, "h": h, "H": 32 * h, "W": w}

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


def compute(tree: Any, leaves: Mapping[str, Any], **extrema: Callable[[Any, Any], Any]) -> Any:
    """The value of ``tree``: an integer, a key of ``leaves``, or (operator, left, right)."""
    if isinstance(tree, int):
        return tree
    if isinstance(tree, str):
        return leaves[tree]
    name, left, right = tree
    operate = extrema[name] if name in extrema else OPERATORS[name]
    return operate(compute(left, leaves, **extrema), compute(right, leaves, **extrema))


def numbers(values: Mapping[Symbol, int]) -> dict[str, int]:
    """What the leaves are when the symbols have ``values``."""
    return {"N": values[N], "h": values[H], "H": 32 * values[H], "W": values[W]}


def sizes(values: Mapping[Symbol, int]) -> dict[str, int]:
    """The user's sizes when the symbols have ``values``."""
    return {symbol.name: symbol.multiple * value for symbol, value in values.items()}


NUMBERS = st.integers(1, 40) | st.integers(-40, -1)
LEAVES = st.sampled_from([*DIMS] * 3 + [-9, -1, 0, 1, 2, 3, 4, 7, 30, 31, 32, 99])


def _never_nought(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    positive = st.one_of(
        st.sampled_from(list(DIMS)),
        st.tuples(st.just("+"), st.sampled_from(list(DIMS)), st.integers(0, 9)),
        st.tuples(st.just("*"), st.sampled_from(list(DIMS)), st.sampled_from(list(DIMS))),
        st.tuples(st.just("max"), children, st.integers(1, 9)),
    )
    return NUMBERS | positive | st.tuples(st.just("*"), positive, st.just(-1))


def _operations(
    children: st.SearchStrategy[Any], divisors: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*"]), children, children),
        st.tuples(st.sampled_from(["//", "%"]), children, divisors),
        st.tuples(st.sampled_from(["max", "min"]), children, children),
        st.tuples(st.just("**"), children, st.integers(0, 3)),
    )


def trees(depth: int = 3, divisors: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    """Expressions in all operators; their ``divisors`` are of either sign and never 0."""
    expressions: st.SearchStrategy[Any] = LEAVES
    for _ in range(depth):
        by = divisors if divisors is not None else _never_nought(expressions)
        expressions = LEAVES | _operations(expressions, by)
    return expressions


def assignments(excess: int = 10**12) -> st.SearchStrategy[dict[Symbol, int]]:
    """Values of the symbols: at their minimum, a little above, or far above."""
    above = st.one_of(st.just(0), st.integers(0, 60), st.integers(0, excess))
    return st.fixed_dictionaries({s: above.map(s.minimum.__add__) for s in SYMBOLS})
