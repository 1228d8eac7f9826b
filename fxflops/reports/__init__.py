"""One file per format, each with ``render(summary) -> str``."""

from importlib import import_module

from fxflops.summary import Summary


def render(summary: Summary, format: str) -> str:
    """``summary`` in one format: the name of a module here."""
    module = import_module(f"fxflops.reports.{format}")
    text: str = module.render(summary)
    return text
