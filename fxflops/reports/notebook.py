"""A report as a notebook shows it: what it is, and its modules as a tree to unfold, with bars.

HTML without scripts, in the colors of the page around it, whether light or dark.
"""

from __future__ import annotations

from html import escape

from fxflops.report import Answer
from fxflops.reports.count import mark, notes, summary, title
from fxflops.reports.module_table import SYMBOLS, parameters, shape, usual, value
from fxflops.reports.modules import Module, tree
from fxflops.reports.wording import percent, printable, three_digits

MOST_MODULES = 400
"""Of more modules the dearest are in the tree; a note says so."""
OPEN_ABOVE = 20
"""Modules that have this part of the whole, in percent, are unfolded."""
STYLE = """
.fxflops{font:13px/1.5 system-ui,sans-serif;max-width:60em}
.fxflops details{margin-left:1.1em}
.fxflops .root>details,.fxflops .root>div{margin-left:0}
.fxflops .leaf{margin-left:2.2em}
.fxflops .row{display:inline-grid;grid-template-columns:1fr 9em 6em 7em 4em 7em;gap:.6em;
width:calc(100% - 1.2em);vertical-align:top}
.fxflops .leaf .row{width:100%}
.fxflops .row>*{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.fxflops .n{text-align:right;font-variant-numeric:tabular-nums}
.fxflops .dim{opacity:.65}
.fxflops .bar{align-self:center;height:.6em;background:currentColor;opacity:.35}
.fxflops summary{cursor:pointer}
"""


def render(answer: Answer) -> str:
    """The report as HTML; names from models are escaped."""
    main = usual(answer)[2] if answer.values is not None else "contraction"
    root = tree(answer.report)
    kept = _kept(root, answer, main)
    lines = [f"<style>{STYLE}</style>", '<div class="fxflops">']
    if first := mark(answer):
        lines.append(f"<strong>{_text(first)}</strong><br>")
    lines.append(f"<strong>{_text(title(answer))}</strong>")
    if answer.values is None:
        lines += ["<ul>", *(f"<li>{_text(line)}</li>" for line in notes(answer)), "</ul>"]
        return "\n".join([*lines, "</div>"])
    lines.append(f"<div>{_text(summary(answer))}</div>")
    headings = ("module", "output", "params", main.replace("_", " "), "share", "")
    lines.append(f'<div class="leaf"><span class="row dim">{_cells(headings)}</span></div>')
    lines.append('<div class="root">')
    for module in root.below or (root,):
        lines += _tree(module, answer, main, kept)
    lines.append("</div>")
    closing = [*notes(answer)]
    if len(kept) < sum(1 for _ in root.walk()) - 1:
        closing.append(f"The {len(kept)} dearest modules are shown: to_dataframe() has all.")
    lines += [f'<div class="dim">{_text(line)}</div>' for line in closing]
    return "\n".join([*lines, "</div>"])


def _kept(root: Module, answer: Answer, main: str) -> set[str]:
    """The paths of the modules in the tree: all, or the dearest with those around them."""
    modules = list(root.walk())[1:] or [root]
    if len(modules) > MOST_MODULES:
        # What is around a module costs no less, and stands before it.
        modules.sort(key=lambda module: (-(value(module, answer, main) or 0), module.level))
    return {module.path for module in modules[:MOST_MODULES]}


def _tree(module: Module, answer: Answer, main: str, kept: set[str]) -> list[str]:
    if module.path not in kept:
        return []
    row = f'<span class="row">{_row(module, answer, main)}</span>'
    below = [line for child in module.below for line in _tree(child, answer, main, kept)]
    if not below:
        return [f'<div class="leaf">{row}</div>']
    part, whole = value(module, answer, main) or 0, answer.value(main) or 0
    is_open = " open" if 100 * part >= OPEN_ABOVE * whole > 0 and module.level < 2 else ""
    return [f"<details{is_open}><summary>{row}</summary>", *below, "</details>"]


def _row(module: Module, answer: Answer, main: str) -> str:
    count = value(module, answer, main)
    whole = answer.value(main)
    number = parameters(module, answer)
    width = 100 * (count or 0) // whole if whole else 0
    kind = f' <span class="dim">{_text(module.row.kind)}</span>' if module.row.kind else ""
    least = "≥ " if module.row.uncounted else ""
    name = f'<span title="{_text(module.path)}">{_text(module.label)}{kind}</span>'
    cells = (
        _text(shape(module.row, answer)),
        "" if number is None else three_digits(number),
        f"{least}{three_digits(count, SYMBOLS[main])}",
        percent(count, whole),
    )
    numbers = "".join(f'<span class="n">{cell}</span>' for cell in cells[1:])
    bar = f'<span class="bar" style="width:{width}%"></span>'
    return f'{name}<span class="dim">{cells[0]}</span>{numbers}{bar}'


def _cells(texts: tuple[str, ...]) -> str:
    first, second, *rest = map(_text, texts)
    numbers = "".join(f'<span class="n">{cell}</span>' for cell in rest)
    return f"<span>{first}</span><span>{second}</span>{numbers}"


def _text(text: str) -> str:
    return escape(printable(text))
