"""Resizing with antialiasing: a filter that is stretched where the image shrinks.

Every result on an axis is the weighted mean of the pixels in its window, which reaches ``reach``
pixels, or ``reach`` results where those are larger, to either side; first along the rows, then
along the columns. Windows that the border cuts are charged in full, as padding is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.errors import UnsizedError
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import existing, formula

aten = torch.ops.aten

LARGEST_PERIOD = 16
"""The largest denominator of a scale between symbolic sizes that is looked for."""


def pixels(position: int, scale: Fraction, reach: int) -> int:
    """How many pixels lie inside the window of a result; a result is ``scale`` pixels wide."""
    center = scale * (position + Fraction(1, 2)) - Fraction(1, 2)
    half = reach * max(scale, Fraction(1))
    return ceil(center + half) - floor(center - half) - 1


@dataclass(frozen=True, slots=True)
class Axis:
    """``count`` results, each ``scale`` pixels wide; windows are alike every ``period`` results."""

    count: Dim
    scale: Fraction
    period: int

    def taps(self, reach: int) -> Dim:
        """The pixels of all windows."""
        windows = sum(pixels(i, self.scale, reach) for i in range(self.period))
        return self.count * windows // self.period


def axis(length: Dim, count: Dim, align_corners: bool, factor: float | None) -> Axis:
    """From ``length`` pixels to ``count``; a ``factor`` that is given is the scale's reciprocal.

    Raises UnsizedError where the scale is no number, or one that the sizes do not have.
    """
    if isinstance(length, int) and isinstance(count, int):
        if align_corners:
            scale = Fraction(length - 1, count - 1) if count > 1 else Fraction(0)
        else:
            scale = Fraction(1 / factor) if factor else Fraction(length, count)
        return Axis(count, scale, count)
    for period in range(1, LARGEST_PERIOD + 1):
        pixels_of_period = length * period // count
        if length * period % count == 0 and isinstance(pixels_of_period, int):
            scale = Fraction(pixels_of_period, period)
            if not align_corners and (not factor or factor * scale == 1):
                return Axis(count, scale, period)
    raise UnsizedError("no closed form over a symbolic scale: fix the axis")


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter's reach in pixels, and what its weight at a distance x costs."""

    reach: int
    near: Cost
    """Where |x| < 1."""
    far: Cost
    """Elsewhere."""

    def weights(self, along: Axis) -> Cost:
        """Of all windows: a center (i + 0.5) * scale - 0.5 is 3, a distance 1, and 1 for a scale.

        t weights are divided by their sum: 2t - 1  [FLOP].
        """
        taps = along.taps(self.reach)
        near = taps if self.reach == 1 else along.taps(1)
        stretched = 1 if along.scale > 1 else 0
        placed = 3 * along.count + (1 + stretched) * taps
        normalized = 2 * taps - along.count
        return self.near * near + self.far * (taps - near) + Cost(elementwise=placed + normalized)

    def pass_over(self, lines: Dim, along: Axis) -> Cost:
        """The weights, which all lines share; t products and t - 1 sums per result  [FLOP]."""
        sums = lines * (2 * along.taps(self.reach) - along.count)
        return self.weights(along) + Cost(elementwise=sums)


# 1 - |x|.
LINEAR = Filter(1, Cost(elementwise=1), Cost.zero())
# ((a + 2) x - (a + 3)) x x + 1; ((a x - 5 a) x + 8 a) x - 4 a. Keys, IEEE ASSP-29(6), 1981, eq. 15.
CUBIC = Filter(2, Cost(elementwise=5), Cost(elementwise=6))
# sin(pi x) / (pi x) * sin(pi x / 3) / (pi x / 3). Duchon, J. Appl. Meteor. 18(8), 1979.
LANCZOS = Filter(3, Cost(elementwise=5, transcendental=2), Cost(elementwise=5, transcendental=2))


def resized(
    of: Filter, image: Shape, out: Shape, corners: bool, factors: list[float | None]
) -> Cost:
    """Every row of the image to the new width, then every column to the new height."""
    *planes, height, width = image
    rows = axis(height, out[-2], corners, factors[0])
    columns = axis(width, out[-1], corners, factors[1])
    return of.pass_over(numel(planes) * height, columns) + of.pass_over(
        numel(planes) * out[-1], rows
    )


def by_sizes(of: Filter) -> Callable[..., Cost]:
    """`resized`, by the operators that are given the size."""

    def count(
        self: Shape,
        align_corners: bool,
        scales_h: float | None,
        scales_w: float | None,
        *,
        out: Shape,
    ) -> Cost:
        return resized(of, self, out, align_corners, [scales_h, scales_w])

    return count


def by_factors(of: Filter) -> Callable[..., Cost]:
    """`resized`, by the operators that are given the size or the factors."""

    def count(
        input: Shape, align_corners: bool, scale_factors: list[float] | None, *, out: Shape
    ) -> Cost:
        return resized(of, input, out, align_corners, list(scale_factors or (None, None)))

    return count


for _name, _filter in (
    ("_upsample_bilinear2d_aa", LINEAR),
    ("_upsample_bicubic2d_aa", CUBIC),
    ("_upsample_lanczos2d_aa", LANCZOS),
):
    formula(*existing(f"aten.{_name}.default"), kind="resizing")(by_sizes(_filter))
    formula(*existing(f"aten.{_name}.vec"), kind="resizing")(by_factors(_filter))
