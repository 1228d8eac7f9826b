"""Draw what a terminal and a notebook show, for the documentation: ``scripts/screen_pictures.py``.

The terminal is an SVG of its text; the notebook takes what `scripts/page_pictures.py` takes.
"""

from __future__ import annotations

import re
import sys
import tempfile
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
MODEL = "torchvision:resnet50"
WIDTH = 80  # characters
CELL, LINE, MARGIN = 8.4, 19, 16  # pixels
INK, PAPER, DIM = "#e6e6e6", "#1e1e24", "#8a8a92"
NBSP = "\u00a0"  # of which several in a row are not drawn as one
BOLD = re.compile(r"\x1b\[1m(.*?)\x1b\[0m")
NOTEBOOKS = {"notebook.png": False, "notebook-dark.png": True}


def screen() -> str:
    """What the terminal shows of a count, as an SVG."""
    from fxflops.answer import answer
    from fxflops.cache import Request
    from fxflops.reports import render
    from fxflops.reports.count import document

    asked = Request(
        model=MODEL, inputs=None, dtype=None, frontend="auto", deploy=(), train=False, loss=None
    )
    found = document(answer(asked, {}).at({}), brief=True)
    hints = ["--symbolic (the formula)", "--depth 3", "--columns all"]
    text = render(found._replace(hints=hints), "table", color=True, width=WIDTH)
    return svg([f"$ fxflops {MODEL}", *text.splitlines()])


def svg(lines: list[str]) -> str:
    """Lines of a terminal, those in bold as such."""
    width, height = round(WIDTH * CELL) + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        f"<title>What a terminal shows of fxflops {MODEL}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
        f'<g font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" '
        f'font-size="14" fill="{INK}">',
    ]
    for number, line in enumerate(lines):
        found = BOLD.fullmatch(line)
        weight = ' font-weight="bold"' if found else ""
        color = f' fill="{DIM}"' if line.startswith(("$", "next:")) else ""
        shown = escape(found[1] if found else line).replace(" ", NBSP)
        y = MARGIN + LINE * (number + 0.75)
        length = f' textLength="{len(found[1] if found else line) * CELL:.1f}"' if line else ""
        parts.append(f'<text x="{MARGIN}" y="{y}"{weight}{color}{length}>{shown}</text>')
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


def main() -> int:
    sys.path.insert(0, str(ROOT))
    import fxflops
    from tests.reports.html.browser import MISSING, browser

    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "terminal.svg").write_text(screen(), "utf-8")
    if MISSING:
        print(MISSING, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, browser() as window:
        page = Path(folder) / "notebook.html"
        tree = fxflops.analyze(MODEL)._repr_html_()
        page.write_text(
            '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>A notebook</title>'
            "<style>:root{color-scheme:light dark}body{margin:1.5em}</style>" + tree,
            "utf-8",
        )
        for name, dark in NOTEBOOKS.items():
            window.open(page, "", width=900, height=560, dark=dark)
            window.picture(FOLDER / name, whole=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
