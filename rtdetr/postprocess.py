"""From the network's output to detections in pixels.

N images, Q queries, K classes, T detections per image.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from rtdetr.boxes import cxcywh_to_xyxy


class Detections(NamedTuple):
    """Detections of every image, best first: (N, T) labels, (N, T, 4) boxes, (N, T) scores."""

    labels: Tensor
    boxes: Tensor
    scores: Tensor


def select_detections(
    outputs: Mapping[str, Tensor], sizes_N2: Tensor, num_top_queries: int = 300
) -> Detections:
    """The ``num_top_queries`` best pairs of query and class of every image.

    ``outputs`` is what ``RTDETR`` returns, ``sizes_N2`` the (height, width) in pixels of each
    original image. Labels are class indices, scores sigmoid probabilities and boxes (left, top,
    right, bottom) in pixels. A query may appear under several labels; no suppression is needed.
    """
    logits_NQK, boxes_NQ4 = outputs["pred_logits"], outputs["pred_boxes"]
    classes = logits_NQK.shape[-1]
    scores_NT, pair_NT = logits_NQK.sigmoid().flatten(1).topk(num_top_queries, dim=1)
    query_NT14 = (pair_NT // classes).unsqueeze(-1).expand(-1, -1, 4)
    scale_N14 = sizes_N2.flip(-1).repeat(1, 2).unsqueeze(1)
    boxes_NT4 = torch.gather(cxcywh_to_xyxy(boxes_NQ4), 1, query_NT14) * scale_N14
    return Detections(pair_NT % classes, boxes_NT4, scores_NT)
