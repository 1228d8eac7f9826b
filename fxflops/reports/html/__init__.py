"""Any document as a page: one file that needs no server and no network.

A count becomes a page to explore: sliders for the sizes, totals, charts and tables, all computed
in the browser from the formulas of the document's data. Any other document is set as it is.

What runs in the page are the files in ``assets/`` here, after the libraries in ``vendor/``, and a
policy in the page forbids every other script and every request. What comes from a model is text:
escaped, or in a block of data that no browser executes.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from fxflops.reports.document import Cell, Document, Figure, Name, Table
from fxflops.reports.html.data import embedded, exploration
from fxflops.reports.wording import calls, printable

SCRIPTS = ("arithmetic", "numbers", "typeset", "dom")
EXPLORER_SCRIPTS = ("domain", "model", "icicle", "tables", "curve", "explorer")
LIBRARIES = ("d3-hierarchy.min.js", "uPlot.iife.min.js")
LICENSES = ("d3-hierarchy-3.1.3.LICENSE", "uplot-1.6.32.LICENSE")
SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def render(document: Document, *, color: bool) -> str:
    """The page."""
    data = exploration(document)
    is_explored = data is not None
    names = (*SCRIPTS, *(EXPLORER_SCRIPTS if is_explored else ()), "page")
    ours = "\n".join(asset(f"assets/{name}.js") for name in names)
    scripts = [asset(f"vendor/{name}") for name in LIBRARIES] if is_explored else []
    scripts.append(f'"use strict";\n(() => {{\n{ours}\n}})();\n')
    style = (asset("vendor/uPlot.min.css") if is_explored else "") + asset("assets/page.css")
    title = document.title if data is None else data["title"]
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy(style, scripts)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escaped(title)} · fxflops</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        *_mark(document, data),
        "<header>",
        f"<div><h1>{escaped(title)}</h1>",
        *([] if data is None else [f'<p class="about">{escaped(data["about"])}</p>']),
        *([] if data is not None else [f"<p>{escaped(line)}</p>" for line in document.summary]),
        "</div>",
        '<button type="button" id="theme" hidden></button>',
        '<button type="button" id="print" hidden>Print</button>',
        "</header>",
        "<main>",
        f'<div id="static">{"".join(_static(document, is_explored))}</div>',
        *([] if data is None else [asset("assets/explorer.html").rstrip(), _script_data(data)]),
        *_tables(document, data),
        *_notes(document),
        "</main>",
        *_footer(is_explored),
        *(f"<script>{script}</script>" for script in scripts),
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def asset(name: str) -> str:
    """A file of this package."""
    with open(os.path.join(os.path.dirname(__file__), *name.split("/")), encoding="utf-8") as file:
        return file.read()


def policy(style: str, scripts: Sequence[str]) -> str:
    """What the page may do: run these scripts, apply this style, and nothing else."""
    allowed = " ".join(map(digest, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {digest(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    """The source of a script or style that a policy allows by its content."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def escaped(text: str) -> str:
    """``text`` so that HTML shows it as it is, in an attribute, too."""
    return "".join(SPECIAL.get(character, character) for character in printable(text))


def _script_data(data: object) -> str:
    return f'<script type="application/json" id="data">{embedded(data)}</script>'


def _mark(document: Document, data: Mapping[str, Any] | None) -> Iterator[str]:
    """What is not whole, before all else, and of a count what is missing."""
    if not document.mark:
        return
    yield f'<div id="incomplete" role="alert"><p id="mark">{escaped(document.mark)}</p>'
    if data is not None:
        yield "<ul>"
        for name, times, reason, where in data["uncounted"]:
            places = f" at {escaped(', '.join(where))}" if where else ""
            said = f"{escaped(calls(times))}, {escaped(reason)}{places}"
            yield f"<li><code>{escaped(name)}</code>: {said}</li>"
        yield "</ul>"
    yield "</div>"


