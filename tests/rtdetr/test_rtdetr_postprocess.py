"""Detections in pixels, by hand."""

import pytest
import torch

from rtdetr import select_detections


@pytest.fixture
def outputs():
    """Two images, three queries, two classes; logits all different."""
    logits = torch.tensor(
        [[[0.0, -3.0], [2.0, 1.0], [-1.0, -2.0]], [[-4.0, 3.0], [-5.0, -6.0], [0.5, -0.5]]]
    )
    boxes = torch.tensor([[0.5, 0.5, 1.0, 1.0], [0.25, 0.5, 0.5, 0.2], [0.9, 0.1, 0.2, 0.2]])
    return {"pred_logits": logits, "pred_boxes": boxes.expand(2, 3, 4)}


def test_the_best_pairs_of_query_and_class_in_pixels(outputs):
    sizes = torch.tensor([[100, 200], [50, 40]])
    labels, boxes, scores = select_detections(outputs, sizes, num_top_queries=3)

    # Image 0: query 1 twice, as class 0 and 1, then query 0. Image 1: queries 0, 2, 2.
    assert labels.tolist() == [[0, 1, 0], [1, 0, 1]]
    logits = torch.tensor([[2.0, 1.0, 0.0], [3.0, 0.5, -0.5]])
    torch.testing.assert_close(scores, logits.sigmoid())
    expected = [
        [[0, 40, 100, 60], [0, 40, 100, 60], [0, 0, 200, 100]],
        [[0, 0, 40, 50], [32, 0, 40, 10], [32, 0, 40, 10]],
    ]
    torch.testing.assert_close(boxes, torch.tensor(expected, dtype=torch.float32))


def test_more_detections_than_pairs_cannot_be_had(outputs):
    with pytest.raises(RuntimeError, match="out of range"):
        select_detections(outputs, torch.tensor([[100, 200], [50, 40]]), num_top_queries=7)
