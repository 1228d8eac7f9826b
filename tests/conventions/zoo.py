"""Small modules, one per way of calling a layer or an operator, that every tool is run on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

LINE, IMAGE, VOLUME = "x: N 6 L", "x: N 6 H W", "x: N 6 2 H W"
TOKENS, ROWS, TABLE = "x: N L 6", "x: N 6", "x: N 6 5"
SIZES = (
    {"N": 1, "L": 11, "H": 13, "W": 17},
    {"N": 3, "L": 12, "H": 12, "W": 11},
)


class Calls(nn.Module):
    """Calls ``function`` on its input and the ``layers``."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)
        self.unused = nn.Parameter(torch.zeros(1))  # calflops fails for models without any

    def forward(self, x):
        return self.function(x, *self.layers)


class Weighs(nn.Module):
    """Calls ``function`` on its input and parameters of these shapes."""

    def __init__(self, function, *shapes):
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList(torch.randn(shape) for shape in shapes)

    def forward(self, x):
        return self.function(x, *self.weights)


@dataclass(frozen=True)
class Case:
    """A module that ``build`` makes for inputs of ``spec``."""

    name: str
    build: Callable[[], nn.Module]
    spec: str

    def __str__(self):
        return self.name

    def sizes(self):
        """The sizes to try, of the axes that the spec has."""
        letters = set(self.spec.replace("%2", "").split())
        return [{n: s for n, s in sizes.items() if n in letters} for sizes in SIZES]


def layer(kind, *args, spec, **kwargs):
    settings = [*map(str, args), *(f"{name}={value}" for name, value in kwargs.items())]
    said = f"{kind.__name__}({', '.join(settings)}) of {spec}"

    def build():
        made = kind(*args, **kwargs)
        return made if any(True for _ in made.parameters()) else Calls(run, made)

    return Case(said, build, spec)


def run(x, made):
    return made(x)


def calls(name, function, spec, *layers):
    return Case(f"{name} of {spec}", lambda: Calls(function, *(make() for make in layers)), spec)


def weighs(name, function, spec, *shapes):
    return Case(f"{name} of {spec}", lambda: Weighs(function, *shapes), spec)


DIMENSIONS = ((1, LINE), (2, IMAGE), (3, VOLUME))


def convolutions():
    for n, spec in DIMENSIONS:
        conv, transposed = getattr(nn, f"Conv{n}d"), getattr(nn, f"ConvTranspose{n}d")
        yield layer(conv, 6, 4, 1, spec=spec)
        yield layer(conv, 6, 4, 1, padding="valid", spec=spec)
        if n < 3:
            yield layer(conv, 6, 4, 3, stride=2, padding=1, bias=False, spec=spec)
            yield layer(conv, 6, 4, 3, dilation=2, padding=1, spec=spec)
        yield layer(conv, 6, 4, 3, padding="same", spec=spec)
        yield layer(conv, 6, 4, 2, padding="same", spec=spec)  # more on one side than on the other
        yield layer(conv, 6, 9, 3, padding="same", groups=3, bias=False, spec=spec)
        yield layer(conv, 6, 6, 3, padding=1, groups=6, spec=spec)
        for mode in ("zeros", "reflect", "replicate", "circular"):
            yield layer(conv, 6, 4, 3, padding=1, padding_mode=mode, spec=spec)
        yield layer(transposed, 6, 4, 2, stride=2, spec=spec)
        yield layer(transposed, 6, 6, 2, stride=2, spec=spec)
        yield layer(transposed, 6, 9, 3, groups=3, bias=False, spec=spec)
        yield layer(
            transposed, 6, 4, 3, stride=2, padding=1, output_padding=1, dilation=2, spec=spec
        )
        weight = (4, 6, *(3,) * n)
        function = getattr(F, f"conv{n}d")
        yield weighs(f"F.conv{n}d", lambda x, w, f=function: f(x, w, padding=1), spec, weight)
        yield weighs(
            f"F.conv{n}d same", lambda x, w, f=function: f(x, w, padding="same"), spec, weight
        )
        back = getattr(F, f"conv_transpose{n}d")
        yield weighs(f"F.conv_transpose{n}d", lambda x, w, f=back: f(x, w), spec, (6, 4, *(3,) * n))
    yield layer(nn.Conv1d, 6, 4, 3, spec="x: 6 L")
    yield layer(nn.Conv2d, 6, 4, 3, spec="x: 6 H W")
    yield layer(nn.Conv3d, 6, 4, 2, spec="x: 6 3 H W")


