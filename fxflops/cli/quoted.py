"""``fxflops count MODEL --convention NAME``: the number that another tool would give."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from fxflops.cli.options import (
    NEED_NO_SIZES,
    complain,
    deliver,
    progress,
    require_tensor_sizes,
)
from fxflops.errors import SpecError

UNPROVEN = 1
REFUSED = {
    "train": "--convention counts a call of the model: leave out --train.",
    "loss": "--convention counts a call of the model: leave out --loss.",
    "deploy": "--convention counts the graph that the tool sees: leave out --deploy.",
    "depth": "--convention gives one number, without modules: leave out --depth.",
    "max": "--convention has no budgets: leave out --max.",
    "cache": "--convention keeps no answers: leave out --cache.",
}


def quoted(arguments: argparse.Namespace, at: Mapping[str, int]) -> int:
    """Count by the convention and print; the options are those of ``count``.

    Returns 1 if ``--strict`` finds the convention unproven for something in the model.

    Raises SpecError for a convention that there is not, and for options without effect.
    """
    _require_effect(arguments)
    require_tensor_sizes(at, "--convention")
    with progress(f"Capturing {arguments.model} …", verbose=arguments.verbose):
        from fxflops import conventions
        from fxflops.conventions.quote import quote
        from fxflops.conventions.quoted import document
        from fxflops.pipeline import analyze

        convention = conventions.find(arguments.convention)
        inputs = arguments.input
        if arguments.static:
            inputs, at = _at_one_size(arguments, at), {}
        analysis = analyze(
            arguments.model,
            inputs,
            defaults=at,
            dtype=arguments.dtype,
            frontend=arguments.frontend,
            trust=arguments.trust,
        )
        formula_suffices = arguments.symbolic or arguments.format in NEED_NO_SIZES
        known = analysis.defaults.keys() >= set(analysis.domain.names)
        quote_ = quote(
            arguments.model,
            analysis,
            convention,
            conventions.name_of(convention),
            None if formula_suffices and not known else at,
            dtype=arguments.dtype,
            trust=arguments.trust,
        )
    deliver(document(quote_, symbolic=arguments.symbolic), arguments)
    if arguments.strict and quote_.unproven:
        unproven = "; ".join(quote_.unproven)
        complain(f"the convention of {quote_.title} is not proven for {unproven} (--strict).")
        return UNPROVEN
    return 0


def _require_effect(arguments: argparse.Namespace) -> None:
    """Refuse what has no meaning for the number of another tool. Raises SpecError."""
    from fxflops.models import is_file

    for name, refusal in REFUSED.items():
        value = getattr(arguments, name)
        if value is not None and value is not False:
            raise SpecError(refusal)
    if arguments.trust and not is_file(arguments.model):
        raise SpecError(f"--trust is for a saved program, which {arguments.model} is not.")
    if arguments.frontend == "export":
        raise SpecError(
            "--convention counts calls of modules and functions, which torch.export does not "
            "show: leave out --frontend export."
        )
    if arguments.static and arguments.symbolic:
        raise SpecError("--static leaves no symbols for --symbolic to show. Give one of them.")


def _at_one_size(arguments: argparse.Namespace, at: Mapping[str, int]) -> str | None:
    """The input with every size fixed."""
    from fxflops.answer import at_one_size
    from fxflops.cache import Request

    request = Request(
        model=arguments.model,
        inputs=arguments.input,
        dtype=arguments.dtype,
        frontend=arguments.frontend,
        deploy=(),
        train=False,
        loss=None,
    )
    return at_one_size(request, at, trust=arguments.trust).inputs
