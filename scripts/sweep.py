"""Counts the family, and hundreds of models that nobody prepared, and says of each what came of it.

    python scripts/sweep.py [--only SET …] [--results FILE] [--seconds S] [--again NAME …]

Each model runs in a process of its own with a limit of memory and of processor time, two at a time
unless ``--at-once`` says otherwise. What is
found goes to a file of JSON lines, one for each model; a model that is in it already is not run
again, so that a sweep that was stopped goes on. ``sweep.md`` beside it is made of all its lines.

The processes are multiprocessing's, not joblib's: one that takes too long, or more memory than its
limit, must end alone, and joblib gives up all of its workers when one is killed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sweep_models
from rich.console import Console
from rich.progress import Progress

RESULTS = Path(__file__).parents[1] / "docs" / "results"
AT_ONCE = 2
LARGEST = 10 * 2**30
"""Bytes of memory of one process."""

SHARED = 10
"""How much longer a process may take than its processor time, on a machine with other work."""

LOADED_FOR = {
    "rtdetr": "rtdetr",
    "torchvision": "torchvision",
    "detection": "torchvision",
    "timm": "timm",
    "transformers": "transformers",
    "architectures": "transformers",
    "diffusers": "torch",
    "ultralytics": "torch",
    "smp": "torch",
    "open_clip": "torch",
    "torchaudio": "torch",
}
Found = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sweep_models.SETS, default=sweep_models.SETS)
    parser.add_argument("--results", type=Path, default=RESULTS / "sweep.jsonl")
    parser.add_argument("--seconds", type=int, default=400, help="of processor time, for one model")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="models at a time")
    parser.add_argument("--again", nargs="*", default=[], help="models to count anew")
    parser.add_argument("--no-export", action="store_true", help="leave torch.export out")
    parser.add_argument("--failed", action="store_true", help="count anew what failed or differs")
    options = parser.parse_args()
    known = read(options.results)
    kept = {
        name: found
        for name, found in known.items()
        if name not in options.again
        and not (options.failed and found["set"] in options.only and not is_right(found))
    }
    write(options.results, kept)
    with tempfile.TemporaryDirectory() as folder:
        for of in options.only:
            waiting = {shown(n): n for n in sweep_models.names(of, Path(folder))}
            waiting = {short: name for short, name in waiting.items() if short not in kept}
            run(of, waiting, options)
    table = report(read(options.results))
    options.results.with_suffix(".md").write_text(table, encoding="utf-8")
    return 0


def shown(name: str) -> str:
    """A configuration file's name without its folder."""
    library, _, rest = name.partition(":")
    return f"{library}:{Path(rest).stem}" if rest.endswith(".json") else name


def read(path: Path) -> dict[str, Found]:
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {line["model"]: line for line in lines}


def write(path: Path, found: Mapping[str, Found]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in found.values()), encoding="utf-8")


