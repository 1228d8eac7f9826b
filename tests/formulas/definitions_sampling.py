"""Pooling, resizing, sampling, embedding, and their derivatives."""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch

from tests.formulas import by_definition
from tests.formulas import definitions as by
from tests.formulas.by_definition import ROWS_OF_THEIR_OWN
from tests.formulas.counted import Array, Number, largest, total
from tests.formulas.harness import Case

aten = torch.ops.aten
defines = partial(by_definition.defines, small=False)


# Pooling.


def per_axis(value: Any, rank: int) -> list[int]:
    each = list(value) if isinstance(value, (list, tuple)) else [value]
    return each * rank if len(each) == 1 else each


def pooled(x: Array, rank: int, kernel: Any, stride: Any, padding: Any, of: Any, pad: float) -> Any:
    kernel = per_axis(kernel, rank)
    stride = per_axis(stride, rank) if stride else kernel
    padding = per_axis(padding, rank)
    margins = [(0, 0)] * (x.ndim - rank) + [(p, p) for p in padding]
    padded = np.pad(x, margins, constant_values=Number(pad))
    sizes = [(n - k) // s + 1 for n, k, s in zip(padded.shape[-rank:], kernel, stride, strict=True)]
    result = np.empty((*x.shape[:-rank], *sizes), dtype=object)
    for index in np.ndindex(*result.shape):
        window = [
            slice(p * s, p * s + k) for p, s, k in zip(index[-rank:], stride, kernel, strict=True)
        ]
        result[index] = of(padded[(*index[:-rank], *window)].reshape(-1))
    return result


def mean_of(window: Array) -> Any:
    """Of nothing there is none, and no work."""
    return total(window, (0,)) / window.size if window.size else Number(math.nan)


def largest_of(window: Array) -> Any:
    return largest(window, (0,))


def _pools() -> None:
    for rank in (1, 2, 3):

        def largest_in(
            self: Array, kernel_size: Any, stride: Any, padding: Any, rank: int = rank
        ) -> Any:
            return pooled(self, rank, kernel_size, stride, padding, largest_of, -math.inf)

        def with_indices(
            self: Array, kernel_size: Any, stride: Any, padding: Any, rank: int = rank
        ) -> Any:
            return (largest_in(self, kernel_size, stride, padding, rank),)

        def mean_in(
            self: Array, kernel_size: Any, stride: Any, padding: Any, rank: int = rank
        ) -> Any:
            return pooled(self, rank, kernel_size, stride, padding, mean_of, 0.0)

        names = {"max_pool": largest_in, "avg_pool": mean_in}
        for name, function in names.items():
            defines(getattr(aten, f"{name}{rank}d").default)(function)
        defines(getattr(aten, f"max_pool{rank}d_with_indices").default)(with_indices)


_pools()


def adaptive(x: Array, sizes: Any, of: Any) -> Any:
    rank = len(sizes)
    result = np.empty((*x.shape[:-rank], *sizes), dtype=object)
    for index in np.ndindex(*result.shape):
        window = [
            slice(p * n // size, -(-(p + 1) * n // size))
            for p, n, size in zip(index[-rank:], x.shape[-rank:], sizes, strict=True)
        ]
        result[index] = of(x[(*index[:-rank], *window)].reshape(-1))
    return result


@defines(
    aten.adaptive_avg_pool1d.default,
    aten.adaptive_avg_pool2d.default,
    aten.adaptive_avg_pool3d.default,
    aten._adaptive_avg_pool2d.default,
    aten._adaptive_avg_pool3d.default,
)
def adaptive_avg_pool(self: Array, output_size: Any) -> Any:
    return adaptive(self, output_size, mean_of)


@defines(
    aten.adaptive_max_pool1d.default,
    aten.adaptive_max_pool2d.default,
    aten.adaptive_max_pool3d.default,
)
def adaptive_max_pool(self: Array, output_size: Any) -> Any:
    return (adaptive(self, output_size, largest_of),)


VOLUME = (2, 3, 4, 5, 6)
CUBE = ([2, 3, 2], [1, 2, 1])
SOLID = (1, 2, 3, 4, 5)
ROWS_OF_THEIR_OWN.extend(
    (
        Case(
            "small",
            aten.grid_sampler_3d_backward.default,
            ((1, 2, 1, 2, 3), SOLID, (1, 1, 2, 3, 3), 0, 0, False, [True, True]),
        ),
        Case("a small volume", aten.max_pool3d.default, (VOLUME, *CUBE)),
        Case("a small volume", aten.max_pool3d_with_indices.default, (VOLUME, *CUBE)),
        Case("a small volume", aten.avg_pool3d.default, (VOLUME, *CUBE)),
        Case("a small volume", aten.upsample_trilinear3d.default, (VOLUME, [5, 4, 7], False)),
        Case(
            "a small volume",
            aten.upsample_trilinear3d.vec,
            ((1, 2, 3, 2, 4), None, False, [2.0, 2.0, 2.0]),
        ),
        Case("small", aten.upsample_bicubic2d.vec, ((1, 2, 3, 5), None, False, [2.0, 3.0])),
        Case("small", aten.grid_sampler_3d.default, (SOLID, (1, 2, 3, 2, 3), 0, 0, False)),
        Case("small", aten.upsample_nearest3d_backward.default, (
            (1, 2, 4, 2, 6), [4, 2, 6], [1, 2, 2, 2, 3],
        )),
    )
)  # fmt: skip


# Resizing: a weighted sum of the pixels around (i + 0.5) * scale - 0.5. What is left out by the
# formula is computed by plain numbers: the complement of a distance, the products of the axes'
# weights, which all images and channels share.

Taps = list[list[tuple[int, Number]]]


def place(position: int, scale: float) -> Number:
    return (Number(position) + 0.5) * scale - 0.5


def linear_taps(length: int, count: int) -> Taps:
    """Of each result the two pixels around it, at the border twice the same."""
    taps = []
    for i in range(count):
        at = place(i, length / count)
        at = Number(max(float(at), 0.0))
        below = math.floor(float(at))
        near = float(at - below)
        taps.append([(below, Number(1 - near)), (min(below + 1, length - 1), Number(near))])
    return taps


def cubic_taps(length: int, count: int) -> Taps:
    """Keys's weights for a = -0.75."""
    a = -0.75

    def inner(s: Number) -> Any:
        return ((a + 2) * s - (a + 3)) * s * s + 1

    def outer(s: Number) -> Any:
        return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a

    taps = []
    for i in range(count):
        at = place(i, length / count)
        below = math.floor(float(at))
        t = at - below
        weights = (outer(t + 1), inner(t), inner(1 - t), outer(2 - t))
        pixels = [min(max(below + k, 0), length - 1) for k in (-1, 0, 1, 2)]
        taps.append(list(zip(pixels, weights, strict=True)))
    return taps


def weighed(x: Array, taps: list[Taps]) -> Any:
    rank = len(taps)
    result = np.empty((*x.shape[:-rank], *map(len, taps)), dtype=object)
    for index in np.ndindex(*result.shape):
        chosen = [taps[axis][i] for axis, i in enumerate(index[-rank:])]
        terms = []
        for corner in product(*chosen):
            weight = math.prod(float(w) for _, w in corner)
            terms.append(x[(*index[:-rank], *(p for p, _ in corner))] * weight)
        result[index] = total(np.array(terms, dtype=object), (0,))
    return result


def spread(dy: Array, shape: tuple[int, ...], taps: list[Taps]) -> Any:
    """The derivative: each element, as often weighted, is added to its neighbors."""
    rank = len(taps)
    result = np.full(shape, Number(0.0))
    for index in np.ndindex(*dy.shape):
        chosen = [taps[axis][i] for axis, i in enumerate(index[-rank:])]
        for corner in product(*chosen):
            weight = math.prod(float(w) for _, w in corner)
            result[(*index[:-rank], *(p for p, _ in corner))] += dy[index] * weight
    return result


def _resizes() -> None:
    kinds = (
        ("linear1d", 1, linear_taps),
        ("bilinear2d", 2, linear_taps),
        ("trilinear3d", 3, linear_taps),
        ("bicubic2d", 2, cubic_taps),
    )
    for name, rank, of in kinds:

        def to_size(self: Array, output_size: Any, rank: int = rank, of: Any = of) -> Any:
            taps = [of(n, m) for n, m in zip(self.shape[-rank:], output_size, strict=True)]
            return weighed(self, taps)

        def by_factors(input: Array, scale_factors: Any, rank: int = rank, of: Any = of) -> Any:
            sizes = [int(n * f) for n, f in zip(input.shape[-rank:], scale_factors, strict=True)]
            return weighed(
                input, [of(n, m) for n, m in zip(input.shape[-rank:], sizes, strict=True)]
            )

        def backward(grad_output: Array, input_size: Any, rank: int = rank, of: Any = of) -> Any:
            pairs = zip(input_size[-rank:], grad_output.shape[-rank:], strict=True)
            return spread(grad_output, tuple(input_size), [of(n, m) for n, m in pairs])

        defines(getattr(aten, f"upsample_{name}").default)(to_size)
        defines(getattr(aten, f"upsample_{name}").vec)(by_factors)
        defines(getattr(aten, f"upsample_{name}_backward").default)(backward)


_resizes()


# Derivatives of readings: each element of the gradient is added where its value was read.


def added(dy: Array, shape: Any, read: Any) -> Any:
    """``read`` gives the indices, into the flattened planes, of what each element was read from."""
    rank = read.ndim
    planes = math.prod(shape[: len(shape) - rank])
    result = np.full((planes, math.prod(shape[len(shape) - rank :])), Number(0.0))
    flat = dy.reshape(planes, -1)
    for plane in range(planes):
        for source, target in enumerate(read.reshape(-1)):
            result[plane, target] += flat[plane, source]
    return result.reshape(shape)


def indices(shape: Any) -> Any:
    return np.arange(math.prod(shape)).reshape(shape)


def chosen(dy: Array, shape: Any, index: Any, rank: int) -> Any:
    """``index`` gives, for each plane, where in it the largest element was."""
    planes = math.prod(shape[: len(shape) - rank])
    result = np.full((planes, math.prod(shape[len(shape) - rank :])), Number(0.0))
    sources, targets = dy.reshape(planes, -1), np.asarray(index).reshape(planes, -1)
    for plane, source in np.ndindex(*sources.shape):
        result[plane, targets[plane, source]] += sources[plane, source]
    return result.reshape(shape)


@defines(
    aten.max_pool2d_with_indices_backward.default,
    aten.adaptive_max_pool2d_backward.default,
    aten.fractional_max_pool2d_backward.default,
)
def max_pool2d_backward(grad_output: Array, self: Array, indices: Any) -> Any:
    return chosen(grad_output, self.shape, indices, 2)


@defines(
    aten.max_pool3d_with_indices_backward.default,
    aten.adaptive_max_pool3d_backward.default,
)
def max_pool3d_backward(grad_output: Array, self: Array, indices: Any) -> Any:
    return chosen(grad_output, self.shape, indices, 3)


@defines(aten.fractional_max_pool3d_backward.default, values=False)
def fractional_max_pool3d_backward(grad_output: Array, self: Array, indices: Any) -> Any:
    return chosen(grad_output, self.shape, indices, 3)


def _nearest() -> None:
    for rank, exact in product((1, 2, 3), (False, True)):

        def backward(
            grad_output: Array, input_size: Any, rank: int = rank, exact: bool = exact
        ) -> Any:
            sizes = zip(grad_output.shape[-rank:], input_size[-rank:], strict=True)
            places = [
                [math.floor((i + (0.5 if exact else 0)) * m / n) for i in range(n)]
                for n, m in sizes
            ]
            read = indices(input_size[-rank:])[np.ix_(*places)]
            return added(grad_output, tuple(input_size), read)

        name = f"_upsample_nearest_exact{rank}d_backward" if exact else (
            f"upsample_nearest{rank}d_backward"
        )  # fmt: skip
        defines(getattr(aten, name).default)(backward)


_nearest()


def _paddings() -> None:
    for rank, (name, mode) in product(
        (1, 2, 3), (("reflection", "reflect"), ("replication", "edge"))
    ):

        def backward(
            grad_output: Array, self: Array, padding: Any, rank: int = rank, mode: Any = mode
        ) -> Any:
            margins = [(padding[2 * i], padding[2 * i + 1]) for i in reversed(range(rank))]
            read = np.pad(indices(self.shape[-rank:]), margins, mode=mode)
            return added(grad_output, self.shape, read)

        defines(getattr(aten, f"{name}_pad{rank}d_backward").default)(backward)


_paddings()


@defines(aten.embedding_dense_backward.default)
def embedding_backward(grad_output: Array, indices: Any, num_weights: int) -> Any:
    width = grad_output.shape[-1]
    result = np.full((num_weights, width), Number(0.0))
    rows = grad_output.reshape(-1, width) if width else np.empty((indices.size, 0), dtype=object)
    for row, index in zip(rows, np.asarray(indices).reshape(-1), strict=True):
        result[index] = result[index] + row
    return result


@defines(aten.unfold_backward.default)
def unfold_backward(grad_in: Array, input_sizes: Any, dim: int, size: int, step: int) -> Any:
    result = np.moveaxis(np.full(input_sizes, Number(0.0)), dim, 0)
    windows = np.moveaxis(grad_in, dim, 0)
    for i, window in enumerate(windows):
        for j in range(size):
            result[i * step + j] = result[i * step + j] + window[..., j]
    return np.moveaxis(result, 0, dim)


def shared(dy: Array, shape: tuple[int, ...], windows: Any, rank: int) -> Any:
    """One division for each window, one addition for each of its elements."""
    result = np.full(shape, Number(0.0))
    for index in np.ndindex(*dy.shape):
        part = result[(*index[:-rank], *windows(index[-rank:]))]
        part += dy[index] / max(part.size, 1)
    return result


def _means_backward() -> None:
    for rank in (2, 3):

        def backward(
            grad_output: Array, self: Array, kernel_size: Any, stride: Any, rank: int = rank
        ) -> Any:
            kernel, steps = per_axis(kernel_size, rank), per_axis(stride, rank)

            def windows(at: tuple[int, ...]) -> Any:
                return [slice(p * s, p * s + k) for p, s, k in zip(at, steps, kernel, strict=True)]

            return shared(grad_output, self.shape, windows, rank)

        def adaptive_backward(grad_output: Array, self: Array, rank: int = rank) -> Any:
            sizes = list(zip(self.shape[-rank:], grad_output.shape[-rank:], strict=True))

            def windows(at: tuple[int, ...]) -> Any:
                return [
                    slice(p * n // m, -(-(p + 1) * n // m))
                    for p, (n, m) in zip(at, sizes, strict=True)
                ]

            return shared(grad_output, self.shape, windows, rank)

        defines(getattr(aten, f"avg_pool{rank}d_backward").default)(backward)
        defines(getattr(aten, f"_adaptive_avg_pool{rank}d_backward").default)(adaptive_backward)


_means_backward()


# Reading at points.

BILINEAR, NEAREST = 0, 1
ZEROS, BORDER = 0, 1


def corners(grid: Array, sizes: list[int], padding: int) -> tuple[list[tuple[Any, ...]], Any, Any]:
    """The pixels around a point, their weights, and the weights of each axis by itself."""
    sides = []
    for coordinate, size in zip(grid, reversed(sizes), strict=True):
        pixel = ((coordinate + 1) * size - 1) / 2
        if padding == BORDER:
            pixel = np.minimum(np.maximum(pixel, Number(0)), Number(size - 1))
        below = math.floor(float(pixel))
        sides.append((below, ((below + 1) - pixel, pixel - below)))
    sides.reverse()
    pixels, weights = [], []
    for corner in product((0, 1), repeat=len(sizes)):
        pixels.append(tuple(side[0] + c for side, c in zip(sides, corner, strict=True)))
        own = [side[1][c] for side, c in zip(sides, corner, strict=True)]
        weight = own[0]
        for other in own[1:]:
            weight = weight * other
        weights.append(weight)
    return pixels, weights, [side[1] for side in sides]


def inside(pixel: tuple[int, ...], sizes: list[int]) -> bool:
    return all(0 <= p < n for p, n in zip(pixel, sizes, strict=True))


def sampled(x: Array, grid: Array, padding: int = ZEROS) -> Any:
    sizes = list(x.shape[2:])
    result = np.empty((*x.shape[:2], *grid.shape[1:-1]), dtype=object)
    none = np.full(x.shape[1], Number(0.0))
    for image, *at in np.ndindex(*grid.shape[:-1]):
        pixels, weights, _ = corners(grid[(image, *at)], sizes, padding)
        terms = [
            (x[(image, slice(None), *p)] if inside(p, sizes) else none) * w
            for p, w in zip(pixels, weights, strict=True)
        ]
        value = terms[0]
        for term in terms[1:]:
            value = value + term
        result[(image, slice(None), *at)] = value
    return result


@defines(aten.grid_sampler_2d.default, aten.grid_sampler_3d.default)
def grid_sampler(input: Array, grid: Array, interpolation_mode: int, padding_mode: int) -> Any:
    assert interpolation_mode == BILINEAR
    return sampled(input, grid, padding_mode)


@defines(aten.cudnn_grid_sampler.default, values=False)
def cudnn_grid_sampler(self: Array, grid: Array) -> None:
    sampled(self, grid)


@defines(aten._grid_sampler_2d_cpu_fallback.default, values=False)
def grid_sampler_fallback(input: Array, grid: Array) -> Any:
    return sampled(input, grid)


@defines(aten.affine_grid_generator.default, aten.cudnn_affine_grid_generator.default, values=False)
def affine_grid(**arguments: Any) -> None:
    theta = arguments["theta"]
    rank = theta.shape[1]
    size = arguments.get("size") or [0, 0, arguments["H"], arguments["W"]]
    points = np.full((math.prod(size[2:]), rank + 1), Number(1.0))
    for transform in theta:
        by.matmul(points, transform.swapaxes(0, 1))


def of_readings(
    dy: Array,
    x: Array,
    grid: Array,
    interpolation: int,
    padding: int,
    of_image: bool,
    of_grid: bool,
) -> Any:
    """Of nearest reading, the image's gradient alone, in whichever place it is."""
    sizes = list(x.shape[2:])
    rank = len(sizes)
    image_gradient = np.full(x.shape, Number(0.0))
    grid_gradient = np.full(grid.shape, Number(0.0))
    for image, *at in np.ndindex(*grid.shape[:-1]):
        gradient = dy[(image, slice(None), *at)]
        pixels, weights, sides = corners(grid[(image, *at)], sizes, padding)
        values = [
            x[(image, slice(None), *p)] if inside(p, sizes) else np.full(x.shape[1], Number(0.0))
            for p in pixels
        ]
        if of_image:
            for pixel, weight in zip(pixels, weights, strict=True):
                share = gradient * weight
                place = (image, slice(None), *pixel)
                if inside(pixel, sizes):
                    image_gradient[place] = image_gradient[place] + share
                else:
                    np.full(share.shape, Number(0.0)) + share
        if not of_grid:
            continue
        for axis in range(rank):
            others = [a for a in range(rank) if a != axis]
            pairs = []
            for corner in product((0, 1), repeat=rank - 1):
                own = dict(zip(others, corner, strict=True))
                weight: Any = None
                for a in others:
                    side = sides[a][own[a]]
                    weight = side if weight is None else weight * side
                low, high = (
                    int("".join(str(own.get(a, end)) for a in range(rank)), 2) for end in (0, 1)
                )
                pairs.append((values[high] - values[low]) * weight)
            slope = pairs[0]
            for pair in pairs[1:]:
                slope = slope + pair
            summed = total(slope * gradient, (0,))
            grid_gradient[(image, *at, rank - 1 - axis)] = summed * (sizes[axis] / 2)
    return (image_gradient if of_image else None), (grid_gradient if of_grid else None)


def reflected(dy: Array, image: Array, grid: Array, of_image: bool) -> None:
    """The nearest pixels: coordinates, folded at the borders by 6 FLOPs at most, and clamped."""
    points = (len(grid), *grid.shape[1:-1], grid.shape[-1] + 2)
    if (len(dy), *dy.shape[2:], image.ndim) != points or dy.shape[:2] != image.shape[:2]:
        raise ValueError(dy.shape)
    pixels = ((grid + 1) * 7 - 1) / 2
    folded = (((pixels - 1) / 2 - 3) * 2 + 1) / 1
    np.minimum(np.maximum(folded, Number(0)), Number(6))
    if of_image:
        np.full(dy.shape, Number(0.0)) + dy


@defines(aten.grid_sampler_2d_backward.default, aten.grid_sampler_3d_backward.default)
def grid_sampler_backward(
    grad_output: Array, input: Array, grid: Array, interpolation_mode: int, padding_mode: int,
    output_mask: Any,
) -> Any:  # fmt: skip
    rank = input.ndim - 2
    if interpolation_mode == NEAREST:
        return reflected(grad_output, input, grid, output_mask[0])
    assert rank in (2, 3)
    found = of_readings(grad_output, input, grid, interpolation_mode, padding_mode, *output_mask)
    return found if padding_mode == ZEROS else None
