"""From a report and conditions on its cost to the sizes that satisfy them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple

from fxflops.algebra import Dim, Symbol, substitute
from fxflops.cost import Cost
from fxflops.domain import Domain
from fxflops.errors import SpecError, shown
from fxflops.report import Answer, Report
from fxflops.solving.conditions import Condition, conditions
from fxflops.solving.measures import Measure, Ratio, measure
from fxflops.solving.monotone import Trend, trend
from fxflops.solving.search import (
    MOST_VALUES,
    Predicate,
    ascending,
    descending,
    is_proven,
    one_by_one,
    predicate,
)
from fxflops.solving.unknowns import Asked, Unknown, placed

UP_TO = 2**12
"""Values that are looked at where nothing is proven and no range is given; the answer says so."""

NEIGHBORS = 2**12
"""Values looked at in search of the next size of the domain."""

MOST_POINTS = 2**20
"""Values of several unknowns together."""


class Found(NamedTuple):
    """Sizes, and the report there."""

    sizes: Mapping[str, int]
    answer: Answer

    @property
    def cost(self) -> Cost:
        """The cost in integers."""
        assert self.answer.values is not None
        return self.answer.report.total.at(self.answer.values)


class Objective(NamedTuple):
    """The quantity to have as much of as possible, or as little."""

    measure: Measure
    sign: int

    @property
    def text(self) -> str:
        """As the user asked for it."""
        return f"{'maximize' if self.sign > 0 else 'minimize'} {self.measure.name}"


class Solution(NamedTuple):
    """The sizes that satisfy all conditions: the largest, or else what the objective asks for.

    ``found`` is one of them for one unknown. For several they are those of which none can grow
    without another shrinking, or those that are best. ``following`` is the next size of the domain
    after the one found (before it, where the least is sought), ``smallest`` the smallest size if
    none is found. ``in_full`` says that values were looked at one by one, since nothing is proven;
    ``ceiling`` up to which, if the user has not said it. ``unbounded`` says that no size is too
    large.
    """

    report: Report
    conditions: tuple[Condition, ...]
    unknowns: tuple[Unknown, ...]
    objective: Objective | None
    found: tuple[Found, ...]
    following: Found | None = None
    smallest: Found | None = None
    in_full: bool = False
    ceiling: int | None = None
    unbounded: bool = False

    def __bool__(self) -> bool:
        """Whether any size fits."""
        return bool(self.found)

    @property
    def sizes(self) -> dict[str, int] | None:
        """The sizes found, the first of several; None where nothing fits."""
        return dict(self.found[0].sizes) if self.found else None

    @property
    def front(self) -> list[dict[str, int]]:
        """All sizes found."""
        return [dict(found.sizes) for found in self.found]

    @property
    def cost(self) -> Cost | None:
        """What the sizes found cost, the first of several."""
        return self.found[0].cost if self.found else None

    def __str__(self) -> str:
        """The answer as a sentence: ``H = W = 512: 90.23 GFLOP. The next size, 544, has 101.24.``.

        The same as the title of what ``fxflops solve`` prints.
        """
        from fxflops.solving.document import sentence

        return sentence(self)

    def __repr__(self) -> str:
        """The sentence, as a value."""
        return f"<fxflops.Solution: {self}>"


def solve(
    report: Report,
    texts: Iterable[str],
    asked: Sequence[Asked],
    sizes: Mapping[str, int],
    *,
    maximize: str | None = None,
    minimize: str | None = None,
) -> Solution:
    """The sizes ``asked`` for that satisfy the conditions ``texts``, the others being ``sizes``.

    Raises SpecError for conditions, unknowns, ranges or an objective that cannot be read, and where
    uncounted calls leave the answer open; DomainError for ``sizes`` outside the domain.
    """
    wanted = conditions(report, texts)
    unknowns = placed(asked, report.domain)
    if not unknowns:
        raise SpecError("There is nothing to solve for: name a free size, such as H=W or N.")
    if len(unknowns) > 1 and (open_ended := [u.name for u in unknowns if not u.ranged]):
        raise SpecError(
            f"Several unknowns need a range each: give {open_ended[0].replace(' ', '')}=…:…, for "
            f"example {open_ended[0].replace(' ', '')}=1:64."
        )
    objective = _objective(report, maximize, minimize)
    _require_known(report, wanted, objective)
    known = _known(report, unknowns, sizes)
    if len(unknowns) == 1:
        return _of_one(report, wanted, unknowns[0], objective, known)
    return _of_several(report, wanted, unknowns, objective, known)


def _objective(report: Report, maximize: str | None, minimize: str | None) -> Objective | None:
    if maximize is not None and minimize is not None:
        raise SpecError("Both maximize and minimize are given. Give one of them.")
    if maximize is not None:
        return Objective(measure(report, maximize), 1)
    return None if minimize is None else Objective(measure(report, minimize), -1)


def _require_known(
    report: Report, wanted: Sequence[Condition], objective: Objective | None
) -> None:
    """Refuse what uncounted calls leave open.

    That a lower bound exceeds a ceiling is certain; nothing is of ratios of lower bounds.
    """
    if report.complete:
        return
    for condition in wanted:
        if condition.measure.lower and not (
            condition.is_ceiling and not condition.measure.is_ratio
        ):
            raise SpecError(
                f"{shown(condition.text)} cannot be decided: {report.model} has uncounted calls, "
                f"so that {condition.measure.name} is a lower bound. Give them a formula, or "
                f"conditions with <=."
            )
    if objective is not None and objective.measure.lower:
        raise SpecError(
            f"{objective.measure.name} is a lower bound, since {report.model} has uncounted calls: "
            f"it is no objective."
        )


def _known(
    report: Report, unknowns: Sequence[Unknown], sizes: Mapping[str, int]
) -> dict[Symbol, int]:
    """The values of the symbols that are not solved for."""
    sought = {symbol.name for unknown in unknowns for symbol in unknown.symbols}
    if twice := sorted(sought & sizes.keys()):
        raise SpecError(f"{twice[0]} is both given and solved for. Leave out one of the two.")
    rest = tuple(s for s in report.domain.symbols if s.name not in sought)
    given = {n: size for n, size in {**report.defaults, **sizes}.items() if n not in sought}
    strange = [name for name in given if name not in {s.name for s in rest}]
    for name in strange:
        if name not in report.domain.fixed and name not in sizes:
            del given[name]  # a default of the model's that this formula does not have
    alone = Domain(rest, (), report.domain.least, report.domain.fixed)
    return alone.values(given, report.model)


def _restricted(known: Mapping[Symbol, int], unknown: Unknown) -> tuple[dict[Symbol, Dim], Symbol]:
    """What stands in the place of each symbol, with the steps of ``unknown`` left open."""
    return {**known, **unknown.in_steps()}, unknown.symbol


def _guards(report: Report, known: Mapping[Symbol, int], unknown: Unknown) -> list[Predicate]:
    """What the domain asks of the steps of ``unknown``."""
    places, steps = _restricted(known, unknown)
    made: list[Predicate] = []
    for guard in report.domain.guards:
        value = substitute(guard.value, places)
        if guard.sign == "==":
            made += _equal(value, steps, is_guard=True)
        else:
            made.append(predicate(value, guard.sign, steps, is_guard=True))
    for symbol in unknown.symbols:
        least = report.domain.least.get(symbol.name, symbol.minimum)
        value = substitute(unknown.in_steps()[symbol], {}) - least
        made.append(predicate(value, ">=", steps, is_guard=True))
    return made


def _equal(value: Dim, steps: Symbol, *, is_guard: bool) -> list[Predicate]:
    """``value == 0``, as two inequalities where that can be searched by bisection."""
    if not isinstance(value, int) and trend(value, steps) is not None:
        return [predicate(side, ">=", steps, is_guard=is_guard) for side in (value, -value)]
    return [predicate(value, "==", steps, is_guard=is_guard)]


def _conditions(
    report: Report, wanted: Sequence[Condition], known: Mapping[Symbol, int], unknown: Unknown
) -> list[Predicate]:
    """What the user asks of the steps of ``unknown``."""
    places, steps = _restricted(known, unknown)
    made: list[Predicate] = []
    for condition in wanted:
        dims = condition.measure.dims
        if dims is None:
            made.append(_of_a_figure(report, condition, known, unknown))
            continue
        above, below = (substitute(dim, places) for dim in dims)
        numerator, denominator = condition.bound
        excess = above * denominator - below * numerator  # below the bound where it is negative
        if not isinstance(below, int) or below < 1:
            made.append(predicate(below - 1, ">=", steps, is_guard=False))
        if condition.sign == "==":
            made += _equal(excess, steps, is_guard=False)
        else:
            short = -excess if condition.is_ceiling else excess
            strict = int(condition.sign in ("<", ">"))
            made.append(predicate(short - strict, ">=", steps, is_guard=False))
    return made


def _of_a_figure(
    report: Report, condition: Condition, known: Mapping[Symbol, int], unknown: Unknown
) -> Predicate:
    def holds(steps: int) -> bool:
        return condition.holds(_answer(report, known, {unknown: steps}))

    found = _trend(condition.measure, known, unknown)
    if found is None or condition.sign == "==" or found.sign < 0:
        return one_by_one(holds)
    return one_by_one(holds, -1 if condition.is_ceiling else 1, found.start)


def _trend(measure: Measure, known: Mapping[Symbol, int], unknown: Unknown) -> Trend | None:
    """The trend of a quantity in the steps of ``unknown``; None where none is proven."""
    places, steps = _restricted(known, unknown)
    if measure.dims is not None:
        above, below = (substitute(dim, places) for dim in measure.dims)
        return trend(above, steps) if isinstance(below, int) and below > 0 else None
    if measure.parts is None:
        return None
    start = 0
    for part in measure.parts:
        found = trend(substitute(part, places), steps)
        if found is None or found.sign < 0:
            return None
        start = max(start, found.start)
    return Trend(1, start)


def _answer(report: Report, known: Mapping[Symbol, int], steps: Mapping[Unknown, int]) -> Answer:
    values = dict(known)
    for unknown, number in steps.items():
        values |= {s: s.value_at(unknown.size(number)) for s in unknown.symbols}
    return Answer(report, {s: values[s] for s in report.domain.symbols})


def _found(report: Report, known: Mapping[Symbol, int], steps: Mapping[Unknown, int]) -> Found:
    answer = _answer(report, known, steps)
    report.domain.values(answer.sizes, report.model)  # the search and the domain must agree
    return Found(answer.sizes, answer)


# One unknown


def _of_one(
    report: Report,
    wanted: tuple[Condition, ...],
    unknown: Unknown,
    objective: Objective | None,
    known: Mapping[Symbol, int],
) -> Solution:
    guards = _guards(report, known, unknown)
    asked = _conditions(report, wanted, known, unknown)
    order = _order(objective, known, unknown)
    in_full = order == 0 or not is_proven(asked)
    ceiling = None
    if in_full and not unknown.ranged:
        ceiling = unknown.size(UP_TO - 1)
        unknown = unknown._replace(last=ceiling)
    predicates = [*guards, *asked]
    if order == 0:
        assert objective is not None
        steps = _best(report, objective, known, unknown, predicates)
    else:
        walk = descending if order > 0 else ascending
        steps = next(walk(predicates, 0, unknown.steps), None)
    solved = Solution(report, wanted, (unknown,), objective, (), in_full=in_full, ceiling=ceiling)
    if steps is None:
        smallest = next(ascending(guards, 0, unknown.steps), None)
        if smallest is None:
            raise SpecError(
                f"No {unknown.name} in the range is in the domain: the formula holds where "
                f"{' and '.join(report.domain.texts())}."
            )
        return solved._replace(smallest=_found(report, known, {unknown: smallest}))
    solved = solved._replace(found=(_found(report, known, {unknown: steps}),))
    if order > 0 and steps == unknown.steps and ceiling is None and not unknown.ranged:
        return solved._replace(unbounded=True)
    if order != 0 and (near := _neighbor(guards, unknown, steps, order)) is not None:
        return solved._replace(following=_found(report, known, {unknown: near}))
    return solved


def _order(objective: Objective | None, known: Mapping[Symbol, int], unknown: Unknown) -> int:
    """1 where the largest size is sought, -1 for the least, 0 where that is not proven."""
    if objective is None:
        return 1
    found = _trend(objective.measure, known, unknown)
    return 0 if found is None or found.start else objective.sign * found.sign


def _best(
    report: Report,
    objective: Objective,
    known: Mapping[Symbol, int],
    unknown: Unknown,
    predicates: Sequence[Predicate],
) -> int | None:
    """The steps with most of the objective; of equal ones the largest."""
    best: tuple[int, Ratio] | None = None
    for steps in _few(ascending(predicates, 0, unknown.steps)):
        value = objective.measure.at(_answer(report, known, {unknown: steps}))
        if value is not None and (best is None or _is_better(value, best[1], objective.sign)):
            best = steps, value
    return best and best[0]


def _few(values: Iterator[int]) -> Iterator[int]:
    """Raises SpecError for more than can be looked at."""
    for count, value in enumerate(values):
        if count >= MOST_VALUES:
            raise SpecError(
                f"More than {MOST_VALUES:,} values would have to be compared: give a narrower "
                f"range, or a step."
            )
        yield value


def _is_better(value: Ratio, than: Ratio, sign: int) -> bool:
    """Whether it is more (less for a sign of -1), or as much."""
    return sign * (value[0] * than[1] - than[0] * value[1]) >= 0


def _neighbor(guards: Sequence[Predicate], unknown: Unknown, steps: int, order: int) -> int | None:
    """The next number of steps in the domain, if it is near."""
    if order > 0:
        last = min(unknown.steps, steps + NEIGHBORS)
        return next(ascending(guards, steps + 1, last), None)
    return next(descending(guards, max(0, steps - NEIGHBORS), steps - 1), None)


# Several


def _of_several(
    report: Report,
    wanted: tuple[Condition, ...],
    unknowns: tuple[Unknown, ...],
    objective: Objective | None,
    known: Mapping[Symbol, int],
) -> Solution:
    """One unknown is searched for each choice of the others."""
    *others, last = sorted(unknowns, key=lambda unknown: unknown.steps)
    choices = prod(unknown.steps + 1 for unknown in others)
    if choices > MOST_POINTS:
        raise SpecError(
            f"{choices:,} combinations of {', '.join(u.name for u in others)} are more than "
            f"{MOST_POINTS:,}: give narrower ranges, or steps."
        )
    every = _is_all_needed(objective, unknowns)
    points: list[tuple[int, ...]] = []
    in_full, smallest = every, None
    for chosen in itertools.product(*(range(unknown.steps + 1) for unknown in others)):
        here = dict(known)
        for unknown, steps in zip(others, chosen, strict=True):
            here |= {s: s.value_at(unknown.size(steps)) for s in unknown.symbols}
        guards = _guards(report, here, last)
        if any(here[s] < report.domain.least.get(s.name, s.minimum) for s in here):
            continue
        asked = _conditions(report, wanted, here, last)
        in_full = in_full or not is_proven(asked)
        inside = descending([*guards, *asked], 0, last.steps)
        points += [(*chosen, steps) for steps in (inside if every else itertools.islice(inside, 1))]
        if len(points) > MOST_POINTS:
            raise SpecError(
                f"More than {MOST_POINTS:,} combinations fit and would have to be compared: give "
                f"narrower ranges, or steps."
            )
        if smallest is None and not points:
            first = next(ascending(guards, 0, last.steps), None)
            smallest = None if first is None else (*chosen, first)
    searched = (*others, last)

    def found(point: tuple[int, ...]) -> Found:
        return _found(report, known, dict(zip(searched, point, strict=True)))

    solved = Solution(report, wanted, unknowns, objective, (), in_full=in_full)
    if not points:
        if smallest is None:
            raise SpecError(
                f"No sizes in the ranges are in the domain: the formula holds where "
                f"{' and '.join(report.domain.texts())}."
            )
        return solved._replace(smallest=found(smallest))
    if objective is not None:
        points = _best_points(report, objective, known, searched, points)
    front = _undominated(points)
    rank = [searched.index(unknown) for unknown in unknowns]
    front.sort(key=lambda point: [point[position] for position in rank])
    return solved._replace(found=tuple(map(found, front)))


def _is_all_needed(objective: Objective | None, unknowns: Sequence[Unknown]) -> bool:
    """Whether every point has to be compared, not only those of which none is larger."""
    if objective is None:
        return False
    own = {symbol.name for unknown in unknowns for symbol in unknown.symbols}
    return not (objective.sign > 0 and objective.measure.name in own)


def _best_points(
    report: Report,
    objective: Objective,
    known: Mapping[Symbol, int],
    searched: Sequence[Unknown],
    points: Sequence[tuple[int, ...]],
) -> list[tuple[int, ...]]:
    """Those with most of the objective."""
    best: list[tuple[int, ...]] = []
    most: Ratio | None = None
    for point in points:
        steps = dict(zip(searched, point, strict=True))
        value = objective.measure.at(_answer(report, known, steps))
        if value is None or (most is not None and not _is_better(value, most, objective.sign)):
            continue
        if most is None or not _is_better(most, value, objective.sign):
            best = []
        best.append(point)
        most = value
    return best


def _undominated(points: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Those of which no other is at least as large in every unknown."""
    front: list[tuple[int, ...]] = []
    for point in sorted(set(points), reverse=True):  # what is larger everywhere comes before
        if not any(all(map(int.__ge__, other, point)) for other in front):
            front.append(point)
    return front
