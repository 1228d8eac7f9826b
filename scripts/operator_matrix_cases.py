"""The small models of the operator matrix, and what each of them computes, by hand.

A case's numbers are arithmetic on the sizes in its input spec and in its model, to be redone with
a pencil. The batch is 1, since some tools count an image and others a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import DeformConv2d


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model with one input, and its work.

    ``macs`` are its multiply-adds; ``elementwise``, ``transcendental`` and ``comparison`` all the
    rest. ``parts`` say how many of which element-wise things these are, in the units in which
    tools charge for them (`operator_matrix.CONVENTIONS`).
    """

    name: str
    build: Callable[[], nn.Module]
    inputs: str
    macs: int = 0
    elementwise: int = 0
    transcendental: int = 0
    comparison: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    train: bool = False

    @property
    def counters(self) -> dict[str, int]:
        """The work in the four counters of fxflops."""
        return {
            "contraction": 2 * self.macs,
            "elementwise": self.elementwise,
            "transcendental": self.transcendental,
            "comparison": self.comparison,
        }

    def model(self) -> nn.Module:
        """The model, in the mode that the case is about."""
        return Model(self.build()).train(self.train)


class Model(nn.Module):
    """What the case is about, and a parameter that nothing uses: calflops fails without any."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Any:
        """The body's result."""
        return self.body(x)


class Apply(nn.Module):
    """A function of the input and of a parameter, if one of that shape is asked for."""

    def __init__(self, function: Callable[..., Tensor], *shape: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.rand(shape)) if shape else None

    def forward(self, x: Tensor) -> Tensor:
        """The function's result."""
        return self.function(x) if self.weight is None else self.function(x, self.weight)


