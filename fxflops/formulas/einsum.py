"""Einstein summation, operand by operand.

Two operands at a time, from the left or along ``path``, become one batched matrix product: labels
that both have and nobody else needs are contracted, labels that one has alone and nobody needs are
summed beforehand, the others are kept. Where nothing is summed it is a product element by element.
So does PyTorch (aten/src/ATen/native/Linear.cpp), and so does its flop counter count it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

import torch

from fxflops.dims import Shape, numel
from fxflops.records import Cost
from fxflops.registry import formula
from fxflops.symbolic import Dim

aten = torch.ops.aten

Operand: TypeAlias = dict[str, Dim]
"""The size of each label of an operand, but for sizes of 1, which are as good as absent."""


def parse(equation: str, shapes: tuple[Shape, ...]) -> tuple[list[Operand], set[str]]:
    """The labelled operands, and the labels of the result. An ellipsis' axes are "0", "1", …."""
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


def contract(a: Operand, b: Operand, needed: Collection[str]) -> tuple[Operand, Cost]:
    """The product of two operands, with the labels that nobody needs summed, and its cost."""
    kept = {label: size for label, size in (a | b).items() if label in needed}
    shared = [size for label, size in a.items() if label in b and label not in needed]
    if kept.keys() == (a | b).keys():
        return kept, Cost(elementwise=numel(kept.values()))
    presummed = sum((_alone(one, other, needed) for one, other in ((a, b), (b, a))), 0)
    return kept, Cost(contraction=2 * numel(kept.values()) * numel(shared), elementwise=presummed)


def _alone(one: Operand, other: Operand, needed: Collection[str]) -> Dim:
    """The additions that sum the labels which ``one`` has alone and nobody needs."""
    left = [size for label, size in one.items() if label in other or label in needed]
    return numel(one.values()) - numel(left)


@formula(aten.einsum.default)
def einsum(equation: str, tensors: tuple[Shape, ...], path: tuple[int, ...] | None) -> Cost:
    """2 * prod(kept labels) * prod(contracted labels) per pair of operands  [FLOP].

    Sums beforehand and products element by element are elementwise; a diagonal is a view.
    """
    operands, result = parse(equation, tensors)
    cost = Cost.zero()
    if len(operands) == 1:
        [only] = operands
        return Cost(elementwise=_alone(only, {}, result))
    for step in range(len(operands) - 1):
        i, j = sorted(path[2 * step : 2 * step + 2]) if path else (0, 1)
        b, a = operands.pop(j), operands.pop(i)
        needed = result.union(*operands)
        product, of_pair = contract(a, b, needed)
        # PyTorch appends the product where a path is given, and goes on with it otherwise.
        operands.insert(len(operands) if path else 0, product)
        cost = cost + of_pair
    return cost
