"""From the expressions of torch's ``ShapeEnv`` to the algebra's sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

import torch

from fxflops.algebra import Dim, maximum, minimum
from fxflops.capture.result import SizeReader
from fxflops.capture.symint.float_node import is_binary
from fxflops.errors import CaptureError

if TYPE_CHECKING:
    import sympy


def shape_env_reader(symbols: Mapping[sympy.Symbol, Dim]) -> SizeReader:
    """A reader for the sizes of a ``ShapeEnv``, whose own symbols stand for ``symbols``.

    The reader raises CaptureError for a size without a closed form, such as one that depends on
    data.
    """
    expressions = ExpressionReader(symbols)

    def read(size: int | torch.SymInt) -> Dim:
        # SymInt.node is private; it is the only way to a size's expression.
        return size if isinstance(size, int) else expressions.read(size.node.expr)

    return read


class ExpressionReader:
    """Reads a ``ShapeEnv`` expression: sums, products, floors, remainders, maxima.

    Floating point enters sizes through scale factors and must be rounded to an integer again; that
    is exact, and accepted, where the factor is a fraction with a small power of two below.
    """

    def __init__(self, symbols: Mapping[sympy.Symbol, Dim]) -> None:
        self._known: dict[sympy.Basic, Dim] = dict(symbols)

    def read(self, expression: sympy.Basic) -> Dim:
        """The dim that ``expression`` is. Raises CaptureError where there is none."""
        known = self._known.get(expression)
        if known is None:
            numerator, denominator = self.ratio(expression)
            if numerator % denominator != 0:
                raise CaptureError(f"The size {expression} is not known to be an integer.")
            known = self._known[expression] = numerator // denominator
        return known

    def ratio(self, expression: sympy.Basic) -> Ratio:
        """``expression`` as numerator and denominator."""
        if expression in self._known:
            return self._known[expression], 1
        if getattr(expression, "is_Number", False):
            exact = Fraction(str(expression))
            return exact.numerator, exact.denominator
        kind = type(expression).__name__
        if kind in _EXACT:
            operands = [self.read(operand) for operand in expression.args]
            return reduce(_EXACT[kind], operands), 1
        ratios = [self.ratio(operand) for operand in expression.args]
        if kind in _RATIONAL:
            return reduce(_RATIONAL[kind], ratios)
        if kind in _ROUNDED and len(ratios) == 1:
            if not all(is_binary(Fraction(str(f)).denominator) for f in _floats(expression)):
                raise CaptureError(
                    f"The size {expression} is rounded after floating-point arithmetic, which is "
                    "not exact. Fix the axis it comes from in the input spec."
                )
            return _ROUNDED[kind](*ratios[0]), 1
        if kind == "Symbol":
            raise CaptureError(
                f"The size {expression} depends on the data, as the number of results of nms or "
                "nonzero does, and no formula of the input's sizes can say it: count the model up "
                "to there, or take a fixed number."
            )
        raise CaptureError(
            f"The size {expression} has no closed form: fxflops cannot read {kind} in it. "
            "Fix the axis it comes from in the input spec."
        )


def _floats(expression: sympy.Basic) -> Iterable[sympy.Basic]:
    """The floating-point constants in an expression."""
    return (part for part in expression.atoms() if getattr(part, "is_Float", False))


Ratio: TypeAlias = tuple[Dim, Dim]


def _power(base: Ratio, exponent: Ratio) -> Ratio:
    (numerator, denominator), (power, one) = base, exponent
    if not isinstance(power, int) or one != 1:
        raise CaptureError("A size has a power that is not a number.")
    if power < 0:
        numerator, denominator, power = denominator, numerator, -power
    return numerator**power, denominator**power


# The names of sympy's and torch.utils._sympy's classes. FloorDiv and its kin are private to torch,
# and so are named here, not imported.
_EXACT: dict[str, Callable[[Dim, Dim], Dim]] = {
    "FloorDiv": lambda a, b: a // b,
    "CleanDiv": lambda a, b: a // b,
    "Mod": lambda a, b: a % b,
    "PythonMod": lambda a, b: a % b,
    "Max": maximum,
    "Min": minimum,
}
_RATIONAL: dict[str, Callable[[Ratio, Ratio], Ratio]] = {
    "Add": lambda a, b: (a[0] * b[1] + b[0] * a[1], a[1] * b[1]),
    "Mul": lambda a, b: (a[0] * b[0], a[1] * b[1]),
    "Pow": _power,
    "PowByNatural": _power,
    "IntTrueDiv": lambda a, b: (a[0] * b[1], a[1] * b[0]),
    "FloatTrueDiv": lambda a, b: (a[0] * b[1], a[1] * b[0]),
    "ToFloat": lambda a, _: a,
}
_ROUNDED: dict[str, Callable[[Dim, Dim], Dim]] = {
    "floor": lambda n, d: n // d,
    "FloorToInt": lambda n, d: n // d,
    "ceiling": lambda n, d: -(-n // d),
    "CeilToInt": lambda n, d: -(-n // d),
    "TruncToInt": lambda n, d: n // d,  # sizes are not negative
}
