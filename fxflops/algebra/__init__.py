"""Exact integer arithmetic on sizes that are not known yet; knows nothing of PyTorch."""

from fxflops.algebra.bounds import is_negative, lower_bound
from fxflops.algebra.evaluate import (
    beyond,
    beyond_one,
    evaluate,
    magnitude,
    settled,
    substitute,
    symbols_of,
)
from fxflops.algebra.extremum import MinMax, is_one, maximum, minimum
from fxflops.algebra.polynomial import Dim, Polynomial, Symbol
from fxflops.algebra.quotient import FloorDiv, floor_divide

__all__ = [
    "Dim",
    "FloorDiv",
    "MinMax",
    "Polynomial",
    "Symbol",
    "beyond",
    "beyond_one",
    "evaluate",
    "floor_divide",
    "is_negative",
    "is_one",
    "lower_bound",
    "magnitude",
    "maximum",
    "minimum",
    "settled",
    "substitute",
    "symbols_of",
]
