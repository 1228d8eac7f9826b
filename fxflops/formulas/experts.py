"""The product that transformers has of its own for mixtures of experts.

It stands in for `torch._grouped_mm` where that has no kernel: ``input`` has a row for each pair of
a token and an expert chosen for it, in order of the experts, and each row meets one matrix. So the
number of products is that of rows, whichever experts are chosen.
"""

from __future__ import annotations

from fxflops.algebra import Dim
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import existing, formula


@formula(
    *existing("transformers.grouped_mm_fallback.default"), counter="contraction", kind="matmul"
)
def grouped_mm(input: Shape, *, out: Shape) -> Dim:
    """2 * S * K * N for S rows of K, and results of N  [FLOP]."""
    return 2 * numel(out) * input[-1]


@formula(
    *existing("transformers.grouped_mm_fallback_backward.default"),
    counter="contraction",
    kind="matmul",
)
def grouped_mm_backward(input: Shape, grad_output: Shape) -> Dim:
    """Two products as large as the forward one: for the rows, and for the matrices  [FLOP]."""
    return 4 * numel(input) * grad_output[-1]
