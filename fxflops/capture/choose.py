"""Which front end captures a model, and with which of its input specs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from torch import nn

from fxflops.capture import Capture, trace
from fxflops.capture.prepare import hints
from fxflops.capture.proposal import Front, at_fixed_sizes, at_multiples
from fxflops.capture.result import Recapture
from fxflops.errors import CaptureError, SpecializationError
from fxflops.spec import Frontend, InputSpec


def _export(module: nn.Module, spec: InputSpec, sizes: Mapping[str, int]) -> Capture:
    from fxflops.capture import export  # takes long: it imports sympy and more

    return export.capture(module, spec, sizes)


_cast: Front = partial(trace.capture, mode="cast")
_compiled: Front = partial(trace.capture, mode="compiled")
_exported: Front = partial(trace.capture, mode="exported")

FRONTS: Mapping[Frontend, tuple[Front, ...]] = {
    "auto": (trace.capture, _cast, _compiled, _export),
    "trace": (trace.capture, _cast, _compiled),
    "export": (_export,),
}
"""What is tried, in order."""

NOT_EAGER = (
    "The graph is that of a call under {of}, where torch.compiler.is_compiling() is true"
    "{why}. An eager run may take other branches."
)


class Captured(NamedTuple):
    """A capture, the spec and sizes it is of, and how to capture the same with sizes fixed."""

    capture: Capture
    spec: InputSpec
    sizes: Mapping[str, int]
    recapture: Recapture


def captures(
    module: nn.Module,
    proposed: Sequence[tuple[InputSpec, Mapping[str, int]]],
    fronts: Sequence[Front],
) -> Iterator[Captured | CaptureError]:
    """What comes of the specs that a model's source proposes, by the first front end that works."""
    failures: list[CaptureError] = []
    for front in fronts:
        works = False
        if front is _cast and not any(isinstance(e, SpecializationError) for e in failures):
            continue
        for spec, sizes in proposed:
            try:
                captured = _captured(front, module, spec, sizes, next(iter(failures), None))
            except CaptureError as error:
                failures.append(error)
                yield error
            else:
                works = True
                yield captured
        if works:
            return


def capture(
    module: nn.Module,
    spec: InputSpec,
    sizes: Mapping[str, int],
    fronts: Sequence[Front],
    *,
    is_users: bool,
) -> Captured:
    """The capture with a spec that the user chose.

    A size that the model's code fixes is an error at once where that code ``is_users``, who can
    change it; for a package's, it is one where every front end fixes it.

    Raises CaptureError where there is none, with a spec that works if one is found.
    """
    failure: CaptureError | None = None
    for front in fronts:
        if front is _export and failure is not None:
            _require_no_multiple(module, spec, failure)
        if front is _cast and not isinstance(failure, SpecializationError):
            continue
        try:
            return _captured(front, module, spec, sizes, failure)
        except CaptureError as error:
            is_reason = isinstance(error, SpecializationError) and front is not _export
            failure = error if failure is None or is_reason else failure
            if isinstance(error, SpecializationError) and is_users:
                break
    assert failure is not None
    working = at_fixed_sizes(module, spec, sizes, _recorder(fronts[0]))
    if working is None:
        raise failure
    raise type(failure)(f"{failure} It works with the input {str(working)!r}.") from failure


def _captured(
    front: Front,
    module: nn.Module,
    spec: InputSpec,
    sizes: Mapping[str, int],
    failure: CaptureError | None,
) -> Captured:
    """The capture by ``front``, with a note where it is not of an eager run, and why it is not."""
    all_sizes = hints(spec, sizes)
    captured = front(module, spec, all_sizes)
    if front in (_compiled, _export):
        why = f", since an eager run could not be captured: {str(failure)[:-1]}" if failure else ""
        of = "torch.compile" if front is _compiled else "torch.export"
        note = NOT_EAGER.format(of=of, why=why)
        captured = replace(captured, notes=(*captured.notes, note))
    return Captured(
        capture=captured,
        spec=spec,
        sizes=sizes,
        recapture=partial(_recapture, _recorder(front), module, spec, all_sizes),
    )


def _recorder(front: Front) -> Front:
    """``front``, or what gives the graph of `torch.export` sooner, where a size is fixed."""
    return _exported if front is _export else front


def _recapture(
    front: Front,
    module: nn.Module,
    spec: InputSpec,
    sizes: Mapping[str, int],
    fixed: Mapping[str, int],
) -> Capture | None:
    """The graph with some sizes fixed at their least, which often needs the others to be large.

    A model that runs otherwise at large sizes is captured at those of the first capture.
    """
    wide = {name: 8 * size for name, size in sizes.items()}
    found: Capture | None = None
    for attempt in (wide, sizes):
        try:
            captured = front(module, spec.fixed(fixed), attempt)
        except CaptureError:
            continue
        if _holds(captured, sizes):
            return captured
        found = found or captured
    return found


def _holds(captured: Capture, sizes: Mapping[str, int]) -> bool:
    """Whether all its guards hold at these sizes."""
    values = {symbol: sizes[symbol.name] // symbol.multiple for symbol in captured.domain.symbols}
    try:
        return all(guard.holds(values) for guard in captured.guards)
    except ZeroDivisionError:
        return False


def _require_no_multiple(module: nn.Module, spec: InputSpec, failure: CaptureError) -> None:
    """Raises CaptureError where the model runs at multiples only, which no front end changes."""
    coarser = at_multiples(module, spec, trace.capture)
    if coarser is not None:
        raise CaptureError(
            f"The model does not run at every size of {str(spec)!r}, but at multiples of "
            f"{coarser[0]}: give the input {str(coarser[1])!r}."
        ) from failure
