"""``fxflops diff OLD NEW``: what one model costs more than another, and where."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from fxflops.cli.count import add_request, requested
from fxflops.cli.options import add_output, add_sizes, complain, deliver, progress, sizes
from fxflops.errors import SpecError
from fxflops.reports.files import require_writable

HELP = "What one model, revision or saved report costs more than another, module by module."
BEYOND = 1
OF_A_CAPTURE = ("input", "dtype", "deploy", "train", "past", "loss")
"""Options that say how a model is captured, which a saved report has been already."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``diff``."""
    for name in ("old", "new"):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help="a model's name, a report saved with --format json, or "
            "git:REV:package.module:callable",
        )
    add_sizes(parser)
    add_request(parser, cached=False)
    parser.add_argument(
        "--max-growth",
        metavar="GROWTH",
        help='exit 1 beyond it: 2%% (of FLOPs), or "flops=2%%, parameters=0%%"',
    )
    parser.add_argument(
        "--max", metavar="BUDGETS", help='exit 1 if NEW exceeds one: "flops=10G, parameters=30M"'
    )
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and return 1 where something grows by too much or is over its budget."""
    at = sizes(arguments)
    require_writable(arguments.output)
    for name in ("memory", "threads", "roofline"):
        if getattr(arguments, name):
            raise SpecError(f"diff compares no --{name}: leave it out.")

    from fxflops.comparing import sides
    from fxflops.comparing.growth import parse

    allowed = parse(arguments.max_growth) if arguments.max_growth is not None else ()
    names: Sequence[str] = (arguments.old, arguments.new)
    if all(map(sides.is_saved, names)):
        _require_effect(arguments)
    arguments.model = arguments.new
    request = requested(arguments)
    with progress(f"Capturing {' and '.join(names)} …", verbose=arguments.verbose):
        old, new = (
            sides.side(name, request._replace(model=name), at, trust=arguments.trust)
            for name in names
        )

    from fxflops.comparing.difference import difference
    from fxflops.comparing.document import document
    from fxflops.comparing.growth import beyond

    found = difference(old, new, at)
    grown = beyond(found, allowed)
    shown = document(found, grown)
    said = [growth.text for growth in grown]
    if arguments.max is not None:
        from fxflops.solving.budgets import budgets, overruns, with_budgets

        wanted = budgets(new.report, arguments.max)
        shown = with_budgets(shown, found.answers[1], wanted)
        said += [overrun.text for overrun in overruns(found.answers[1], wanted)]
    deliver(shown, arguments)
    for line in said:
        complain(f"{line}.")
    return BEYOND if said else 0


def _require_effect(arguments: argparse.Namespace) -> None:
    """Refuse, of two saved reports, what would capture a model otherwise."""
    for name in OF_A_CAPTURE:
        if getattr(arguments, name) is not None:
            raise SpecError(f"--{name} says how to capture a model, and both are saved reports.")
    if arguments.frontend != "auto" or arguments.trust:
        raise SpecError("--frontend and --trust are for models, and both are saved reports.")
