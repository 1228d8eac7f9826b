"""Random weights that make every part of a network matter."""

import pytest
import torch
from torch import Tensor, nn


def _random(name: str, like: Tensor, generator: torch.Generator) -> Tensor:
    if not like.is_floating_point():
        return like
    noise = torch.randn(like.shape, generator=generator, dtype=torch.float64)
    if name.endswith("running_var"):
        return 0.5 + noise.abs()
    if like.ndim == 1:
        return 0.1 * noise + (1.0 if name.endswith("weight") else 0.0)
    fan_in = like[0].numel()
    gain = 2 if like.ndim == 4 else 1  # Convolutions are followed by a ReLU or the like.
    return noise * (gain / fan_in) ** 0.5


@pytest.fixture(scope="session")
def randomize():
    """A function that fills a module, by seed, and returns it in float64 and eval mode.

    Kernels have the scale that keeps activations near 1; norms have statistics, scales and
    shifts away from 0 and 1.
    """

    def fill(module: nn.Module, seed: int = 0) -> nn.Module:
        generator = torch.Generator().manual_seed(seed)
        module.double().eval()
        state = {
            name: _random(name, tensor, generator) for name, tensor in module.state_dict().items()
        }
        module.load_state_dict(state)
        return module

    return fill