def recurrent():
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        yield layer(kind, 6, 4, spec="x: L N 6")
        for settings in (
            {},
            {"bias": False},
            {"num_layers": 3},
            {"bidirectional": True},
            {"num_layers": 2, "bidirectional": True},
        ):
            yield layer(kind, 6, 4, batch_first=True, spec=TOKENS, **settings)
        yield layer(kind, 6, 4, spec="x: L 6")
    for settings in ({}, {"num_layers": 2, "bidirectional": True}):
        yield layer(nn.LSTM, 6, 5, proj_size=3, batch_first=True, spec=TOKENS, **settings)
    yield layer(nn.RNN, 6, 4, nonlinearity="relu", batch_first=True, spec=TOKENS)
    for kind in (nn.RNNCell, nn.LSTMCell, nn.GRUCell):
        yield layer(kind, 6, 4, spec=ROWS)
        yield layer(kind, 6, 4, bias=False, spec=ROWS)


def norms():
    for n, spec in DIMENSIONS:
        for kind in (f"BatchNorm{n}d", f"InstanceNorm{n}d"):
            yield layer(getattr(nn, kind), 6, spec=spec)
            yield layer(getattr(nn, kind), 6, affine=True, spec=spec)
            yield layer(getattr(nn, kind), 6, affine=False, track_running_stats=True, spec=spec)
    yield layer(nn.BatchNorm1d, 6, spec=ROWS)
    for settings in ({}, {"bias": False}, {"elementwise_affine": False}):
        yield layer(nn.LayerNorm, 6, spec=TOKENS, **settings)
    for settings in ({}, {"affine": False}):
        yield layer(nn.GroupNorm, 3, 6, spec=IMAGE, **settings)
        yield layer(nn.GroupNorm, 2, 6, spec=ROWS, **settings)
    yield layer(nn.RMSNorm, 6, spec=TOKENS)
    yield layer(nn.RMSNorm, 6, elementwise_affine=False, spec=TOKENS)
    yield layer(nn.LocalResponseNorm, 3, spec=IMAGE)
    yield calls("F.normalize", lambda x: F.normalize(x, dim=1), IMAGE)


def pools():
    for n, spec in DIMENSIONS:
        small = 2 if n == 3 else 3
        for kind in ("Avg", "Max"):
            if n == 1 and kind == "Max":  # on the meta device its length is fixed
                spec = "x: N 6 12"
            pool = getattr(nn, f"{kind}Pool{n}d")
            yield layer(pool, 2, spec=spec)
            yield layer(pool, small, stride=1, padding=1, spec=spec)
            yield layer(pool, 2, ceil_mode=True, spec=spec)
            adaptive = getattr(nn, f"Adaptive{kind}Pool{n}d")
            yield layer(adaptive, 1, spec=spec)
            yield layer(adaptive, 2, spec=spec)
        yield layer(nn.__dict__[f"AvgPool{n}d"], 2, padding=1, count_include_pad=False, spec=spec)
        yield layer(nn.__dict__[f"LPPool{n}d"], 2, 2, spec=spec)
        for kind in ("avg", "max"):
            function = getattr(F, f"{kind}_pool{n}d")
            yield calls(f"F.{kind}_pool{n}d", lambda x, f=function: f(x, 2), spec)
            adapt = getattr(F, f"adaptive_{kind}_pool{n}d")
            yield calls(f"F.adaptive_{kind}_pool{n}d", lambda x, f=adapt: f(x, 2), spec)
    yield layer(nn.AvgPool2d, (3, 2), divisor_override=5, spec=IMAGE)
    yield layer(nn.AdaptiveAvgPool2d, (None, 3), spec=IMAGE)
    yield calls("Tensor.mean", lambda x: x.mean((2, 3)), IMAGE)


