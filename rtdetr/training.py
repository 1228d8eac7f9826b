"""RT-DETR's training step: predictions of every layer, denoising queries, losses.

N images with T boxes each, D denoising queries, Q other queries, K classes, L + 1 sets of
predictions: those of the L decoder layers, and those of the encoder, from which queries are chosen.
Sources: arXiv:2304.08069, sec. 4; auxiliary heads arXiv:2005.12872; look forward twice and
denoising arXiv:2203.03605.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from rtdetr.boxes import inverse_sigmoid
from rtdetr.config import RTDETRConfig
from rtdetr.decoder import take
from rtdetr.denoising import attention_mask, groups_of, noisy_boxes, noisy_labels, positives
from rtdetr.losses import detection_loss
from rtdetr.model import RTDETR

Prediction: TypeAlias = tuple[Tensor, Tensor]
"""Class logits (N, Q, K) and boxes (N, Q, 4)."""


class Predictions(NamedTuple):
    """Of the Q queries, decoder layer by layer and then the encoder; of the D, layer by layer."""

    matched: list[Prediction]
    denoised: list[Prediction]


class TrainingStep(nn.Module):
    """From images, their boxes and an assignment to the loss."""

    def __init__(self, config: RTDETRConfig) -> None:
        super().__init__()
        self.model = RTDETR(config)
        self.classes = config.decoder.num_classes

    def forward(
        self, images_N3HW: Tensor, labels_NT: Tensor, boxes_NT4: Tensor, assignment_NLT: Tensor
    ) -> Tensor:
        """The loss, where query ``assignment_NLT[n, l, t]`` answers for box t in set l."""
        return self.loss(
            self.predict(images_N3HW, labels_NT, boxes_NT4), labels_NT, boxes_NT4, assignment_NLT
        )

    def predict(self, images_N3HW: Tensor, labels_NT: Tensor, boxes_NT4: Tensor) -> Predictions:
        """What is predicted of the images, and of the boxes once noise is added to them."""
        decoder = self.model.decoder
        memory_NSD, sizes = decoder.memory(self.model.encoder(self.model.backbone(images_N3HW)))
        features_NSD, scores_NSK, logits_NS4 = decoder.candidates(memory_NSD, sizes)
        index_NQ = decoder.best(scores_NSK)
        chosen_NQ4 = torch.sigmoid(take(logits_NS4, index_NQ))
        encoded = take(scores_NSK, index_NQ), chosen_NQ4

        groups, boxes_per_image = groups_of(boxes_NT4.shape[1]), boxes_NT4.shape[1]
        noisy = noisy_labels(labels_NT, groups, self.classes)
        query_NPD = torch.cat(
            [decoder.denoising_class_embed(noisy), take(features_NSD, index_NQ).detach()], dim=1
        )
        boxes_NP4 = torch.cat(
            [torch.sigmoid(noisy_boxes(boxes_NT4, groups)), chosen_NQ4.detach()], dim=1
        )
        mask_PP = attention_mask(groups, boxes_per_image, decoder.num_queries, images_N3HW.device)
        decoded = self._decode(query_NPD, boxes_NP4, memory_NSD, sizes, mask_PP)
        denoising = 2 * boxes_per_image * groups
        return Predictions(
            matched=[*((s[:, denoising:], b[:, denoising:]) for s, b in decoded), encoded],
            denoised=[(s[:, :denoising], b[:, :denoising]) for s, b in decoded],
        )

    def _decode(
        self,
        query_NPD: Tensor,
        boxes_NP4: Tensor,
        memory_NSD: Tensor,
        sizes: Sequence[tuple[int, int]],
        mask_PP: Tensor,
    ) -> list[Prediction]:
        """Every layer's predictions; a layer's gradient reaches the box of the one before."""
        decoder = self.model.decoder
        heads = zip(
            decoder.decoder.layers, decoder.dec_bbox_head, decoder.dec_score_head, strict=True
        )
        predictions: list[Prediction] = []
        refined_NP4 = boxes_NP4
        for layer, box_head, score_head in heads:
            position_NPD = decoder.query_pos_head(boxes_NP4)
            query_NPD = layer(query_NPD, position_NPD, boxes_NP4, memory_NSD, sizes, mask_PP)
            change_NP4 = box_head(query_NPD)
            twice_NP4 = torch.sigmoid(change_NP4 + inverse_sigmoid(refined_NP4))
            predictions.append((score_head(query_NPD), twice_NP4))
            refined_NP4 = torch.sigmoid(change_NP4 + inverse_sigmoid(boxes_NP4))
            boxes_NP4 = refined_NP4.detach()
        return predictions

    def loss(
        self,
        predictions: Predictions,
        labels_NT: Tensor,
        boxes_NT4: Tensor,
        assignment_NLT: Tensor,
    ) -> Tensor:
        """The sum over all sets of predictions, those of denoising queries with their own boxes."""
        total = boxes_NT4.new_zeros(())
        for level, (logits_NQK, boxes_NQ4) in enumerate(predictions.matched):
            query_NT = assignment_NLT[:, level]
            total = total + detection_loss(logits_NQK, boxes_NQ4, query_NT, labels_NT, boxes_NT4)
        groups = groups_of(boxes_NT4.shape[1])
        place_M = positives(groups, boxes_NT4.shape[1], boxes_NT4.device)
        query_NM = place_M.expand(boxes_NT4.shape[0], -1)
        again = labels_NT.repeat(1, groups), boxes_NT4.repeat(1, groups, 1)
        for logits_NDK, boxes_ND4 in predictions.denoised:
            total = total + detection_loss(logits_NDK, boxes_ND4, query_NM, *again)
        return total
