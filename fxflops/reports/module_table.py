"""The table of modules, and its columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fxflops.algebra import Dim
from fxflops.cost import METRICS, SUMS
from fxflops.errors import SpecError, shown
from fxflops.report import SHOWN, Answer, Row, known_calls
from fxflops.reports.document import Bar, Cell, Name, Table
from fxflops.reports.modules import Module, tree, visible
from fxflops.reports.wording import at_scale, percent, prefix, scaled, share

LABELS = {metric.name: metric.label for metric in (*METRICS, *SUMS)}
UNITS = {"FLOP": "FLOP", "bytes": "B", "multiply-adds": "MAC"}
SYMBOLS = {
    metric.name: UNITS.get(metric.unit.partition(",")[0], "") for metric in (*METRICS, *SUMS)
}
HEADLINE_FIRST = ("flops", *(name for name in SHOWN if name != "flops"))
OTHERS = ("type", "output", "calls", "params", "share")
ALL = ("type", "output", "calls", "params", "flops", "share", *HEADLINE_FIRST[1:])
"""The columns of ``--columns all``, in order."""
COLUMNS = (*OTHERS, *LABELS)
"""What ``--columns`` may name."""
DROPPED_LAST = ("type", "calls", "params", "share", "output")
"""What a narrow window leaves out, once the counts but the first one have been, from the right."""
SORTED = ("params", "calls", *LABELS)
DECIMALS = 3


def require_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that these names mean. Raises SpecError for a name that is none."""
    if tuple(columns) == ("all",):
        return ALL
    if not columns:
        raise SpecError(f"--columns names no column. Known: all, {', '.join(COLUMNS)}.")
    for name in columns:
        if name not in COLUMNS:
            known = ", ".join(COLUMNS)
            raise SpecError(f"There is no column {shown(name)!r}. Known: all, {known}.")
        if columns.count(name) > 1:
            raise SpecError(f"The column {name!r} is named twice. Name it once.")
    return tuple(columns)


def require_sort(name: str) -> str:
    """Raises SpecError for what modules cannot be sorted by."""
    if name not in SORTED:
        raise SpecError(f"Modules are not sorted by {shown(name)!r}. Known: {', '.join(SORTED)}.")
    return name


def usual(answer: Answer) -> tuple[str, ...]:
    """The columns of the first screen: how much is the first count that is not nothing."""
    names = ("contraction", "flops", "comparison", "transcendental", "bytes_read", "bytes_written")
    main = next((name for name in names if answer.value(name)), names[0])
    return ("output", "params", main, "share")


def modules_table(
    answer: Answer,
    depth: int | None,
    columns: Sequence[str],
    sort: str | None,
    *,
    aligned: bool,
) -> Table:
    """The modules to ``depth`` levels, as many as fit for None, with these columns.

    Equal siblings are in one row, which is the sum of them. With ``aligned``, the counts of a
    column have one prefix, so that they can be compared at a glance.
    """
    main = next((name for name in columns if name in LABELS), "flops")
    root = tree(answer.report)
    rows = visible(root, depth, key(answer, main), None if sort is None else key(answer, sort))
    writers = [_writer(name, answer, main, rows, aligned) for name in columns]
    cells = [[_name(module), *(write.cell(module) for write in writers)] for module in rows]
    counts = [name for name in reversed(columns) if name not in (*DROPPED_LAST, main)]
    order = [*counts, *DROPPED_LAST]
    return Table(
        headings=("module", *(write.heading for write in writers)),
        sides="l" + "".join(write.side for write in writers),
        rows=cells,
        droppable=[1 + list(columns).index(name) for name in order if name in columns],
    )


class Column(NamedTuple):
    """A heading, the side to which the cells are flush, and what makes them."""

    heading: str
    side: str
    cell: Callable[[Module], Cell]


def _writer(name: str, answer: Answer, main: str, rows: Sequence[Module], aligned: bool) -> Column:
    if name == "type":
        return Column("type", "l", lambda module: module.row.kind)
    if name == "output":
        return Column("output", "l", lambda module: shape(module.row, answer))
    if name == "calls":
        return Column("calls", "r", lambda module: _calls(module))
    if name == "params":
        return Column("params", "r", lambda module: _parameters(module, answer))
    if name == "share":
        return _share(answer, main, rows, aligned)
    return _counts(name, answer, aligned)


def _share(answer: Answer, main: str, rows: Sequence[Module], aligned: bool) -> Column:
    whole = answer.value(main) if main != "macs" else answer.macs
    parts = [value(module, answer, main) or 0 for module in rows]
    longest = max(parts, default=0)
    write = percent if aligned else share

    def cell(module: Module) -> Cell:
        part = value(module, answer, main)
        return Bar.of(write(part, whole), part or 0, longest)

    return Column("share", "r", cell)


def _counts(name: str, answer: Answer, aligned: bool) -> Column:
    whole = (answer.macs if name == "macs" else answer.value(name)) or 0
    scale, letter = prefix(whole)
    unit = f" {letter}{SYMBOLS[name]}".rstrip()

    def cell(module: Module) -> Cell:
        number = value(module, answer, name)
        least = "≥ " if module.row.uncounted else ""
        if not aligned or scale * 1000 <= whole:
            return f"{least}{scaled(number)}"
        return f"{least}{at_scale(number, scale, DECIMALS)}{unit}"

    return Column(LABELS[name], "r", cell)


def value(module: Module, answer: Answer, name: str) -> int | None:
    """A count of a module, or of all that are in its row; None where no size is known."""
    cost = module.row.cost
    count = answer.quantity(cost.contraction if name == "macs" else getattr(cost, name)).value
    if count is None:
        return None
    if name == "macs":
        return None if module.times * count % 2 else module.times * count // 2
    return module.times * count


def parameters(module: Module, answer: Answer) -> int | None:
    """The parameters of a module, or of all that are in its row."""
    if module.row.parameters is None:
        return None
    number = answer.quantity(module.row.parameters).value
    return None if number is None else module.times * number


def _parameters(module: Module, answer: Answer) -> str:
    return "" if module.row.parameters is None else scaled(parameters(module, answer))


def _calls(module: Module) -> str:
    return "" if module.row.calls is None else str(module.times * module.row.calls)


def shape(row: Row, answer: Answer) -> str:
    """The shape of the first tensor that a module returns, less a batch of 1.

    ``…`` says that it returns others, too, in this call or in others.
    """
    first = next((shapes for shapes in row.results if shapes), ())
    if not first:
        return ""
    batch, *axes = first[0] or (0,)
    is_one = axes and not isinstance(batch, int) and answer.quantity(batch).value == 1
    written = "x".join(_size(size, answer) for size in (axes if is_one else first[0])) or "scalar"
    more = len(row.results) > 1 or len(first) > 1
    return f"{written} …" if more else written


def _size(size: Dim, answer: Answer) -> str:
    quantity = answer.quantity(size)
    return quantity.formula if quantity.value is None else str(quantity.value)


def key(answer: Answer, column: str) -> Callable[[Module], int]:
    """The number of a module in this column, one of `SORTED`; 0 where there is none."""

    def number(module: Module) -> int:
        if column == "calls":
            return module.times * known_calls(module.row.calls)
        if column == "params":
            return parameters(module, answer) or 0
        return value(module, answer, column) or 0

    return number


def _name(module: Module) -> Name:
    return Name(module.path or module.label, module.label, max(module.level - 1, 0))
