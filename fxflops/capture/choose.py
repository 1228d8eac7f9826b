"""Which front end captures a model, and with which of its input specs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from torch import nn

from fxflops.algebra import symbols_of
from fxflops.capture import Capture, trace
from fxflops.capture.data_sizes import DataSizes
from fxflops.capture.data_sizes.sizes import Keys
from fxflops.capture.prepare import hints
from fxflops.capture.proposal import Front, at_fixed_sizes, at_multiples
from fxflops.capture.result import Recapture
from fxflops.errors import CaptureError, SizeAsKeyError, SpecializationError, ValueNeededError
from fxflops.spec import Frontend, InputSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """One way to capture a model.

    ``name`` is what a user chooses it by. ``capture`` makes the graph, and ``recapture`` the same
    graph with sizes fixed, where that can be had sooner. It runs the model ``under`` a compiler, or
    eagerly for None, which `fxflops.capture.trace` has as a ``mode``. It is tried after failures of
    which one is of a type ``after``. One that is ``slow`` is tried last, when no multiple of the
    sizes works either; it is the oracle of the others, and what it says of a failure counts less.
    """

    name: str
    capture: Front
    recapture: Front
    under: str | None = None
    mode: trace.Mode = "eager"
    after: type[CaptureError] | tuple[type[CaptureError], ...] = CaptureError
    slow: bool = False

    def is_worth_trying(self, failures: Sequence[CaptureError]) -> bool:
        """Whether it may succeed after ``failures`` of the front ends before it."""
        so_far = partial_of(failures)
        if self.slow and so_far is not None and so_far.capture.data:
            return False  # it has no symbols for sizes that data decide
        return self.after is CaptureError or any(isinstance(e, self.after) for e in failures)


def _export(module: nn.Module, spec: InputSpec, sizes: Mapping[str, int]) -> Capture:
    from fxflops.capture import export  # takes long: it imports sympy and more

    return export.capture(module, spec, sizes)


def _traced(mode: trace.Mode, **options: Any) -> FrontEnd:
    capture = partial(trace.capture, mode=mode)
    return FrontEnd(name="trace", capture=capture, recapture=capture, mode=mode, **options)


FRONT_ENDS = (
    _traced("eager"),
    _traced("cast", after=(SpecializationError, ValueNeededError)),
    _traced("compiled", under="torch.compile"),
    FrontEnd(
        name="export",
        capture=_export,
        recapture=partial(trace.capture, mode="exported"),
        under="torch.export",
        mode="exported",
        slow=True,
    ),
)
"""In the order in which they are tried."""

CHOICES: tuple[Frontend, ...] = ("auto", "trace", "export")


def front_ends(choice: Frontend) -> tuple[FrontEnd, ...]:
    """Those that a user's choice has tried, in order."""
    return tuple(front for front in FRONT_ENDS if choice in ("auto", front.name))


NOT_EAGER = (
    "The graph is that of a call under {under}, where torch.compiler.is_compiling() is true"
    "{why}. An eager run may take other branches."
)


class Captured(NamedTuple):
    """A capture, the spec, sizes and mode it is of; how to capture the same with sizes fixed.

    ``again`` makes the same capture: of another model, where the front end builds one.
    """

    capture: Capture
    spec: InputSpec
    sizes: Mapping[str, int]
    recapture: Recapture
    mode: trace.Mode
    again: Callable[[], Capture]


def partial_of(failures: Sequence[CaptureError]) -> Captured | None:
    """What was captured up to where a value is needed, by the first front end that was so far."""
    found = (error.partial for error in failures if isinstance(error, ValueNeededError))
    return next((captured for captured in found if captured is not None), None)


def captures(
    module: nn.Module,
    proposed: Sequence[tuple[InputSpec, Mapping[str, int]]],
    fronts: Sequence[FrontEnd],
) -> Iterator[Captured | CaptureError]:
    """What comes of the specs that a model's source proposes, by the first front end that works."""
    failures: list[CaptureError] = []
    waiting = [(front, tuple(proposed)) for front in fronts]
    while waiting:
        front, specs = waiting.pop(0)
        works = False
        if not front.is_worth_trying(failures):
            continue
        for position, (spec, sizes) in enumerate(specs):
            try:
                captured = _captured(front, module, spec, sizes, failures)
            except CaptureError as error:
                failures.append(error)
                yield error
                if isinstance(error, SizeAsKeyError) and waiting:
                    # Another front end may leave out the look-up, rather than fix the size.
                    waiting.append((front, specs[position + 1 :]))
                    break
            else:
                works = True
                yield captured
        if works:
            return


