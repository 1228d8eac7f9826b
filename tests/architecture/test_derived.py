"""Formulas of widths and depths against models built with numbers in their place."""

import random
from collections.abc import Callable
from math import prod

import pytest
import torch
from torch import Tensor, nn

import fxflops
from fxflops import models
from fxflops.analysis.records import Analysis

OTHERS = [8, 8, 8, 8, 8, 64, 8, 8, 8, 8]
"""What a layer is made of, in a list that does not follow the number of layers."""


class Block(nn.Module):
    """Two products with a residual around them."""

    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.wide = nn.Linear(dim, inner)
        self.back = nn.Linear(inner, dim)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.back(self.wide(x).relu())


class Layers(nn.Module):
    """As many blocks as ``depth`` says, ``inner`` wide inside; ``twice`` of some."""

    def __init__(
        self,
        dim: int,
        depth: int,
        inner: Callable[[int, int, int], int],
        twice: Callable[[int], bool] = lambda i: False,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, inner(dim, i, depth)) for i in range(depth))
        self.twice = twice

    def forward(self, x: Tensor) -> Tensor:
        for i, block in enumerate(self.blocks):
            x = block(x)
            if self.twice(i):
                x = block(x)
        return x


def plain(dim: int, depth: int) -> nn.Module:
    return Layers(dim, depth, lambda d, i, depth: 2 * d)


def dense_first(dim: int, depth: int) -> nn.Module:
    return Layers(dim, depth, lambda d, i, depth: 2 * d if i < 3 else 8 * d)


def every_sixth(dim: int, depth: int) -> nn.Module:
    return Layers(dim, depth, lambda d, i, depth: 8 * d if (i + 1) % 6 == 0 else 2 * d)


def last_apart(dim: int, depth: int) -> nn.Module:
    return Layers(dim, depth, lambda d, i, depth: d if i == depth - 1 else 4 * d)


def tenth_twice(dim: int, depth: int) -> nn.Module:
    return Layers(dim, depth, lambda d, i, depth: 2 * d, lambda i: i == 9)


def by_a_list_of_each(dim: int, depth: int) -> nn.Module:
    kinds = ["odd" if i % 2 else "even" for i in range(depth)]

    def inner(d: int, i: int, depth: int) -> int:
        return 2 * d if kinds[i] == "odd" else d

    return Layers(dim, depth, inner)


def by_another_list(dim: int, depth: int) -> nn.Module:
    return Layers(dim, depth, lambda d, i, depth: OTHERS[i])


def growing(dim: int, depth: int) -> nn.Module:
    return Layers(dim, depth, lambda d, i, depth: d * (i + 1))


def nested(dim: int, depth: int, inner_depth: int) -> nn.Module:
    return nn.Sequential(*(plain(dim, inner_depth) for _ in range(depth)))


SIZES = {"dim": 16, "depth": 4}


def analysis_of(build: Callable[..., nn.Module], free: str = "dim, depth") -> Analysis:
    sizes = {**SIZES, **({"inner_depth": 3} if "inner_depth" in free else {})}
    return fxflops.analyze(build, "x: B S dim", free=free, defaults={**sizes, "B": 2, "S": 5})


