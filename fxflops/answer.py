"""One question of a user, answered from the cache or anew: a model, and sizes to know its cost at.

An answer from the cache imports neither torch nor what imports it (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from fxflops import cache
from fxflops.cache import Request
from fxflops.errors import CaptureError, DomainError, SpecError
from fxflops.report import Report

if TYPE_CHECKING:
    from fxflops.analysis.records import Analysis
    from fxflops.models.named import NamedModel

LARGEST_TRACED = 2**31
MULTIPLE = 2**6 * 3**2 * 5 * 7 * 11 * 13


def answer(
    request: Request,
    sizes: Mapping[str, int],
    *,
    cached: bool = False,
    trust: bool = False,
    while_deriving: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Report:
    """The report that holds at ``sizes``, or in formulas alone where some are not given.

    With ``cached``, an answer kept before is used, and a new one is kept. ``trust`` is that of
    `fxflops.analyze`. ``while_deriving`` surrounds what takes time.

    Raises ModelError, SpecError, CaptureError, DomainError.
    """
    key = cache.Key(request) if cached else None
    report = cache.find(key, sizes) if key else None
    if report is None:
        from fxflops.models import require

        require(request.model)
        with while_deriving():
            report, packages = derive(request, sizes, trust=trust)
        if key:
            cache.keep(key, report, packages)
    return report


def at_one_size(request: Request, sizes: Mapping[str, int], *, trust: bool = False) -> Request:
    """The request for the model at ``sizes`` alone, or else its own, with no size left free.

    Raises SpecError for a size that is missing or that the model does not have, and DomainError for
    one that its spec excludes.
    """
    from fxflops.capture.prepare import symbol_of
    from fxflops.domain import Domain
    from fxflops.spec import EXAMPLE, parse

    named = _named(request, trust)
    spec = parse(request.inputs) if request.inputs else named.inputs
    if spec is None:
        raise SpecError(f"{named.name} has no default input: pass --input, for example {EXAMPLE}.")
    if request.past is not None:
        spec = spec.with_past(request.past)
    known = {**named.sizes(spec), **sizes}
    Domain(tuple(map(symbol_of, spec.axes)), fixed=named.fixed).values(known, named.name)
    free = {name: size for name, size in known.items() if name not in named.fixed}
    return request._replace(inputs=str(spec.fixed(free)), past=None)


def _named(request: Request, trust: bool) -> NamedModel:
    """The model, with the symbols asked for in the place of its own sizes."""
    from fxflops import models

    named = models.find(request.model, trust=trust)
    if request.free is None:
        return named
    from fxflops.architecture.freed import freed

    return freed(named, request.free)


def derive(
    request: Request, sizes: Mapping[str, int], *, trust: bool = False
) -> tuple[Report, tuple[str, ...]]:
    """The costs that hold at ``sizes``, and the packages that the model's code comes from.

    The model is captured at its own default sizes, so that the formulas are the same whatever
    sizes are asked; where their domain leaves ``sizes`` out, at these.

    Raises ModelError, SpecError, CaptureError, DomainError.
    """
    named = _named(request, trust)
    own = {n: _traceable(size) for n, size in sizes.items() if n not in named.defaults}
    analysis = _analysis(named, request, own)
    if sizes.keys() - own.keys():
        try:
            analysis.domain.values({**analysis.defaults, **sizes}, analysis.model)
        except DomainError as outside:
            hints = {name: _traceable(size) for name, size in sizes.items()}
            try:
                analysis = _analysis(named, request, hints)
            except DomainError:
                raise outside from None
            except CaptureError as error:
                raise DomainError(f"{outside} {error}") from error
    without = {axis.name for axis in analysis.inputs.axes} - analysis.defaults.keys() - own.keys()
    kept = {n: size for n, size in named.sizes(analysis.inputs).items() if n not in without}
    return analysis.report._replace(defaults=kept), analysis.packages


def _analysis(named: NamedModel, request: Request, hints: Mapping[str, int]) -> Analysis:
    from fxflops.models import python
    from fxflops.pipeline import analyze

    return analyze(
        named,
        request.inputs,
        defaults=hints,
        dtype=request.dtype,
        frontend=request.frontend,
        deploy=request.deploy,
        train=request.train,
        loss=python.loss(request.loss) if request.loss else None,
        past=request.past,
        causal=request.causal,
        figures=request.figures,
        threads=request.threads,
        device=request.device,
    )


def _traceable(size: int) -> int:
    """A size to trace with in the place of one that no tensor has, a multiple of the same numbers.

    Formulas are then evaluated at the size asked for, where their domain has it.
    """
    return size if size <= LARGEST_TRACED else MULTIPLE + size % MULTIPLE
