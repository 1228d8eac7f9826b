"""Documents, and the formats that render any of them: one file each, named in `FORMATS`."""

from importlib import import_module

from fxflops.reports.document import Document

FORMATS = {
    "table": "terminal",
    "markdown": "markdown",
    "json": "json",
    "csv": "csv",
    "latex": "latex",
    "html": "html",
}
"""The module here that renders each format: ``render(document, color=…) -> str``."""


def render(
    document: Document, format: str, *, color: bool = False, width: int | None = None
) -> str:
    """``document`` in one of `FORMATS`; with ``color``, as a terminal shows it.

    ``width`` is that of the window, for the format of terminals.
    """
    module = import_module(f"fxflops.reports.{FORMATS[format]}")
    window = {} if width is None else {"width": width}
    text: str = module.render(document, color=color, **window)
    return text