ACTIVATIONS = (
    *("ReLU", "ReLU6", "PReLU", "ELU", "LeakyReLU", "SiLU", "GELU", "SELU", "CELU", "Mish"),
    *("Sigmoid", "Tanh", "Hardtanh", "Hardswish", "Hardsigmoid", "Softplus", "Softsign"),
    *("LogSigmoid", "Hardshrink", "Softshrink", "Tanhshrink", "RReLU", "Dropout", "Identity"),
    *("AlphaDropout", "Flatten"),
)
FUNCTIONS = ("relu", "relu6", "elu", "leaky_relu", "silu", "gelu", "sigmoid", "tanh", "mish")


def activations():
    for name in ACTIVATIONS:
        yield layer(getattr(nn, name), spec=TOKENS)
    for name in ("ReLU", "ReLU6", "ELU", "LeakyReLU", "SiLU", "Hardswish"):
        yield layer(getattr(nn, name), inplace=True, spec=IMAGE)
    yield layer(nn.GELU, approximate="tanh", spec=TOKENS)
    yield layer(nn.PReLU, 6, spec=IMAGE)
    yield layer(nn.GLU, spec=TOKENS)
    yield layer(nn.Threshold, 0.1, 20, spec=TOKENS)
    for name in ("Softmax", "LogSoftmax", "Softmin"):
        yield layer(getattr(nn, name), dim=-1, spec=TOKENS)
        yield layer(getattr(nn, name), dim=1, spec=IMAGE)
    yield layer(nn.Softmax2d, spec=IMAGE)
    for name in FUNCTIONS:
        yield calls(f"F.{name}", getattr(F, name), TOKENS)
    yield calls("F.softmax", lambda x: F.softmax(x, dim=-1), TOKENS)
    yield calls("F.log_softmax", lambda x: F.log_softmax(x, dim=-1), TOKENS)
    yield calls("Tensor.softmax", lambda x: x.softmax(-1), TOKENS)


def resizing():
    modes = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}
    for n, spec in DIMENSIONS:
        for mode in ("nearest", "nearest-exact", *modes[n]):
            yield layer(nn.Upsample, scale_factor=2, mode=mode, spec=spec)
            yield layer(nn.Upsample, scale_factor=(2,) * n, mode=mode, spec=spec)
            yield layer(nn.Upsample, size=7, mode=mode, spec=spec)
            yield calls(
                f"F.interpolate {mode}",
                lambda x, m=mode: F.interpolate(x, scale_factor=2, mode=m),
                spec,
            )
            yield calls(
                f"F.interpolate {mode} to a size",
                lambda x, m=mode, n=n: F.interpolate(x, size=(5,) * n, mode=m),
                spec,
            )
    yield layer(nn.UpsamplingNearest2d, scale_factor=2, spec=IMAGE)
    yield layer(nn.UpsamplingBilinear2d, scale_factor=2, spec=IMAGE)
    yield layer(nn.Upsample, scale_factor=2, mode="bilinear", align_corners=True, spec=IMAGE)
    for mode in ("bilinear", "nearest", "bicubic"):
        yield calls(
            f"F.grid_sample {mode}",
            lambda x, m=mode: F.grid_sample(
                x, x[:, :2].permute(0, 2, 3, 1), mode=m, align_corners=False
            ),
            IMAGE,
        )
    for kind in (nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d):
        yield layer(kind, 1, spec=IMAGE)
    yield layer(nn.PixelShuffle, 2, spec="x: N 8 H W")
    yield layer(nn.PixelUnshuffle, 2, spec="x: N 6 12 8")
    yield layer(nn.Fold, (4, 5), 2, spec="x: N 8 12")
    yield layer(nn.ChannelShuffle, 2, spec=IMAGE)
    yield layer(nn.Unfold, 2, spec=IMAGE)


class Thin(nn.Linear):
    """A layer of the user's, which tools that look at types do not know."""


class Offsets(nn.Module):
    """A deformable convolution, with its mask or without."""

    def __init__(self, masked):
        super().__init__()
        self.offset = nn.Conv2d(6, 8, 2)
        self.mask = nn.Conv2d(6, 4, 2) if masked else None
        self.deformed = torchvision.ops.DeformConv2d(6, 4, 2)

    def forward(self, x):
        mask = () if self.mask is None else (self.mask(x).sigmoid(),)
        return self.deformed(x, self.offset(x), *mask)


