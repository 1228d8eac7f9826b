"""From PyTorch's sizes to ours: the only place that opens a ``torch.SymInt``.

Formulas see shapes, tuples of `Dim`, and compute with ``+ - * //`` and the functions below.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, TypeAlias

from fxflops.algebra import Dim, maximum
from fxflops.algebra.polynomial import is_dim

Shape: TypeAlias = tuple[Dim, ...]


def numel(shape: Iterable[Dim]) -> Dim:
    """The product of the sizes: the number of elements; 1 for a scalar's empty shape."""
    return prod(shape)


def lines(shape: Shape, dim: int) -> tuple[Dim, Dim]:
    """How many lines along ``dim`` a tensor has, and their length; a scalar is one line of one."""
    if not shape:
        return 1, 1
    rest = list(shape)
    length = rest.pop(dim)
    return numel(rest), length


def reduction(elements: Dim, results: Dim) -> Dim:
    """The operations that reduce ``elements`` numbers to ``results``: max(elements - results, 0).

    An empty row takes none. Where the sizes leave open whether rows are empty, and all rows are
    alike, the maximum is that of one row.
    """
    operations = maximum(elements - results, 0)
    if isinstance(operations, int) or operations == elements - results or results == 0:
        return operations
    length = elements // results
    return results * maximum(length - 1, 0) if length * results == elements else operations


def equals(value: object, number: int) -> Dim:
    """1 where ``value`` is ``number`` and 0 elsewhere: a term in sizes where it is made of them."""
    if isinstance(value, int) or not is_dim(value):
        return int(value == number)
    size: Dim = value  # type: ignore[assignment]
    return maximum(1 - maximum(size - number, number - size), 0)


def per_axis(option: Any, axes: int) -> tuple[Any, ...]:
    """An option of a kernel for each axis, of which one number stands for all."""
    each = tuple(option) if isinstance(option, (list, tuple)) else (option,)
    return each * axes if len(each) == 1 else each


def broadcast(*shapes: Sequence[Dim]) -> Shape:
    """The shape that ``shapes`` broadcast to; sizes that differ are 1 or equal in the domain."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(
        next((size for size in sizes if size != 1), 1) for sizes in zip(*padded, strict=True)
    )
