"""Writes the generated parts of the README: formula, variants, training, check.

``--check`` writes nothing: it exits 1 if one of the first three is out of date.
The check's part is measured, and so is not compared.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import torch

import fxflops
from fxflops.algebra.closed_form import coefficients
from rtdetr.variants import VARIANTS, build

README = Path(__file__).parents[1] / "README.md"
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
COMPARED = ("formula", "variants", "training")
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    arguments = parser.parse_args()
    readme = README.read_text(encoding="utf-8")
    if parser.parse_args().check:
        stale = [name for name in COMPARED if part(readme, name) != PARTS[name]()]
        for name in stale:
            print(f"README.md: {name} is out of date: run {sys.argv[0]}", file=sys.stderr)
        return 1 if stale else 0
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    for name in arguments.parts or PARTS:
        readme = readme.replace(part(readme, name), PARTS[name]())
    README.write_text(readme, encoding="utf-8")
    return 0


def part(readme: str, name: str) -> str:
    """What stands between the markers of ``name``, which are included."""
    found = re.search(f"<!-- begin: {name} -->.*?<!-- end: {name} -->", readme, re.DOTALL)
    if found is None:
        sys.exit(f"README.md has no part {name!r} between markers.")
    return found[0]


def marked(name: str, text: str) -> str:
    return f"<!-- begin: {name} -->\n{text}\n<!-- end: {name} -->"


def run(*words: str) -> str:
    command = [sys.executable, "-m", "fxflops", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def formula() -> str:
    return marked("formula", f"```text\n{run('rtdetr_r50', '--symbolic', '--no-cache')}\n```")


def check() -> str:
    text = run("check", "rtdetr_r50", "--format", "markdown").replace("### ", "#### ")
    return marked("check", text)


def variants() -> str:
    rows = [COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 1)], *map(row, VARIANTS)]
    return marked("variants", "\n".join(f"| {' | '.join(cells)} |" for cells in rows))


def relatives() -> str:
    from relatives import table  # needs transformers, which the other parts do not

    return marked("relatives", table())


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
    rows = [PHASES, ["---", "---", *["---:"] * (len(PHASES) - 2)]]
    rows += [trained(name, sizes) for name, sizes in TRAINED.items()]
    return marked("training", "\n".join(f"| {' | '.join(cells)} |" for cells in rows))


def trained(name: str, sizes: dict[str, int]) -> list[str]:
    analysis = fxflops.analyze(name, train="adamw")
    assert analysis.complete
    assert analysis.optimizer is not None
    values = analysis.values(sizes)
    phases = [cost.at(values).contraction for cost in analysis.by_phase().values()]
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


PARTS = {
    "formula": formula,
    "variants": variants,
    "training": training,
    "relatives": relatives,
    "check": check,
}

if __name__ == "__main__":
    sys.exit(main())
