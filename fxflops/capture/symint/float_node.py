"""A ratio of sizes, as the node of a ``torch.SymFloat``."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from fractions import Fraction

from fxflops.algebra.evaluate import evaluate
from fxflops.algebra.polynomial import Dim, terms_of
from fxflops.capture.symint.node import Env, Node
from fxflops.errors import CaptureError


def is_binary(denominator: Dim) -> bool:
    """Whether ratios with this denominator are computed in float64 without rounding.

    That is a power of two which leaves 32 bits for the numerator.
    """
    return isinstance(denominator, int) and denominator <= 2**20 and denominator.bit_count() == 1


class FloatNode(Node):
    """A ratio of sizes, with a positive denominator, that the model computes in floating point.

    The two agree where nothing is rounded, that is for denominators which are a small power of two,
    and to the last bit in the quotient of two sizes. After other arithmetic, such as a size times
    0.7, a floor may fall on either side of a whole number: then rounding and comparing are refused.
    """

    __slots__ = ("denominator", "is_exact", "numerator")

    pytype = float
    is_opaque = False

    def __init__(
        self, env: Env, numerator: Dim, denominator: Dim, *, is_exact: bool = False
    ) -> None:
        known = isinstance(numerator, int) and isinstance(denominator, int)
        super().__init__(env, numerator / denominator if known else None)
        self.numerator = numerator
        self.denominator = denominator
        self.is_exact = is_exact or is_binary(denominator)

    def _require_exact(self) -> None:
        if not self.is_exact:
            raise CaptureError(
                f"the size {self!r} is rounded after floating-point arithmetic, which is not "
                "exact; fix its axis in the input spec"
            )

    def __repr__(self) -> str:
        return f"({self.numerator}) / ({self.denominator})"

    def _compute_hint(self) -> float:
        hints = self.env.hints
        return float(Fraction(evaluate(self.numerator, hints), evaluate(self.denominator, hints)))

    def _assume_hint(self) -> None:
        hints = self.env.hints
        here = Fraction(evaluate(self.numerator, hints), evaluate(self.denominator, hints))
        fixed = self.numerator * here.denominator - self.denominator * here.numerator
        self.env.record_guard(fixed, "==")

    def add(self, other: FloatNode) -> FloatNode:
        if other.is_opaque:
            return OpaqueNode(self.env, self.hint + other.hint)
        above = self.numerator * other.denominator + other.numerator * self.denominator
        return FloatNode(self.env, above, self.denominator * other.denominator)

    def neg(self) -> FloatNode:
        return FloatNode(self.env, -self.numerator, self.denominator)

    def sub(self, other: FloatNode) -> FloatNode:
        return self.add(other.neg())

    def mul(self, other: FloatNode) -> FloatNode:
        if other.is_opaque:
            return OpaqueNode(self.env, self.hint * other.hint)
        return FloatNode(
            self.env, self.numerator * other.numerator, self.denominator * other.denominator
        )

    def float_truediv(self, other: FloatNode) -> FloatNode:
        if other.is_opaque:
            return OpaqueNode(self.env, self.hint / other.hint)
        above, below = self.numerator * other.denominator, self.denominator * other.numerator
        constant = _constant(above, below)
        if constant is not None:
            return self.wrap_float(constant)
        positive = self.env.compare(below - 1, ">=").evaluate()
        return FloatNode(
            self.env,
            above if positive else -above,
            below if positive else -below,
            is_exact=self.denominator == 1 and other.denominator == 1,
        )

    truediv = int_truediv = float_truediv

    def float_pow(self, other: FloatNode) -> FloatNode:
        if other.is_opaque:
            return OpaqueNode(self.env, self.hint**other.hint)
        exponent = other.evaluate()
        if exponent != int(exponent) or exponent < 0:
            return self._opaque(lambda x: x**exponent)
        power = int(exponent)
        return FloatNode(self.env, self.numerator**power, self.denominator**power)

    pow = float_pow

    def sym_float(self) -> FloatNode:
        return self

    def floor(self) -> Node:
        self._require_exact()
        return self.env.int_node(self.numerator // self.denominator)

    def ceil(self) -> Node:
        self._require_exact()
        return self.env.int_node(-(-self.numerator // self.denominator))

    def trunc(self) -> Node:
        return self.floor() if self.env.compare(self.numerator, ">=").evaluate() else self.ceil()

    sym_int = trunc

    def round(self, ndigits: int | None = None) -> Node | FloatNode:
        """To the nearest integer; that it is no tie becomes an assumption."""
        if ndigits:
            return self._opaque(lambda x: round(x, ndigits))
        self._require_exact()
        doubled, twice = 2 * self.numerator + self.denominator, 2 * self.denominator
        if self.env.compare(doubled % twice, "==").evaluate():
            return self.env.int_node(round(self.evaluate()))
        return self.env.int_node(doubled // twice)

    def is_integer(self) -> Node:
        self._require_exact()
        return self.env.compare(self.numerator % self.denominator, "==")

    def _excess(self, other: FloatNode) -> Dim:
        self._require_exact()
        other._require_exact()
        return self.numerator * other.denominator - other.numerator * self.denominator

    def eq(self, other: FloatNode) -> Node:
        return self.env.compare(self._excess(other), "==")

    def ne(self, other: FloatNode) -> Node:
        return self.eq(other).sym_not()

    def ge(self, other: FloatNode) -> Node:
        return self.env.compare(self._excess(other), ">=")

    def le(self, other: FloatNode) -> Node:
        return other.ge(self)

    def gt(self, other: FloatNode) -> Node:
        return other.ge(self).sym_not()

    def lt(self, other: FloatNode) -> Node:
        return self.ge(other).sym_not()

    def sym_max(self, other: FloatNode) -> FloatNode:
        return self if self.ge(other).evaluate() else other

    def sym_min(self, other: FloatNode) -> FloatNode:
        return other if self.ge(other).evaluate() else self

    def abs(self) -> FloatNode:
        return self if self.env.compare(self.numerator, ">=").evaluate() else self.neg()

    def guard_float(self, file: str, line: int) -> float:
        """The value, for a tensor operator; a float that Python asks for fixes the sizes in it."""
        if self.env.keeps_floats and sys._getframe(1).f_code.co_name != "__float__":
            return float(self.hint)
        return float(self.evaluate())

    def _opaque(self, function: Callable[[float], float]) -> FloatNode:
        """A function without a closed form: its argument is fixed at the hint, or it is opaque."""
        if self.env.keeps_floats:
            return OpaqueNode(self.env, function(self.hint))
        return self.wrap_float(function(self.evaluate()))

    def sym_sqrt(self) -> FloatNode:
        return self._opaque(math.sqrt)

    def sym_log2(self) -> FloatNode:
        return self._opaque(math.log2)

    def sym_cos(self) -> FloatNode:
        return self._opaque(math.cos)

    def sym_sin(self) -> FloatNode:
        return self._opaque(math.sin)


def _constant(above: Dim, below: Dim) -> float | None:
    """The ratio, where it is the same number at all sizes and that number is exact in binary."""
    terms = terms_of(above)
    if isinstance(below, int) or not terms:
        return None
    monomial, coefficient = next(iter(terms.items()))
    ratio = Fraction(coefficient, below.terms.get(monomial, 0) or 1)
    is_same = ratio.numerator * below == ratio.denominator * above
    return float(ratio) if is_same and is_binary(ratio.denominator) else None


class OpaqueNode(FloatNode):
    """A float computed of sizes in a way that has no closed form, such as ``head_dim ** -0.5``.

    A tensor operator takes it as it is; no size and no branch comes from it, since it has the value
    of this capture alone.
    """

    __slots__ = ()

    is_opaque = True

    def __init__(self, env: Env, value: float) -> None:
        super().__init__(env, 0, 1)
        self._constant = None
        self._hint = float(value)

    def __repr__(self) -> str:
        return f"{self._hint:g}, computed of sizes"

    def evaluate(self, size_oblivious: bool = False) -> float:
        return float(self._hint)

    def guard_float(self, file: str, line: int) -> float:
        return float(self._hint)

    def add(self, other: FloatNode) -> FloatNode:
        return OpaqueNode(self.env, self.hint + other.hint)

    def mul(self, other: FloatNode) -> FloatNode:
        return OpaqueNode(self.env, self.hint * other.hint)

    def neg(self) -> FloatNode:
        return OpaqueNode(self.env, -self.hint)

    def float_truediv(self, other: FloatNode) -> FloatNode:
        return OpaqueNode(self.env, self.hint / other.hint)

    truediv = int_truediv = float_truediv

    def float_pow(self, other: FloatNode) -> FloatNode:
        return OpaqueNode(self.env, self.hint**other.hint)

    pow = float_pow

    def _opaque(self, function: Callable[[float], float]) -> FloatNode:
        return OpaqueNode(self.env, function(self.hint))

    def abs(self) -> FloatNode:
        return OpaqueNode(self.env, abs(self.hint))

    def _refused(self, *_: object) -> Node:
        raise CaptureError(
            f"a size or a branch comes from {self!r}, which has no closed form; do not free the "
            "sizes in it"
        )

    floor = ceil = trunc = sym_int = round = is_integer = _refused
    eq = ne = ge = le = gt = lt = sym_max = sym_min = _excess = _refused
