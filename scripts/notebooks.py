"""Write and run the notebooks of the documentation: ``python scripts/notebooks.py [NAME …]``.

They lie in docs/notebooks/ with what their cells gave, and beside each of them the same as a page.
It takes ``pip install nbclient ipykernel`` and what the extra ``notebook`` has.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "notebooks"

RTDETR = """
# RT-DETR in ten minutes

What RT-DETR-R50 costs, where, and why, at any image size. The model is captured once, without its
weights and without being run; everything after that is arithmetic.

>>> import fxflops
>>>
>>> analysis = fxflops.analyze("rtdetr_r50")
>>> analysis

The table unfolds. Its numbers are those of one image of 640 x 640; the formula has all of them:

>>> analysis.formula("flops")

Sizes are set by their names, in part or all. The result is the integer that a count at that size
gives:

>>> analysis.formula("flops").subs({"N": 1, "H": 800, "W": 1216})

>>> analysis.at(N=1, H=800, W=1216)

A size that the model does not take is refused, with the nearest that it does:

>>> try:
...     analysis.at(H=630)
... except fxflops.DomainError as error:
...     print(error)

Where does it go? Modules, operators or single calls are rows of a table of pandas, whose sums are
the totals:

>>> operators = analysis.to_dataframe("operators").set_index("op")
>>> operators[["calls", "contraction", "elementwise", "bytes"]].nlargest(6, "contraction")

>>> assert operators["flops"].sum() == analysis.at().flops

Why does the first convolution cost what it costs? The rule, its source, and the line of the model:

>>> print(analysis.why("backbone.conv1.conv1_1.conv"))

The term in `H**2*W**2` is self-attention over the last feature map. It is small up to large images:

>>> import sympy
>>>
>>> N, H, W = analysis.symbols.values()
>>> polynomial = sympy.Poly(analysis.formula("flops").subs({"N": 1}), H, W)
>>> quadratic = polynomial.coeff_monomial(H**2 * W**2)
>>> for side in (640, 1280, 2560):
...     part = float(quadratic) * side**4 / analysis.at(N=1, H=side, W=side).flops
...     print(f"{side} x {side}: {part:.1%} of the FLOPs")

And how to quote all this:

>>> print(analysis.methods())
"""

RESOLUTION = """
# Which resolution can I afford?

A budget of 100 GFLOP for each image: how large may it be, and which of two models makes more of it?

>>> import fxflops
>>>
>>> small, large = fxflops.analyze("rtdetr_r18"), fxflops.analyze("rtdetr_r50")
>>> print(fxflops.compare(small, large, N=1, H=640, W=640))

The formulas are evaluated at all sizes at once, exactly. At 640 x 640 the larger model is above the
budget, and the smaller one below:

>>> sides = list(range(320, 1281, 32))
>>> axes = fxflops.compare(small, large, N=1).plot("flops", H=sides, W=sides)
>>> _ = axes.axhline(100, color="gray", linestyle="--")

The largest square image in the budget:

>>> BUDGET = 100 * 10**9
>>>
>>> for analysis in (small, large):
...     flops = analysis.evaluate("flops", N=1, H=sides, W=sides)
...     side = max(side for side, count in zip(sides, flops, strict=True) if count <= BUDGET)
...     print(f"{analysis.model}: {side} x {side}, {analysis.at(N=1, H=side, W=side).flops:,} FLOP")

Images need not be square. Of all heights and widths in the budget, those of the most pixels:

>>> import numpy
>>>
>>> H, W = numpy.meshgrid(sides, sides, indexing="ij")
>>> flops = small.evaluate("flops", N=1, H=H, W=W)
>>> pixels = numpy.where(flops <= BUDGET, H * W, 0)
>>> best = numpy.unravel_index(pixels.argmax(), pixels.shape)
>>> print(f"{H[best]} x {W[best]}: {flops[best]:,} FLOP for {pixels[best]:,} pixels")

Two images of half the area cost nearly what one costs, since the term in `H**2*W**2` is small:

>>> one = small.at(N=1, H=1280, W=640).flops
>>> two = small.at(N=2, H=640, W=640).flops
>>> print(f"{one:,} and {two:,}, a ratio of {one / two:.4f}")

Bytes grow with the image, too, a little more slowly than FLOPs:

>>> for side in (320, 640, 1280):
...     print(side, f"{small.at(N=1, H=side, W=side).intensity:.1f} FLOP/byte")
"""

NOTEBOOKS = {"rtdetr": RTDETR, "resolution": RESOLUTION}


def cells(source: str) -> Iterator[tuple[str, str]]:
    """Paragraphs of text, and code, whose lines begin as in a Python prompt."""
    for block in source.strip().split("\n\n"):
        if block.startswith(">>>"):
            yield "code", "\n".join(line[4:] for line in block.splitlines())
        else:
            yield "markdown", block


def main(names: list[str]) -> int:
    nbformat: Any = import_module("nbformat")
    nbclient: Any = import_module("nbclient")
    v4: Any = import_module("nbformat.v4")

    FOLDER.mkdir(exist_ok=True)
    make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}
    for name in names or list(NOTEBOOKS):
        made = [make[kind](text) for kind, text in cells(NOTEBOOKS[name])]
        for number, cell in enumerate(made):
            cell["id"] = f"{name}-{number}"  # the same in every run
        notebook = v4.new_notebook(cells=made)
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
        for cell in notebook.cells:
            cell.get("metadata", {}).pop("execution", None)
        nbformat.write(notebook, FOLDER / f"{name}.ipynb")
        (FOLDER / f"{name}.md").write_text("\n\n".join(page(name, notebook)) + "\n", "utf-8")
    return 0


def page(name: str, notebook: Any) -> Iterator[str]:
    """The notebook in Markdown; pictures are files beside it."""
    pictures = 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
            if cell.source.startswith("# "):
                yield f"This page is a notebook, too: [{name}.ipynb]({name}.ipynb)."
            continue
        yield f"```python\n{cell.source}\n```"
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                pictures += 1
                file = FOLDER / f"{name}-{pictures}.png"
                file.write_bytes(base64.b64decode(data["image/png"]))
                yield f"![The curves of the cell above]({file.name})"
            elif "text/html" in data:
                yield "\n".join(line for line in data["text/html"].splitlines() if line.strip())
            else:
                text = output.get("text") or data.get("text/plain", "")
                yield "```text\n" + text.rstrip() + "\n```"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
