"""What a tool said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A tool's own total, in its own unit, and the module types that it says it leaves out."""

    total: int
    left_out: tuple[str, ...] = ()