def _static(document: Document, is_explored: bool) -> Iterator[str]:
    """The figures; in a page to explore they stand only where no script runs."""
    formulas = [figure for figure in document.figures if figure.formula is not None]
    if document.symbolic and formulas:
        for figure in formulas:
            yield from _formula(figure)
    elif document.figures:
        rows = [[f.name, f.exact or f.short, f.unit] for f in document.figures]
        yield from _table(Table(("quantity", "value", "unit"), "lrl", rows))


def _formula(figure: Figure) -> Iterator[str]:
    assert figure.formula is not None
    text = escaped(figure.formula.text)
    value = f" = {escaped(figure.exact)}" if figure.exact else ""
    unit = f" <small>{escaped(figure.unit)}</small>" if figure.unit else ""
    yield f"<section><h2>{escaped(figure.name)}{value}{unit}</h2>"
    yield '<div class="formula" tabindex="0" role="group" aria-label="Formula" '
    yield f'data-formula="{text}"><code>{text}</code></div></section>'


def _tables(document: Document, data: Mapping[str, Any] | None) -> Iterator[str]:
    """The tables, less those that the page makes itself."""
    tables = [table for table in document.tables if data is None or not table.live]
    if tables:
        yield '<div class="plain">'
        if data is not None:
            at = ", ".join(f"{size['name']}={size['at']}" for size in data["sizes"])
            yield f"<p>At the sizes of the report, {escaped(at) or 'which are fixed'}:</p>"
        for table in tables:
            yield from _table(table)
        yield "</div>"


def _table(table: Table) -> Iterator[str]:
    """A table; below one another, not beside, the cells of one that is stacked."""
    yield "<section>"
    if table.caption:
        yield f"<h2>{escaped(table.caption)}</h2>"
    if table.text:
        yield f"<p>{escaped(table.text)}</p>"
    label = escaped(table.caption or table.headings[0] or "Table")
    yield f'<div class="scroll" tabindex="0" role="group" aria-label="{label}"><table><thead><tr>'
    sides = ["number" if side == "r" and not table.stacked else "" for side in table.sides]
    for heading, side in zip(table.headings, sides, strict=True):
        tag = "th scope=col" if heading else "td"
        yield f"<{tag}{_class(side)}>{escaped(heading)}</{tag[:2]}>"
    yield "</tr></thead><tbody>"
    for row in table.rows:
        cells = zip(row, sides, strict=True)
        yield f"<tr>{''.join(_cell(cell, side, i) for i, (cell, side) in enumerate(cells))}</tr>"
    yield "</tbody></table></div></section>"


def _cell(cell: Cell, side: str, position: int) -> str:
    tag = "td" if position else "th scope=row"
    shown = _name(cell) if isinstance(cell, Name) else escaped(cell)
    return f"<{tag}{_class(side)}>{shown}</{tag[:2]}>"


def _name(name: Name) -> str:
    """A name as code; that of a node in a tree is indented."""
    text = f"<code>{escaped(name.short or name.text)}</code>" if name.text or name.short else ""
    return f'<span class="level level-{min(name.level, 9)}">{text}</span>' if name.level else text


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _notes(document: Document) -> Iterator[str]:
    if document.notes:
        yield '<section class="notes"><h2>What the numbers mean</h2><ul>'
        for line in document.notes:
            under = ' class="under"' if line.startswith(" ") else ""
            yield f"<li{under}>{escaped(line.strip())}</li>"
        yield "</ul></section>"
    if document.conclusion:
        yield f'<p class="conclusion">{escaped(document.conclusion)}</p>'


def _footer(is_explored: bool) -> Iterator[str]:
    from fxflops import __version__

    yield f"<footer><p>Made by fxflops {escaped(__version__)}. This file loads nothing.</p>"
    if is_explored:
        texts = "\n\n".join(f"{name}\n\n{asset(f'vendor/{name}')}" for name in LICENSES)
        lines = "\n".join(escaped(line) for line in texts.splitlines())
        yield "<details><summary>Licenses of d3-hierarchy and uPlot</summary>"
        yield f"<pre>{lines}</pre></details>"
    yield "</footer>"
