"""``fxflops count MODEL --convention NAME``: the number that another tool would give."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from fxflops.cli.options import NEED_NO_SIZES, deliver, progress, require_tensor_sizes


def quoted(arguments: argparse.Namespace, at: Mapping[str, int]) -> int:
    """Count by the convention and print; the options are those of ``count``.

    Raises SpecError for a convention that there is not.
    """
    require_tensor_sizes(at, "--convention")
    with progress(f"Capturing {arguments.model} …"):
        from fxflops import conventions
        from fxflops.conventions.quote import quote
        from fxflops.conventions.quoted import document
        from fxflops.pipeline import analyze

        convention = conventions.find(arguments.convention)
        analysis = analyze(arguments.model, arguments.input, defaults=at, dtype=arguments.dtype)
        formula_suffices = arguments.symbolic or arguments.format in NEED_NO_SIZES
        known = analysis.defaults.keys() >= set(analysis.domain.names)
        quote_ = quote(
            arguments.model,
            analysis,
            convention,
            conventions.name_of(convention),
            None if formula_suffices and not known else at,
            dtype=arguments.dtype,
        )
    deliver(document(quote_, symbolic=arguments.symbolic), arguments)
    return 0
