"""Compose random small modules, and hold four counts of each against each other.

python scripts/fuzz.py --seeds 0:10000 --log fuzz.jsonl
python scripts/fuzz.py --seeds 17        what this module is, and what differs
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.fuzz.grammar import program
from tests.fuzz.judge import Verdict, judge, kind
from tests.fuzz.program import Program
from tests.fuzz.shrink import shrunk


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0:200", help="a seed, or the first and the last + 1")
    parser.add_argument("--log", type=Path, help="where a line for each module goes")
    parser.add_argument("--no-shrink", action="store_true", help="print modules as they are")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition(":")
    seeds = range(int(first), int(last) if last else int(first) + 1)
    total: Counter[str] = Counter()
    started = time.monotonic()
    for seed in seeds:
        composed = program(seed)
        if not last:
            print(composed.inputs, composed.source, sep="\n")
        verdict = judge(composed, seed)
        total.update(modules=1, differing=bool(verdict.differences), **verdict.compared)
        total.update(refused=len(verdict.refused))
        if arguments.log:
            with arguments.log.open("a") as log:
                log.write(json.dumps(_line(seed, verdict)) + "\n")
        if not last:
            print(*verdict.refused, *verdict.outside, dict(verdict.unproven), sep="\n")
        if verdict.differences:
            _show(seed, composed, verdict, shrink=not arguments.no_shrink)
    print(f"seeds {arguments.seeds}: {dict(total)}, {time.monotonic() - started:.0f} s")
    return 1 if total["differing"] else 0


def _line(seed: int, verdict: Verdict) -> dict[str, Any]:
    return {
        "seed": seed,
        "differences": verdict.differences,
        "refused": verdict.refused,
        "outside": verdict.outside,
        "unproven": dict(verdict.unproven),
        "compared": dict(verdict.compared),
    }


def _show(seed: int, composed: Program, verdict: Verdict, *, shrink: bool) -> None:
    """Print a module that shows the first difference, as small as one is found."""
    wanted = kind(verdict.differences[0])
    only = wanted.partition(" ")[0].strip(":")

    def fails(smaller: Program) -> bool:
        try:
            return any(kind(d) == wanted for d in judge(smaller, seed, only).differences)
        except Exception:
            return False

    if shrink:
        composed = shrunk(composed, fails)
    print(f"seed {seed}, shrunk: {composed.inputs!r}", composed.source, sep="\n")
    print(*judge(composed, seed, only).differences[:4], sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