def products():
    yield Case("subclass", lambda: Thin(6, 4), TOKENS)
    for masked in (False, True):
        yield Case(f"deformable, masked={masked}", lambda masked=masked: Offsets(masked), IMAGE)
    yield layer(nn.Linear, 6, 4, spec=ROWS)
    yield layer(nn.Linear, 6, 4, spec=TOKENS)
    yield layer(nn.Linear, 6, 4, bias=False, spec=TOKENS)
    yield layer(nn.Linear, 6, 4, spec="x: N L H 6")
    yield layer(nn.Linear, 6, 4, spec="x: 6")
    yield calls("Linear of a transposed", lambda x, f: f(x.mT), LINE, lambda: nn.Linear(6, 4))
    for bias in (True, False):
        yield calls(
            f"Bilinear(6, 5, 4, bias={bias})",
            lambda x, b: b(x, x[..., :5]),
            TOKENS,
            lambda bias=bias: nn.Bilinear(6, 5, 4, bias=bias),
        )
    yield calls(
        "Bilinear of rows", lambda x, b: b(x, x[..., :5]), ROWS, lambda: nn.Bilinear(6, 5, 4)
    )
    yield weighs("F.linear", lambda x, w, b: F.linear(x, w, b), TOKENS, (4, 6), (4,))
    yield weighs("F.linear of rows", lambda x, w: F.linear(x, w), ROWS, (4, 6))
    yield weighs("F.bilinear", lambda x, w: F.bilinear(x, x[..., :5], w), TOKENS, (4, 6, 5))
    for name, function in (("@", lambda a, b: a @ b), ("torch.matmul", torch.matmul)):
        yield calls(f"{name} of matrices", lambda x, f=function: f(x, x.mT), "x: N 6")
        yield calls(f"{name} of stacks", lambda x, f=function: f(x, x.mT), TOKENS)
        yield calls(f"{name} of heads", lambda x, f=function: f(x, x.mT), "x: N 2 L 6")
        yield weighs(
            f"{name} of a stack and a matrix", lambda x, w, f=function: f(x, w), TOKENS, (6, 4)
        )
        yield weighs(
            f"{name} of a matrix and a stack", lambda x, w, f=function: f(w, x), LINE, (4, 6)
        )
        yield weighs(
            f"{name} of a stack and a vector", lambda x, w, f=function: f(x, w), TOKENS, (6,)
        )
        yield weighs(
            f"{name} of a matrix and a vector", lambda x, w, f=function: f(x, w), ROWS, (6,)
        )
        yield weighs(
            f"{name} of a vector and a matrix", lambda x, w, f=function: f(w, x.t()), ROWS, (6,)
        )
        yield weighs(
            f"{name} of a vector and a stack", lambda x, w, f=function: f(w, x), LINE, (6,)
        )
        yield calls(f"{name} of vectors", lambda x, f=function: f(x[0], x[0]), ROWS)
        yield calls(f"{name} broadcast", lambda x, f=function: f(x[:, None], x.mT), TOKENS)
    yield calls("Tensor.matmul", lambda x: x.matmul(x.mT), TOKENS)
    yield calls("torch.mm", lambda x: torch.mm(x, x.t()), ROWS)
    yield calls("Tensor.mm", lambda x: x.mm(x.t()), ROWS)
    yield calls("torch.bmm", lambda x: torch.bmm(x, x.mT), TOKENS)
    yield calls("Tensor.bmm", lambda x: x.bmm(x.mT), TOKENS)
    yield weighs("torch.mv", lambda x, w: torch.mv(x, w), ROWS, (6,))
    yield weighs("torch.addmv", lambda x, w: torch.addmv(x[:, 0], x, w), ROWS, (6,))
    yield calls("torch.dot", lambda x: torch.dot(x[0], x[0]), ROWS)
    yield weighs("torch.addmm", lambda x, w, b: torch.addmm(b, x, w), ROWS, (6, 4), (4,))
    yield weighs("Tensor.addmm", lambda x, w, b: b.addmm(x, w), ROWS, (6, 4), (1, 4))
    yield calls("torch.baddbmm", lambda x: torch.baddbmm(x[:, :, :1], x, x.mT), TOKENS)
    yield calls("torch.addbmm", lambda x: torch.addbmm(x[0, :, :1], x, x.mT), TOKENS)
    yield calls("torch.outer", lambda x: torch.outer(x[0], x[0]), ROWS)
    yield calls("torch.tensordot", lambda x: torch.tensordot(x, x, dims=([2], [2])), TOKENS)
    yield calls("torch.cdist", lambda x: torch.cdist(x, x), TOKENS)
    for equation in (
        *("bij,bkj->bik", "bij,bik->bjk", "bij,bij->bi", "bij,bij->b", "bij,bij->bij"),
        *("bij,bkj->ik", "bij,ckj->bcik", "...ij,...kj->...ik", "bij,bkj", "bij->bji", "bij->b"),
    ):
        yield calls(
            f"einsum {equation}",
            lambda x, e=equation: torch.einsum(e, *[x] * (1 + e.count(","))),
            TOKENS,
        )
    yield weighs(
        "einsum bij,jk->bik", lambda x, w: torch.einsum("bij,jk->bik", x, w), TOKENS, (6, 4)
    )
    yield weighs(
        "einsum bij,jk,kl->bil",
        lambda x, w, v: torch.einsum("bij,jk,kl->bil", x, w, v),
        TOKENS,
        (6, 4),
        (4, 5),
    )


