"""Small models, each with the calls that tools count in different ways."""

import torch
import torch.nn.functional as F
from torch import nn

INPUTS = "image: N 3 H%8 W%8"


class Layers(nn.Module):
    """Layers that every module hook knows, plain, grouped and transposed; pools and norms."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 4, 3, stride=2, padding=1, groups=4, bias=False)
        self.plain_norm = nn.GroupNorm(2, 4)
        self.transposed = nn.ConvTranspose2d(4, 6, 2, stride=2)
        self.line = nn.Conv1d(6, 5, 3)
        self.act, self.leaky, self.gelu = nn.ReLU(), nn.LeakyReLU(), nn.GELU()
        self.max_pool = nn.MaxPool2d(2)
        self.mean_pool = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear")
        self.softmax = nn.Softmax(dim=1)
        self.head = nn.Linear(6, 7)

    def forward(self, image):
        x = self.act(self.norm(self.conv(image)))
        x = self.leaky(self.plain_norm(self.grouped(x)))
        x = self.gelu(self.transposed(x))
        tokens = self.line(self.max_pool(x).flatten(2))
        x = self.enlarge(self.mean_pool(x))
        return self.softmax(self.head(self.pool(x).flatten(1))), tokens


class Functions(nn.Module):
    """The same kinds of work by functions and by operators of Python."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(5, 3))
        self.bias = nn.Parameter(torch.zeros(5))
        self.norm = nn.LayerNorm(5)

    def forward(self, image):
        tokens = image.flatten(2).transpose(1, 2)
        x = self.norm(F.linear(tokens, self.weight, self.bias))
        scores = torch.matmul(x, x.transpose(1, 2)).softmax(-1)
        x = F.softmax(scores, dim=-1) @ x
        x = torch.mul(x, 2) + torch.add(x, x)
        x = torch.bmm(x.transpose(1, 2), x) + torch.einsum("bij,bik->bjk", x, x)
        larger = F.interpolate(image, scale_factor=2.0)
        grid = image[:, :2].permute(0, 2, 3, 1)
        return F.relu(x) * 3, F.silu(larger), F.grid_sample(image, grid, align_corners=False)


class Attention(nn.Module):
    """Attention fused and spelt out, and the layer that has a fast path."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.embed = nn.Conv2d(3, 8, 4, stride=4)

    def forward(self, image):
        tokens = self.embed(image).flatten(2).transpose(1, 2)
        heads = tokens.unflatten(-1, (2, 4)).transpose(1, 2)
        fused = F.scaled_dot_product_attention(heads, heads, heads)
        spelt_out = F.scaled_dot_product_attention(heads, heads, heads[..., :3])
        whole, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return fused, spelt_out, whole


class Masked(nn.Module):
    """The layer that has a fast path, with a mask of booleans, and with one of numbers."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(3, 1, batch_first=True)
        self.wide = nn.MultiheadAttention(8, 2, batch_first=True)
        self.embed = nn.Linear(3, 8)

    def forward(self, image):
        tokens = image.flatten(2).transpose(1, 2)
        x, length = self.embed(tokens), tokens.shape[1]
        masks = [torch.zeros(length, length, dtype=kind) for kind in (torch.bool, x.dtype)]
        odd, _ = self.attention(tokens, tokens, tokens)  # one head: no fast path
        return odd, [self.wide(x, x, x, attn_mask=mask)[0] for mask in masks]


class Shared(nn.Module):
    """One layer under two parents, called three times."""

    def __init__(self):
        super().__init__()
        layer = nn.Conv2d(3, 3, 3, padding=1)
        self.left, self.right = nn.Sequential(layer), nn.Sequential(layer, nn.ReLU(), layer)

    def forward(self, image):
        return self.right(self.left(image))


@torch.library.custom_op("fxflops_toys::unknown", mutates_args=())
def unknown(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@unknown.register_fake
def _(x):
    return torch.empty_like(x)


class Uncounted(nn.Module):
    """An operator that has no formula."""

    def forward(self, x):
        return unknown(x)


class Everything(nn.Module):
    """All of the above, beside each other."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList(kind() for kind in (Layers, Functions, Attention, Shared))

    def forward(self, image):
        return [part(image) for part in self.parts]
