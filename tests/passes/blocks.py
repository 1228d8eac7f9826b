"""Small models in which there is something to fold, or which look like it."""

import torch
import torch.nn.functional as F
from torch import nn


class RepVGG(nn.Module):
    """A block with three branches, grouped, whose sum works in place as timm's does."""

    def __init__(self, channels=6, groups=1, norm=nn.BatchNorm2d):
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=False)
        self.narrow = nn.Conv2d(channels, channels, 1, groups=groups)
        self.norms = nn.ModuleList(norm(channels) for _ in range(3))

    def forward(self, x):
        identity = self.norms[0](x)
        y = self.norms[1](self.narrow(x)) + self.norms[2](self.wide(x))
        y += identity
        return F.relu(y)


class Plain(nn.Module):
    """Branches without any norm, an oblong window, stride 2, and a residual that is none."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(3, 4, (3, 5), stride=2, padding=(1, 2))
        self.narrow = nn.Conv2d(3, 4, (3, 1), stride=2, padding=(1, 0), bias=False)
        self.same = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.point = nn.Conv2d(4, 4, 1, bias=False)

    def forward(self, x):
        x = self.wide(x) + self.narrow(x)
        return self.same(x) + self.point(x) + x


class Sums(nn.Module):
    """Sums that begin with 0 and end with 0, as timm's MobileOne blocks without identity do."""

    def __init__(self):
        super().__init__()
        self.points = nn.ModuleList(nn.Conv2d(4, 4, 1, bias=False) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))

    def forward(self, x):
        out = 0
        for point, norm in zip(self.points, self.norms, strict=True):
            out = out + norm(point(x))
        out += 0
        return F.relu(out + 0) + 0


class Unmergeable(nn.Module):
    """Sums that must stay: other strides, off-centre, dilated, used twice, or one convolution."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1, padding=0)
        self.dilated = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.even = nn.Conv2d(4, 4, 2, stride=2)
        self.odd = nn.Conv2d(4, 4, 3, stride=2, padding=1)

    def forward(self, x):
        residual = self.a(x) + x
        twice = self.b(residual)
        x = self.a(residual) + twice
        x = x * twice + self.a(residual) + self.dilated(residual)
        return self.even(x) + self.odd(x), torch.add(self.a(x), self.b(x), alpha=2)


class Overwritten(nn.Module):
    """The input of the branches changes before the second one reads it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        x = x + 1
        y = self.a(x)
        x.relu_()
        return y + self.b(x)


class FrozenNorm(nn.Module):
    """Batch norm written out; ``order`` says on which side the constants stand."""

    def __init__(self, channels, order=0):
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(channels))
        self.order = order

    def forward(self, x):
        scale = self.weight * (self.running_var + 1e-5).rsqrt()
        shift = (self.bias - self.running_mean * scale)[:, None, None]
        scale = scale[:, None, None]
        return shift + scale * x if self.order else x.mul_(scale).add_(shift)


class Norms(nn.Module):
    """Norms in every form, of convolutions of each rank; the last four must stay."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (
            nn.Conv1d(3, 4, 3),
            nn.Conv2d(3, 4, 3, groups=1),
            nn.Conv3d(3, 4, 1, bias=False),
        )
        self.norm1, self.norm2 = nn.BatchNorm1d(4, affine=False), FrozenNorm(4)
        self.norm3 = nn.BatchNorm3d(4, eps=0.1)
        self.other = FrozenNorm(4, order=1)
        self.grouped = nn.Conv2d(4, 4, 3, groups=2)
        self.batch = nn.BatchNorm2d(4, track_running_stats=False)
        self.shared, self.transposed = nn.Conv2d(4, 4, 1), nn.ConvTranspose2d(4, 4, 2)
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))

    def forward(self, x):
        first = self.norm1(self.conv1(x.flatten(2))).sum()
        third = self.norm3(self.conv3(x[:, :, None])).sum()
        x = self.norms[0](F.relu(self.other(self.grouped(self.norm2(self.conv2(x))))))
        x = self.batch(self.shared(x))
        y = self.shared(x)
        return self.norms[1](self.transposed(self.norms[2](y) + y)), first, third


class Positions(nn.Module):
    """What is made of sizes, of weights, at random, and in place from the input."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.ones(5))
        self.running_mean = nn.Parameter(torch.ones(5))

    def forward(self, x):
        rows = torch.arange(x.shape[0], dtype=x.dtype, device=x.device)[:, None] / x.shape[0]
        written = torch.zeros_like(x)
        written[:, 0] = x[:, 1]
        empty = torch.zeros_like(x).add_(rows.sin())
        return x * (self.table.exp() + self.running_mean) + rows.cos() + written.exp() + empty