def attend(x, layer, **settings):
    return layer(x, x, x, **settings)[0]


def encoder(**settings):
    return nn.TransformerEncoderLayer(6, 2, dim_feedforward=5, batch_first=True, **settings)


def attention():
    for batch_first in (True, False):
        for settings in (
            {},
            {"bias": False},
            {"add_bias_kv": True},
            {"add_zero_attn": True},
        ):

            def made(settings=settings, batch_first=batch_first):
                return nn.MultiheadAttention(6, 2, batch_first=batch_first, **settings)

            said = f"batch_first={batch_first} {settings}"
            yield calls(f"MultiheadAttention {said}", attend, TOKENS, made)
            yield calls(
                f"MultiheadAttention without weights {said}",
                lambda x, layer: attend(x, layer, need_weights=False),
                TOKENS,
                made,
            )
    yield calls(
        "MultiheadAttention across",
        lambda x, layer: layer(x, x[:, :4], x[:, :4])[0],
        TOKENS,
        lambda: nn.MultiheadAttention(6, 3, batch_first=True),
    )
    yield calls(
        "MultiheadAttention of other widths",
        lambda x, layer: layer(x, x[..., :4], x[..., :2])[0],
        TOKENS,
        lambda: nn.MultiheadAttention(6, 3, kdim=4, vdim=2, batch_first=True),
    )
    yield calls(
        "MultiheadAttention of one head",
        attend,
        TOKENS,
        lambda: nn.MultiheadAttention(6, 1, batch_first=True),
    )
    yield calls(
        "MultiheadAttention of one sequence", attend, "x: L 6", lambda: nn.MultiheadAttention(6, 2)
    )
    yield layer(nn.TransformerEncoderLayer, 6, 2, dim_feedforward=5, batch_first=True, spec=TOKENS)
    yield layer(nn.TransformerEncoderLayer, 6, 3, dim_feedforward=5, spec="x: L N 6")
    yield layer(nn.TransformerEncoderLayer, 6, 2, dim_feedforward=5, norm_first=True, spec=TOKENS)
    for name, build in {
        "first norm": lambda: encoder(norm_first=True),
        "gelu": lambda: encoder(activation="gelu"),
        "no bias": lambda: encoder(bias=False),
        "in a child": lambda: nn.Sequential(nn.Linear(6, 6), encoder()),
        "deeper": lambda: nn.Sequential(nn.Sequential(encoder()), encoder()),
        "stacked": lambda: nn.TransformerEncoder(encoder(), 2, enable_nested_tensor=False),
        "hidden behind a child": lambda: Calls(run, nn.Sequential(encoder())),
    }.items():
        yield Case(f"encoder layer, {name}", build, TOKENS)
    yield calls(
        "TransformerDecoderLayer",
        lambda x, f: f(x, x[:, :5]),
        TOKENS,
        lambda: nn.TransformerDecoderLayer(6, 2, dim_feedforward=5, batch_first=True),
    )
    yield calls(
        "TransformerDecoderLayer, sequence first",
        lambda x, f: f(x, x[:4]),
        "x: 5 N 6",
        lambda: nn.TransformerDecoderLayer(6, 2, dim_feedforward=5),
    )
    sdpa = F.scaled_dot_product_attention
    heads = "x: N 2 L 6"
    yield calls("sdpa", lambda x: sdpa(x, x, x), heads)
    yield calls("sdpa causal", lambda x: sdpa(x, x, x, is_causal=True), heads)
    yield calls("sdpa scaled", lambda x: sdpa(x, x, x, scale=0.5), heads)
    yield calls("sdpa masked", lambda x: sdpa(x, x, x, attn_mask=x @ x.mT), heads)
    yield calls("sdpa masked by booleans", lambda x: sdpa(x, x, x, attn_mask=x @ x.mT > -9), heads)
    yield calls("sdpa across", lambda x: sdpa(x, x[:, :, :4], x[:, :, :4]), heads)
    yield calls("sdpa of other widths", lambda x: sdpa(x, x, x[..., :3].contiguous()), heads)
    yield calls("sdpa of three axes", lambda x: sdpa(x, x, x), TOKENS)
    yield calls("sdpa of groups", lambda x: sdpa(x, x[:, :1], x[:, :1], enable_gqa=True), heads)