def run(of: str, waiting: Mapping[str, str], options: argparse.Namespace) -> None:
    """Examine every model that waits, and append what is found to the file of results."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sweep_model", LOADED_FOR[of]])
    bar = Progress(*Progress.get_default_columns(), console=Console(stderr=True, soft_wrap=True))
    with bar:
        _run(of, waiting, context, options, bar)


def _run(
    of: str,
    waiting: Mapping[str, str],
    context: Any,
    options: argparse.Namespace,
    bar: Progress,
) -> None:
    longest = SHARED * options.seconds
    queue = list(waiting.items())
    running: dict[Connection, tuple[str, Any, float]] = {}
    task = bar.add_task(of, total=len(waiting))
    while queue or running:
        while queue and len(running) < options.at_once:
            short, name = queue.pop(0)
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=work, args=(name, sender, options))
            process.start()
            sender.close()
            running[receiver] = short, process, time.monotonic()
        ready = multiprocessing.connection.wait(list(running), timeout=1)
        late = [c for c, (_, _, since) in running.items() if time.monotonic() - since > longest]
        for receiver in {*ready, *late}:
            short, process, _ = running.pop(receiver)
            found = outcome(receiver, process, options.seconds)
            with options.results.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps({'model': short, 'set': of, **found})}\n")
            state = "right" if is_right(found) else found.get("why") or "differs"
            bar.print(f"{short}: {state[:150]}", markup=False, highlight=False)
            bar.advance(task)


def work(name: str, sender: Connection, options: argparse.Namespace) -> None:
    import sweep_model
    import torch

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # torch.export logs the graphs that it gives up
    resource.setrlimit(resource.RLIMIT_DATA, (LARGEST, LARGEST))
    resource.setrlimit(resource.RLIMIT_CPU, (options.seconds, options.seconds + 5))
    torch.set_num_threads(1)
    try:
        sender.send(sweep_model.examine(name, export=not options.no_export))
    except BaseException as error:
        sender.send({"captured": False, "why": f"{type(error).__name__}: {error}"[:400]})


def outcome(receiver: Connection, process: Any, seconds: int) -> Found:
    """What a process says, or how it ended."""
    found: Found = {"captured": False, "why": f"takes more than {seconds} s"}
    if receiver.poll():
        try:
            found = receiver.recv()
        except EOFError:
            process.join()
            if process.exitcode != -signal.SIGXCPU:
                found["why"] = f"the process ended with {process.exitcode}"
    process.kill()
    process.join()
    receiver.close()
    return found


def is_right(found: Found) -> bool:
    return bool(
        found["captured"]
        and not found["uncounted"]
        and found["compared"]
        and all(c["fxflops"] == c.get("FlopCounterMode") for c in found["compared"])
        and all(attempt.get("same", True) for attempt in found.get("exported", []))
    )


def report(found: Mapping[str, Found]) -> str:
    """The summary, and the models of which there is something to say."""
    lines = [
        "# The family, and models that nobody prepared",
        "",
        "Made by `python scripts/sweep.py`. `contraction` is held against FlopCounterMode on the",
        "meta device, at two sizes at which no model was traced, and at batch 1. What the tracer",
        "captures, torch.export is asked for, too, for two minutes: with the same free sizes, or",
        "else with the batch alone. *Same* are the closed forms of all quantities of every",
        "operator; where a model asks whether it is exported, and then runs otherwise, those of",
        "what it then runs.",
        "",
        "| set | run | captured | batch free | batch of 1 in the domain |"
        " height, width or length free | uncounted operators |"
        " held against FlopCounterMode | equal | wrong | median s |"
        " exported with all sizes | with the batch | same | of these, runs otherwise | differ |"
        " median s |",
        f"| --- |{' ---: |' * 16}",
    ]
    for of in sweep_models.SETS:
        rows = [row for row in found.values() if row["set"] == of]
        if rows:
            lines.append(summary(of, rows))
    lines += ["", "## What is not captured, not counted, or not equal", ""]
    lines += ["| model | what |", "| --- | --- |"]
    for row in sorted(
        found.values(), key=lambda row: (sweep_models.SETS.index(row["set"]), row["model"])
    ):
        lines += [f"| {row['model']} | {said} |" for said in remarks(row)]
    return "\n".join(lines) + "\n"


def summary(of: str, rows: Iterable[Found]) -> str:
    rows = list(rows)
    captured = [row for row in rows if row["captured"]]
    compared = [c for row in captured for c in row["compared"] if "FlopCounterMode" in c]
    equal = sum(c["fxflops"] == c["FlopCounterMode"] for c in compared)
    tried = [row.get("exported", []) for row in captured]
    exported = [attempts[-1] for attempts in tried if attempts and "same" in attempts[-1]]
    whole = sum(len(attempts) == 1 and "same" in attempts[0] for attempts in tried)
    same = sum(attempt["same"] for attempt in exported)
    cells = [
        of,
        len(rows),
        f"{len(captured)} ({100 * len(captured) / len(rows):.0f} %)",
        sum("N" in row["symbols"] for row in captured),
        sum(any(c["at"].get("N") == 1 for c in row["compared"]) for row in captured),
        sum(bool(set(row["symbols"]) - {"N"}) for row in captured),
        len({op for row in captured for op in row["uncounted"]}),
        len(compared),
        equal,
        len(compared) - equal,
        median(row["seconds"] for row in captured),
        whole,
        len(exported) - whole,
        same,
        sum(attempt["same"] and "asks" in attempt for attempt in exported),
        len(exported) - same,
        median(attempt["seconds"] for attempt in exported),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def median(seconds: Iterable[float]) -> str:
    of = list(seconds)
    return f"{statistics.median(of):.1f}" if of else ""


def remarks(row: Found) -> list[str]:
    if not row["captured"]:
        return [f"not captured: {plain(row['why'])}"]
    said = [f"uncounted: {', '.join(row['uncounted'])}"] if row["uncounted"] else []
    if not row["compared"]:
        said.append(f"held against nothing: no size was found inside the domain of {row['inputs']}")
    if not row["holds_at_default"]:
        said.append("the model's default size is outside the domain")
    for c in row["compared"]:
        at = ", ".join(f"{name}={size}" for name, size in c["at"].items())
        if "failed" in c:
            said.append(f"FlopCounterMode does not run at {at}: {plain(c['failed'])}")
        elif c["fxflops"] != c["FlopCounterMode"]:
            said.append(f"{c['fxflops']:,} is not {c['FlopCounterMode']:,} at {at}")
    for attempt in row.get("exported", []):
        if not attempt.get("same", True):
            of = ", ".join(attempt["differ"])
            said.append(f"torch.export gives other formulas of {attempt['inputs']}: {of}")
    return said


def plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:300]


if __name__ == "__main__":
    sys.exit(main())
