"""The tables of RT-DETR's variants, and of training steps."""

from __future__ import annotations

from fractions import Fraction

import torch

import fxflops
from fxflops.algebra.closed_form import coefficients
from rtdetr.variants import VARIANTS, build

# GFLOPs at 640x640: the RT-DETR repository's README; for rtdetr_l and rtdetr_x arXiv:2304.08069.
PUBLISHED = {
    "rtdetr_r18": 60,
    "rtdetr_r34": 92,
    "rtdetr_r50_m": 100,
    "rtdetr_r50": 136,
    "rtdetr_r101": 259,
    "rtdetr_l": 110,
    "rtdetr_x": 234,
    "rtdetrv2_r18": 60,
    "rtdetrv2_r34": 92,
    "rtdetrv2_r50_m": 100,
    "rtdetrv2_r50": 136,
    "rtdetrv2_r101": 259,
}
COLUMNS = (
    "variant",
    "parameters",
    "contraction [GFLOP]",
    "FLOPs [GFLOP]",
    "deployed, contraction [GFLOP]",
    "deployed, FLOPs [GFLOP]",
    "a",
    "b",
    "c",
    "published [GFLOP]",
    "residual [GFLOP]",
    "residual [%]",
)
TRAINED = {
    "torchvision:resnet50": {"N": 1, "H": 224, "W": 224},
    "rtdetr_r50": {},
    "rtdetr_r50_training": {},
}
"""Models, and the sizes to train them at where these are not their own."""
PHASES = (
    "model",
    "at",
    "trained parameters",
    "forward [GFLOP]",
    "gradients of activations [GFLOP]",
    "gradients of weights [GFLOP]",
    "backward / forward",
    "all FLOPs [GFLOP]",
    "AdamW [GFLOP]",
)
ABC = ("N*H**2*W**2", "N*H*W", "N")


def table() -> str:
    """A row for each variant at 640x640, as built and as deployed."""
    rows = [COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 1)], *map(row, VARIANTS)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(variant: str) -> list[str]:
    analysis = fxflops.analyze(variant)
    with torch.device("meta"):
        merged = build(variant).deploy()
    deployed = fxflops.analyze(merged, analysis.inputs, defaults=analysis.defaults)
    assert analysis.complete
    assert deployed.complete
    by_monomial = coefficients(analysis.total.contraction, analysis.domain.names)
    assert set(by_monomial) == set(ABC), by_monomial
    costs = (analysis.at(), deployed.at())
    return [
        variant,
        f"{analysis.parameters:,}",
        *(giga(count) for cost in costs for count in (cost.contraction, cost.flops)),
        *(by_monomial[monomial] for monomial in ABC),
        *beside_published(variant, costs[0].contraction),
    ]


def training() -> str:
    """A row for each model's training step."""
    rows = [PHASES, ["---", "---", *["---:"] * (len(PHASES) - 2)]]
    rows += [trained(name, sizes) for name, sizes in TRAINED.items()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def trained(name: str, sizes: dict[str, int]) -> list[str]:
    analysis = fxflops.analyze(name, train="adamw")
    assert analysis.complete
    assert analysis.optimizer is not None
    values = analysis.values(sizes)
    costs = [cost.at(values) for cost in analysis.by_phase().values()]
    phases = [cost.contraction for cost in costs if isinstance(cost.contraction, int)]
    assert len(phases) == len(costs)
    at = {symbol.name: value * symbol.multiple for symbol, value in values.items()}
    return [
        name,
        ", ".join(f"{symbol}={size}" for symbol, size in at.items()),
        f"{analysis.trained:,}",
        *map(giga, phases),
        f"{sum(phases[1:]) / phases[0]:.3f}",
        giga(analysis.total.at(values).flops),
        giga(analysis.optimizer.step.flops),
    ]


def beside_published(variant: str, contraction: object) -> tuple[str, str, str]:
    """What was published, and the residual against it; dashes where nothing was."""
    if variant not in PUBLISHED:
        return "–", "–", "–"
    assert isinstance(contraction, int)
    theirs = PUBLISHED[variant] * 10**9
    residual = contraction - theirs
    percent = float(100 * Fraction(residual, theirs))
    return str(PUBLISHED[variant]), f"{residual / 1e9:+.3f}", f"{percent:+.2f}"


def giga(count: object) -> str:
    assert isinstance(count, int)
    return f"{count / 1e9:.3f}"
