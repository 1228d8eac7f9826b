"""Write the reference of formulas, a Markdown page, from the registered formulas' docstrings.

    python scripts/formula_reference.py docs/formulas.md

One table for each kind of operator: the operators that share formulas, their counters, what they
cost, and its source. After a table stand the definitions that its rows refer to. The operators that
cost no FLOP are listed with their reasons. The page is the same in every run.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torchvision  # its operators, and so their formulas
from torch.ao.quantization.fx import _decomposed
from transformers.integrations import moe

from fxflops import formulas
from fxflops.registry import COMPLEX, FORMULAS, FREE, KINDS, WORST_CASE, parted

REFERENCE = re.compile(r"(?<!`)`([\w.]+)`(?!`)")

HEAD = """# Formulas

What each operator costs, in the four counters that fxflops keeps apart: `contraction` and
`elementwise` in FLOP (one multiply-add is 2), `transcendental` in calls, `comparison` in
comparisons of real numbers. A reduction of `in` elements to `out` takes `max(in - out, 0)`
operations. Operators that work in place, or write to `out=`, cost what their functional form costs.

This page is made by `scripts/formula_reference.py` from the docstrings of the formulas.
"""


class Row(NamedTuple):
    """Operators that cost the same, by formula."""

    operators: tuple[str, ...]
    counters: tuple[str, ...]
    texts: tuple[str, ...]
    sources: tuple[str, ...]


def referred(texts: Iterable[str], module: Any) -> Iterator[tuple[str, Any]]:
    """The functions that ``texts`` name in backquotes, and those that these name, in order."""
    waiting = [(text, module) for text in texts]
    seen: set[str] = set()
    while waiting:
        text, where = waiting.pop(0)
        for name in REFERENCE.findall(text):
            function = getattr(where, name.rpartition(".")[2], None)
            if name in seen or not inspect.isfunction(function):
                continue
            seen.add(name)
            yield name.rpartition(".")[2], function
            waiting.append((inspect.getdoc(function) or "", inspect.getmodule(function)))


def rows(kind: str) -> tuple[list[Row], dict[str, str]]:
    """The rows of a kind in the order of registration, and the definitions they refer to."""
    grouped: dict[tuple[Any, ...], list[str]] = {}
    for table in (FORMULAS, COMPLEX):
        for operator, of_operator in table.items():
            if of_operator[0].kind == kind:
                key = (of_operator, WORST_CASE.get(operator) if table is FORMULAS else None)
                grouped.setdefault(key, []).append(str(operator))
    found: list[Any] = []
    definitions: dict[Any, Any] = {}
    for (of_operator, worst), operators in grouped.items():
        texts = tuple(f.definition for f in of_operator)
        for formula in of_operator:
            named = referred([formula.definition], inspect.getmodule(formula.function))
            definitions.update((name, inspect.getdoc(function) or "") for name, function in named)
        guess = (f"Depends on data; the worst case: {worst}.",) if worst else ()
        counters = tuple(formula.counter or "all" for formula in of_operator)
        cited = tuple(filter(None, (f.source for f in of_operator))) or ("",)
        found.append(Row(tuple(sorted(operators)), counters, (*texts, *guess), cited))
    return sorted(found), dict(sorted(definitions.items()))


def cell(parts: Iterable[str]) -> str:
    """What a table's cell shows: one line each, with nothing that ends the cell."""
    return "<br>".join(dict.fromkeys(parts)).replace("|", r"\|").replace("``", "`")


def page() -> Iterator[str]:
    """The lines of the page."""
    yield HEAD
    for kind in KINDS:
        found, definitions = rows(kind)
        if not found:
            continue
        yield f"## {kind.capitalize()}\n"
        yield "| operator | counters | formula | source |"
        yield "|---|---|---|---|"
        for row in found:
            operators = (f"`{name}`" for name in row.operators)
            columns = (operators, row.counters, row.texts, row.sources)
            yield f"| {' | '.join(map(cell, columns))} |"
        yield ""
        for name, text in definitions.items():
            what, source = parted(text)
            more = f" Source: {source}." if source else ""
            yield f"- `{name}`: {what.replace('``', '`')}{more}"
        if definitions:
            yield ""
    yield "## Operators that cost no FLOP\n"
    yield "| reason | operators |"
    yield "|---|---|"
    for reason in sorted(set(FREE.values())):
        names = sorted(str(operator) for operator, why in FREE.items() if why == reason)
        yield f"| {reason} | {', '.join(f'`{name}`' for name in names)} |"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("output", type=Path, help="the page to write")
    output = parser.parse_args(arguments).output
    assert torchvision
    assert _decomposed
    assert moe
    formulas.load()
    output.write_text("\n".join(page()) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
