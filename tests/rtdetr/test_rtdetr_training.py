"""RT-DETR's training step: its parts by hand, its cost by PyTorch's counter, a training loop."""

import math

import pytest
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

import fxflops
import rtdetr
from rtdetr.boxes import cxcywh_to_xyxy, inverse_sigmoid, iou_and_giou, xyxy_to_cxcywh
from rtdetr.denoising import attention_mask, groups_of, noisy_boxes, noisy_labels, positives
from rtdetr.losses import detection_loss, varifocal_loss
from rtdetr.matching import assign, matching_costs
from rtdetr.training import TrainingStep


def boxes_like(*shape):
    """Boxes well inside the image."""
    return torch.cat([0.3 + 0.4 * torch.rand(*shape, 2), 0.1 + 0.3 * torch.rand(*shape, 2)], -1)


def test_corners_and_centres_are_inverse():
    boxes = boxes_like(2, 5)
    torch.testing.assert_close(xyxy_to_cxcywh(cxcywh_to_xyxy(boxes)), boxes)


def test_overlaps_are_those_of_torchvision():
    a, b = (cxcywh_to_xyxy(boxes_like(7)) for _ in range(2))
    iou, giou = iou_and_giou(a.unsqueeze(1), b)
    torch.testing.assert_close(iou, torchvision.ops.box_iou(a, b))
    torch.testing.assert_close(giou, torchvision.ops.generalized_box_iou(a, b))


@pytest.mark.parametrize(
    ("boxes", "groups"), [(1, 100), (3, 33), (7, 14), (50, 2), (51, 1), (300, 1)]
)
def test_about_a_hundred_positive_queries(boxes, groups):
    assert groups_of(boxes) == groups


def test_positives_are_the_first_half_of_each_group():
    assert positives(3, 2, torch.device("cpu")).tolist() == [0, 1, 4, 5, 8, 9]


def test_a_group_sees_itself_and_the_other_queries_only():
    mask = attention_mask(2, 1, 3, torch.device("cpu"))
    rows = ["1100111", "1100111", "0011111", "0011111", "0000111", "0000111", "0000111"]
    assert mask.int().tolist() == [[int(c) for c in row] for row in rows]


def test_noise_moves_corners_less_for_a_positive_than_for_a_negative():
    boxes, groups = boxes_like(2, 3), 5
    corners = cxcywh_to_xyxy(torch.sigmoid(noisy_boxes(boxes, groups))).unflatten(1, (groups, 2, 3))
    true = cxcywh_to_xyxy(boxes)[:, None, None]
    half = boxes[:, None, None, :, 2:].repeat(1, 1, 1, 1, 2) / 2
    moved = (corners - true).abs() / half
    is_inside = (corners > 1e-3) & (corners < 1 - 1e-3)  # not clamped to the image
    # ... nor turned inside out, which leaves a box without a size
    is_inside &= (corners[..., 2:] - corners[..., :2] > 1e-3).repeat(1, 1, 1, 1, 2)
    assert (moved[:, :, 0][is_inside[:, :, 0]] < 1.001).all()
    assert (moved[:, :, 1][is_inside[:, :, 1]] > 0.999).all()
    assert (moved[:, :, 1] < 2.001).all()


def test_a_quarter_of_the_labels_is_drawn():
    labels = torch.full((4, 50), 79)
    noisy = noisy_labels(labels, 20, 80)
    assert noisy.shape == (4, 50 * 2 * 20)
    assert noisy.min() >= 0
    assert noisy.max() < 80
    assert (noisy != 79).float().mean().item() == pytest.approx(0.25 * 79 / 80, abs=0.03)


def test_varifocal_loss_by_hand():
    logits = torch.tensor([[[0.5, -1.0], [2.0, 0.0]]])
    loss = varifocal_loss(logits, torch.tensor([[1]]), torch.tensor([[0]]), torch.tensor([[0.7]]))
    expected = 0.0
    for query in range(2):
        for cls in range(2):
            p = 1 / (1 + math.exp(-logits[0, query, cls].item()))
            if (query, cls) == (1, 0):
                expected -= 0.7 * (0.7 * math.log(p) + 0.3 * math.log(1 - p))
            else:
                expected -= 0.75 * p**2 * math.log(1 - p)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_perfect_prediction_costs_almost_nothing():
    boxes, labels = boxes_like(2, 3), torch.tensor([[0, 1, 2], [3, 4, 5]])
    query = torch.tensor([[4, 2, 0], [1, 3, 4]])
    logits = torch.full((2, 5, 6), -20.0)
    predicted = boxes_like(2, 5)
    for n in range(2):
        logits[n, query[n], labels[n]] = 20.0
        predicted[n, query[n]] = boxes[n]
    assert detection_loss(logits, predicted, query, labels, boxes).item() < 1e-5
    worse = detection_loss(logits, predicted, query.flip(1), labels, boxes)
    assert worse.item() > 1


