"""``fxflops check MODEL``: static against measured."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

from fxflops.cli.options import (
    add_model,
    add_output,
    complain,
    deliver,
    positive,
    progress,
    require_tensor_sizes,
    sizes,
)
from fxflops.errors import SpecError
from fxflops.models import require
from fxflops.reports.files import require_writable

HELP = "Run a model under PyTorch's own counters and hold them against the formula, node by node."
MISMATCH = 1
# The profiler's C++ library writes its own news to stderr unless it is told not to.
QUIET_PROFILER = {"KINETO_LOG_LEVEL": "99"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``check``."""
    add_model(parser)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument("--repetitions", metavar="R", help="default: 3")
    parser.add_argument("--nodes", action="store_true", help="a table of every node, too")
    parser.add_argument(
        "--memory", action="store_true", help="the peak of memory instead, measured and derived"
    )
    parser.add_argument(
        "--threads", metavar="T", help="of the CPU, for --memory (default: PyTorch's own)"
    )
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, compare, print; return 1 if any number differs without being explained."""
    at = sizes(arguments)
    require_tensor_sizes(at, "check")
    repetitions = positive(arguments.repetitions or "3", "--repetitions")
    require_writable(arguments.output)
    if arguments.nodes and arguments.format == "json":
        raise SpecError("--format json has every node in any case: leave out --nodes.")
    if arguments.memory and (arguments.nodes or arguments.repetitions is not None):
        raise SpecError("check --memory has neither --nodes nor --repetitions: leave them out.")
    if arguments.threads is not None and not arguments.memory:
        raise SpecError("--threads are those that --memory is for: give --memory, too.")
    threads = None if arguments.threads is None else positive(arguments.threads, "--threads")
    for variable, value in QUIET_PROFILER.items():
        os.environ.setdefault(variable, value)

    require(arguments.model)
    if arguments.memory:
        return _memory(arguments, at, threads)
    with progress(f"Checking {arguments.model} …", verbose=arguments.verbose) as tell:
        from fxflops.crosscheck.checked import document
        from fxflops.crosscheck.run import check

        outcome = check(
            arguments.model,
            arguments.input,
            sizes=at,
            device=arguments.device,
            dtype=arguments.dtype,
            repetitions=repetitions,
            progress=tell,
        )
    deliver(document(outcome, nodes=arguments.nodes), arguments)
    for failure in outcome.failures:
        complain(failure)
    return 0 if outcome.passed else MISMATCH


def _memory(arguments: argparse.Namespace, at: Mapping[str, int], threads: int | None) -> int:
    """Return 1 if the peak is not the one derived."""
    doing = f"Deriving and measuring the memory of {arguments.model} …"
    with progress(doing, verbose=arguments.verbose):
        from fxflops.crosscheck.memory import check_memory, document

        outcome = check_memory(
            arguments.model,
            arguments.input,
            sizes=at,
            device=arguments.device,
            dtype=arguments.dtype,
            threads=threads,
        )
    deliver(document(outcome), arguments)
    return 0 if outcome.passed else MISMATCH
