"""The position embedding and the shape of the encoder's maps."""

from math import cos, sin

import pytest
import torch

from rtdetr.config import EncoderConfig
from rtdetr.encoder import HybridEncoder, sine_position_embedding


def position(row, column, dim, temperature):
    """The embedding of one pixel, number by number."""
    frequencies = [temperature ** (-i / (dim / 4)) for i in range(dim // 4)]
    return [
        wave(place * frequency)
        for place in (row, column)
        for wave in (sin, cos)
        for frequency in frequencies
    ]


@pytest.mark.parametrize(("height", "width"), [(3, 3), (2, 5), (5, 2), (1, 4), (7, 1)])
def test_a_token_is_embedded_at_the_row_and_column_of_its_pixel(height, width):
    dim, temperature = 12, 50
    embedding = sine_position_embedding(
        height, width, dim, temperature, dtype=torch.float64, device=torch.device("cpu")
    )
    assert embedding.shape == (height * width, dim)
    for row in range(height):
        for column in range(width):
            expected = torch.tensor(position(row, column, dim, temperature), dtype=torch.float64)
            torch.testing.assert_close(embedding[row * width + column], expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_embedding_is_made_in_the_dtype_and_on_the_device_asked_for(dtype):
    embedding = sine_position_embedding(2, 3, 8, 10_000, dtype=dtype, device=torch.device("meta"))
    assert (embedding.dtype, embedding.device.type) == (dtype, "meta")


def test_every_map_keeps_its_size_and_sees_every_other(randomize):
    config = EncoderConfig(hidden_dim=8, nhead=2, dim_feedforward=12, csp_width=4, csp_blocks=1)
    encoder = randomize(HybridEncoder(config, (3, 5, 7)))
    maps = [
        torch.randn(1, channels, 2 * side, 3 * side, dtype=torch.float64, requires_grad=True)
        for channels, side in ((3, 4), (5, 2), (7, 1))
    ]
    outputs = encoder(maps)
    assert [tuple(x.shape) for x in outputs] == [(1, 8, 8, 12), (1, 8, 4, 6), (1, 8, 2, 3)]
    for output in outputs:
        gradients = torch.autograd.grad(output.square().sum(), maps, retain_graph=True)
        assert all(gradient.any() for gradient in gradients)
