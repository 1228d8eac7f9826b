"""The modules of a report as a tree to look at: equal siblings in one row, as deep as fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fxflops.cost import Cost, total
from fxflops.report import Report, Row

MOST_ROWS = 20
"""As many rows as are shown where nobody asks for a depth: what fits a window."""
ITSELF = "(itself)"


class Module(NamedTuple):
    """A module to show, or ``times`` equal siblings: ``layers.0-11 ×12``.

    ``row`` is the sum of all of them, and so are those of the modules below.
    """

    label: str
    row: Row
    level: int
    times: int
    below: tuple[Module, ...]

    def walk(self) -> Iterator[Module]:
        """Itself and all below, in order."""
        yield self
        for module in self.below:
            yield from module.walk()


def tree(report: Report) -> Module:
    """The modules of a report, the root first."""
    children: dict[str, list[Row]] = {}
    known = {row.name for row in report.modules}
    for row in report.modules[1:]:
        children.setdefault(_parent(row.name, known), []).append(row)
    kinds: dict[tuple[object, ...], int] = {}

    def made(row: Row, level: int) -> tuple[Module, int]:
        """The module, and a number that equal modules share."""
        below = [made(child, level + 1) for child in children.get(row.name, ())]
        named = [(module.label, number) for module, number in below]
        same = (*row[1:], *named)
        module = Module(_last(row.name), row, level, 1, tuple(_folded(below)))
        return _without_container(module), kinds.setdefault(same, len(kinds))

    root, _ = made(report.modules[0], 0)
    return root._replace(label=report.model)


def visible(
    root: Module,
    depth: int | None,
    weight: Callable[[Row], int],
    sort: Callable[[Row], int] | None = None,
) -> list[Module]:
    """The rows to show to ``depth`` levels below the root, in their order.

    Without a depth, what is below the module of the largest ``weight`` is shown, and so on as long
    as there are not more than `MOST_ROWS`. With ``sort``, siblings are from the largest to the
    least. What the root itself does, outside of the modules below it, has a row of its own.
    """
    if depth == 0 or not root.below:
        return [root._replace(below=())]
    opened = _opened(root, weight) if depth is None else set()

    def walk(module: Module) -> Iterator[Module]:
        is_open = module.row.name in opened if depth is None else module.level < depth
        below = module.below if is_open else ()
        if sort is not None:
            below = tuple(sorted(below, key=lambda module: sort(module.row), reverse=True))
        for child in below:
            yield child
            yield from walk(child)

    itself = _itself(root)
    return [*walk(root), *([] if itself is None else [itself])]


def _opened(root: Module, weight: Callable[[Row], int]) -> set[str]:
    """The modules below which the rows are shown where nobody asks for a depth."""
    opened = {root.row.name}
    waiting = list(root.below)
    rows = len(waiting)
    while waiting:
        largest = max(waiting, key=lambda module: weight(module.row))
        waiting.remove(largest)
        if largest.below and rows + len(largest.below) > MOST_ROWS:
            break
        opened.add(largest.row.name)
        rows += len(largest.below)
        waiting += largest.below
    return opened


def _itself(root: Module) -> Module | None:
    """What is called in the root's own code; None where that costs nothing."""
    rows = [module.row for module in root.below]
    cost = root.row.cost - total(row.cost for row in rows)
    uncounted = root.row.uncounted - sum(row.uncounted for row in rows)
    if cost == Cost.zero() and not uncounted:
        return None
    own = None
    if root.row.parameters is not None:
        own = root.row.parameters - sum((row.parameters or 0 for row in rows), 0)
    row = Row("", cost, parameters=own, uncounted=uncounted)
    return Module(ITSELF, row, 1, 1, ())


def _folded(siblings: list[tuple[Module, int]]) -> Iterator[Module]:
    """Runs of equal siblings with consecutive numbers, each in one row."""
    run: list[Module] = []
    last: tuple[int, str, int] | None = None
    for module, same in siblings:
        is_container = module.label != _last(module.row.name)
        stem, number = ("", -1) if is_container else _numbered(module.label)
        if last is not None and last == (same, stem, number - 1):
            run.append(module)
        else:
            if run:
                yield _one(run)
            run = [module]
        last = None if number < 0 else (same, stem, number)
    if run:
        yield _one(run)


def _one(run: list[Module]) -> Module:
    if len(run) == 1:
        return run[0]
    first, *_, last = run
    times = len(run)
    stem, number = _numbered(first.row.name)
    name = f"{stem}{number}-{_numbered(last.row.name)[1]} ×{times}"
    together = _times(first, times)
    row = together.row._replace(name=name)
    return together._replace(label=_last(name), row=row, times=times)


def _times(module: Module, times: int) -> Module:
    row = module.row
    return module._replace(
        row=row._replace(
            cost=times * row.cost,
            calls=None if row.calls is None else times * row.calls,
            parameters=None if row.parameters is None else times * row.parameters,
            uncounted=times * row.uncounted,
        ),
        below=tuple(_times(below, times) for below in module.below),
    )


def _without_container(module: Module) -> Module:
    """In the place of a list of modules, which is never called, all that is in it if in one row."""
    row, below = module.row, module.below
    if len(below) != 1 or row.calls or not row.name or row.results:
        return module
    only = below[0]
    is_all = (only.row.cost, only.row.uncounted) == (row.cost, row.uncounted)
    if not is_all or only.row.parameters != row.parameters:
        return module
    return _raised(only)._replace(label=f"{module.label}.{only.label}", level=module.level)


def _raised(module: Module) -> Module:
    """One level higher, with all below."""
    below = tuple(map(_raised, module.below))
    return module._replace(level=module.level - 1, below=below)


def _parent(path: str, known: set[str]) -> str:
    """The nearest module around it."""
    while path:
        path = path.rpartition(".")[0]
        if path in known:
            return path
    return ""


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _numbered(name: str) -> tuple[str, int]:
    """A name that ends in a number, and the number; -1 where it ends in none."""
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :]
    if not digits or len(digits) > 9 or (digits[0] == "0" and len(digits) > 1):
        return name, -1
    return stem, int(digits)
