"""A report that ``fxflops count --format json`` saved, its formulas read back into dims.

A formula is integer arithmetic in the sizes, ``+ - * ** // Max() Min()``; it is read by the grammar
of Python and computed with dims. Nothing in the file is executed.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from typing import Any

from fxflops.algebra import Dim, Symbol, maximum, minimum
from fxflops.cost import QUANTITIES, Cost
from fxflops.domain import Domain, Guard
from fxflops.errors import SpecError, shown
from fxflops.report import Listed, Report, Row
from fxflops.spec import parse

SCHEMA = "fxflops/1"
LARGEST_FILE = 2**26
LONGEST_FORMULA = 2**18
LARGEST_POWER = 16

EXTREMA: Mapping[str, Callable[[Dim, Dim], Dim]] = {"Max": maximum, "Min": minimum}
NO_REPORT = (ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError)
"""What reading something may raise that is no report, whatever is in it."""


def read(path: str) -> Report:
    """The report in a JSON file.

    Raises SpecError for a file that cannot be read or is no report of a count.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(LARGEST_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SpecError(f"Cannot read the report {shown(path)}: {why}.") from error
    if len(text) > LARGEST_FILE:
        raise SpecError(
            f"{shown(path)} has more than {LARGEST_FILE:,} characters: it is no report."
        )
    try:
        found = json.loads(text)
        if found["schema"] != SCHEMA:
            raise ValueError(f"its schema is {found['schema']}")
        return _report(found)
    except NO_REPORT as error:
        raise SpecError(
            f"{shown(path)} is no saved count ({shown(str(error)) or type(error).__name__}): make "
            f"one with fxflops MODEL --format json -o FILE."
        ) from error


def _report(found: Mapping[str, Any]) -> Report:
    symbols = _symbols(found)
    by_name = {symbol.name: symbol.size for symbol in symbols}
    least, guards = _guards(found["domain"], symbols, by_name)

    def cost(of: Mapping[str, Any]) -> Cost:
        return Cost(**{name: dim(of[name]["formula"], by_name) for name in QUANTITIES})

    return Report(
        model=str(found["model"]),
        frontend=str(found["frontend"]),
        dtype=str(found["dtype"]),
        inputs=str(found["inputs"]),
        domain=Domain(symbols, guards, least),
        defaults={str(name): int(size) for name, size in found["at"].items()},
        parameters=int(found["totals"]["parameters"]["value"]),
        modules=tuple(
            Row(name=str(row["path"]), kind=str(row["type"]), cost=cost(row))
            for row in found["modules"]
        ),
        operators=tuple(
            Row(name=str(row["op"]), calls=int(row["calls"]), cost=cost(row))
            for row in found["operators"]
        ),
        free=(),
        uncounted=tuple(
            Listed(str(item["op"]), int(item["calls"]), str(item["reason"]), tuple(item["where"]))
            for item in found["uncounted"]
        ),
        notes=tuple(map(str, found["notes"])),
        figures={},
    )


def _symbols(found: Mapping[str, Any]) -> tuple[Symbol, ...]:
    """The sizes; that of a cache, which may be 0, as the input spec says it."""
    axes = {axis.name: axis for axis in parse(found["inputs"]).axes}
    multiples = {}
    for text in found["domain"]:
        name, percent, rest = text.partition(" % ")
        if percent and rest.endswith(" == 0"):
            multiples[name] = int(rest.removesuffix(" == 0"))
    return tuple(
        Symbol(name, multiples.get(name, 1), 1, int(name in axes and axes[name].minimum == 0))
        for name in found["symbols"]
    )


def _guards(
    texts: list[str], symbols: tuple[Symbol, ...], sizes: Mapping[str, Dim]
) -> tuple[dict[str, int], tuple[Guard, ...]]:
    """The least values of symbols, and the conditions among them."""
    by_name = {symbol.name: symbol for symbol in symbols}
    least: dict[str, int] = {}
    guards: list[Guard] = []
    for text in texts:
        if " % " in text:
            continue
        sign = next(sign for sign in ("==", "!=", ">=") if f" {sign} " in text)
        left, _, right = text.partition(f" {sign} ")
        if sign == ">=" and left in by_name and right.isdecimal():
            least[left] = -(-by_name[left].value_at(int(right)) // 1)
            continue
        difference = dim(left, sizes) - dim(right, sizes)
        if not isinstance(difference, int):
            guards.append(Guard(difference, sign))  # type: ignore[arg-type]
    return least, tuple(guards)


def dim(text: str, sizes: Mapping[str, Dim]) -> Dim:
    """The dim that a formula writes.

    Raises ValueError for what is no integer arithmetic in ``sizes``.
    """
    if len(text) > LONGEST_FORMULA:
        raise ValueError("too long a formula")
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"no formula: {text[:40]}") from error
    return _dim(tree, sizes)


def _dim(node: ast.expr, sizes: Mapping[str, Dim]) -> Dim:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name) and node.id in sizes:
        return sizes[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_dim(node.operand, sizes)
    if isinstance(node, ast.BinOp):
        return _operation(node, sizes)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EXTREMA:
        left, right = node.args
        return EXTREMA[node.func.id](_dim(left, sizes), _dim(right, sizes))
    raise ValueError(f"no formula: {ast.unparse(node)[:40]}")


def _operation(node: ast.BinOp, sizes: Mapping[str, Dim]) -> Dim:
    left, right = _dim(node.left, sizes), _dim(node.right, sizes)
    match node.op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.FloorDiv() if right != 0:
            return left // right
        case ast.Pow() if type(right) is int and 0 <= right <= LARGEST_POWER:
            return left**right
    raise ValueError(f"no formula: {ast.unparse(node)[:40]}")
