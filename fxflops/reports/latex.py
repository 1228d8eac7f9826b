"""The formulas as a LaTeX ``align*`` block, to paste into a paper."""

from __future__ import annotations

from fxflops.reports.wording import HEADLINE_FIRST, NAMES, parts, title, verdict
from fxflops.summary import Summary


def render(summary: Summary) -> str:
    """One line per quantity; the definition and the domain as comments above."""
    said = [title(summary), *verdict(summary)]
    for name, changed, row in parts(summary):
        formulas = (f"{NAMES[n]} {row.quantities[n].formula}" for n in HEADLINE_FIRST)
        said.append(f"{name}{changed and f', {changed}'}: {', '.join(formulas)}")
    comments = [f"% {line.strip()}" for line in said]
    lines = [rf"\text{{{NAMES[name]}}} &= {summary.totals[name].latex}" for name in HEADLINE_FIRST]
    body = " \\\\\n".join(lines)
    return "\n".join([*comments, r"\begin{align*}", body, r"\end{align*}"]) + "\n"
