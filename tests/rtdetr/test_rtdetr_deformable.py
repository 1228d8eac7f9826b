"""Deformable attention against a loop over every point it reads, bilinear and discrete."""

from math import floor

import pytest
import torch

from rtdetr import DecoderConfig
from rtdetr.deformable import DeformableAttention, DeformableAttentionV2, read_discrete

HEADS, DIM = 2, 6
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


def nearest(plane, x, y):
    """The pixel that RT-DETRv2's discrete sampling reads at (x, y): rounded, then held inside."""
    height, width = plane.shape[:2]
    column, row = (
        min(max(floor(at + 0.5), 0), last) for at, last in ((x, width - 1), (y, height - 1))
    )
    return plane[row, column]


def looped(attention, points, scale, read_at, query, box, memory):
    """One query of one image."""
    value = attention.value_proj(memory).reshape(-1, HEADS, DIM // HEADS)
    planes = [
        rows.reshape(height, width, HEADS, -1)
        for rows, (height, width) in zip(
            value.split([height * width for height, width in SIZES]), SIZES, strict=True
        )
    ]
    offsets = attention.sampling_offsets(query).reshape(HEADS, sum(points), 2)
    weights = attention.attention_weights(query).reshape(HEADS, -1).softmax(-1)
    read = torch.zeros(HEADS, DIM // HEADS, dtype=memory.dtype)
    for head in range(HEADS):
        for level, (height, width) in enumerate(SIZES):
            before = sum(points[:level])
            for point in range(before, before + points[level]):
                place = box[:2] + offsets[head, point] / points[level] * box[2:] * scale
                x, y = (place * torch.tensor([width, height])).tolist()
                read[head] += weights[head, point] * read_at(planes[level][:, :, head], x, y)
    return attention.output_proj(read.flatten())


def configured(**fields):
    return DecoderConfig(hidden_dim=DIM, nhead=HEADS, **fields)


@pytest.mark.parametrize(("method", "read_at"), [("default", bilinear), ("discrete", nearest)])
@pytest.mark.parametrize(
    ("attention_type", "version", "points", "scale"),
    [
        (DeformableAttention, "v1", (4, 4, 4), 0.5),
        (DeformableAttentionV2, "v2", (4, 1, 2), 0.5),
        (DeformableAttentionV2, "v2", (2, 2, 2), 0.7),
    ],
)
@torch.no_grad()
def test_every_query_reads_its_points(
    randomize, attention_type, version, points, scale, method, read_at
):
    config = configured(
        version=version, num_points=points, offset_scale=scale, cross_attn_method=method
    )
    attention = randomize(attention_type(config))
    if version == "v2":
        attention.num_points_scale.copy_(torch.cat([torch.full((n,), 1 / n) for n in points]))
    generator = torch.Generator().manual_seed(5)
    draw = {"generator": generator, "dtype": torch.float64}
    query, memory = torch.randn(2, 5, DIM, **draw), torch.randn(2, 4 * 6 + 2 * 3 + 2, DIM, **draw)
    boxes = torch.rand(2, 5, 4, **draw)

    out = attention(query, boxes, memory, SIZES)
    loop = (points, scale, read_at)
    expected = [
        [looped(attention, *loop, query[n, q], boxes[n, q], memory[n]) for q in range(5)]
        for n in range(2)
    ]
    torch.testing.assert_close(out, torch.stack([torch.stack(row) for row in expected]))


@pytest.mark.parametrize("size", [(2, 9), (9, 2)])
def test_a_point_outside_reads_the_pixel_at_the_border(size):
    height, width = size
    plane = torch.arange(18.0).reshape(1, 1, height, width)
    points = torch.tensor([[[[2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [-1.0, -1.0]]]])
    read = read_discrete([plane], points, [4]).flatten().tolist()
    assert read == [width - 1, (height - 1) * width, 17, 0]


def test_v2_divides_by_the_points_of_each_level():
    config = configured(version="v2", num_points=(4, 1, 2))
    shares = DeformableAttentionV2(config).state_dict()["num_points_scale"]
    torch.testing.assert_close(shares, torch.tensor([0.25, 0.25, 0.25, 0.25, 1.0, 0.5, 0.5]))


def test_v1_has_as_many_points_in_every_level():
    with pytest.raises(ValueError, match=r'not \(4, 1, 2\): .*version="v2"'):
        configured(num_points=(4, 1, 2))


def test_fresh_heads_look_in_directions_of_their_own_and_weigh_evenly():
    config = DecoderConfig(hidden_dim=8, nhead=4, num_points=(3, 3))
    attention = DeformableAttention(config)
    offsets = attention.sampling_offsets(torch.ones(8)).reshape(4, 2, 3, 2)
    right_up_left_down = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    expected = right_up_left_down[:, None, None] * torch.tensor([1.0, 2.0, 3.0])[:, None]
    torch.testing.assert_close(offsets, expected.expand(4, 2, 3, 2))
    assert not attention.attention_weights(torch.ones(8)).any()
