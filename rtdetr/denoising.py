"""Contrastive denoising queries (arXiv:2203.03605, sec. 3.3; label noise: arXiv:2203.01305).

N images with T boxes each, G groups, D = 2TG denoising queries, Q other queries. A group has a
positive query for each box, made of it with little noise, and then a negative one with more.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from rtdetr.boxes import cxcywh_to_xyxy, inverse_sigmoid, xyxy_to_cxcywh

QUERIES = 100
LABEL_NOISE = 0.5
BOX_NOISE = 1.0


def groups_of(boxes_per_image: int) -> int:
    """As many groups as give about `QUERIES` positive queries, at least one."""
    return cast(int, torch.sym_max(1, QUERIES // boxes_per_image))


def noisy_labels(labels_NT: Tensor, groups: int, classes: int) -> Tensor:
    """The classes of all D queries, half of `LABEL_NOISE` of them drawn at random, (N, D)."""
    labels_ND = labels_NT.repeat(1, 2 * groups)
    is_drawn_ND = torch.rand_like(labels_ND, dtype=torch.float32) < LABEL_NOISE / 2
    return torch.where(is_drawn_ND, torch.randint_like(labels_ND, classes), labels_ND)


def noisy_boxes(boxes_NT4: Tensor, groups: int) -> Tensor:
    """The logits of all D boxes, whose corners have moved, (N, D, 4).

    On each axis by up to half the box's size for a positive query, by half of it to all of it for a
    negative one, times `BOX_NOISE`.
    """
    boxes_ND4 = boxes_NT4.repeat(1, 2 * groups, 1)
    place_D = torch.arange(boxes_ND4.shape[1], device=boxes_NT4.device)
    is_negative_D1 = (place_D // boxes_NT4.shape[1] % 2).unsqueeze(-1)
    half_ND4 = boxes_ND4[..., 2:].repeat(1, 1, 2) / 2
    sign_ND4 = torch.randint_like(boxes_ND4, 2) * 2 - 1
    part_ND4 = torch.rand_like(boxes_ND4) + is_negative_D1
    moved_ND4 = cxcywh_to_xyxy(boxes_ND4) + sign_ND4 * part_ND4 * half_ND4 * BOX_NOISE
    return inverse_sigmoid(xyxy_to_cxcywh(moved_ND4.clamp(0, 1)))


def positives(groups: int, boxes_per_image: int, device: torch.device) -> Tensor:
    """The places of the positive queries among all D, group after group, (TG,)."""
    place = torch.arange(groups * boxes_per_image, device=device)
    return place + place // boxes_per_image * boxes_per_image


def attention_mask(groups: int, boxes_per_image: int, queries: int, device: torch.device) -> Tensor:
    """True where one of the D + Q queries may attend to another, (D + Q, D + Q).

    All may to the Q, none other than those of its own group to a denoising query, which knows the
    answer.
    """
    size = 2 * boxes_per_image
    denoising = size * groups
    place = torch.arange(denoising + queries, device=device)
    group = torch.where(place < denoising, place // size, -1)
    is_of_same_group = group.unsqueeze(1) == group.unsqueeze(0)
    return is_of_same_group | (group == -1).unsqueeze(0)
