"""Writes the generated parts of the README: the formula, the published numbers, the check.

``--check`` writes nothing: it exits 1 if the formula or the published numbers are out of date.
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
from fxflops.closed_form import coefficients
from rtdetr.variants import build

README = Path(__file__).parents[1] / "README.md"
INPUTS = "image: N 3 H%32 W%32"
# GFLOPs at 640x640 as the RT-DETR repository's README gives them.
PUBLISHED = {"r18": 60, "r34": 92, "r50_m": 100, "r50": 136, "r101": 259}
COLUMNS = (
    "variant",
    "parameters",
    "published [GFLOP]",
    "contraction [GFLOP]",
    "residual [GFLOP]",
    "residual [%]",
    "FLOPs [GFLOP]",
    "MACs [GMAC]",
    "deployed, contraction [GFLOP]",
    "a",
    "b",
    "c",
)
ABC = ("N*H**2*W**2", "N*H*W", "N")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    readme = README.read_text(encoding="utf-8")
    if parser.parse_args().check:
        stale = [name for name in ("formula", "published") if part(readme, name) != PARTS[name]()]
        for name in stale:
            print(f"README.md: {name} is out of date: run {sys.argv[0]}", file=sys.stderr)
        return 1 if stale else 0
    for name, generate in PARTS.items():
        readme = readme.replace(part(readme, name), generate())
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
    return marked("formula", f"```text\n{run('rtdetr_r50', '--symbolic')}\n```")


def check() -> str:
    text = run("check", "rtdetr_r50", "--format", "markdown").replace("### ", "#### ")
    return marked("check", text)


def published() -> str:
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(row, PUBLISHED)]
    return marked("published", "\n".join(f"| {' | '.join(cells)} |" for cells in rows))


def row(variant: str) -> list[str]:
    analysis = fxflops.analyze(f"rtdetr_{variant}")
    cost, theirs = analysis.at(), PUBLISHED[variant] * 10**9
    with torch.device("meta"):
        merged = build(f"rtdetr_{variant}").deploy()
    deployed = fxflops.analyze(merged, INPUTS, defaults=analysis.defaults).at()
    by_monomial = coefficients(analysis.total.contraction, analysis.domain.names)
    assert set(by_monomial) == set(ABC), by_monomial
    assert isinstance(cost.contraction, int)
    residual = cost.contraction - theirs
    return [
        variant,
        f"{analysis.parameters:,}",
        str(PUBLISHED[variant]),
        giga(cost.contraction),
        f"{residual / 1e9:+.3f}",
        f"{float(100 * Fraction(residual, theirs)):+.2f}",
        giga(cost.flops),
        giga(cost.macs),
        giga(deployed.contraction),
        *(by_monomial[monomial] for monomial in ABC),
    ]


def giga(count: object) -> str:
    assert isinstance(count, int)
    return f"{count / 1e9:.3f}"


PARTS = {"formula": formula, "published": published, "check": check}

if __name__ == "__main__":
    sys.exit(main())
