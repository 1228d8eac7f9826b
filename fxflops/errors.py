"""Everything a user can do wrong, as one tree.

    FxflopsError
    ├── ModelError            no such model, or it cannot be built
    ├── SpecError             an input spec, a size or an option that cannot be read
    ├── DomainError           sizes at which the formula does not hold
    ├── CaptureError          the model cannot be written down as a graph
    │   ├── SpecializationError  ... because it fixes a size that the user left free
    │   ├── SizeAsKeyError    ... because it looks something up by such a size
    │   └── ValueNeededError  ... beyond a line that goes on with the value of a tensor
    ├── CheckError            a measurement that nothing can be held against
    ├── ConventionError       a model or a size to which another tool's convention cannot be applied
    ├── FormulaError          a formula registered for an operator it does not fit
    └── UnsizedError          a count that has no closed form in the symbols

A message says what happened, where, and what to do next, in one line. Mistakes of our own are
``assert``ions and never appear here.
"""

from typing import Any

RENAMED = {"SpecialisedError": "SpecializationError"}
"""Names of the release before, which still work, with a DeprecationWarning."""


def __getattr__(name: str) -> Any:
    if name not in RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import warnings

    new = RENAMED[name]
    warnings.warn(f"{name} is now {new}", DeprecationWarning, stacklevel=2)
    return globals()[new]


DIGITS = 1000
"""Of a size that a user gives: Python's own limit, 4300, then holds for what is made of four."""

SHOWN = 60


def shown(text: str) -> str:
    """What a user has written, on one line and not longer than a line."""
    short = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


class FxflopsError(Exception):
    """Base of every error that the user can put right.

    The message speaks Python; ``command_line`` says the same to who types commands.
    """

    def __init__(self, message: str = "", *, command_line: str | None = None) -> None:
        super().__init__(message)
        self.command_line = command_line


class ModelError(FxflopsError):
    """The model's name is unknown, or the model cannot be built."""


class SpecError(FxflopsError):
    """An input spec, a size or an option cannot be read, or contradicts another one."""


class DomainError(FxflopsError):
    """The formula does not hold at the sizes asked for."""


class CaptureError(FxflopsError):
    """The model cannot be captured as a graph."""


class SpecializationError(CaptureError):
    """The model turns sizes that the user left free, ``names``, into constants."""

    def __init__(self, message: str, names: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.names = names


class SizeAsKeyError(CaptureError):
    """The model keeps something under a size, as `functools.lru_cache` does, that is symbolic.

    What it keeps is not looked up while it is compiled.
    """


class ValueNeededError(CaptureError):
    """The model goes on with the value of a tensor, which only a run has.

    ``partial`` is what a front end recorded up to there.
    """

    partial: Any = None


class CheckError(FxflopsError):
    """A measurement failed, or there is nothing exact to hold against it."""


class ConventionError(FxflopsError):
    """The convention of another tool cannot be applied to this model at this size."""


class FormulaError(FxflopsError):
    """A formula was registered for an operator whose schema it does not fit, or twice."""


class UnsizedError(FxflopsError):
    """A count has no closed form in the symbols; in an analysis the call is then uncounted."""