def test_losses_of_boxes_are_weighted_and_per_box():
    boxes = boxes_like(2, 3)
    predicted = boxes_like(2, 3)
    logits = torch.full((2, 3, 4), -1000.0)
    query = torch.arange(3).expand(2, -1)
    labels = torch.zeros(2, 3, dtype=torch.int64)
    iou, giou = iou_and_giou(cxcywh_to_xyxy(predicted), cxcywh_to_xyxy(boxes))
    scores = (iou * iou * 1000).sum()  # cross entropy at a logit of -1000 is 1000 * target
    expected = scores + 5 * (predicted - boxes).abs().sum() + 2 * (1 - giou).sum()
    loss = detection_loss(logits, predicted, query, labels, boxes)
    torch.testing.assert_close(loss, expected / 6)


def test_matching_finds_the_cheapest_assignment():
    pytest.importorskip("scipy")
    from itertools import permutations

    logits, predicted = torch.randn(2, 5, 4), boxes_like(2, 5)
    labels, boxes = torch.randint(4, (2, 3)), boxes_like(2, 3)
    costs = matching_costs(logits, predicted, labels, boxes)
    found = assign([(logits, predicted)], labels, boxes)
    assert found.shape == (2, 1, 3)
    for n in range(2):
        cheapest = min(
            permutations(range(5), 3), key=lambda p: sum(costs[n, t, q] for t, q in enumerate(p))
        )
        assert tuple(found[n, 0].tolist()) == cheapest


def test_a_gradient_reaches_every_trained_parameter():
    torch.manual_seed(0)
    step = TrainingStep(rtdetr.VARIANTS["rtdetr_r18"]).train()
    labels, boxes = torch.randint(80, (2, 2)), boxes_like(2, 2)
    assignment = torch.stack([torch.randperm(300)[:2] for _ in range(8)]).unflatten(0, (2, 4))
    step(torch.rand(2, 3, 128, 128), labels, boxes, assignment).backward()
    missing = [n for n, p in step.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


@pytest.mark.slow
def test_twenty_steps_lower_the_loss():
    pytest.importorskip("scipy")
    torch.manual_seed(0)
    step = TrainingStep(rtdetr.VARIANTS["rtdetr_r18"]).train()
    images = torch.full((2, 3, 128, 128), 0.5)
    images[0, :, 20:60, 30:90] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    images[0, :, 80:120, 70:100] = torch.tensor([0.0, 1.0, 0.0])[:, None, None]
    images[1, :, 10:50, 10:50] = torch.tensor([0.0, 0.0, 1.0])[:, None, None]
    images[1, :, 70:110, 40:120] = torch.tensor([1.0, 1.0, 0.0])[:, None, None]
    corners = torch.tensor(
        [[[30, 20, 90, 60], [70, 80, 100, 120]], [[10, 10, 50, 50], [40, 70, 120, 110]]]
    )
    boxes, labels = xyxy_to_cxcywh(corners / 128), torch.tensor([[3, 17], [5, 60]])
    optimizer = torch.optim.AdamW(step.parameters(), lr=1e-4)
    losses = []
    for _ in range(20):
        predictions = step.predict(images, labels, boxes)
        assignment = assign(predictions.matched, labels, boxes)
        loss = step.loss(predictions, labels, boxes, assignment)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(map(math.isfinite, losses))
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5]), losses


@pytest.mark.slow
def test_the_cost_is_a_formula_of_the_number_of_boxes():
    analysis = fxflops.analyze("rtdetr_r18_training", train="adamw")
    assert analysis.complete
    assert analysis.domain.texts() == ("H % 32 == 0", "W % 32 == 0", "H*W >= 15360")
    with torch.device("meta"):
        step = TrainingStep(rtdetr.VARIANTS["rtdetr_r18"]).train()
    # every parameter but those that are frozen, of which this variant has none
    assert analysis.trained == sum(p.numel() for p in step.parameters())
    for n, h, w, t in ((2, 448, 736, 5), (3, 640, 640, 33), (1, 640, 640, 1), (2, 640, 640, 120)):
        values = analysis.values({"N": n, "H": h, "W": w, "T": t})
        forward, activations, weights = (
            cost.at(values).contraction for cost in analysis.by_phase().values()
        )
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            loss = step(
                torch.empty(n, 3, h, w),
                torch.empty(n, t, dtype=torch.int64),
                torch.empty(n, t, 4),
                torch.empty(n, 4, t, dtype=torch.int64),
            )
        assert forward == counter.get_total_flops()
        with FlopCounterMode(display=False) as counter:
            loss.backward()
        assert activations + weights == counter.get_total_flops()


def test_inverse_sigmoid_of_noise_is_finite():
    assert torch.isfinite(noisy_boxes(boxes_like(2, 3), 4)).all()
    assert torch.isfinite(inverse_sigmoid(torch.tensor([0.0, 1.0]))).all()
