"""A page in a notebook: in a frame of its own, which nothing of the notebook reaches."""

from __future__ import annotations

HEIGHT = 860  # pixels
MAY = (
    "allow-scripts allow-modals allow-popups"  # what the frame's page may do; modals are for print
)


class Page:
    """A page of HTML: ``str(page)`` is its text, and a notebook shows it live."""

    __slots__ = ("html",)

    def __init__(self, html: str) -> None:
        self.html = html

    def __str__(self) -> str:
        """The text of the file."""
        return self.html

    def __repr__(self) -> str:
        return f"<fxflops page of {len(self.html):,} characters>"

    def _repr_html_(self) -> str:
        """The page in a frame."""
        text = self.html.replace("&", "&amp;").replace('"', "&quot;")
        return (
            f'<iframe srcdoc="{text}" sandbox="{MAY}" allow="clipboard-write" width="100%" '
            f'height="{HEIGHT}" frameborder="0" title="fxflops"></iframe>'
        )
