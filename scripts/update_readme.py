"""Writes the generated parts of the README: the formula, the published numbers, the check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import torch

import fxflops
from fxflops.closed_form import coefficients
from rtdetr.variants import build

README = Path(__file__).parents[1] / "README.md"
# GFLOPs at 640x640 as the RT-DETR repository's README gives them.
PUBLISHED = {"r18": 60, "r34": 92, "r50_m": 100, "r50": 136, "r101": 259}


def run(*words: str) -> str:
    command = [sys.executable, "-m", "fxflops", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def published() -> str:
    lines = [
        "| variant | parameters | published GFLOPs | contraction [GFLOP] | residual [GFLOP] "
        "| all FLOPs [GFLOP] | deployed, contraction [GFLOP] | a, b, c of the contraction |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, gflops in PUBLISHED.items():
        analysis = fxflops.analyze(f"rtdetr_{name}")
        cost = analysis.at()
        with torch.device("meta"):
            deployed = build(f"rtdetr_{name}").deploy()
        merged = fxflops.analyze(deployed, "image: N 3 H%32 W%32", defaults=analysis.defaults)
        abc = ", ".join(coefficients(analysis.total.contraction, ("N", "H", "W")).values())
        lines.append(
            f"| {name} | {analysis.parameters:,} | {gflops} | {cost.contraction / 1e9:.3f} "
            f"| {cost.contraction / 1e9 - gflops:+.3f} | {cost.flops / 1e9:.3f} "
            f"| {merged.at().contraction / 1e9:.3f} | {abc} |"
        )
    return "\n".join(lines)


def main() -> None:
    parts = {
        "formula": f"```text\n{run('rtdetr_r50', '--symbolic')}\n```",
        "published": published(),
        "check": run("check", "rtdetr_r50", "--format", "markdown").replace("### ", "#### "),
    }
    text = README.read_text(encoding="utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        text = re.sub(pattern, lambda _, p=f"{begin}\n{part}\n{end}": p, text, flags=re.DOTALL)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
