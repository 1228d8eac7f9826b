"""How long fxflops and its peers take: whole processes, in turn, on the same models.

    python scripts/benchmark.py [--models NAME …] [--repetitions R] [--many N]

Needs the extra ``peers`` (``pip install '.[peers]' timm``). It has no pass or fail: it writes
docs/results/benchmark.json, and the tables made from it. All processes of a repetition run one
after the other, in another order each time; figures are medians.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import generate

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "benchmark.json"
PROCESS = ROOT / "scripts" / "benchmark_process.py"
MODELS = ["rtdetr_r18", "rtdetr_r50", "torchvision:resnet50", "timm:convnext_tiny"]
PEERS = [
    "FlopCounterMode",
    "FlopCounterMode on meta",
    "fvcore",
    "ptflops",
    "ultralytics-thop",
    "calflops",
]
PACKAGES = ["torch", "torchvision", "timm", "fvcore", "ptflops", "ultralytics-thop", "calflops"]
SIZE = {"rtdetr_r18": "640x640", "rtdetr_r50": "640x640"}
USUAL_SIZE = "224x224"


def fxflops_words(model: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "fxflops", model, *more]


def floor_words(model: str) -> list[str]:
    """What every tool does first: imports of what the model is written with, and no more."""
    library, _, _ = model.rpartition(":")
    return [sys.executable, "-c", f"import torch, {library or 'rtdetr'}"]


def tool_words(tool: str, model: str, sizes: list[str]) -> list[str]:
    return [sys.executable, str(PROCESS), tool, model, *sizes]


def measure(words: list[str], cache: str) -> dict[str, Any]:
    """Wall and CPU seconds and peak MiB of a whole process, and what it printed last."""
    before = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        environment = {**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(ROOT)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the peers' modules are compiled, too
        process = subprocess.Popen(words, stdout=out, stderr=errors, cwd=ROOT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - before
        out.seek(0)
        errors.seek(0)
        printed, complaints = out.read().splitlines(), errors.read().splitlines()
    if process.returncode:
        return {"error": complaints[-1] if complaints else f"exit {process.returncode}"}
    measured = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime}
    measured["memory"] = usage.ru_maxrss / 1024
    if words[1] == str(PROCESS):
        measured |= json.loads(printed[-1])
    return measured


def many_sizes(model: str, count: int) -> list[str]:
    """That many sizes, multiples of 32, no two the same."""
    least = 320 if model.startswith("rtdetr") else 128
    pairs = [(least + 32 * i, least + 32 * j) for i in range(10) for j in range(count // 10 + 1)]
    return [f"{height}x{width}" for height, width in pairs[:count]]


def benchmark(model: str, repetitions: int, many: int, cache: str) -> dict[str, Any]:
    size = SIZE.get(model, USUAL_SIZE)
    asked = fxflops_words(model, "--size", size, "--batch", "1")
    one: dict[str, list[str]] = {
        "fxflops, cold": fxflops_words(model, "--symbolic", "--no-cache"),
        "fxflops, warm": asked,
        "fxflops": tool_words("fxflops", model, [size]),
        "imports alone": floor_words(model),
        **{peer: tool_words(peer, model, [size]) for peer in PEERS},
    }
    measure(asked, cache)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in one}
    for _ in range(repetitions):
        for name in random.sample(list(one), len(one)):
            if not any("error" in run for run in runs[name]):
                print(f"{model}: {name} …", file=sys.stderr)
                runs[name].append(measure(one[name], cache))
    tools = {name: summary(found) for name, found in runs.items()}
    # The fastest peer at many sizes is the one that computes nothing.
    sizes = many_sizes(model, many)
    for name in ("fxflops", "FlopCounterMode on meta"):
        print(f"{model}: {name}, {many} sizes …", file=sys.stderr)
        tools[name]["many"] = measure(tool_words(name, model, sizes), cache).get("wall")
    return {"model": model, "size": size, "many": many, "tools": tools}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure, or the error."""
    errors = [run["error"] for run in runs if "error" in run]
    if errors:
        return {"error": errors[0]}
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def ratios(found: dict[str, Any]) -> dict[str, float | None]:
    tools = found["tools"]
    fastest = min(tools[peer]["wall"] for peer in PEERS if "wall" in tools[peer])
    many = [tools[peer]["many"] for peer in PEERS if tools[peer].get("many")]
    return {
        "cold": tools["fxflops, cold"]["wall"] / fastest,
        "counting": tools["fxflops"]["counting"] / tools["FlopCounterMode on meta"]["counting"],
        "warm": tools["fxflops, warm"]["wall"] / fastest,
        "many": tools["fxflops"]["many"] / min(many) if many else None,
    }


def machine() -> dict[str, Any]:
    installed: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            installed[package] = None
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": installed,
    }


def as_markdown(results: dict[str, Any]) -> str:
    where = results["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in where["packages"].items() if v)
    lines = [
        f"{where['system']}, {where['cores']} cores, Python {where['python']}, {versions}; medians "
        f"of {results['repetitions']}. Whole processes, wall time, except *counting*: what follows "
        "the import of torch and the building of the model. A ratio is fxflops' time over that of "
        "the fastest peer (for *counting*, of FlopCounterMode on meta). *Imports alone* is a "
        "process that imports torch and the model's package, which no tool can do without.",
        "",
        "| model | | wall [s] | CPU [s] | memory [MiB] | counting [s] | sizes in one process |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for found in results["models"]:
        for name, tool in found["tools"].items():
            if "error" in tool:
                lines.append(f"| {found['model']} | {name} | fails: {tool['error'][:80]} | | | | |")
                continue
            counting = f"{tool['counting']:.2f}" if "counting" in tool else ""
            many = f"{found['many']} in {tool['many']:.1f} s" if tool.get("many") else ""
            lines.append(
                f"| {found['model']} | {name} | {tool['wall']:.2f} | {tool['cpu']:.2f} | "
                f"{tool['memory']:.0f} | {counting} | {many} |"
            )
    lines += [
        "",
        "| ratio | cold, a formula against one number | counting | warm | many sizes |",
        "| --- | --- | --- | --- | --- |",
    ]
    for found in results["models"]:
        r = {key: "" if value is None else f"{value:.3f}" for key, value in ratios(found).items()}
        lines.append(
            f"| {found['model']} | {r['cold']} | {r['counting']} | {r['warm']} | {r['many']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--many", type=int, default=100, help="sizes in one process")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        models = [
            benchmark(model, arguments.repetitions, arguments.many, cache)
            for model in arguments.models
        ]
    results = {"machine": machine(), "repetitions": arguments.repetitions, "models": models}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    generate.main(["--only", "benchmark", "tools"])
    print(as_markdown(results))


if __name__ == "__main__":
    main()
