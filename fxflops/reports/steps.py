"""How far something has come that takes its time: which step it is at, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable


class Step(str):
    """What is done next, as text: the step ``number`` of ``of``, after ``elapsed`` seconds.

    ``left`` are the seconds that the steps from here on will take, if they take as long as those
    so far did on average; None where none is done.
    """

    number: int
    of: int
    elapsed: float
    left: float | None


class Steps:
    """Tells ``progress`` of each step before it is taken."""

    def __init__(
        self,
        of: int,
        progress: Callable[[Step], object] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._of = of
        self._progress = progress
        self._clock = clock
        self._start = clock()
        self._number = 0

    def __call__(self, what: str) -> None:
        """The next step is ``what``."""
        done = self._number
        self._number += 1
        self._of = max(self._of, self._number)
        if self._progress is None:
            return
        step = Step(what)
        step.number, step.of = self._number, self._of
        step.elapsed = self._clock() - self._start
        step.left = step.elapsed / done * (self._of - done) if done else None
        self._progress(step)
