"""Antialiased resizing written out, as `tests.formulas.definitions` are.

Windows reach beyond the border, where weights are 0, as the formula charges them.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tests.formulas.counted import Array, Number


def triangle(x: Number) -> Number:
    return 1 - x


def cubic(x: Number) -> Number:
    """Keys's, for a = -0.5."""
    a = -0.5
    if x.value < 1 - 1e-9:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def weights(length: int, count: int, reach: int) -> list[dict[int, Number]]:
    """The weight of each pixel of each window, pixels beyond the border included."""
    exact, scale = Fraction(length, count), length / count
    half, of = reach * max(exact, 1), triangle if reach == 1 else cubic
    windows = []
    for i in range(count):
        exact_centre = exact * (i + Fraction(1, 2)) - Fraction(1, 2)
        centre = (Number(i) + 0.5) * scale - 0.5
        window = {}
        for pixel in range(-length, 2 * length):
            if abs(pixel - exact_centre) < half:
                distance = abs(pixel - centre)
                weight = of(distance * (1 / scale) if scale > 1 else distance)
                window[pixel] = weight if 0 <= pixel < length else Number(0)
        total = sum(list(window.values())[1:], next(iter(window.values())))
        windows.append({pixel: weight / total for pixel, weight in window.items()})
    return windows


def along_last(image: Array, count: int, reach: int) -> Array:
    result = np.empty((*image.shape[:-1], count), dtype=object)
    for i, window in enumerate(weights(image.shape[-1], count, reach)):
        for line in np.ndindex(*image.shape[:-1]):
            terms = [
                (image[(*line, p)] if 0 <= p < image.shape[-1] else Number(0)) * weight
                for p, weight in window.items()
            ]
            result[(*line, i)] = sum(terms[1:], terms[0])
    return result


def resized(image: Array, sizes: list[int], reach: int) -> Array:
    """The rows first, then the columns."""
    wide = along_last(image, sizes[1], reach)
    return along_last(wide.swapaxes(-1, -2), sizes[0], reach).swapaxes(-1, -2)


def bilinear(image: Array, sizes: list[int], align_corners: bool) -> Array:
    return resized(image, sizes, 1)


def bicubic(image: Array, sizes: list[int], align_corners: bool) -> Array:
    return resized(image, sizes, 2)
