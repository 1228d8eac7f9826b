"""The operators of torchvision: deformable convolution, regions of interest, suppression."""

from __future__ import annotations

import torch

from fxflops.algebra import Dim
from fxflops.cost import Cost
from fxflops.formulas.order import sorting
from fxflops.formulas.sampling import linear_weights, weighted_sum
from fxflops.formulas.shapes import Shape, numel, reduction
from fxflops.registry import existing, formula

vision = torch.ops.torchvision


@formula(vision.deform_conv2d.default, kind="deformable convolution")
def deform_conv2d(
    input: Shape,
    weight: Shape,
    offset: Shape,
    offset_groups: int,
    use_mask: bool,
    *,
    out: Shape,
) -> Cost:
    """2 * prod(out) * C_in/groups * prod(kernel), as `conv`, of bilinear samples.

    For P points, each shared by C_in / offset_groups channels: 2P to add the offsets, 8P for the
    weights; 7 per sample, 1 more for its modulation by a mask; the bias. Sources: arXiv:1703.06211,
    eq. 2-4; arXiv:1811.11168, eq. 1.
    """
    _, *macs_per_output = weight
    points = numel(offset) // 2
    samples = points * input[1] // offset_groups
    of_sample = weighted_sum(4) + (1 if use_mask else 0)
    return Cost(
        contraction=2 * numel(out) * numel(macs_per_output),
        elementwise=(2 + linear_weights(2)) * points + of_sample * samples + numel(out),
    )


def averaged_samples(out: Shape, ratio: int, of_region: int) -> Cost:
    """The mean of ratio * ratio bilinear samples in each of K * C bins.

    A region has ``of_region`` FLOPs of its own, and 2 for the distance of its samples; each of its
    rows and columns of samples has a coordinate, 4, two distances, and 3 comparisons with the
    border; each point four weights; each sample 7, and 1 in the mean.
    """
    regions, channels, height, width = out
    lines = regions * ratio * (height + width)
    points = regions * ratio * height * ratio * width
    return Cost(
        elementwise=(of_region + 2) * regions
        + (4 + 2) * lines
        + 4 * points
        + (weighted_sum(4) + 1) * points * channels,
        comparison=3 * lines,
    )


@formula(vision.roi_align.default, kind="region of interest")
def roi_align(sampling_ratio: int, aligned: bool, *, out: Shape) -> Cost | None:
    """`averaged_samples`. A region: four scales, 4 for ``aligned``, two extents, two bin sizes.

    Not known where the samples per bin depend on the regions: ``sampling_ratio`` 0. Source:
    arXiv:1703.06870, sec. 3.
    """
    if sampling_ratio <= 0:
        return None
    cost = averaged_samples(out, sampling_ratio, 12 if aligned else 8)
    return cost if aligned else cost + Cost(comparison=2 * out[0])


@formula(vision.ps_roi_align.default, kind="region of interest")
def ps_roi_align(sampling_ratio: int, *, out: tuple[Shape, ...]) -> Cost | None:
    """`roi_align`, aligned, each bin of channels of its own. Source: arXiv:1605.06409, eq. 1."""
    return roi_align(sampling_ratio, True, out=out[0])


@formula(*existing("torchvision.qroi_align.default"), kind="region of interest")
def quantised_roi_align(sampling_ratio: int, aligned: bool, *, out: Shape) -> Cost | None:
    """`roi_align`; a result is scaled once more  [FLOP]."""
    cost = roi_align(sampling_ratio, aligned, out=out)
    return None if cost is None else cost + Cost(elementwise=numel(out))


def covered(input: Shape, out: Shape) -> tuple[Cost, Dim]:
    """The bins of regions whose size is data, and their elements: the worst case.

    In it a region has the image's size, and neighboring bins share a row or a column. A region:
    four scales, two bin sizes; rows and columns of bins begin and end at a product each  [FLOP].
    """
    regions, channels, bins_down, bins_across = out
    height, width = input[-2:]
    elements = regions * channels * (height + bins_down - 1) * (width + bins_across - 1)
    return Cost(elementwise=regions * (6 + 2 * (bins_down + bins_across))), elements


@formula(
    vision.roi_pool.default,
    worst_case="every region is as large as the image",
    kind="region of interest",
)
def roi_pool(input: Shape, *, out: tuple[Shape, ...]) -> Cost:
    """The largest element of each of K * C bins: k - 1 comparisons for k elements, `covered`.

    Source: arXiv:1504.08083, sec. 2.1.
    """
    bins, elements = covered(input, out[0])
    return bins + Cost(comparison=reduction(elements, numel(out[0])))


@formula(
    vision.ps_roi_pool.default,
    worst_case="every region is as large as the image",
    kind="region of interest",
)
def ps_roi_pool(input: Shape, *, out: tuple[Shape, ...]) -> Cost:
    """The mean of each of K * C bins, of channels of its own: k FLOPs for k elements, `covered`.

    Source: arXiv:1605.06409, eq. 1.
    """
    bins, elements = covered(input, out[0])
    return bins + Cost(elementwise=elements)


@formula(
    vision.nms.default,
    *existing("torchvision.qnms.default"),
    worst_case="no box suppresses another",
    kind="region of interest",
)
def nms(dets: Shape) -> Cost:
    """The worst case, in which no box suppresses another: all N(N - 1)/2 pairs.

    Areas 3N; a pair's intersection 3, union 2, quotient 1  [FLOP]; four bounds, two clamps and the
    threshold: 7 comparisons. The scores are sorted first.
    """
    boxes = dets[0]
    pairs: Dim = boxes * (boxes - 1) // 2
    return Cost(elementwise=3 * boxes + 6 * pairs, comparison=7 * pairs + sorting(1, boxes))
