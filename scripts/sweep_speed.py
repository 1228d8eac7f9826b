"""Measure how fast a sweep is: models per second, and evaluations per second per core.

    python scripts/sweep_speed.py

Writes docs/results/sweep_speed.json, from which `generate.py` makes the page beside it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "sweep_speed.json"
PATTERNS = ("torchvision:resnet*", "torchvision:regnet_x_*", "torchvision:densenet*")
EVALUATED = 10**6
REPEATED = 7
EMPTY_TASKS = 300


def main() -> int:
    found = {
        "torch": _torch(),
        "models": _models(),
        "evaluations": _evaluations(),
        "overhead": _overhead(),
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


def _torch() -> str:
    import torch

    return str(torch.__version__)


def _models() -> list[dict[str, Any]]:
    """A sweep with an empty cache, by numbers of workers."""
    found = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "sweep.jsonl"
            command = [sys.executable, "-m", "fxflops", "sweep", *PATTERNS, "--at"]
            command += ["H=W=224:448:32", "-o", str(output), "--workers", str(workers)]
            started = time.perf_counter()
            environment = {**_environment(), "XDG_CACHE_HOME": folder}
            subprocess.run(command, check=True, capture_output=True, env=environment)
            seconds = time.perf_counter() - started
            rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
        models = {row["model"] for row in rows if row["status"] == "done"}
        found.append({"workers": workers, "models": len(models), "seconds": seconds})
    return found


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "OMP_NUM_THREADS": "1"}


def _evaluations() -> dict[str, Any]:
    """One formula at a million sizes, on one core."""
    import numpy as np

    import fxflops

    analysis = fxflops.analyze("rtdetr_r50")
    sizes = 32 * np.arange(10, 10 + 1000)
    heights, widths = (axis.ravel() for axis in np.meshgrid(sizes, sizes))
    times = []
    for _ in range(REPEATED):
        started = time.perf_counter()
        values = analysis.evaluate("flops", N=1, H=heights, W=widths)
        times.append(time.perf_counter() - started)
    assert len(values) == EVALUATED
    return {"count": EVALUATED, "seconds": statistics.median(times), "dtype": str(values.dtype)}


def _overhead() -> dict[str, Any]:
    """What the scheduler takes for a task that does nothing, with two workers."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.gather([client.submit(abs, n, pure=False) for n in range(20)])
        started = time.perf_counter()
        client.gather([client.submit(abs, n, pure=False) for n in range(EMPTY_TASKS)])
        seconds = time.perf_counter() - started
    return {"tasks": EMPTY_TASKS, "seconds": seconds}


def report(found: dict[str, Any]) -> str:
    """The page."""
    one, two = found["models"]
    per_second = [run["models"] / run["seconds"] for run in (one, two)]
    evaluated, overhead = found["evaluations"], found["overhead"]
    per_task = overhead["seconds"] / overhead["tasks"]
    per_model = one["seconds"] / one["models"]
    derive = 10**6 * per_model / 1000
    schedule = 10**6 * per_task
    rows = [
        f"| {run['workers']} | {run['models']} | {run['seconds']:.1f} | {rate:.2f} |"
        for run, rate in zip((one, two), per_second, strict=True)
    ]
    rate = evaluated["count"] / evaluated["seconds"]
    lines = [
        "# How fast a sweep is",
        "",
        f"Measured by `python scripts/sweep_speed.py` with torch {found['torch']}, on two cores",
        "that other processes used at the same time: an idle machine is faster.",
        "",
        f"`{' '.join(PATTERNS)}` at eight sizes, with an empty cache, the start of the processes",
        "included:",
        "",
        "| workers | models | seconds | models per second |",
        "| ---: | ---: | ---: | ---: |",
        *rows,
        "",
        f"The FLOPs of rtdetr_r50 at {evaluated['count']:,} sizes take "
        f"{1000 * evaluated['seconds']:.0f} ms on one core, in {evaluated['dtype']}:",
        f"{rate:.3g} evaluations per second.",
        "",
        f"A task that does nothing takes {1000 * per_task:.2f} ms of the scheduler's time.",
        "On paper, 10⁶ configurations that each need a formula of their own on 1,000 workers need",
        f"{derive / 60:.0f} min of the workers, at {per_model:.2f} s for each, and "
        f"{schedule / 60:.0f} min of the one",
        f"scheduler: {max(derive, schedule) / 60:.0f} min, the larger of the two. Nobody has "
        "measured that.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
