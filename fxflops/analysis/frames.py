"""An analysis as a table of pandas: its modules, operators or calls as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from fxflops.algebra import Dim, evaluate
from fxflops.analysis.records import Analysis, NodeCost
from fxflops.cost import QUANTITIES, SUMS, Cost, total
from fxflops.errors import SpecError, shown

if TYPE_CHECKING:
    import pandas

ROWS = ("modules", "operators", "nodes")
NAMES = (*QUANTITIES, *(metric.name for metric in SUMS))
INSTALL = "pip install 'fxflops[notebook]'"


def to_dataframe(analysis: Analysis, rows: str, sizes: Mapping[str, int]) -> pandas.DataFrame:
    """The counts at these sizes, a row for each module, operator or call; see `Analysis`.

    Raises SpecError for other rows and without pandas, and what `Analysis.at` does.
    """
    if rows not in ROWS:
        raise SpecError(f"There are no rows of {shown(str(rows))!r}. Known: {', '.join(ROWS)}.")
    try:
        import pandas
    except ImportError as error:
        raise SpecError(f"to_dataframe needs pandas: {INSTALL}") from error
    values = analysis.values(sizes)

    @cache
    def number(count: Dim) -> int:
        value: int = evaluate(count, values)
        return value

    def counts(cost: Cost | None) -> dict[str, Any]:
        return {name: None if cost is None else _count(cost, name, number) for name in NAMES}

    if rows == "modules":
        own = _by(analysis, lambda node: node.path)
        records = [
            {
                "path": row.name,
                "type": row.kind,
                "calls": row.calls,
                "parameters": analysis.module_parameters.get(row.name, 0),
                "output": _output(row.results, number),
                "uncounted": sum(node.cost is None for node in own.get(row.name, ())),
                **counts(total(node.cost for node in own.get(row.name, ()) if node.cost)),
            }
            for row in analysis.report.modules
        ]
    elif rows == "operators":
        records = [
            {"op": op, "calls": len({node.name for node in nodes}), **counts(_sum(nodes))}
            for op, nodes in _by(analysis, lambda node: str(node.op)).items()
        ]
    else:
        records = [
            {
                "name": node.name,
                "op": str(node.op),
                "path": node.path,
                "where": node.where,
                "phase": node.phase,
                "free": node.free,
                "uncounted": node.unknown if node.cost is None else None,
                **counts(node.cost),
            }
            for node in analysis.nodes
        ]
    frame = pandas.DataFrame(records)
    for name in frame.columns.intersection([*NAMES, "calls", "parameters"]):
        frame[name] = _integers(list(frame[name]))
    return frame


def _count(cost: Cost, name: str, number: Any) -> Any:
    if name != "macs":
        return number(getattr(cost, name))
    contraction = number(cost.contraction)
    return contraction // 2 if contraction % 2 == 0 else contraction / 2


def _by(analysis: Analysis, key: Callable[[NodeCost], str]) -> dict[str, list[NodeCost]]:
    grouped: dict[str, list[NodeCost]] = {}
    for node in analysis.nodes:
        grouped.setdefault(key(node), []).append(node)
    return grouped


def _sum(nodes: Iterable[NodeCost]) -> Cost | None:
    """What the calls cost together; None where one of them is uncounted."""
    costs = [node.cost for node in nodes]
    known = [cost for cost in costs if cost is not None]
    return total(known) if len(known) == len(costs) else None


def _output(results: tuple[Any, ...], number: Any) -> str:
    first = next((shapes for shapes in results if shapes), ())
    return "x".join(str(number(size)) for size in first[0]) if first else ""


def _integers(values: list[Any]) -> Any:
    """A column of integers, some missing; Python's own where 64 bits do not hold them."""
    import pandas

    known = [value for value in values if value is not None and value == value]
    if any(isinstance(value, float) and not value.is_integer() for value in known):
        return pandas.array(values, dtype="Float64")
    if all(abs(value) < 2**63 for value in known) and abs(sum(map(int, known))) < 2**63:
        return pandas.array([None if v is None or v != v else int(v) for v in values], "Int64")
    return pandas.Series(values, dtype=object)
