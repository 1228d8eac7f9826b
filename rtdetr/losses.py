"""The losses of one set of predictions, whose matched queries are known.

N images, Q queries, K classes, T boxes per image, M matched queries per image; a box is
(cx, cy, w, h) in fractions of the image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rtdetr.boxes import cxcywh_to_xyxy, iou_and_giou
from rtdetr.decoder import take

ALPHA, GAMMA = 0.75, 2.0
WEIGHT_VARIFOCAL, WEIGHT_L1, WEIGHT_GIOU = 1, 5, 2


def detection_loss(
    logits_NQK: Tensor,
    boxes_NQ4: Tensor,
    query_NM: Tensor,
    labels_NM: Tensor,
    targets_NM4: Tensor,
) -> Tensor:
    """The weighted sum of the three losses, per matched box.

    Query ``query_NM[n, m]`` answers for the box ``targets_NM4[n, m]`` of class ``labels_NM[n, m]``.
    """
    matched_NM4 = take(boxes_NQ4, query_NM)
    iou_NM, giou_NM = iou_and_giou(cxcywh_to_xyxy(matched_NM4), cxcywh_to_xyxy(targets_NM4))
    scores = varifocal_loss(logits_NQK, query_NM, labels_NM, iou_NM.detach())
    distances = (matched_NM4 - targets_NM4).abs().sum()
    overlaps = (1 - giou_NM).sum()
    weighted = WEIGHT_VARIFOCAL * scores + WEIGHT_L1 * distances + WEIGHT_GIOU * overlaps
    return weighted / (labels_NM.shape[0] * labels_NM.shape[1])


def varifocal_loss(
    logits_NQK: Tensor, query_NM: Tensor, labels_NM: Tensor, iou_NM: Tensor
) -> Tensor:
    """Cross entropy with the overlap as the target of a matched class (arXiv:2008.13367, eq. 2).

    Weighted by the target where there is one, by alpha * p^gamma elsewhere; a sum.
    """
    place_NM = query_NM * logits_NQK.shape[2] + labels_NM
    zeros = torch.zeros_like(logits_NQK).flatten(1)
    targets_NQK = zeros.scatter(1, place_NM, iou_NM).reshape(logits_NQK.shape)
    matched_NQK = zeros.scatter(1, place_NM, 1.0).reshape(logits_NQK.shape)
    focus_NQK = ALPHA * torch.sigmoid(logits_NQK.detach()).pow(GAMMA) * (1 - matched_NQK)
    return F.binary_cross_entropy_with_logits(
        logits_NQK, targets_NQK, weight=focus_NQK + targets_NQK, reduction="sum"
    )
