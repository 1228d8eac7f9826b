"""Exact integer arithmetic on sizes that are not known yet; knows nothing of PyTorch."""

from fxflops.algebra.evaluate import (
    beyond,
    beyond_one,
    evaluate,
    magnitude,
    settled,
    substitute,
    symbols_of,
)
from fxflops.algebra.minmax import MinMax, is_one, maximum, minimum
from fxflops.algebra.polynomial import (
    Dim,
    FloorDiv,
    Polynomial,
    Symbol,
    floor_divide,
    is_negative,
    lower_bound,
)

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
