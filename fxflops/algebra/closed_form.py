"""From a count to a formula in the user's sizes: as text, as a sympy expression, as numbers.

A count is a polynomial in quotients such as h = H / 32 (`fxflops.algebra`); the user speaks of H.
Each monomial's coefficient is divided by the multiples in it, which leaves rational coefficients;
over their common denominator they are integers again, and the division is exact wherever H is a
multiple of 32. A quotient that does not come out, for a free H, stays a floor inside the formula.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd, lcm, prod
from typing import TYPE_CHECKING, Any

from fxflops.algebra import (
    Dim,
    FloorDiv,
    MinMax,
    Symbol,
    evaluate,
    magnitude,
    substitute,
    symbols_of,
)
from fxflops.algebra.polynomial import Atom, Monomial, degree, from_atom, terms_of

if TYPE_CHECKING:
    import sympy
    from numpy.typing import NDArray

INT64_MAX = 2**63 - 1
BLOCK = 2**15  # sizes evaluated at a time: few enough that what is computed stays in the cache


def text(value: Dim, order: Sequence[str] = ()) -> str:
    """``value`` as integer arithmetic that Python itself evaluates, in the user's sizes.

    The first symbol of ``order`` (the batch) is factored out: ``(N*(a*H*W + b) + c)//1024``.
    Operators: ``+ - * ** //``, ``Max()`` and ``Min()``.
    """
    terms, denominator = _over_common_denominator(value)
    body = _grouped(terms, order)
    return body if denominator == 1 else f"{_bracketed(body)}//{denominator}"


def coefficients(value: Dim, order: Sequence[str] = ()) -> dict[str, str]:
    """Each monomial in the user's sizes with its rational coefficient, as people read them.

    ``{"N*H**2*W**2": "3/512", "N*H*W": "4077/2", "N": "160"}``; a constant is under ``"1"``.
    """
    from fractions import Fraction  # takes long

    terms, denominator = _over_common_denominator(value)
    rank = {name: position for position, name in enumerate(order)}

    def in_order(monomial: Monomial) -> Monomial:
        return tuple(sorted(monomial, key=lambda item: rank.get(item[0].key, len(rank))))

    return {
        _product(1, [], in_order(monomial)): str(Fraction(c, denominator))
        for monomial, c in _ordered(terms)
    }


def guard_text(value: Dim, sign: str, order: Sequence[str] = ()) -> str:
    """The comparison ``value sign 0`` in the user's sizes: ``21*H*W >= 307200``.

    Each term is on the side where its coefficient is positive.
    """
    terms, _ = _over_common_denominator(value)
    common = gcd(*(c for m, c in terms.items() if m)) or 1
    if terms.get((), 0) % common:
        common = 1
    left = {m: c // common for m, c in terms.items() if c > 0}
    right = {m: -c // common for m, c in terms.items() if c < 0}
    return f"{_grouped(left, order)} {sign} {_grouped(right, order)}"


def to_sympy(value: Dim, order: Sequence[str] = ()) -> sympy.Expr:
    """``value`` as a sympy expression in positive integer symbols named as the user's sizes.

    Collected in the first symbol of ``order``.
    """
    import sympy

    def of(value: Dim) -> sympy.Expr:
        value = without_offsets(value)
        if isinstance(value, int):
            return sympy.Integer(value)
        products = (
            sympy.Mul(c, *(of_atom(atom) ** power for atom, power in m))
            for m, c in value.terms.items()
        )
        return sympy.Add(*products)

    def of_atom(atom: Atom) -> sympy.Expr:
        if isinstance(atom, Symbol):
            return named(atom) / atom.multiple
        if isinstance(atom, FloorDiv):
            return sympy.floor(of(atom.numerator) / of(atom.denominator))
        assert isinstance(atom, MinMax)
        choose = sympy.Max if atom.name == "max" else sympy.Min
        # Unevaluated, because sympy 1.14 takes 7/(N*W) >= 1 for true and would drop the 1.
        return choose(of(atom.left), of(atom.right), evaluate=False)

    expression = of(value)
    if order and len(order) > 1:
        batch = [s for s in expression.free_symbols if s.name == order[0]]
        expression = sympy.collect(expression, batch) if batch else expression
    return expression


def to_latex(value: Dim, order: Sequence[str] = ()) -> str:
    """`to_sympy` in LaTeX, without delimiters."""
    import sympy

    latex: str = sympy.latex(to_sympy(value, order), fold_short_frac=False)
    return latex


def evaluate_many(value: Dim, sizes: Mapping[Symbol, NDArray[Any]]) -> NDArray[Any]:
    """``value`` at many sizes at once, exactly.

    ``sizes[symbol]`` are arrays of the symbol's values (H / 32 for ``H%32``), natural numbers in
    any integer dtype or Python integers; they broadcast. Gives int64 where no intermediate result
    can leave it, an array of Python integers otherwise. Raises FloatingPointError or
    ZeroDivisionError for a division by zero.
    """
    import numpy as np

    largest = {symbol: int(array.max(initial=0)) for symbol, array in sizes.items()}
    dtype = np.int64 if magnitude(value, largest) <= INT64_MAX else object
    if isinstance(value, int):
        shape = np.broadcast_shapes(*(array.shape for array in sizes.values()))
        return np.full(shape, value, dtype=dtype)
    blocks = np.nditer(
        [*sizes.values(), None],
        flags=["buffered", "external_loop", "refs_ok", "zerosize_ok"],
        op_dtypes=[dtype] * (len(sizes) + 1),
        casting="unsafe",  # uint64 to int64, which `magnitude` has shown to be safe
        buffersize=BLOCK,
    )
    with blocks, np.errstate(divide="raise"):
        for *arrays, out in blocks:
            known = dict(zip(sizes, arrays, strict=True))
            out[...] = evaluate(value, known, maximum=np.maximum, minimum=np.minimum)
        result: NDArray[Any] = blocks.operands[-1]
    return result


def named(symbol: Symbol) -> sympy.Symbol:
    """The size as a symbol of sympy, an integer of a known sign, which is found by its name."""
    from fxflops.algebra import named

    return named.Symbol(symbol.name, integer=True, **sign_of(symbol))


def sign_of(symbol: Symbol) -> dict[str, bool]:
    """What sympy is told of the sign of the size."""
    return {"positive": True} if symbol.size_at(symbol.minimum) > 0 else {"nonnegative": True}


def without_offsets(value: Dim) -> Dim:
    """``value`` in symbols that are the sizes themselves, where they may be 0, too."""
    shifted = {s: s.minimum - s.offset for s in symbols_of(value) if s.offset}
    plain = {s: from_atom(Symbol(s.name, s.multiple, least)) for s, least in shifted.items()}
    return substitute(value, {s: size + s.offset for s, size in plain.items()})


def _over_common_denominator(value: Dim) -> tuple[dict[Monomial, int], int]:
    """``value`` = sum of coefficient * monomial / denominator, the symbols now the user's sizes."""
    value = without_offsets(value)
    below = {
        monomial: prod(a.multiple**p for a, p in monomial if isinstance(a, Symbol))
        for monomial in terms_of(value)
    }
    reduced = (below[m] // gcd(below[m], c) for m, c in terms_of(value).items())
    denominator = lcm(*reduced)
    return {m: c * denominator // below[m] for m, c in terms_of(value).items()}, denominator


def _grouped(terms: Mapping[Monomial, int], order: Sequence[str]) -> str:
    """The sum of ``terms``, the powers of the first symbol of ``order`` factored out."""
    if len(order) < 2:
        return _sum(terms)
    by_power: dict[int, dict[Monomial, int]] = {}
    for monomial, c in terms.items():
        power = next((p for a, p in monomial if a.key == order[0]), 0)
        rest = tuple((a, p) for a, p in monomial if a.key != order[0])
        by_power.setdefault(power, {})[rest] = c
    texts = []
    for power in sorted(by_power, reverse=True):
        inner = by_power[power]
        batch = [order[0] if power == 1 else f"{order[0]}**{power}"] if power else []
        if batch and len(inner) > 1:
            texts.append(f"{batch[0]}*({_sum(inner)})")
        else:
            texts += [_product(c, batch, m) for m, c in _ordered(inner)]
    return _joined(texts)


def _sum(terms: Mapping[Monomial, int]) -> str:
    return _joined([_product(c, [], m) for m, c in _ordered(terms)])


def _ordered(terms: Mapping[Monomial, int]) -> list[tuple[Monomial, int]]:
    """From the highest degree to the constant."""
    return sorted(terms.items(), key=_degree_then_names)


def _degree_then_names(item: tuple[Monomial, int]) -> tuple[int, list[tuple[str, int]]]:
    """A sort key; of equal degree, the higher power of the earlier name comes first."""
    monomial, _ = item
    return -degree(monomial), [(atom.key, -power) for atom, power in monomial]


def _bracketed(text: str) -> str:
    return text if text.isidentifier() or text.isdecimal() else f"({text})"


def _joined(texts: Sequence[str]) -> str:
    return " + ".join(texts).replace("+ -", "- ") or "0"


def _product(coefficient: int, before: Sequence[str], monomial: Monomial) -> str:
    factors = [*before, *(_atom(a) + (f"**{p}" if p > 1 else "") for a, p in monomial)]
    if not factors:
        return str(coefficient)
    if abs(coefficient) == 1:
        return ("-" if coefficient < 0 else "") + "*".join(factors)
    return "*".join([str(coefficient), *factors])


def _atom(atom: Atom) -> str:
    if isinstance(atom, Symbol):
        return atom.name
    if isinstance(atom, FloorDiv):
        above, scale_above = _over_common_denominator(atom.numerator)
        below, scale_below = _over_common_denominator(atom.denominator)
        above = {m: c * scale_below for m, c in above.items()}
        below = {m: c * scale_above for m, c in below.items()}
        common = gcd(*above.values(), *below.values())
        numerator = _bracketed(_sum({m: c // common for m, c in above.items()}))
        denominator = _bracketed(_sum({m: c // common for m, c in below.items()}))
        return f"({numerator}//{denominator})"
    assert isinstance(atom, MinMax)
    return f"{atom.name.capitalize()}({text(atom.left)}, {text(atom.right)})"
