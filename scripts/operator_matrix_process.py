"""What one process of the operator matrix does: measure every case with one tool.

    python operator_matrix_process.py TOOL

It prints JSON: ``version``, and ``cases``, for each case's name ``{"total": …}`` in the tool's own
unit (of fxflops: its counters), or ``{"error": …}``. Each case runs in a fork, so that what a tool
leaves behind where it fails, such as replaced functions, does not reach the next one.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch
from operator_matrix_cases import CASES, Case

import fxflops
from fxflops.capture.prepare import failure, random_inputs
from fxflops.cost import COUNTERS
from fxflops.peers import tools
from fxflops.spec import parse


def main() -> None:
    name = sys.argv[1].replace("-", "_")
    if name == "fxflops":
        tool, known = None, {"version": fxflops.__version__}
    else:
        tool = import_module(f"{tools.__name__}.{name}")
        known = {"version": version(tool.DISTRIBUTION)}
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # for what tools print
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        jobs = [pool.apply_async(measured, (tool and tool.__name__, i)) for i in range(len(CASES))]
        cases = {case.name: job.get() for case, job in zip(CASES, jobs, strict=True)}
    json.dump(known | {"cases": cases}, answer)
    answer.close()


def measured(tool: str | None, number: int) -> dict[str, Any]:
    """What the tool of this module's name says of a case; without one, what fxflops says."""
    case = CASES[number]
    torch.manual_seed(0)
    try:
        return counters(case) if tool is None else {"total": total(tool, case)}
    except Exception as error:
        return {"error": failure(error)}


def total(tool: str, case: Case) -> int:
    with torch.no_grad(), contextlib.redirect_stderr(None):
        inputs = random_inputs(parse(case.inputs), {}, torch.float32)
        counted: int = import_module(tool).run(case.model(), inputs).total
        return counted


def counters(case: Case) -> dict[str, Any]:
    analysis = fxflops.analyze(case.model(), case.inputs)
    cost = analysis.at()
    return {name: getattr(cost, name) for name in COUNTERS} | {"complete": analysis.complete}


if __name__ == "__main__":
    main()
