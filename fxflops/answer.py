"""What is derived for one question of a user: a model, and sizes to know its cost at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fxflops import models
from fxflops.cache import Request
from fxflops.errors import DomainError
from fxflops.ledger import Ledger, ledger
from fxflops.pipeline import analyze
from fxflops.records import Analysis


def derive(request: Request, sizes: Mapping[str, int]) -> tuple[Ledger, tuple[str, ...]]:
    """The costs that hold at ``sizes``, and the packages that the model's code comes from.

    The model is captured at its own default sizes, so that the formulas are the same whatever
    sizes are asked; where their domain leaves ``sizes`` out, at these.

    Raises ModelError, SpecError, CaptureError, DomainError.
    """
    named = models.find(request.model)
    own = {name: size for name, size in sizes.items() if name not in named.defaults}
    analysis = _analysis(request, own)
    if sizes.keys() - own.keys():
        try:
            analysis.domain.values({**analysis.defaults, **sizes}, analysis.model)
        except DomainError:
            analysis = _analysis(request, sizes)
    kept = {name: named.defaults[name] for name in analysis.defaults if name in named.defaults}
    return replace(ledger(analysis), defaults=kept), analysis.packages


def _analysis(request: Request, hints: Mapping[str, int]) -> Analysis:
    return analyze(
        request.model,
        request.inputs,
        defaults=hints,
        dtype=request.dtype,
        frontend=request.frontend,
        deploy=request.deploy,
    )
