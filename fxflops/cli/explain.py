"""``fxflops explain MODEL --against TOOL,…``: why another tool says another number."""

from __future__ import annotations

import argparse

from fxflops.cli.options import (
    add_model,
    add_output,
    complain,
    deliver,
    progress,
    require_tensor_sizes,
    sizes,
)
from fxflops.errors import SpecError
from fxflops.models import require
from fxflops.reports.files import require_writable

HELP = "Run other tools on a model and explain each number to the last FLOP."
UNEXPLAINED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``explain``."""
    add_model(parser)
    parser.add_argument(
        "--against",
        metavar="TOOL,…",
        required=True,
        help="torch.profiler, FlopCounterMode, fvcore, ptflops, ptflops-aten, thop, "
        "ultralytics-thop, calflops, torchinfo, torchprofile, or all",
    )
    parser.add_argument(
        "--python",
        metavar="[TOOL=]PATH",
        action="append",
        default=[],
        help="the Python that has the tools, or that has this one; may be given again",
    )
    parser.add_argument("--picture", metavar="FILE", help="also draw it there, as .png or .svg")
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, explain, print; return 1 if anything is left unexplained."""
    at = sizes(arguments)
    require_tensor_sizes(at, "explain")
    against = [name.strip() for name in arguments.against.split(",") if name.strip()]
    require_writable(arguments.output)
    require_writable(arguments.picture)
    if arguments.picture is not None:
        from fxflops.peers.waterfall_picture import require_drawable

        require_drawable(arguments.picture)

    require(arguments.model)
    with progress(f"Explaining {arguments.model} …", verbose=arguments.verbose) as tell:
        from fxflops.peers.explained import document
        from fxflops.peers.explanation import explain

        outcome = explain(
            arguments.model,
            arguments.input,
            against=against,
            sizes=at,
            dtype=arguments.dtype,
            pythons=_pythons(arguments.python),
            progress=tell,
        )
    deliver(document(outcome), arguments)
    if arguments.picture is not None:
        from fxflops.peers.waterfall_picture import draw

        draw(outcome, arguments.picture)
    for tool in outcome.missing:
        complain(tool.why)
    for failure in outcome.failures:
        complain(failure)
    return UNEXPLAINED if outcome.failures else 0


def _pythons(given: list[str]) -> dict[str, str]:
    """Interpreters by tool, ``""`` for those of no tool of their own."""
    chosen: dict[str, str] = {}
    for part in given:
        tool, equals, path = part.rpartition("=")
        if not path:
            raise SpecError(f"--python {part} is not of the form PATH or TOOL=PATH.")
        if chosen.setdefault(tool if equals else "", path) != path:
            raise SpecError(f"--python is given two paths for {tool or 'all tools'}. Give one.")
    return chosen
