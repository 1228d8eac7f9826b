"""Which query answers for which box (arXiv:2005.12872, sec. 3.1), on the CPU, by scipy.

N images, Q queries, K classes, T boxes per image, L sets of predictions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rtdetr.boxes import cxcywh_to_xyxy, iou_and_giou

ALPHA, GAMMA = 0.25, 2.0
COST_CLASS, COST_L1, COST_GIOU = 2, 5, 2


@torch.no_grad()
def assign(
    predictions: Sequence[tuple[Tensor, Tensor]], labels_NT: Tensor, boxes_NT4: Tensor
) -> Tensor:
    """For each set of predictions each box's query, all different, at the least cost, (N, L, T).

    ``predictions`` are class logits (N, Q, K) and boxes (N, Q, 4) of each set.
    """
    from scipy.optimize import linear_sum_assignment

    assignment = torch.empty(
        labels_NT.shape[0], len(predictions), labels_NT.shape[1], dtype=torch.int64
    )
    for level, (logits_NQK, boxes_NQ4) in enumerate(predictions):
        costs_NTQ = matching_costs(logits_NQK, boxes_NQ4, labels_NT, boxes_NT4).cpu().numpy()
        for image, cost_TQ in enumerate(costs_NTQ):
            _, queries = linear_sum_assignment(cost_TQ)
            assignment[image, level] = torch.from_numpy(np.asarray(queries))
    return assignment.to(labels_NT.device)


def matching_costs(
    logits_NQK: Tensor, boxes_NQ4: Tensor, labels_NT: Tensor, boxes_NT4: Tensor
) -> Tensor:
    """What it costs to have a query answer for a box, (N, T, Q).

    Of the class, focal loss as a positive less that as a negative (arXiv:1708.02002, eq. 5).
    """
    scores_NQT = torch.sigmoid(logits_NQK).gather(
        2, labels_NT.unsqueeze(1).expand(-1, logits_NQK.shape[1], -1)
    )
    positive = ALPHA * (1 - scores_NQT) ** GAMMA * -torch.log(scores_NQT + 1e-8)
    negative = (1 - ALPHA) * scores_NQT**GAMMA * -torch.log(1 - scores_NQT + 1e-8)
    pairs = boxes_NQ4.unsqueeze(2), boxes_NT4.unsqueeze(1)
    distance_NQT = (pairs[0] - pairs[1]).abs().sum(-1)
    _, giou_NQT = iou_and_giou(*map(cxcywh_to_xyxy, pairs))
    cost_NQT = COST_CLASS * (positive - negative) + COST_L1 * distance_NQT - COST_GIOU * giou_NQT
    return cost_NQT.transpose(1, 2)
