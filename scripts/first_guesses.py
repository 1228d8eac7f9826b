"""What forty names that people type first are answered with: docs/results/first_guesses.md.

    python scripts/first_guesses.py

Each name is given to the command line as it is, in a process of its own, with no other argument and
an empty cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "first_guesses.md"
LONGEST = 600
"""Seconds for one of them."""

NAMES = (
    "resnet50",
    "resnet18",
    "torchvision:resnet50",
    "resnet18d",
    "vgg16",
    "mobilenet_v2",
    "efficientnet_b0",
    "convnext_tiny",
    "vit",
    "vit_b_16",
    "vit-base-patch16-224",
    "swin_t",
    "deit",
    "dino",
    "dinov2",
    "rtdetr",
    "rtdetr_r50",
    "PekingU/rtdetr_r50vd",
    "detr",
    "yolo",
    "yolov8n",
    "yolo11n",
    "fasterrcnn_resnet50_fpn",
    "sam",
    "unet",
    "smp:Unet-resnet18",
    "deeplabv3_resnet50",
    "clip",
    "ViT-B-32",
    "siglip",
    "bert",
    "bert-base-uncased",
    "BertModel",
    "gpt2",
    "GPT2LMHeadModel",
    "llama",
    "meta-llama/Llama-3.1-8B",
    "t5",
    "whisper",
    "diffusers:AutoencoderKL",
)


def main() -> int:
    rows = [row(name) for name in NAMES]
    answered = sum("| 0 |" in each for each in rows)
    text = [
        "# First guesses",
        "",
        "Made by `python scripts/first_guesses.py`: names that people type first, each given to",
        f"`fxflops` alone. {answered} of {len(rows)} are answered at once; the others are refused",
        "in one line that says what to type. No name is looked up in the network.",
        "",
        "| `fxflops …` | exit status | answer |",
        "| --- | ---: | --- |",
        *rows,
    ]
    RESULTS.write_text("\n".join(text) + "\n", encoding="utf-8")
    return 0


def row(name: str) -> str:
    """The name, the exit status, and the heading and the first line, or the line of the error."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XDG_CACHE_HOME": folder, "HF_HUB_CACHE": folder}
        done = subprocess.run(
            [sys.executable, "-m", "fxflops", name],
            capture_output=True,
            text=True,
            timeout=LONGEST,
            env=environment,
        )
    print(f"{name}: {done.returncode}, {time.perf_counter() - started:.1f} s", file=sys.stderr)
    lines = [line for line in (done.stdout or done.stderr).splitlines() if line.strip()]
    kept = lines[:2] if done.returncode == 0 else lines[-1:]
    said = ": ".join(" ".join(line.split()) for line in kept)
    answer = said.removeprefix("fxflops: ").replace("|", "\\|")
    return f"| `{name}` | {done.returncode} | {answer} |"


if __name__ == "__main__":
    sys.exit(main())
