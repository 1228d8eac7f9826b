"""Deformable attention against a loop over every point it reads."""

from math import floor

import torch

from rtdetr.deformable import DeformableAttention

HEADS, LEVELS, POINTS, DIM = 2, 3, 4, 6
SIZES = [(4, 6), (2, 3), (1, 2)]


def bilinear(plane, x, y):
    """The value at (x, y) in pixels, whose centres are at k + 0.5; 0 outside."""
    height, width = plane.shape[:2]
    left, top = floor(x - 0.5), floor(y - 0.5)
    total = torch.zeros(plane.shape[2], dtype=plane.dtype)
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < height and 0 <= column < width:
                share = (1 - abs(x - 0.5 - column)) * (1 - abs(y - 0.5 - row))
                total += share * plane[row, column]
    return total


def looped(attention, query, box, memory):
    """One query of one image."""
    value = attention.value_proj(memory).reshape(-1, HEADS, DIM // HEADS)
    planes = [
        rows.reshape(height, width, HEADS, -1)
        for rows, (height, width) in zip(
            value.split([height * width for height, width in SIZES]), SIZES, strict=True
        )
    ]
    offsets = attention.sampling_offsets(query).reshape(HEADS, LEVELS, POINTS, 2)
    weights = attention.attention_weights(query).reshape(HEADS, -1).softmax(-1)
    weights = weights.reshape(HEADS, LEVELS, POINTS)
    read = torch.zeros(HEADS, DIM // HEADS, dtype=memory.dtype)
    for head in range(HEADS):
        for level, (height, width) in enumerate(SIZES):
            for point in range(POINTS):
                place = box[:2] + offsets[head, level, point] / POINTS * box[2:] * 0.5
                x, y = (place * torch.tensor([width, height])).tolist()
                sample = bilinear(planes[level][:, :, head], x, y)
                read[head] += weights[head, level, point] * sample
    return attention.output_proj(read.flatten())


def test_every_query_reads_its_points(randomize):
    attention = randomize(DeformableAttention(DIM, HEADS, LEVELS, POINTS))
    generator = torch.Generator().manual_seed(5)
    draw = {"generator": generator, "dtype": torch.float64}
    query, memory = torch.randn(2, 5, DIM, **draw), torch.randn(2, 4 * 6 + 2 * 3 + 2, DIM, **draw)
    boxes = torch.rand(2, 5, 4, **draw)

    with torch.no_grad():
        out = attention(query, boxes, memory, SIZES)
        expected = [
            [looped(attention, query[n, q], boxes[n, q], memory[n]) for q in range(5)]
            for n in range(2)
        ]
    torch.testing.assert_close(out, torch.stack([torch.stack(row) for row in expected]))


def test_fresh_heads_look_in_directions_of_their_own_and_weigh_evenly():
    attention = DeformableAttention(8, heads=4, levels=2, points=3)
    offsets = attention.sampling_offsets(torch.ones(8)).reshape(4, 2, 3, 2)
    right_up_left_down = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    expected = right_up_left_down[:, None, None] * torch.tensor([1.0, 2.0, 3.0])[:, None]
    torch.testing.assert_close(offsets, expected.expand(4, 2, 3, 2))
    assert not attention.attention_weights(torch.ones(8)).any()
