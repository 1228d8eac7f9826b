"""The formulas as a LaTeX ``align*`` block, to paste into a paper."""

from __future__ import annotations

from fxflops.reports.wording import HEADLINE_FIRST, NAMES, title, verdict
from fxflops.summary import Summary


def render(summary: Summary) -> str:
    """One line per quantity; the definition and the domain as comments above."""
    comments = [f"% {line.strip()}" for line in (title(summary), *verdict(summary))]
    lines = [rf"\text{{{NAMES[name]}}} &= {summary.totals[name].latex}" for name in HEADLINE_FIRST]
    body = " \\\\\n".join(lines)
    return "\n".join([*comments, r"\begin{align*}", body, r"\end{align*}"]) + "\n"
