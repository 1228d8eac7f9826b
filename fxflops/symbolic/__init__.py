"""Exact integer arithmetic on sizes that are not known yet; knows nothing of PyTorch."""

from fxflops.symbolic.bounds import lower_bound
from fxflops.symbolic.polynomial import Dim, Polynomial, Symbol
from fxflops.symbolic.quotient import Floor, floor_divide
from fxflops.symbolic.extremum import Extremum, maximum, minimum
from fxflops.symbolic.evaluate import evaluate, magnitude, symbols_of

__all__ = [
    "Dim",
    "Extremum",
    "Floor",
    "Polynomial",
    "Symbol",
    "evaluate",
    "floor_divide",
    "lower_bound",
    "magnitude",
    "maximum",
    "minimum",
    "symbols_of",
]
