"""``fxflops count MODEL --convention NAME``: the number that another tool would give."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from fxflops.cli.options import deliver, progress
from fxflops.errors import SpecError

FORMATS = ("table", "markdown", "json")


def quoted(arguments: argparse.Namespace, at: Mapping[str, int]) -> int:
    """Count by the convention and print; the options are those of ``count``.

    Raises SpecError for a convention or a format that there is not.
    """
    if arguments.format not in FORMATS:
        raise SpecError(f"--convention has no --format {arguments.format}: {', '.join(FORMATS)}.")

    with progress(f"Capturing {arguments.model} …"):
        from fxflops import conventions
        from fxflops.conventions.quote import quote
        from fxflops.pipeline import analyze
        from fxflops.reports.quoted import render

        convention = conventions.find(arguments.convention)
        analysis = analyze(arguments.model, arguments.input, defaults=at, dtype=arguments.dtype)
        formula_suffices = arguments.symbolic or arguments.format == "json"
        known = analysis.defaults.keys() >= set(analysis.domain.names)
        quote_ = quote(
            arguments.model,
            analysis,
            convention,
            conventions.name_of(convention),
            None if formula_suffices and not known else at,
            dtype=arguments.dtype,
        )
    deliver(render(quote_, arguments.format, symbolic=arguments.symbolic), arguments.output)
    return 0
