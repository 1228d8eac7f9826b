"""A model's number by another tool's convention, as a document."""

from __future__ import annotations

from dataclasses import asdict

from fxflops.conventions.quote import Quote
from fxflops.reports.document import Document, Figure, Formula
from fxflops.reports.wording import exact

SCHEMA = "fxflops-convention/1"


def document(quote: Quote, *, symbolic: bool) -> Document:
    """``quote`` as a figure, with the formula where ``symbolic``."""
    value = "" if quote.value is None else exact(quote.value)
    figure = Figure(quote.title, "", value, quote.unit, Formula(quote.formula))
    return Document(
        title=title(quote),
        figures=[figure],
        notes=notes(quote),
        symbolic=symbolic,
        data=lambda: {"schema": SCHEMA, **asdict(quote)},
    )


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
