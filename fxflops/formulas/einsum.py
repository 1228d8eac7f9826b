"""Einstein summation, operand by operand.

A label that one operand has alone, and the result has not, is summed beforehand. Then two operands
at a time, from the left or along ``path``, become one: labels that nobody else needs are contracted
by a batched matrix product; where there are none it is a product element by element. So does
PyTorch (aten/src/ATen/native/Linear.cpp), and so its flop counter counts it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.shapes import Shape, numel, reduction
from fxflops.registry import formula

aten = torch.ops.aten

Operand: TypeAlias = dict[str, Dim]
"""The size of each label of an operand, but for sizes of 1, which are as good as absent."""


def parse(equation: str, shapes: tuple[Shape, ...]) -> tuple[list[Operand], set[str]]:
    """The labeled operands, and the labels of the result. An ellipsis' axes are "0", "1", …."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    operands, hidden = [], 0
    for term, shape in zip(left.split(","), shapes, strict=True):
        before, ellipsis, after = term.partition("...")
        covered = len(shape) - len(before) - len(after) if ellipsis else 0
        hidden = max(hidden, covered)
        labels = [*before, *map(str, range(covered - 1, -1, -1)), *after]
        operands.append({n: d for n, d in zip(labels, shape, strict=True) if d != 1})
    dots = set(map(str, range(hidden)))
    if arrow:
        return operands, {*right.replace("...", "")} | (dots if "..." in right else set())
    letters = left.replace("...", "").replace(",", "")
    return operands, {label for label in letters if letters.count(label) == 1} | dots


def summed(operand: Operand, needed: Collection[str]) -> tuple[Operand, Dim]:
    """The operand without the labels that nobody needs, and the additions to sum them."""
    kept = {label: size for label, size in operand.items() if label in needed}
    return kept, reduction(numel(operand.values()), numel(kept.values()))


def product(a: Operand, b: Operand, needed: Collection[str]) -> tuple[Operand, Cost]:
    """Two operands as one, the labels that nobody else needs contracted, and the cost."""
    both = a | b
    kept = {label: size for label, size in both.items() if label in needed}
    if len(kept) == len(both):
        return kept, Cost(elementwise=numel(both.values()))
    return kept, Cost(contraction=2 * numel(both.values()))


@formula(aten.einsum.default, kind="einsum")
def einsum(equation: str, tensors: tuple[Shape, ...], path: tuple[int, ...] | None) -> Cost:
    """2 * prod(labels of both) for each pair of operands that has labels to contract  [FLOP].

    Sums beforehand and products element by element are elementwise; a diagonal is a view.
    """
    labeled, result = parse(equation, tensors)
    return contracted(labeled, result, path)


def contracted(
    labeled: list[Operand],
    result: set[str],
    path: tuple[int, ...] | None,
    of_sum: int = 1,
    of_product: int = 1,
) -> Cost:
    """The operands as one with the labels of ``result``, two at a time.

    ``of_sum`` and ``of_product`` are the FLOPs of one, outside of contractions.
    """
    operands, cost = [], Cost.zero()
    for i, operand in enumerate(labeled):
        others = [other for j, other in enumerate(labeled) if j != i]
        kept, sums = summed(operand, result.union(*others))
        operands.append(kept)
        cost = cost + Cost(elementwise=of_sum * sums)
    for step in range(len(operands) - 1):
        i, j = sorted(path[2 * step : 2 * step + 2]) if path else (0, 1)
        b, a = operands.pop(j), operands.pop(i)
        joined, of_pair = product(a, b, result.union(*operands))
        # PyTorch appends the product where a path is given, and goes on with it otherwise.
        operands.insert(len(operands) if path else 0, joined)
        cost = cost + of_pair.replace(elementwise=of_product * of_pair.elementwise)
    return cost


@formula(aten._trilinear.default, kind="einsum")
def trilinear(
    i1: Shape,
    i2: Shape,
    i3: Shape,
    expand1: tuple[int, ...],
    expand2: tuple[int, ...],
    expand3: tuple[int, ...],
    sumdim: tuple[int, ...],
) -> Cost:
    """The sum of i1 * i2 * i3 over ``sumdim``: `einsum` from the left, the axes being the labels.

    An operand lacks the axes that it is expanded along.
    """
    operands = []
    for shape, absent in ((i1, expand1), (i2, expand2), (i3, expand3)):
        axes = [axis for axis in range(len(shape) + len(absent)) if axis not in absent]
        operands.append({str(a): size for a, size in zip(axes, shape, strict=True) if size != 1})
    rank = len(i1) + len(expand1)
    return contracted(operands, {str(a) for a in range(rank) if a not in sumdim}, None)