def capture(
    module: nn.Module,
    spec: InputSpec,
    sizes: Mapping[str, int],
    fronts: Sequence[FrontEnd],
    *,
    is_users: bool,
) -> Captured:
    """The capture with a spec that the user chose.

    A size that the model's code fixes is an error at once where that code ``is_users``, who can
    change it; for a package's, it is one where every front end fixes it.

    Raises CaptureError where there is none, with a spec that works if one is found.
    """
    failures: list[CaptureError] = []
    for front in fronts:
        if not front.is_worth_trying(failures):
            continue
        if front.slow and failures:
            _require_no_multiple(module, spec, failures[0])
        try:
            return _captured(front, module, spec, sizes, failures)
        except CaptureError as error:
            is_reason = isinstance(error, SpecializationError) and not front.slow
            failures.insert(0 if is_reason else len(failures), error)
            if isinstance(error, SpecializationError) and is_users:
                break
    so_far = partial_of(failures)
    if so_far is not None:
        return so_far
    reason = failures[0]
    working = None if spec.hyper else at_fixed_sizes(module, spec, sizes, fronts[0].recapture)
    if working is None:
        raise reason
    raise type(reason)(f"{reason} It works with the input {str(working)!r}.") from reason


def _captured(
    front: FrontEnd,
    module: nn.Module,
    spec: InputSpec,
    sizes: Mapping[str, int],
    failures: Sequence[CaptureError],
) -> Captured:
    """The capture by ``front``, with a note where it is not of an eager run, and why it is not."""
    all_sizes = hints(spec, sizes)
    try:
        captured = front.capture(module, spec, all_sizes)
    except ValueNeededError as error:
        if error.partial is not None:
            error.partial = _recapturable(front, module, spec, sizes, error.partial)
        raise
    if front.under is not None:
        why = (
            f", since an eager run could not be captured: {str(failures[0])[:-1]}"
            if failures
            else ""
        )
        note = NOT_EAGER.format(under=front.under, why=why)
        captured = replace(captured, notes=(*captured.notes, note))
    return _recapturable(front, module, spec, sizes, captured)


def _recapturable(
    front: FrontEnd,
    module: nn.Module,
    spec: InputSpec,
    sizes: Mapping[str, int],
    captured: Capture,
) -> Captured:
    all_sizes = hints(spec, sizes)
    return Captured(
        capture=captured,
        spec=spec,
        sizes=sizes,
        recapture=partial(_recapture, front.recapture, module, spec, all_sizes, captured.data),
        mode=front.mode,
        again=partial(front.capture, module, spec, all_sizes),
    )


def _recapture(
    capture: Front,
    module: nn.Module,
    spec: InputSpec,
    sizes: Mapping[str, int],
    keys: Keys,
    fixed: Mapping[str, int],
) -> Capture | None:
    """The graph with some sizes fixed at their least, which often needs the others to be large.

    Those that data decide have the symbols of ``keys``, the first capture's. A model that runs
    otherwise at large sizes is captured at those of the first capture.
    """
    # A cache that is longer may be beyond a window that the one captured is within.
    past = getattr(spec.past, "name", None)
    wide = {name: size if name == past else 8 * size for name, size in sizes.items()}
    found: Capture | None = None
    of_data = {data_size.name for data_size in keys.values()}
    few = {name: size for name, size in fixed.items() if name in of_data}
    own = {name: size for name, size in fixed.items() if name not in of_data}
    for attempt in (wide, sizes) if own else (sizes,):
        options = {"data": DataSizes(keys, few)} if keys else {}
        try:
            captured = capture(module, spec.fixed(own), attempt, **options)
        except ValueNeededError as error:
            if error.partial is None:
                continue
            captured = error.partial
        except CaptureError:
            continue
        if _holds(captured, sizes):
            return captured
        found = found or captured
    return found


def _holds(captured: Capture, sizes: Mapping[str, int]) -> bool:
    """Whether all its guards hold at these sizes."""
    values = {
        symbol: sizes[symbol.name] // symbol.multiple
        for symbol in captured.domain.symbols
        if not symbol.is_data
    }
    try:
        return all(
            guard.holds(values)
            for guard in captured.guards
            if not any(symbol.is_data for symbol in symbols_of(guard.value))
        )
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
