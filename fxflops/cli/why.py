"""``fxflops why MODEL PATH``: the formula of one call, or of each call of a module, spelled out."""

from __future__ import annotations

import argparse

from fxflops.cli.options import add_model, add_output, deliver, progress, sizes
from fxflops.models import require
from fxflops.reports.files import require_writable

HELP = "Why a call costs what it costs: its formula spelled out, the rule, its source, its line."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``why``."""
    add_model(parser)
    parser.add_argument(
        "path",
        metavar="PATH",
        help="a module, layer1.0.conv1, for all calls in it; or one call, conv2d_default_3",
    )
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Analyze, find the calls, print their formulas."""
    at = sizes(arguments)
    require_writable(arguments.output)
    require(arguments.model)
    with progress(f"Capturing {arguments.model} …", verbose=arguments.verbose):
        from fxflops.analysis.why import document
        from fxflops.pipeline import analyze

        analysis = analyze(arguments.model, arguments.input, defaults=at, dtype=arguments.dtype)
        found = document(analysis, arguments.path, at)
    deliver(found, arguments)
    return 0
