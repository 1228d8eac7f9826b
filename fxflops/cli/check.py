"""``fxflops check MODEL``: static against measured."""

from __future__ import annotations

import argparse
import os

from fxflops.cli.options import (
    add_model,
    add_output,
    complain,
    deliver,
    positive,
    progress,
    refuse_assumed,
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
    parser.add_argument("--repetitions", metavar="R", default="3", help="default: 3")
    parser.add_argument("--nodes", action="store_true", help="a table of every node, too")
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, compare, print; return 1 if any number differs without being explained."""
    refuse_assumed(arguments, "a check reads what data decide in its run")
    at = sizes(arguments)
    require_tensor_sizes(at, "check")
    repetitions = positive(arguments.repetitions, "--repetitions")
    require_writable(arguments.output)
    if arguments.nodes and arguments.format == "json":
        raise SpecError("--format json has every node in any case: leave out --nodes.")
    for variable, value in QUIET_PROFILER.items():
        os.environ.setdefault(variable, value)

    require(arguments.model)
    with progress(f"Capturing and measuring {arguments.model} …"):
        from fxflops.crosscheck.checked import document
        from fxflops.crosscheck.run import check

        outcome = check(
            arguments.model,
            arguments.input,
            sizes=at,
            device=arguments.device,
            dtype=arguments.dtype,
            repetitions=repetitions,
        )
    deliver(document(outcome, nodes=arguments.nodes), arguments)
    for failure in outcome.failures:
        complain(failure)
    return 0 if outcome.passed else MISMATCH
