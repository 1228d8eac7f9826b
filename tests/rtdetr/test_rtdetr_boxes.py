"""Box formats, logits and anchors against arithmetic by hand."""

from math import inf, log

import pytest
import torch

from rtdetr.boxes import anchor_logits, cxcywh_to_xyxy, inverse_sigmoid

CPU = torch.device("cpu")


def test_corners_of_a_box():
    boxes = torch.tensor([[[10.0, 20.0, 4.0, 6.0], [0.5, 0.5, 1.0, 1.0]]])
    expected = torch.tensor([[[8.0, 17.0, 12.0, 23.0], [0.0, 0.0, 1.0, 1.0]]])
    torch.testing.assert_close(cxcywh_to_xyxy(boxes), expected)


def test_inverse_sigmoid_inverts_and_is_held_at_the_ends():
    x = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    torch.testing.assert_close(inverse_sigmoid(x).sigmoid(), x)
    ends = inverse_sigmoid(torch.tensor([-1.0, 0.0, 1.0, 2.0], dtype=torch.float64))
    low = log(1e-5)
    torch.testing.assert_close(ends, torch.tensor([low, low, -low, -low], dtype=torch.float64))


def logit(p):
    return log(p / (1 - p))


def test_anchors_of_two_levels_row_by_row():
    logits, valid = anchor_logits([(2, 4), (1, 3)], dtype=torch.float64, device=CPU)
    centres = [((j + 0.5) / 4, (i + 0.5) / 2, 0.05) for i in range(2) for j in range(4)]
    centres += [((j + 0.5) / 3, 0.5, 0.1) for j in range(3)]
    expected = [[logit(cx), logit(cy), logit(side), logit(side)] for cx, cy, side in centres]

    torch.testing.assert_close(logits, torch.tensor(expected, dtype=torch.float64))
    assert valid.shape == (11, 1)
    assert valid.all()


def test_anchors_next_to_a_border_are_invalid():
    # Centres at 0.5 / 60 < 0.01 and 1.5 / 60 > 0.01: the outermost columns go.
    logits, valid = anchor_logits([(2, 60)], dtype=torch.float64, device=CPU)
    columns = valid.reshape(2, 60)
    assert not columns[:, [0, -1]].any()
    assert columns[:, 1:-1].all()
    assert (logits[~valid.squeeze(1)] == inf).all()
    assert logits[valid.squeeze(1)].isfinite().all()


def test_an_anchor_as_large_as_the_image_is_invalid():
    # Level 4's sides are 0.05 * 2**4 = 0.8, level 5's would be 1.6.
    _, valid = anchor_logits([(1, 1)] * 6, dtype=torch.float64, device=CPU)
    assert valid.squeeze(1).tolist() == [True] * 5 + [False]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_anchors_are_made_in_the_dtype_and_on_the_device_asked_for(dtype):
    logits, valid = anchor_logits([(2, 3)], dtype=dtype, device=torch.device("meta"))
    assert (logits.dtype, logits.device.type, valid.device.type) == (dtype, "meta", "meta")
