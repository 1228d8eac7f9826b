"""How much a cost may grow: ``2%``, which is of FLOPs, or ``flops=2%, parameters=0%``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fxflops.comparing.difference import Difference
from fxflops.errors import SpecError, shown
from fxflops.reports.wording import decimal
from fxflops.solving.measures import Measure, Ratio, measure, written

_PERCENT = re.compile(r"([0-9]{1,30})(?:\.([0-9]{1,30}))?\s*%")
EXAMPLE = '"2%" or "flops=2%, parameters=0%"'


class Allowed(NamedTuple):
    """How much a quantity may grow, in percent as a fraction."""

    name: str
    percent: Ratio


class Growth(NamedTuple):
    """A quantity that grows by more than is allowed, or that is not proven not to."""

    allowed: Allowed
    measure: Measure
    old: Ratio | None
    new: Ratio | None
    proven: bool = True

    @property
    def text(self) -> str:
        """``FLOPs grow by 3.10 %, and 2 % are allowed: from 1,000 to 1,031``."""
        may = f"{_plain(self.allowed.percent)} % are allowed"
        if not self.proven:
            return f"{self.measure.label} may grow: not all calls are counted, and {may}"
        if self.old is None or self.new is None:
            return f"{self.measure.label} has no value on one side, and {may}"
        by = percent(self.old, self.new)
        amount = f"by {by} %" if by else "from nothing"
        values = f"from {written(self.old)} to {written(self.new)}"
        return f"{self.measure.label} grow {amount}, and {may}: {values}"


def parse(text: str) -> tuple[Allowed, ...]:
    """Read what may grow. Raises SpecError that quotes the part that cannot be read."""
    found = []
    for part in filter(str.strip, text.split(",")):
        name, equals, number = part.rpartition("=")
        match = _PERCENT.fullmatch(number.strip())
        if match is None or (equals and not name.strip()):
            raise SpecError(f"'{shown(part.strip())}' is no growth: write it like {EXAMPLE}.")
        places = match[2] or ""
        percent = int(match[1] + places), 10 ** len(places)
        found.append(Allowed(name.strip() if equals else "flops", percent))
    if not found:
        raise SpecError(f"There is no growth to allow: give one such as {EXAMPLE}.")
    return tuple(found)


def beyond(found: Difference, allowed: Sequence[Allowed]) -> list[Growth]:
    """What grows by more than is allowed.

    Raises SpecError for an unknown quantity, and where sizes are not known.
    """
    grown = []
    for one in allowed:
        old, new = (measure(side.report, one.name) for side in (found.old, found.new))
        if any(answer.values is None for answer in found.answers):
            missing = ", ".join(found.common.names)
            raise SpecError(
                f"A growth needs numbers: give the sizes {missing}.",
                command_line=f"--max-growth needs numbers: give --at for {missing}.",
            )
        before, after = old.at(found.answers[0]), new.at(found.answers[1])
        if before is None or after is None or not _is_within(before, after, one.percent):
            grown.append(Growth(one, new, before, after))
        elif new.lower and not found.complete:
            grown.append(Growth(one, new, before, after, proven=False))
    return grown


def _is_within(old: Ratio, new: Ratio, percent: Ratio) -> bool:
    """Whether ``new <= old · (1 + percent / 100)``, in integers."""
    hundred = 100 * percent[1]
    return new[0] * old[1] * hundred <= old[0] * new[1] * (hundred + percent[0])


def percent(old: Ratio, new: Ratio, places: int = 2) -> str:
    """The growth in percent; nothing where there was nothing."""
    if old[0] == 0:
        return ""
    return decimal(100 * (new[0] * old[1] - old[0] * new[1]), abs(old[0]) * new[1], places)


def _plain(percent: Ratio) -> str:
    return str(percent[0]) if percent[1] == 1 else decimal(*percent, len(str(percent[1])) - 1)
