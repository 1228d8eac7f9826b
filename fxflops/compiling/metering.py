"""FLOP/s and the share of a device's peak in a loop: formulas for the work, the clock for time."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import NamedTuple

from fxflops.algebra import Dim, evaluate
from fxflops.analysis.records import Analysis
from fxflops.cost import ratio
from fxflops.errors import CaptureError, SpecError
from fxflops.reports.wording import scaled


class Step(NamedTuple):
    """One step: its work [FLOP], and how long it took [s]."""

    flops: int
    seconds: float

    @property
    def rate(self) -> float:
        """FLOP/s; infinite where no time has passed."""
        return ratio(self.flops, 1) / self.seconds if self.seconds else float("inf")


class Meter:
    """What `meter` gives: ``step`` in each turn of a loop, and what has been measured so far."""

    def __init__(self, analysis: Analysis, peak: float | None, quantity: str) -> None:
        if peak is not None and not peak > 0:
            raise SpecError(f"The peak is a device's FLOP/s, such as 989e12, not {peak!r}.")
        if not analysis.complete:
            raise CaptureError(
                f"{analysis.model} has uncounted calls: a rate would be too small. Give them a "
                f"formula, or see print(analysis)."
            )
        self.peak = peak
        self.steps: list[Step] = []
        self._analysis = analysis
        self._count: Dim = analysis.count(quantity)
        self._since: float | None = None

    def step(self, /, **sizes: int) -> Step:
        """Say that a step has been made at these sizes; defaults stand in for those not given.

        Raises SpecError and DomainError as `Analysis.at` does, SpecError outside of ``with``.
        """
        if self._since is None:
            raise SpecError("The meter does not run: with fxflops.meter(analysis) as meter: …")
        flops = int(evaluate(self._count, self._analysis.values(sizes)))
        now = _now()
        made = Step(flops, now - self._since)
        self._since = now
        self.steps.append(made)
        return made

    @property
    def flops(self) -> int:
        """The work of all steps."""
        return sum(step.flops for step in self.steps)

    @property
    def seconds(self) -> float:
        """How long they took."""
        return sum(step.seconds for step in self.steps)

    @property
    def rate(self) -> float:
        """FLOP/s over all steps."""
        return Step(self.flops, self.seconds).rate

    @property
    def mfu(self) -> float:
        """The share of the peak over all steps (model FLOP utilization, arXiv:2204.02311, app. B).

        Raises SpecError without a peak.
        """
        if self.peak is None:
            raise SpecError("The utilization needs a peak: fxflops.meter(analysis, peak=989e12).")
        return self.rate / self.peak

    def __str__(self) -> str:
        """One line for a log."""
        if not self.steps:
            return "no step"
        share = "" if self.peak is None else f", {100 * self.mfu:.2f} % of the peak"
        work = scaled(self.flops)
        return f"{len(self.steps)} steps, {work} FLOP, {self.rate:.4g} FLOP/s{share}"

    def __enter__(self) -> Meter:
        self._since = _now()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._since = None


def meter(analysis: Analysis, /, peak: float | None = None, *, quantity: str = "flops") -> Meter:
    """Measure a loop: ``with fxflops.meter(analysis, peak=989e12) as meter: … meter.step(N=8)``.

    ``analysis`` is that of what each step does (``train=True`` for a training step), ``peak`` the
    device's FLOP/s. Time runs from the start of the block, and then from one step to the next. Each
    step waits until an accelerator in use has done its work. ``quantity`` is what is counted:
    ``"contraction"`` leaves out what matrix units do not do.

    Raises CaptureError for uncounted calls, SpecError for an unknown quantity or no positive peak.
    """
    return Meter(analysis, peak, quantity)


def _now() -> float:
    """The clock, once an accelerator in use has done its work."""
    torch = sys.modules["torch"]
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()
