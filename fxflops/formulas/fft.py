"""Fourier transforms.

A transform of N complex numbers is charged 5 N log2 N FLOP, one of N real numbers half of that: the
convention of the FFTW benchmark (www.fftw.org/speed). Where N is no power of two the logarithm is
rounded up, so that a count is an integer; the scale 1/N or 1/sqrt(N) is left out, as there.
"""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.formulas.order import ceil_log2
from fxflops.formulas.shapes import Shape, numel
from fxflops.registry import formula

aten = torch.ops.aten


def transforms(elements: Dim, lengths: Shape) -> Dim:
    """5 * elements * log2(length), summed over the axes of these lengths  [FLOP]."""
    return 5 * elements * sum(map(ceil_log2, lengths))


def real_transform(elements: Dim, length: Dim) -> Dim:
    """Half of the complex one, rounded up  [FLOP]."""
    return -(-transforms(elements, (length,)) // 2)


def with_real_side(real: Shape, spectrum: Shape, dims: tuple[int, ...]) -> Dim:
    """A real transform along the last of ``dims``, complex ones of the spectrum along the others.

    Only half of the spectrum is there, since the other half is its conjugate.
    """
    *others, last = dims
    rows = numel(spectrum) // spectrum[last]
    along_last = real_transform(rows * real[last], real[last])
    return along_last + transforms(numel(spectrum), tuple(spectrum[dim] for dim in others))


def axes(dim: tuple[int, ...] | None, s: Shape | None, rank: int) -> tuple[int, ...]:
    """The axes that an n-dimensional transform is over: ``dim``, or the last of ``s``, or all."""
    if dim is not None:
        return dim
    return tuple(range(-(rank if s is None else len(s)), 0))


@formula(
    aten.fft_fft.default,
    aten.fft_ifft.default,
    counter="elementwise",
    numbers="complex",
    kind="fourier transform",
)
def fft(dim: int, *, out: Shape) -> Dim:
    """5 N log2 N per line of N  [FLOP]."""
    return transforms(numel(out), (out[dim],))


@formula(
    aten.fft_fft2.default,
    aten.fft_ifft2.default,
    aten.fft_fftn.default,
    aten.fft_ifftn.default,
    counter="elementwise",
    numbers="complex",
    kind="fourier transform",
)
def fftn(s: Shape | None, dim: tuple[int, ...] | None, *, out: Shape) -> Dim:
    """5 N log2 N per line of N, along one axis after the other  [FLOP]."""
    return transforms(numel(out), tuple(out[d] for d in axes(dim, s, len(out))))


@formula(aten._fft_c2c.default, counter="elementwise", numbers="complex", kind="fourier transform")
def fft_c2c(dim: tuple[int, ...], *, out: Shape) -> Dim:
    """`fftn`."""
    return fftn(None, dim, out=out)


@formula(
    aten.fft_rfft.default,
    aten.fft_ihfft.default,
    counter="elementwise",
    numbers="complex",
    kind="fourier transform",
)
def rfft(self: Shape, n: Dim | None, dim: int, *, out: Shape) -> Dim:
    """2.5 N log2 N per line of N real numbers  [FLOP]."""
    length = self[dim] if n is None else n
    return real_transform(numel(out) // out[dim] * length, length)


@formula(
    aten.fft_irfft.default,
    aten.fft_hfft.default,
    counter="elementwise",
    numbers="complex",
    kind="fourier transform",
)
def irfft(dim: int, *, out: Shape) -> Dim:
    """2.5 N log2 N per line of N real results  [FLOP]."""
    return real_transform(numel(out), out[dim])


@formula(aten._fft_r2c.default, counter="elementwise", numbers="complex", kind="fourier transform")
def fft_r2c(self: Shape, dim: tuple[int, ...], onesided: bool, *, out: Shape) -> Dim:
    """2.5 N log2 N along the last axis, 5 N log2 N of the half spectrum along the others [FLOP]."""
    half = list(out)
    if not onesided:
        half[dim[-1]] = self[dim[-1]] // 2 + 1
    return with_real_side(self, tuple(half), dim)


@formula(
    aten.fft_rfft2.default,
    aten.fft_rfftn.default,
    aten.fft_ihfft2.default,
    aten.fft_ihfftn.default,
    counter="elementwise",
    numbers="complex",
    kind="fourier transform",
)
def rfftn(self: Shape, s: Shape | None, dim: tuple[int, ...] | None, *, out: Shape) -> Dim:
    """2.5 N log2 N along the last axis, 5 N log2 N of the half spectrum along the others [FLOP]."""
    dims = axes(dim, s, len(self))
    real = list(self)
    if s is not None:
        real[dims[-1]] = s[-1]
    return with_real_side(tuple(real), out, dims)


@formula(
    aten.fft_irfft2.default,
    aten.fft_irfftn.default,
    aten.fft_hfft2.default,
    aten.fft_hfftn.default,
    counter="elementwise",
    numbers="complex",
    kind="fourier transform",
)
def irfftn(s: Shape | None, dim: tuple[int, ...] | None, *, out: Shape) -> Dim:
    """`rfftn`, backwards."""
    dims = axes(dim, s, len(out))
    spectrum = list(out)
    spectrum[dims[-1]] = out[dims[-1]] // 2 + 1
    return with_real_side(out, tuple(spectrum), dims)


@formula(aten._fft_c2r.default, counter="elementwise", numbers="complex", kind="fourier transform")
def fft_c2r(dim: tuple[int, ...], *, out: Shape) -> Dim:
    """`irfftn`."""
    return irfftn(None, dim, out=out)


@formula(
    aten.stft.default,
    aten.stft.center,
    counter="elementwise",
    numbers="complex",
    kind="fourier transform",
)
def stft(n_fft: int, window: Shape | None, *, out: Shape) -> Dim:
    """2.5 N log2 N per frame of N real samples, N products with the window  [FLOP]."""
    *_, _, frames = out
    signals = numel(out[:-2])
    windowed = 0 if window is None else signals * frames * n_fft
    return windowed + real_transform(signals * frames * n_fft, n_fft)


@formula(aten.istft.default, counter="elementwise", numbers="complex", kind="fourier transform")
def istft(self: Shape, n_fft: int, window: Shape | None, *, out: Shape) -> Dim:
    """2.5 N log2 N per frame of N real samples, which add up where frames overlap: N  [FLOP].

    With a window N products more. The sum is divided by the squares of the windows, added up: N
    squares, N per frame, and a quotient per result. Source: Griffin and Lim, IEEE ASSP-32(2), 1984,
    eq. 6.
    """
    frames = self[-1]
    samples = numel(self[:-2]) * frames * n_fft
    windowed = 0 if window is None else samples + n_fft
    overlapped = samples + frames * n_fft
    return real_transform(samples, n_fft) + windowed + overlapped + numel(out)
