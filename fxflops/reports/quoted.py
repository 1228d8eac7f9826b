"""A number by another convention, as a table, markdown or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import RenderableType
from rich.text import Text

from fxflops.conventions.quote import Quote
from fxflops.reports.markdown import markdown_table
from fxflops.reports.terminal import rendered
from fxflops.reports.wording import exact

SCHEMA = "fxflops-convention/1"


def render(quote: Quote, format: str, *, symbolic: bool) -> str:
    """``quote`` as ``table``, ``markdown`` or ``json``; with the formula where ``symbolic``."""
    if format == "json":
        return json.dumps({"schema": SCHEMA, **asdict(quote)}, indent=2, ensure_ascii=False) + "\n"
    if format == "markdown":
        rows = [(quote.convention, exact(quote.value), quote.unit, f"`{quote.formula}`")]
        table = markdown_table(("convention", "value", "unit", "formula"), rows)
        lines = "\n".join(f"- {line}" for line in notes(quote))
        return f"### {title(quote)}\n\n{table}\n\n{lines}\n"
    value = f" = {exact(quote.value)}" if quote.value is not None else ""
    shown: list[RenderableType] = [
        Text(title(quote), style="bold"),
        "",
        Text(f"{quote.title} [{quote.unit}]{value}"),
    ]
    if symbolic:
        shown += [Text(f"  {quote.formula}")]
    return rendered(*shown, "", *map(Text, notes(quote)))


def title(quote: Quote) -> str:
    """The model, the sizes, the convention."""
    sizes = ", ".join(f"{name}={size}" for name, size in quote.at.items())
    at = f" at {sizes}" if sizes else ""
    return f"{quote.model}{at}, by the convention of {quote.title} ({quote.version})"


def notes(quote: Quote) -> list[str]:
    """What is in the number, and where the formula holds."""
    lines = [f"It counts {quote.counts}.", f"It leaves out {quote.misses}."]
    if quote.domain:
        lines.append(f"The formula holds where {', '.join(quote.domain)}.")
    if quote.unproven:
        lines.append(f"NOT PROVEN against the tool for {'; '.join(quote.unproven)}.")
    return lines
