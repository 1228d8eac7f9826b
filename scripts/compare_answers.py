"""Hold the answers of two checkouts against each other, number by number.

    python scripts/compare_answers.py collect before --checkout ../before
    python scripts/compare_answers.py collect after
    python scripts/compare_answers.py compare before after

``collect`` asks each question in a process of its own, without the cache, and writes what it prints
as JSON; a question that has its file already is not asked again. ``compare`` lists every value that
differs and exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sweep_models

HERE = Path(__file__).resolve().parents[1]
TORCHVISION = (
    "alexnet convnext_tiny deeplabv3_resnet50 densenet121 efficientnet_b0 efficientnet_v2_s "
    "fcn_resnet50 googlenet inception_v3 lraspp_mobilenet_v3_large maxvit_t mnasnet0_5 "
    "mobilenet_v2 mobilenet_v3_small r3d_18 raft_small regnet_x_400mf resnet50 resnext50_32x4d "
    "shufflenet_v2_x0_5 squeezenet1_0 swin_t swin_v2_t swin3d_t vgg11 vit_b_16 wide_resnet50_2"
)
TIMM = (
    "beit_base_patch16_224 cait_xxs24_224 coat_tiny convmixer_768_32 deit3_small_patch16_224 "
    "edgenext_xx_small efficientformer_l1 eva02_tiny_patch14_224 levit_128 mixer_s16_224 "
    "mobilevit_xxs vit_tiny_patch16_224 xcit_nano_12_p16_224"
)
TRANSFORMERS = (
    "BertForMaskedLM CLIPModel ConvNextForImageClassification DeformableDetrForObjectDetection "
    "Dinov2Model GPT2LMHeadModel LlamaForCausalLM MixtralForCausalLM RTDetrForObjectDetection "
    "SegformerForSemanticSegmentation SwinModel T5ForConditionalGeneration Wav2Vec2Model "
    "YolosForObjectDetection"
)
FURTHER = (
    ("rtdetr_r18", "--deploy"),
    ("rtdetr_r50", "--deploy"),
    ("rtdetrv2_r18", "--deploy=hoist"),
    ("torchvision:resnet50", "--deploy"),
    ("torchvision:resnet50", "--static", "--batch", "3"),
    ("rtdetr_r18", "--train"),
    ("torchvision:resnet50", "--train=adamw"),
    ("torchvision:vit_b_16", "--train", "--batch", "2"),
    ("timm:vit_tiny_patch16_224", "--train=sgd"),
    ("rtdetr_r18", "--dtype", "bfloat16"),
    ("rtdetr_r18", "--frontend", "export"),
    ("rtdetr_r18", "--convention", "fvcore"),
    ("torchvision:swin_t", "--convention", "calflops"),
    ("check", "torchvision:resnet18", "--size", "64x96"),
    ("check", "timm:vit_tiny_patch16_224", "--batch", "2"),
    ("explain", "torchvision:resnet18", "--against", "fvcore,torchinfo", "--size", "64x96"),
)
MEASURED = re.compile(r"\.(seconds|rate|version|versions|median|spread)\b|\.answer\.model$")
"""Keys whose values are not the same in two runs; a configuration's name is its path."""


def questions(folder: Path) -> Iterator[tuple[str, ...]]:
    """The words of each question."""
    yield from ((name,) for name in sweep_models.names("rtdetr", folder))
    yield from ((f"torchvision:{name}",) for name in TORCHVISION.split())
    yield from ((f"timm:{name}",) for name in TIMM.split())
    configurations = sweep_models.names("transformers", folder)
    wanted = TRANSFORMERS.split()
    yield from ((c,) for c in configurations if Path(c).stem in wanted)
    yield from FURTHER


def collect(folder: Path, checkout: Path, jobs: int, seconds: int) -> None:
    """Ask every question that has no file yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as configurations:
        waiting = list(questions(Path(configurations)))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for words in pool.map(lambda words: _ask(words, folder, checkout, seconds), waiting):
                print(" ".join(words), flush=True)


def _ask(words: tuple[str, ...], folder: Path, checkout: Path, seconds: int) -> tuple[str, ...]:
    shown = [Path(word).name if os.sep in word else word for word in words]
    path = folder / (re.sub(r"[^\w.=-]+", "_", "_".join(shown)) + ".json")
    if path.exists():
        return words
    kept = [] if words[0] in ("check", "explain") or "--convention" in words else ["--no-cache"]
    command = [sys.executable, "-m", "fxflops", *words, "--format", "json", *kept]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    try:
        done = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=seconds
        )
        answer = json.loads(done.stdout) if done.stdout else {}
        found = {"status": done.returncode, "answer": answer, "says": done.stderr.strip()}
    except subprocess.TimeoutExpired:
        found = {"status": None, "answer": {}, "says": f"over {seconds} s"}
    path.write_text(json.dumps(found, indent=1))
    return words


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Every value that is not the same, with the path to it."""
    if MEASURED.search(where):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            if key not in before:
                yield f"{where}.{key}: new"
            elif key not in after:
                yield f"{where}.{key}: gone, was {_short(before[key])}"
            else:
                yield from differences(before[key], after[key], f"{where}.{key}")
    elif isinstance(before, list) and isinstance(after, list):
        yield from differences(_by_name(before), _by_name(after), where)
    elif before != after:
        yield f"{where}: {_short(before)} -> {_short(after)}"


def _by_name(items: list[Any]) -> dict[str, Any]:
    """The items of a list by what tells them apart, or else by their position."""
    named: dict[str, Any] = {}
    for position, item in enumerate(items):
        keys = ("path", "op", "pass", "name", "tool") if isinstance(item, dict) else ()
        name = next((str(item[key]) for key in keys if key in item), str(position))
        while name in named:
            name += "'"
        named[name] = item
    return named


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:157]}..."


def compare(before: Path, after: Path, most: int) -> int:
    """Print what differs; the number of answers in which something does."""
    names = sorted({path.name for folder in (before, after) for path in folder.glob("*.json")})
    changed = 0
    for name in names:
        missing = [folder for folder in (before, after) if not (folder / name).exists()]
        if missing:
            print(f"{name}: not in {missing[0]}")
            changed += 1
            continue
        one, other = (json.loads((folder / name).read_text()) for folder in (before, after))
        found = list(differences(one, other))
        if found:
            changed += 1
            print(f"{name}: {len(found)} differences")
            print("\n".join(f"    {line}" for line in found[:most]))
            if len(found) > most:
                print(f"    and {len(found) - most} more")
    print(f"{len(names)} answers, {changed} differ")
    return changed


def main() -> int:
    """Collect, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    asked = commands.add_parser("collect")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--checkout", type=Path, default=HERE)
    asked.add_argument("--jobs", type=int, default=1)
    asked.add_argument("--seconds", type=int, default=300)
    compared = commands.add_parser("compare")
    compared.add_argument("before", type=Path)
    compared.add_argument("after", type=Path)
    compared.add_argument("--most", type=int, default=12)
    arguments = parser.parse_args()
    if arguments.command == "compare":
        return 1 if compare(arguments.before, arguments.after, arguments.most) else 0
    checkout = arguments.checkout.resolve()
    collect(arguments.folder.resolve(), checkout, arguments.jobs, arguments.seconds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