def contraction(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """What the products of one call and the parameters come to, by hand: 2 * rows * weights."""
    rows = prod(shape[:-1])
    found = 0

    def add(linear: nn.Linear, args: object, result: object) -> None:
        nonlocal found
        found += 2 * rows * linear.weight.numel()

    for linear in (m for m in module.modules() if isinstance(m, nn.Linear)):
        linear.register_forward_hook(add)  # type: ignore[arg-type]
    module(torch.empty(shape))
    return found, sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("build", "least"),
    [
        (plain, 1),
        (last_apart, 1),
        (by_a_list_of_each, 2),
        (dense_first, 3),
        (every_sixth, 6),
        (tenth_twice, 10),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_layers(build: Callable[[int, int], nn.Module], least: int) -> None:
    analysis = analysis_of(build)
    assert analysis.unproven == ()
    assert analysis.report.uncounted_calls == 0
    draw = random.Random(7)
    depths = [least, least + 1, *(draw.randint(least, least + 30) for _ in range(3))]
    for depth in depths:
        sizes = {"dim": draw.randint(1, 30), "depth": depth, "B": 3, "S": draw.randint(1, 9)}
        here = fxflops.analyze(
            build(sizes["dim"], depth), f"x: {sizes['B']} {sizes['S']} {sizes['dim']}"
        )
        products, parameters = contraction(
            build(sizes["dim"], depth), (sizes["B"], sizes["S"], sizes["dim"])
        )
        assert analysis.at(**sizes) == here.at()
        assert analysis.at(**sizes).contraction == products
        answer = analysis.report.at(sizes)
        assert answer.quantity(analysis.parameters).value == parameters
        calls = {row.name: row.calls for row in answer.report.operators}
        assert calls == {row.name: row.calls for row in here.report.operators}
    if least > 1:
        with pytest.raises(fxflops.DomainError, match=f"depth must be at least {least}"):
            analysis.at(dim=8, depth=least - 1, B=2, S=3)


def test_formulas_are_those_of_the_layers() -> None:
    analysis = analysis_of(plain)
    assert str(analysis.formula("contraction")) == "8*B*S*depth*dim**2"
    assert [row.name for row in analysis.report.modules][:3] == ["", "blocks", "blocks.*"]
    # Two linear layers of each, 2 * dim wide inside, with biases.
    assert analysis.report.at({"dim": 7, "depth": 3, "B": 1, "S": 1}).quantity(
        analysis.parameters
    ).value == 3 * (2 * 7 * 14 + 14 + 7)


def test_depths_that_multiply() -> None:
    analysis = analysis_of(nested, "dim, depth, inner_depth")
    assert str(analysis.formula("contraction")) == "8*B*S*depth*dim**2*inner_depth"
    sizes = {"dim": 6, "depth": 5, "inner_depth": 7, "B": 2, "S": 3}
    assert analysis.at(**sizes) == fxflops.analyze(nested(6, 5, 7), "x: 2 3 6").at()


def test_a_list_with_other_entries_is_not_proved() -> None:
    analysis = analysis_of(by_another_list)
    assert len(analysis.unproven) == 1
    assert "Fitted at depth = 1; 2; 3; 4, not proved" in analysis.unproven[0]
    assert "test_derived.py" in analysis.unproven[0]


def test_layers_that_grow_are_refused() -> None:
    with pytest.raises(fxflops.CaptureError, match="does not repeat with depth"):
        analysis_of(growing)


def test_a_float_of_a_width_gives_no_size() -> None:
    class Rounded(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.scale = dim**-0.5
            self.product = nn.Linear(dim, int(100 * self.scale))

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.product(x * self.scale)
            return y

    with pytest.raises(fxflops.FxflopsError, match="has no closed form"):
        fxflops.analyze(Rounded, "x: B dim", free="dim", defaults={"dim": 16})


def test_training_of_layers() -> None:
    free = {"dim": "dim", "depth": "depth"}
    sizes = {**SIZES, "B": 2, "S": 5}
    analysis = fxflops.analyze(plain, "x: B S dim", free=free, defaults=sizes, train="adamw")
    here = fxflops.analyze(plain(9, 6), "x: 3 4 9", train="adamw")
    at = {"dim": 9, "depth": 6, "B": 3, "S": 4}
    values = analysis.values(at)
    assert analysis.at(**at) == here.at()
    assert analysis.training is not None
    assert here.training is not None
    for phase, cost in here.training.phases.items():
        assert analysis.training.phases[phase].at(values) == cost.at({})
    assert analysis.training.optimizer is not None
    assert here.training.optimizer is not None
    assert analysis.training.optimizer.step.at(values) == here.training.optimizer.step


def test_a_branch_on_two_sizes() -> None:
    class Projected(nn.Module):
        def __init__(self, dim: int = 8, out: int = 8) -> None:
            super().__init__()
            self.project = nn.Identity() if dim == out else nn.Linear(dim, out)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.project(x)
            return y

    equal = fxflops.analyze(Projected, "x: B dim", free="dim, out")
    assert "out == dim" in equal.domain.texts() or "dim == out" in equal.domain.texts()
    assert equal.at(dim=8, out=8, B=3).contraction == 0
    other = fxflops.analyze(Projected, "x: B dim", free="dim, out", defaults={"out": 5})
    assert other.at(dim=8, out=5, B=3).contraction == 2 * 3 * 8 * 5
    with pytest.raises(fxflops.DomainError):
        other.at(dim=8, out=8, B=3)


@pytest.mark.parametrize(
    ("model", "free", "said"),
    [
        (plain, "dims", "has no field 'dims'; did you mean dim"),
        (nn.Linear(2, 3), "in_features", "has no configuration and no constructor"),
        ("rtdetr_r18", "x=decoder.offset_scale", "decoder.offset_scale is 0.5, no whole number"),
        ("rtdetr_r18", "x=decoder.nothing", "decoder has no field 'nothing'"),
    ],
)
def test_refused(model: object, free: str, said: str) -> None:
    with pytest.raises(fxflops.FxflopsError, match=said):
        fxflops.analyze(model, "x: B dim", free=free)  # type: ignore[arg-type]


def test_the_reason_of_a_constructor_stands_below_its_first_line() -> None:
    built = 0

    def build(dim: int) -> nn.Module:
        nonlocal built
        built += 1
        if built > 1:
            raise ValueError("Class validation error:\n    ValueError: too many heads")
        return nn.Linear(dim, dim)

    with pytest.raises(fxflops.CaptureError, match="error: ValueError: too many heads"):
        fxflops.analyze(build, "x: B dim", free="dim", defaults={"dim": 16})


def test_a_size_that_the_model_compares_with_its_own_is_free_beside_it():
    """RT-DETR's fusion blocks have another graph where their width is that of the encoder, 256."""
    free = "Q=decoder.num_queries, d=encoder.hidden_dim%32, d=decoder.hidden_dim%32"
    analysis = fxflops.analyze("rtdetr_r50", free=f"{free}, D=decoder.num_layers")
    assert "d" not in analysis.defaults
    assert any("d !=" in text for text in analysis.domain.texts())
    own = models.find("rtdetr_r50").architecture()
    values = {"decoder.num_queries": 70, "encoder.hidden_dim": 96, "decoder.hidden_dim": 96}
    with torch.device("meta"):
        built = own.build({**values, "decoder.num_layers": 2})
    fixed = fxflops.analyze(built.eval(), "image: N 3 H%32 W%32")
    sizes = {"N": 2, "H": 320, "W": 416}
    assert analysis.at(Q=70, d=96, D=2, **sizes) == fixed.at(**sizes)
    with pytest.raises(fxflops.DomainError):
        analysis.at(Q=300, d=256, D=3, **sizes)
