"""What a failed run of an architecture says of the inputs that it was given.

A line that fails on ``None`` names the parameter that was not given; a layer that fails on the
width of an input has the right one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from types import FrameType, TracebackType

MOST_LINES = 20
"""Of one expression."""

WIDTHS = {
    "Linear": (-1, "in_features"),
    "Conv1d": (1, "in_channels"),
    "Conv2d": (1, "in_channels"),
    "Conv3d": (1, "in_channels"),
}
"""The axis of its input that a layer knows the width of, and where it keeps it."""


def missing(error: BaseException, parameters: Collection[str]) -> list[str]:
    """Which of the parameters the message has, or are None in the lines that failed.

    Those of the innermost line come first.
    """
    found = dict.fromkeys(w for w in re.findall(r"\w+", str(_first(error))) if w in parameters)
    for frame, text in reversed(list(_lines(error))):
        words = re.findall(r"\w+", text)
        local = frame.f_locals
        none = [word for word in words if word in local and local[word] is None]
        found |= dict.fromkeys(word for word in none if word in parameters)
    return list(found)


def width(error: BaseException) -> tuple[int, int] | None:
    """The width of an input that a layer was given, and that which it takes."""
    for frame, _ in reversed(list(_lines(error))):
        layer, given = frame.f_locals.get("self"), frame.f_locals.get("input")
        axis, attribute = WIDTHS.get(type(layer).__name__, (0, ""))
        taken = getattr(layer, attribute, None) if attribute else None
        shape = getattr(given, "shape", ())
        if type(taken) is int and len(shape) > abs(axis) and shape[axis] != taken:
            return int(shape[axis]), taken
    return None


def _first(error: BaseException) -> BaseException:
    """The error that all the others are from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _lines(error: BaseException) -> Iterator[tuple[FrameType, str]]:
    """The frames that an error went through, the outermost first, and what each of them ran."""
    import linecache

    trace: TracebackType | None = _first(error).__traceback__
    while trace is not None:
        code, last = trace.tb_frame.f_code, trace.tb_lasti // 2
        positions = list(code.co_positions())
        first, end = positions[last][:2] if last < len(positions) else (None, None)
        first, end = first or trace.tb_lineno, end or trace.tb_lineno
        numbers = range(first, min(end, first + MOST_LINES) + 1)
        yield trace.tb_frame, " ".join(linecache.getline(code.co_filename, n) for n in numbers)
        trace = trace.tb_next
