"""One side of a comparison: a model by its name, a git revision of one, or a saved report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fxflops.cache.key import Request
from fxflops.cost import Cost
from fxflops.errors import DomainError
from fxflops.report import Report

GIT = "git:"
SAVED = ".json"


class Call(NamedTuple):
    """One operator call: its module, its source line, and its cost, None where it is uncounted."""

    op: str
    path: str
    where: str
    cost: Cost | None


class Side(NamedTuple):
    """A report under the name it was asked for; ``calls`` is None where only sums were saved."""

    name: str
    report: Report
    calls: tuple[Call, ...] | None = None


def is_saved(name: str) -> bool:
    """Whether the name is that of a saved report, and of no configuration of a library."""
    return name.endswith(SAVED) and not name.startswith(("hf:", GIT))


def side(name: str, request: Request, sizes: Mapping[str, int], *, trust: bool = False) -> Side:
    """The side that ``name`` says, captured as ``request`` asks for.

    Raises ModelError, SpecError, CaptureError, DomainError.
    """
    if is_saved(name):
        from fxflops.comparing.saved import read

        return Side(name, read(name))
    if name.startswith(GIT):
        from fxflops.comparing.revision import of_revision

        return of_revision(name, request, sizes, trust=trust)
    return analyzed(name, request, sizes, trust=trust)


def analyzed(name: str, request: Request, sizes: Mapping[str, int], *, trust: bool = False) -> Side:
    """The side of a model in this process, as `fxflops.answer.derive` captures it."""
    from fxflops import models
    from fxflops.models import python
    from fxflops.pipeline import analyze

    named = models.find(name, trust=trust)

    def captured(hints: Mapping[str, int]) -> Side:
        analysis = analyze(
            named,
            request.inputs,
            defaults=hints,
            dtype=request.dtype,
            frontend=request.frontend,
            deploy=request.deploy,
            train=request.train,
            loss=python.loss(request.loss) if request.loss else None,
            past=request.past,
        )
        calls = tuple(Call(str(n.op), n.path, n.where, n.cost) for n in analysis.nodes)
        defaults = named.sizes(analysis.inputs)
        return Side(name, analysis.report._replace(defaults=defaults), calls)

    own = {n: size for n, size in sizes.items() if n not in named.defaults}
    found = captured(own)
    try:
        if found.report.is_known_at(sizes):
            found.report.values(of_its_own(found.report, sizes))
    except DomainError:
        return captured(sizes)
    return found


def of_its_own(report: Report, sizes: Mapping[str, int]) -> dict[str, int]:
    """Those of the sizes that the report has."""
    names = {*report.domain.names, *report.domain.fixed}
    return {name: size for name, size in sizes.items() if name in names}
