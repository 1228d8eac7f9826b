"""The input specs of models that take images."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from fxflops.spec import InputSpec, parse

STRIDE = 32
"""What most networks divide height and width by, in all."""


def free(height: int, width: int, *, name: str = "image", channels: int = 3) -> InputSpec:
    """Free batch, height and width: multiples of a power of two that these sizes are, too.

    Where the sizes are multiples of the strides, formulas need no floors.
    """
    return parse(f"{name}: N {channels} {_axis('H', height)} {_axis('W', width)}")


def narrower(
    height: int, width: int, *, name: str = "image", channels: int = 3
) -> tuple[InputSpec, ...]:
    """For a model with windows of fixed size, multiples of these sizes; for a grid, only these."""
    return (
        parse(f"{name}: N {channels} H%{height} W%{width}"),
        fixed(height, width, name=name, channels=channels),
    )


def fixed(height: int, width: int, *, name: str = "image", channels: int = 3) -> InputSpec:
    """Only the batch is free."""
    return parse(f"{name}: N {channels} {height} {width}")


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of a size that is given once or twice."""
    if isinstance(size, int):
        return size, size
    height, width = size if len(size) > 1 else (size[0], size[0])
    return int(height), int(width)


def _axis(name: str, size: int) -> str:
    multiple = gcd(size, STRIDE)
    return f"{name}%{multiple}" if multiple > 1 else name
