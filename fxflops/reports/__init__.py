"""One file per format, each with ``render(summary) -> str``."""

from importlib import import_module

from fxflops.summary import Summary

FORMATS = ("table", "markdown", "json", "csv", "latex")


def render(summary: Summary, format: str) -> str:
    """``summary`` in one of `FORMATS`."""
    module = import_module(f"fxflops.reports.{format}")
    text: str = module.render(summary)
    return text
