"""Layers against PyTorch's own, and what a frozen norm costs."""

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from rtdetr.layers import MLP, FrozenBatchNorm2d, RepVGGBlock, SelfAttention


def double_randn(*shape, seed=3):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_frozen_norm_is_batch_norm_in_eval(randomize):
    norm = randomize(nn.BatchNorm2d(5))
    frozen = FrozenBatchNorm2d(5).double()
    state = norm.state_dict()
    del state["num_batches_tracked"]
    frozen.load_state_dict(state, strict=True)

    x = double_randn(2, 5, 3, 4)
    torch.testing.assert_close(frozen.train()(x), norm(x), rtol=0, atol=1e-12)
    assert not list(frozen.parameters())


class Elements(TorchDispatchMode):
    """Counts the output elements of every operator that computes."""

    def __init__(self):
        super().__init__()
        self.counts = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            name = func.overloadpacket.__name__
            self.counts[name] = self.counts.get(name, 0) + out.numel()
        return out


def test_a_frozen_norm_costs_2n_and_4c():
    channels, numel = 5, 2 * 5 * 3 * 4
    with Elements() as elements:
        FrozenBatchNorm2d(channels)(torch.ones(2, 5, 3, 4))
    counts = elements.counts
    counts = {name: count for name, count in counts.items() if name not in ("ones", "zeros")}
    assert counts.pop("rsqrt") == channels
    assert sum(counts.values()) == 2 * numel + 4 * channels
    assert set(counts) == {"add", "sub", "mul"}


def test_self_attention_is_multihead_attention_with_positions_in_queries_and_keys(randomize):
    ours = randomize(SelfAttention(12, heads=3))
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double().eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)

    x, position = double_randn(2, 7, 12), double_randn(7, 12, seed=4)
    expected, _ = theirs(x + position, x + position, x, need_weights=False)
    torch.testing.assert_close(ours(x, position), expected, rtol=0, atol=1e-12)


def test_an_mlp_has_relu_between_its_layers_only(randomize):
    mlp = randomize(MLP((3, 5, 2)))
    first, second = mlp.layers
    x = double_randn(4, 3)
    torch.testing.assert_close(mlp(x), second(first(x).relu()), rtol=0, atol=0)
    assert (mlp(x) < 0).any()


def test_merging_a_repvgg_block_keeps_its_value(randomize):
    block = randomize(RepVGGBlock(6))
    merged = block.merge()
    x = double_randn(2, 6, 5, 7)

    torch.testing.assert_close(merged(x), block(x), rtol=0, atol=1e-12)
    assert {name: tuple(p.shape) for name, p in merged.named_parameters()} == {
        "conv.weight": (6, 6, 3, 3),
        "conv.bias": (6,),
    }