class Attend(nn.Module):
    """``nn.MultiheadAttention`` of the input with itself."""

    def __init__(self, width: int, heads: int, *, need_weights: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """The attended values, and the weights if asked for."""
        return self.attention(x, x, x, need_weights=self.need_weights)


class Deformed(nn.Module):
    """A deformable convolution whose offsets are held beside it."""

    def __init__(self, layer: DeformConv2d, *offset: int) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("offset", torch.zeros(offset))

    def forward(self, x: Tensor) -> Tensor:
        """The convolution."""
        return self.layer(x, self.offset)


class Sampled(nn.Module):
    """Samples the input at points that are held beside it."""

    def __init__(self, *grid: int) -> None:
        super().__init__()
        self.register_buffer("grid", torch.zeros(grid))

    def forward(self, x: Tensor) -> Tensor:
        """The samples."""
        return F.grid_sample(x, self.grid, align_corners=False)


def shared_linear() -> nn.Module:
    """Two parents that share one layer; each calls it."""
    layer = nn.Linear(8, 8, bias=False)
    return nn.Sequential(nn.Sequential(layer), nn.Sequential(layer))


IMAGE, PAIR, TOKENS = "x: 1 4 9 10", "x: 1 8 9 10", "x: 1 6 8"
PIXELS = 9 * 10
OUT = 6 * PIXELS  # six channels

# Attention: 6 tokens of width 8 in 2 heads of 4; softmax is over 2 * 6 rows of 6 scores.
LENGTH, WIDTH, HEADS = 6, 8, 2
ROWS = HEADS * LENGTH
SCORES = ROWS * LENGTH
SDPA = 2 * SCORES * (WIDTH // HEADS)  # Q K^T and P V
SOFTMAX = SCORES + ROWS * (LENGTH - 1) + SCORES  # subtract the maximum, sum, divide
SOFTMAXED = {"attention softmax": SCORES, "attention softmax rows": ROWS}
# ... with four projections of 8 to 8, each with a bias.
MHA = 4 * LENGTH * WIDTH * WIDTH + SDPA
BIASES = 4 * LENGTH * WIDTH

# With weights the queries are scaled, in eval inside of one operator, and the heads' weights are
# averaged by h - 1 sums and a division.
WITH_WEIGHTS = {
    "macs": MHA,
    "elementwise": BIASES + LENGTH * WIDTH + SOFTMAX + SCORES,
    "transcendental": SCORES,
    "comparison": ROWS * (LENGTH - 1),
    "parts": SOFTMAXED | {"linear bias": BIASES, "mean": LENGTH * LENGTH},
}
# Without them it is one operator, which scales the scores.
WITHOUT_WEIGHTS = {
    "macs": MHA,
    "elementwise": BIASES + SCORES + SOFTMAX,
    "transcendental": SCORES,
    "comparison": ROWS * (LENGTH - 1),
    "parts": SOFTMAXED | {"linear bias": BIASES},
}
# The encoder layer: that, 8 to 12 to 8 with biases and a ReLU, two residuals, two layer norms.
HIDDEN = 12
TOKEN_ELEMENTS = LENGTH * WIDTH
LAYER_NORM = 7 * TOKEN_ELEMENTS + LENGTH
ENCODER_BIASES = BIASES + LENGTH * (HIDDEN + WIDTH)
ENCODER = {
    "macs": MHA + 2 * LENGTH * WIDTH * HIDDEN,
    "elementwise": ENCODER_BIASES + SCORES + SOFTMAX + 2 * TOKEN_ELEMENTS + 2 * LAYER_NORM,
    "transcendental": SCORES + 2 * LENGTH,
    "comparison": ROWS * (LENGTH - 1) + LENGTH * HIDDEN,
    "parts": SOFTMAXED
    | {
        "linear bias": ENCODER_BIASES,
        "query scale": TOKEN_ELEMENTS,
        "add": 2 * TOKEN_ELEMENTS,
        "layer norm": 2 * TOKEN_ELEMENTS,
        "norm parameter": 2 * 2 * WIDTH,
        "activation": LENGTH * HIDDEN,
    },
}

CASES = (
    Case(
        name="conv2d",
        build=lambda: nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, bias=False)),
        inputs=IMAGE,
        macs=OUT * 4 * 9,
    ),
    Case(
        name="conv2d with a bias",
        build=lambda: nn.Sequential(nn.Conv2d(4, 6, 3, padding=1)),
        inputs=IMAGE,
        macs=OUT * 4 * 9,
        elementwise=OUT,
        parts={"bias": OUT},
    ),
    Case(
        name="conv2d, depthwise",
        build=lambda: nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)),
        inputs=IMAGE,
        macs=4 * PIXELS * 9,
    ),
    Case(
        name="conv2d, dilated",
        build=lambda: nn.Sequential(nn.Conv2d(4, 6, 3, padding=2, dilation=2, bias=False)),
        inputs=IMAGE,
        macs=OUT * 4 * 9,
    ),
    Case(
        name='conv2d, padding="same"',
        build=lambda: nn.Sequential(nn.Conv2d(4, 6, 3, padding="same", bias=False)),
        inputs=IMAGE,
        macs=OUT * 4 * 9,
    ),
    Case(
        name="conv1d",
        build=lambda: nn.Sequential(nn.Conv1d(4, 6, 3, padding=1, bias=False)),
        inputs="x: 1 4 11",
        macs=6 * 11 * 4 * 3,
    ),
    Case(
        name="conv3d",
        build=lambda: nn.Sequential(nn.Conv3d(4, 6, 3, padding=1, bias=False)),
        inputs="x: 1 4 5 9 10",
        macs=5 * OUT * 4 * 27,
    ),
    Case(
        name="conv_transpose2d",
        build=lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2, bias=False)),
        inputs=IMAGE,
        macs=4 * PIXELS * 6 * 9,  # each input meets the kernels of six outputs
    ),
    Case(
        name="conv_transpose2d, 2 groups",
        build=lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2, bias=False)),
        inputs=IMAGE,
        macs=4 * PIXELS * 3 * 9,
    ),
    Case(
        name="F.conv2d, a parameter",
        build=lambda: Apply(lambda x, w: F.conv2d(x, w, padding=1), 6, 4, 3, 3),
        inputs=IMAGE,
        macs=OUT * 4 * 9,
    ),
    Case(
        name="linear over tokens",
        build=lambda: nn.Sequential(nn.Linear(8, 12, bias=False)),
        inputs=TOKENS,
        macs=6 * 8 * 12,
    ),
    Case(
        name="F.linear, a parameter",
        build=lambda: Apply(lambda x, w: F.linear(x, w), 12, 8),
        inputs=TOKENS,
        macs=6 * 8 * 12,
    ),
    Case(
        name="a linear layer that two parents share",
        build=shared_linear,
        inputs=TOKENS,
        macs=2 * 6 * 8 * 8,
    ),
    Case(
        name="x @ y",
        build=lambda: Apply(lambda x, y: x @ y, 8, 12),
        inputs=TOKENS,
        macs=6 * 8 * 12,
    ),
    Case(
        name="bmm",
        build=lambda: Apply(lambda x: torch.bmm(x[0], x[0].transpose(1, 2))),
        inputs="x: 1 3 6 8",
        macs=3 * 6 * 8 * 6,
    ),
    Case(
        name="einsum",
        build=lambda: Apply(lambda x: torch.einsum("bhik,bhjk->bhij", x, x)),
        inputs="x: 1 3 6 8",
        macs=3 * 6 * 8 * 6,
    ),
    Case(
        name="scaled_dot_product_attention",
        build=lambda: Apply(
            lambda x: F.scaled_dot_product_attention(x[:, :2], x[:, 2:4], x[:, 4:])
        ),
        inputs="x: 1 6 6 4",  # queries, keys and values of two heads each
        macs=SDPA,
        elementwise=SCORES + SOFTMAX,
        transcendental=SCORES,
        comparison=ROWS * (LENGTH - 1),
    ),
    *(
        Case(
            name=f"nn.MultiheadAttention, {mode}, {weights} weights",
            build=lambda need=need: Attend(WIDTH, HEADS, need_weights=need),
            inputs=TOKENS,
            train=mode == "train",
            **work | {"parts": work["parts"] | {scale: LENGTH * WIDTH}},
        )
        for mode in ("eval", "train")
        for weights, need, work, scale in (
            ("with", True, WITH_WEIGHTS, "mul" if mode == "train" else "query scale"),
            ("without", False, WITHOUT_WEIGHTS, "query scale"),
        )
    ),
    Case(
        name="nn.TransformerEncoderLayer, eval",
        build=lambda: nn.Sequential(
            nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True)
        ),
        inputs=TOKENS,
        **ENCODER,
    ),
    Case(
        name="LSTM",
        build=lambda: nn.Sequential(nn.LSTM(5, 7, batch_first=True)),
        inputs="x: 1 6 5",
        macs=6 * 4 * 7 * (5 + 7),
        # Four sums W x + U h, three sigmoids of 2, f * c + i * g, o * tanh(c); eight biases.
        elementwise=6 * 7 * (4 + 3 * 2 + 3 + 1 + 8),
        transcendental=6 * 7 * 5,
        parts={"gate bias": 6 * 8 * 7, "hidden unit": 6 * 7},
    ),
    Case(
        name="DeformConv2d",
        build=lambda: Deformed(DeformConv2d(4, 6, 3, padding=1), 1, 2 * 9, 9, 10),
        inputs=IMAGE,
        macs=OUT * 4 * 9,
        # A point is moved by 2 and has 8 for its weights; a sample is 4 products and 3 sums.
        elementwise=PIXELS * 9 * (2 + 8) + PIXELS * 9 * 4 * 7 + OUT,
        parts={"bias": OUT, "deformed point": PIXELS * 9},
    ),
    Case(
        name="grid_sample",
        build=lambda: Sampled(1, 5, 6, 2),
        inputs=IMAGE,
        # A point: 2 coordinates of 4, 4 distances, 4 weights; a sample: 4 products, 3 sums.
        elementwise=30 * (8 + 4 + 4) + 30 * 4 * 7,
        parts={"grid sample": 30 * 4},
    ),
    Case(
        name="interpolate, bilinear",
        build=lambda: Apply(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
        inputs=IMAGE,
        # An output: 4 products, 3 sums; a row or column: 3 for its position, 1 for its distance.
        elementwise=4 * 18 * 20 * 7 + 4 * (18 + 20),
        parts={"bilinear": 4 * 18 * 20},
    ),
    Case(
        name="interpolate, nearest",
        build=lambda: Apply(lambda x: F.interpolate(x, scale_factor=2)),
        inputs=IMAGE,
        parts={"nearest": 4 * 18 * 20},
    ),
    *(
        Case(
            name=f"x {sign} y",
            build=lambda function=function: Apply(lambda x: function(x[:, :4], x[:, 4:])),
            inputs=PAIR,
            elementwise=4 * PIXELS,
            parts={kind: 4 * PIXELS},
        )
        for sign, kind, function in (
            ("+", "add", lambda x, y: x + y),
            ("-", "sub", lambda x, y: x - y),
            ("*", "mul", lambda x, y: x * y),
            ("/", "div", lambda x, y: x / y),
        )
    ),
    Case(
        name="torch.mul, y broadcast over x",
        build=lambda: Apply(lambda x: torch.mul(x[:, :1], x[:, 1:])),
        inputs="x: 1 5 9 10",
        elementwise=4 * PIXELS,
        parts={"mul": 4 * PIXELS},
    ),
    Case(
        name="softmax",
        build=lambda: nn.Sequential(nn.Softmax(dim=-1)),
        inputs=TOKENS,
        elementwise=6 * (8 + 7 + 8),  # subtract the maximum, sum, divide
        transcendental=6 * 8,
        comparison=6 * 7,
        parts={"softmax": 6 * 8, "softmax row": 6},
    ),
    Case(
        name="x.softmax(-1)",
        build=lambda: Apply(lambda x: x.softmax(-1)),
        inputs=TOKENS,
        elementwise=6 * (8 + 7 + 8),
        transcendental=6 * 8,
        comparison=6 * 7,
        parts={"softmax": 6 * 8, "softmax row": 6},
    ),
    Case(
        name="layer norm",
        build=lambda: nn.Sequential(nn.LayerNorm(8)),
        inputs=TOKENS,
        # Mean 1, centre 1, variance 2, scale 1, affine 2; epsilon once a row.
        elementwise=6 * 8 * 7 + 6,
        transcendental=6,
        parts={"layer norm": 6 * 8, "norm parameter": 2 * 8},
    ),
    Case(
        name="batch norm, eval",
        build=lambda: nn.Sequential(nn.BatchNorm2d(4)),
        inputs=IMAGE,
        # A product and a sum; a channel's factor and summand are made of 4 operations and a root.
        elementwise=4 * PIXELS * 2 + 4 * 4,
        transcendental=4,
        parts={"batch norm": 4 * PIXELS, "norm parameter": 2 * 4},
    ),
    Case(
        name="silu",
        build=lambda: nn.Sequential(nn.SiLU()),
        inputs=IMAGE,
        elementwise=4 * PIXELS * 3,  # x * 1 / (1 + exp(-x))
        transcendental=4 * PIXELS,
        parts={"activation": 4 * PIXELS},
    ),
    Case(
        name="gelu",
        build=lambda: nn.Sequential(nn.GELU()),
        inputs=IMAGE,
        elementwise=4 * PIXELS * 4,  # x / 2 * (1 + erf(x / sqrt 2))
        transcendental=4 * PIXELS,
        parts={"activation": 4 * PIXELS},
    ),
    Case(
        name="average pool",
        build=lambda: nn.Sequential(nn.AvgPool2d(2)),
        inputs=IMAGE,
        elementwise=4 * 4 * 5 * 4,  # 3 sums and a division
        parts={"pooled": 4 * PIXELS, "average": 4 * 4 * 5, "averaged": 4 * 4 * 5 * 4},
    ),
    Case(
        name="max pool",
        build=lambda: nn.Sequential(nn.MaxPool2d(2)),
        inputs=IMAGE,
        comparison=4 * 4 * 5 * 3,
        parts={"pooled": 4 * PIXELS},
    ),
)
