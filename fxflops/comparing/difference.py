"""What differs between two sides, in formulas and at sizes: totals, modules, operators, calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from fxflops.algebra import Dim
from fxflops.comparing.common import Common
from fxflops.comparing.sides import Call, Side, of_its_own
from fxflops.comparing.tree import Pair, pairs, tree
from fxflops.cost import Cost
from fxflops.errors import DomainError, SpecError
from fxflops.report import SHOWN, Answer, Report, Row


class Total(NamedTuple):
    """One quantity of both sides: its values where the sizes are known, and the difference."""

    name: str
    old: int | None
    new: int | None
    difference: Dim | None


class ModuleChange(NamedTuple):
    """What a module's own calls cost more on the new side; ``""`` is the path of the root."""

    kind: str
    old: str | None
    new: str | None
    type: str
    difference: Cost


class OperatorChange(NamedTuple):
    """An operator's calls on both sides, and what they cost more on the new one."""

    op: str
    old: int
    new: int
    difference: Cost


class CallChange(NamedTuple):
    """A call that one side alone has, or that costs another amount, with its source lines."""

    kind: str
    op: str
    module: str
    old: str
    new: str
    difference: Cost | None


class Difference(NamedTuple):
    """``new`` against ``old``; ``values`` of the common symbols are None where a size is open.

    ``calls`` is None where a side is a saved report, which has none.
    """

    old: Side
    new: Side
    common: Common
    answers: tuple[Answer, Answer]
    totals: tuple[Total, ...]
    modules: tuple[ModuleChange, ...]
    operators: tuple[OperatorChange, ...]
    calls: tuple[CallChange, ...] | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs, uncounted calls included."""
        same = all(
            t.difference == 0 if t.difference is not None else t.old == t.new for t in self.totals
        )
        unknown = [_uncounted(side.report) for side in (self.old, self.new)]
        return same and not (self.modules or self.operators) and unknown[0] == unknown[1]

    @property
    def complete(self) -> bool:
        """Whether both sides are counted whole."""
        return self.old.report.complete and self.new.report.complete


def difference(old: Side, new: Side, sizes: Mapping[str, int]) -> Difference:
    """What differs, at ``sizes`` with the defaults of ``old`` and then of ``new``.

    Raises SpecError for a size that neither has, DomainError for sizes outside of either domain.
    """
    common = Common(old, new)
    reports = (old.report, new.report)
    fixed = {name for report in reports for name in report.domain.fixed}
    strange = [name for name in sizes if name not in common.names and name not in fixed]
    if strange:
        free = f"the free sizes are {', '.join(common.names)}" if common.names else "none is free"
        raise SpecError(f"There is no size {', '.join(strange)} to set: {free}.")
    at = {**new.report.defaults, **old.report.defaults, **sizes}
    answers = (_answer(old, at), _answer(new, at))
    found = pairs(tree(common.rows(old.report.modules)), tree(common.rows(new.report.modules)))
    calls = None
    if old.calls is not None and new.calls is not None:
        calls = tuple(_calls(found, common.calls(old.calls), common.calls(new.calls)))
    return Difference(
        old=old,
        new=new,
        common=common,
        answers=answers,
        totals=tuple(_totals(old, new, common, answers)),
        modules=tuple(_modules(found)),
        operators=tuple(_operators(*(common.rows(report.operators) for report in reports))),
        calls=calls,
    )


def _answer(side: Side, at: Mapping[str, int]) -> Answer:
    sizes = of_its_own(side.report, at)
    try:
        return side.report.at(sizes if side.report.is_known_at(sizes) else None)
    except DomainError as error:
        raise DomainError(f"{side.name}: {error}") from error


def _totals(
    old: Side, new: Side, common: Common, answers: tuple[Answer, Answer]
) -> Iterable[Total]:
    first: int | None
    second: int | None
    for name in SHOWN:
        before, after = (common.dim(getattr(s.report.total, name)) for s in (old, new))
        first, second = (answer.value(name) for answer in answers)
        yield Total(name, first, second, after - before)
    before, after = (common.dim(side.report.parameters) for side in (old, new))
    first, second = (answer.quantity(answer.report.parameters).value for answer in answers)
    yield Total("parameters", first, second, after - before)
    had_figures = {number.name: number.value for number in answers[0].numbers()}
    for number in answers[1].numbers():
        was, value = had_figures.get(number.name), number.value
        if isinstance(was, int) and isinstance(value, int):
            yield Total(number.name, was, value, None)


def _modules(found: Sequence[Pair]) -> Iterable[ModuleChange]:
    for pair in found:
        if pair.difference != Cost.zero():
            kind = "changed" if pair.old and pair.new else "removed" if pair.old else "added"
            there = pair.new or pair.old
            assert there is not None
            old, new = (module.path if module else None for module in pair)
            yield ModuleChange(kind, old, new, there.kind, pair.difference)


def _operators(old: Sequence[Row], new: Sequence[Row]) -> Iterable[OperatorChange]:
    before, after = ({row.name: row for row in rows} for rows in (old, new))
    for op in {**before, **after}:
        first = before.get(op, Row(op, Cost.zero(), calls=0))
        second = after.get(op, Row(op, Cost.zero(), calls=0))
        more = second.cost - first.cost
        if more != Cost.zero() or first.calls != second.calls:
            yield OperatorChange(op, _number(first.calls), _number(second.calls), more)


def _number(calls: Dim | None) -> int:
    """Raises SpecError for calls of which there are as many as a size says."""
    if calls is not None and not isinstance(calls, int):
        raise SpecError("diff compares calls, and --free leaves their number open: fix the depth.")
    return calls or 0


def _calls(found: Sequence[Pair], old: Sequence[Call], new: Sequence[Call]) -> Iterable[CallChange]:
    """Of modules that differ, the calls that only one side has, or that cost another amount."""
    before, after = (_by_module(calls) for calls in (old, new))
    for pair in found:
        left = before.get(pair.old.path, []) if pair.old else []
        right = after.get(pair.new.path, []) if pair.new else []
        gone, come = _without_common(left, right), _without_common(right, left)
        module = (pair.new or pair.old or Pair).path  # type: ignore[union-attr]
        for call in gone:
            other = next((other for other in come if other.op == call.op), None)
            if other is not None:
                come.remove(other)
                known = call.cost is not None and other.cost is not None
                more = other.cost - call.cost if known else None  # type: ignore[operator]
                yield CallChange("changed", call.op, module, call.where, other.where, more)
            else:
                less = None if call.cost is None else Cost.zero() - call.cost
                yield CallChange("removed", call.op, module, call.where, "", less)
        for call in come:
            yield CallChange("added", call.op, module, "", call.where, call.cost)


def _by_module(calls: Iterable[Call]) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for call in calls:
        if call.cost != Cost.zero():
            found.setdefault(call.path, []).append(call)
    return found


def _without_common(calls: Sequence[Call], others: Sequence[Call]) -> list[Call]:
    """The calls that ``others`` do not have, wherever they stand in the source."""
    known = Counter((call.op, call.cost) for call in others)
    rest = []
    for call in calls:
        if known[call.op, call.cost] > 0:
            known[call.op, call.cost] -= 1
        else:
            rest.append(call)
    return rest


def _uncounted(report: Report) -> Counter[str]:
    return Counter({item.op: item.calls for item in report.uncounted})
