"""``fxflops solve MODEL "flops <= 100G" --for H=W``: the largest sizes inside a budget."""

from __future__ import annotations

import argparse

from fxflops.cli.count import add_request, reported, requested
from fxflops.cli.options import add_model, add_output, deliver, sizes
from fxflops.errors import SpecError
from fxflops.reports.files import require_writable

HELP = "The largest sizes at which conditions on the cost hold, in exact integers."
NOTHING_FITS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``solve``."""
    add_model(parser)
    parser.add_argument(
        "conditions",
        metavar="CONDITION",
        nargs="+",
        help='e.g. "flops <= 100G", "bytes < 2GB and parameters <= 30M"',
    )
    parser.add_argument(
        "--for",
        dest="unknowns",
        metavar="H=W",
        help="what to solve for: sizes that are equal, and a range if wanted, H=W=320:1280:32; "
        "several unknowns with a range each, N=1:64,H=W=320:1280, give the Pareto front",
    )
    goal = parser.add_mutually_exclusive_group()
    goal.add_argument(
        "--maximize", metavar="NAME", help="a size, metric or figure to have as much of as possible"
    )
    goal.add_argument(
        "--minimize", metavar="NAME", help="a size, metric or figure to have as little of"
    )
    add_request(parser)
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Solve, print, and return 1 if nothing fits."""
    at = sizes(arguments)
    require_writable(arguments.output)

    from fxflops.solving import solve
    from fxflops.solving.document import document
    from fxflops.solving.unknowns import parse

    if not arguments.unknowns:
        raise SpecError("There is nothing to solve for: give --for, for example --for H=W.")
    asked = parse(arguments.unknowns)
    report = reported(arguments, requested(arguments), at)
    solution = solve(
        report,
        arguments.conditions,
        asked,
        at,
        maximize=arguments.maximize,
        minimize=arguments.minimize,
    )
    deliver(document(solution), arguments)
    return 0 if solution else NOTHING_FITS
