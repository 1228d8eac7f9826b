"""Boxes: formats, logits, anchors.

N images, S positions of all maps together, Q boxes; a box is (cx, cy, w, h) in fractions of the
image unless said otherwise.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

ANCHOR_SIZE = 0.05
BORDER = 0.01


def cxcywh_to_xyxy(boxes_NQ4: Tensor) -> Tensor:
    """Centre and size to the corners (left, top, right, bottom), in the same unit."""
    centre_NQ2, size_NQ2 = torch.split(boxes_NQ4, 2, dim=-1)
    half_NQ2 = size_NQ2 / 2
    return torch.cat([centre_NQ2 - half_NQ2, centre_NQ2 + half_NQ2], dim=-1)


def xyxy_to_cxcywh(boxes_NQ4: Tensor) -> Tensor:
    """The inverse of `cxcywh_to_xyxy`."""
    low_NQ2, high_NQ2 = torch.split(boxes_NQ4, 2, dim=-1)
    return torch.cat([(low_NQ2 + high_NQ2) / 2, high_NQ2 - low_NQ2], dim=-1)


def iou_and_giou(a_NQ4: Tensor, b_NQ4: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union of pairs of boxes, and its generalised form (arXiv:1902.09630).

    Boxes are corners (left, top, right, bottom), and broadcast. The second is the first less the
    part of the smallest enclosing box that neither covers.
    """
    a_low, a_high = torch.split(a_NQ4, 2, dim=-1)
    b_low, b_high = torch.split(b_NQ4, 2, dim=-1)
    common = (torch.minimum(a_high, b_high) - torch.maximum(a_low, b_low)).clamp(min=0).prod(-1)
    hull = (torch.maximum(a_high, b_high) - torch.minimum(a_low, b_low)).prod(-1)
    union = (a_high - a_low).prod(-1) + (b_high - b_low).prod(-1) - common
    iou = common / union
    return iou, iou - (hull - union) / hull


def inverse_sigmoid(x: Tensor, eps: float = 1e-5) -> Tensor:
    """log(x / (1 - x)) for x in [0, 1], with x and 1 - x held at ``eps`` or above."""
    x = x.clamp(0, 1)
    return torch.log(x.clamp(min=eps) / (1 - x).clamp(min=eps))


def anchor_logits(
    sizes: Sequence[tuple[int, int]], *, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """One anchor per pixel of every map: logits (S, 4), and whether it is valid (S, 1).

    ``sizes`` are the maps' heights and widths, finest first. The anchor of pixel (i, j) of level
    l is centred at ((j + 0.5) / width, (i + 0.5) / height); its sides are 0.05 * 2**l. One that
    comes closer than 0.01 to 0 or 1 in any coordinate is invalid and has infinite logits.
    """
    anchors_S4 = torch.cat(
        [
            _grid(height, width, ANCHOR_SIZE * 2**level, dtype, device)
            for level, (height, width) in enumerate(sizes)
        ]
    )
    inside_S4 = (anchors_S4 > BORDER) & (anchors_S4 < 1 - BORDER)
    valid_S1 = inside_S4.all(dim=-1, keepdim=True)
    logits_S4 = torch.log(anchors_S4 / (1 - anchors_S4))
    return torch.where(valid_S1, logits_S4, torch.inf), valid_S1


def _grid(height: int, width: int, side: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Boxes of one map, row by row."""
    cx_W = (torch.arange(width, dtype=dtype, device=device) + 0.5) / width
    cy_H = (torch.arange(height, dtype=dtype, device=device) + 0.5) / height
    cx_HW = cx_W.unsqueeze(0).expand(height, -1)
    cy_HW = cy_H.unsqueeze(1).expand(-1, width)
    side_HW = torch.full_like(cx_HW, side)
    return torch.stack([cx_HW, cy_HW, side_HW, side_HW], dim=-1).flatten(0, 1)