def arithmetic():
    for name, function in {
        "+": lambda x: x + x,
        "+ number": lambda x: x + 1,
        "number +": lambda x: 1 + x,
        "+ broadcast": lambda x: x[:, :1] + x,
        "-": lambda x: x - x,
        "number -": lambda x: 1 - x,
        "*": lambda x: x * x,
        "* number": lambda x: x * 2,
        "* broadcast": lambda x: x[:, :1] * x,
        "/": lambda x: x / 3,
        "**": lambda x: x**2,
        "torch.add": lambda x: torch.add(x, x),
        "torch.add number": lambda x: torch.add(x, 1),
        "torch.add alpha": lambda x: torch.add(x, x, alpha=2),
        "Tensor.add": lambda x: x.add(x[..., :1]),
        "torch.mul": lambda x: torch.mul(x, x),
        "Tensor.mul": lambda x: x.mul(2),
        "torch.sub": lambda x: torch.sub(x, x),
        "torch.div": lambda x: torch.div(x, 2),
        "Tensor.add_": lambda x: (x * 2).add_(x),
        "Tensor.mul_": lambda x: (x + 2).mul_(x),
        "addcmul": lambda x: torch.addcmul(x, x, x),
        "lerp": lambda x: torch.lerp(x, x + 1, 0.5),
        "exp": torch.exp,
        "sqrt": lambda x: x.abs().sqrt(),
        "sin and cos": lambda x: x.sin() + x.cos(),
        "sum": lambda x: x.sum(1),
        "mean": lambda x: x.mean(),
        "max": lambda x: x.amax(1),
        "var": lambda x: x.var(1),
        "norm": lambda x: x.norm(dim=1),
        "cumsum": lambda x: x.cumsum(1),
        "clamp": lambda x: x.clamp(0, 1),
        "where": lambda x: torch.where(x > 0, x, 0.0),
        "masked_fill": lambda x: x.masked_fill(x > 0, 0.0),
        "topk": lambda x: x.topk(2, dim=-1)[0],
        "sort": lambda x: x.sort(-1)[0],
        "argmax": lambda x: x.argmax(-1),
        "cat": lambda x: torch.cat([x, x], 1),
        "stack": lambda x: torch.stack([x, x]),
        "split": lambda x: x.split(3, -1)[0],
        "chunk": lambda x: x.chunk(2, -1)[1],
        "view": lambda x: x.flatten(1).unsqueeze(0),
        "permute": lambda x: x.permute(2, 0, 1).contiguous(),
        "index": lambda x: x[:, ::2, 1:],
        "gather": lambda x: x.gather(1, x.argmax(1, keepdim=True)),
        "casts": lambda x: x.double().float(),
        "roll": lambda x: x.roll(1, 1),
        "pad": lambda x: F.pad(x, (1, 1)),
        "integers": lambda x: x + torch.arange(6) * 2,
        "repeat": lambda x: x.repeat(1, 2, 1),
        "expand": lambda x: x[:1].expand_as(x) * 1.0,
        "triu": lambda x: x.triu(),
        "linspace": lambda x: x * torch.linspace(0, 1, 6),
        "number **": lambda x: 2.0**x,
        "expand to": lambda x: x[:, :1].expand(-1, 5, -1),
        "full_like": lambda x: torch.full_like(x, 2.0) + torch.scalar_tensor(1.0),
        "and of booleans": lambda x: (x > 0) & (x < 1),
        "copy_": lambda x: x.clone().copy_(x),
        "reshape": lambda x: x.reshape(-1, 6),
        "squeeze": lambda x: x[:, None].squeeze(1),
        "unbind": lambda x: x.unbind(-1)[0],
        "select": lambda x: x.select(-1, 2),
        "narrow": lambda x: x.narrow(-1, 1, 3),
        "unflatten": lambda x: x.unflatten(-1, (2, 3)),
        "movedim": lambda x: x.movedim(-1, 0),
        "swapaxes": lambda x: x.swapaxes(0, 1).clone(),
        "detach": lambda x: x.detach(),
        "constants": lambda x: x + torch.zeros(6) + torch.ones(6) + torch.full((6,), 2.0),
        "like": lambda x: torch.zeros_like(x) + torch.ones_like(x) + x.new_zeros(6),
        "index_select": lambda x: x.index_select(-1, torch.tensor([0, 2])),
        "indexing": lambda x: x[..., torch.tensor([0, 2])],
        "scatter": lambda x: x.scatter(-1, x.argmax(-1, keepdim=True), 0.0),
        "flip": lambda x: x.flip(-1),
        "tril": lambda x: x.tril(),
        "comparisons": lambda x: (x > 0) | (x < -1) | (x >= 2) | (x <= -3) | (x == 1) | (x != 7),
        "logical": lambda x: torch.logical_and(x > 0, ~(x > 1)),
        "signs": lambda x: -x.abs() * x.sign(),
        "logarithms": lambda x: x.abs().log() + x.log1p() + x.abs().log2() + x.erf(),
        "powers": lambda x: x.abs().rsqrt() + x.pow(3) + x.reciprocal() + x.square(),
        "rounding": lambda x: x.floor() + x.ceil() + x.round() + x.fmod(2) + x // 2 + x % 2,
        "minimum": lambda x: torch.minimum(x, x.flip(-1)) + torch.maximum(x, x.flip(-1)),
        "clamps": lambda x: x.clamp_min(0) + x.clamp_max(1),
        "reductions": lambda x: x.prod(-1) + x.amin(-1) + x.std(-1) + x.logsumexp(-1),
        "max of an axis": lambda x: x.max(-1)[0] + x.min(-1)[0],
        "any and all": lambda x: (x > 0).any(-1) | (x > 0).all(-1),
        "sums of all": lambda x: x.sum() + x.max() + x.min(),
        "softmax of floats": lambda x: torch.softmax(x, -1, dtype=torch.float32),
        "in place": lambda x: x.clone().relu_().sub_(1).div_(2).clamp_(0, 1),
        "masked in place": lambda x: (x + 0).masked_fill_(x > 0, 1.0),
        "addition of numbers": lambda x: torch.addcdiv(x, x, x + 2),
        "baddbmm of a stack": lambda x: torch.baddbmm(x @ x.mT, x, x.mT),
        "arange": lambda x: x + torch.arange(x.shape[1], dtype=x.dtype)[:, None],
        "meshgrid": lambda x: torch.meshgrid(x[0, 0], x[0, 1], indexing="ij")[0],
        "sines": lambda x: x.tan() + x.atan() + x.sigmoid() + x.tanh() + x.exp() + x.expm1(),
        "complex": lambda x: torch.view_as_real(torch.view_as_complex(x.reshape(-1, 3, 2)) * 2),
    }.items():
        yield calls(name, function, TOKENS)
    integer = "x: N L int64"
    yield layer(nn.Embedding, 9, 6, spec=integer)
    yield calls(
        "F.embedding", lambda x, e: F.embedding(x, e.weight), integer, lambda: nn.Embedding(9, 6)
    )
    yield layer(nn.EmbeddingBag, 9, 6, spec=integer)
    yield calls("F.one_hot", lambda x: F.one_hot(x, 9), integer)


CASES = (
    *convolutions(),
    *recurrent(),
    *norms(),
    *pools(),
    *activations(),
    *resizing(),
    *products(),
    *attention(),
    *arithmetic(),
)
