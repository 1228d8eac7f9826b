"""What is derived for one question of a user: a model, and sizes to know its cost at."""

from __future__ import annotations

from collections.abc import Mapping

from fxflops import models
from fxflops.analysis.records import Analysis
from fxflops.cache import Request
from fxflops.capture.prepare import symbol_of
from fxflops.domain import Domain
from fxflops.errors import CaptureError, DomainError, SpecError
from fxflops.models import python
from fxflops.pipeline import analyze
from fxflops.report import Report
from fxflops.spec import EXAMPLE, parse

LARGEST_TRACED = 2**31
MULTIPLE = 2**6 * 3**2 * 5 * 7 * 11 * 13


def at_one_size(request: Request, sizes: Mapping[str, int], *, trust: bool = False) -> Request:
    """The request for the model at ``sizes`` alone, or else its own, with no size left free.

    Raises SpecError for a size that is missing or that the model does not have, and DomainError for
    one that its spec excludes.
    """
    named = models.find(request.model, trust=trust)
    spec = parse(request.inputs) if request.inputs else named.inputs
    if spec is None:
        raise SpecError(f"{named.name} says nothing of its input: give a spec like {EXAMPLE}.")
    known = {**named.sizes(spec), **sizes}
    Domain(tuple(map(symbol_of, spec.axes))).values(known, named.name)
    return request._replace(inputs=str(spec.fixed(known)))


def derive(
    request: Request, sizes: Mapping[str, int], *, trust: bool = False
) -> tuple[Report, tuple[str, ...]]:
    """The costs that hold at ``sizes``, and the packages that the model's code comes from.

    The model is captured at its own default sizes, so that the formulas are the same whatever
    sizes are asked; where their domain leaves ``sizes`` out, at these.

    Raises ModelError, SpecError, CaptureError, DomainError.
    """
    named = models.find(request.model, trust=trust)
    own = {n: _traceable(size) for n, size in sizes.items() if n not in named.defaults}
    analysis = _analysis(request, own, trust)
    if sizes.keys() - own.keys():
        try:
            analysis.domain.values({**analysis.defaults, **sizes}, analysis.model)
        except DomainError as outside:
            hints = {name: _traceable(size) for name, size in sizes.items()}
            try:
                analysis = _analysis(request, hints, trust)
            except DomainError:
                raise outside from None
            except CaptureError as error:
                raise DomainError(f"{outside} {error}") from error
    kept = named.sizes(analysis.inputs)
    return analysis.report._replace(defaults=kept), analysis.packages


def _traceable(size: int) -> int:
    """A size to trace with in the place of one that no tensor has, a multiple of the same numbers.

    Formulas are then evaluated at the size asked for, where their domain has it.
    """
    return size if size <= LARGEST_TRACED else MULTIPLE + size % MULTIPLE


def _analysis(request: Request, hints: Mapping[str, int], trust: bool) -> Analysis:
    return analyze(
        request.model,
        request.inputs,
        defaults=hints,
        dtype=request.dtype,
        frontend=request.frontend,
        deploy=request.deploy,
        trust=trust,
        train=request.train,
        loss=python.loss(request.loss) if request.loss else None,
    )
