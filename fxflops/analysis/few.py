"""The pass that extends formulas to data sizes of 0 and 1: no box, and one.

A capture takes sizes that data decide to be at least 2, as it does all sizes. A level without a box
is ordinary, though. So for each of them there are captures with it fixed at 0 and at 1; where a
call's cost there is not what its formula gives, the difference becomes a term of the formula that
vanishes elsewhere, and where calls cannot be matched the size stays outside the domain.

What several sizes do together is tried where a guard couples them, and where all are 0. Otherwise
they are taken to be independent: each decides how the calls run that it is a size of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, groupby
from math import prod
from typing import TypeAlias

from fxflops.algebra import Dim, Symbol, beyond_one, minimum, substitute, symbols_of
from fxflops.algebra.minmax import MinMax
from fxflops.algebra.polynomial import from_atom
from fxflops.analysis.count import count, known_counters
from fxflops.analysis.records import NodeCost
from fxflops.capture import Capture
from fxflops.capture.guards.to_domain import all_implied
from fxflops.capture.result import Recapture
from fxflops.cost import BindingTime, Cost, Phase
from fxflops.domain import DataSize, Domain, Guard

SEVERAL = 4
"""As many sizes of one line, with one bound, are recounted together: those of a loop over classes.

Each then has what differs in the calls that it alone is a size of.
"""

Place: TypeAlias = tuple[str, Phase]
Corrections: TypeAlias = dict[Place, Cost]
"""What calls cost more than their formulas say, by name and phase: terms that vanish at 2."""


def extend_to_few(
    captured: Capture, domain: Domain, recapture: Recapture, binding_time: BindingTime = "call"
) -> tuple[Corrections, Domain]:
    """What makes the costs of ``captured`` hold at data sizes of 0 and 1, and where they then hold.

    Requires what `Capture` ensures. Ensures that costs are unchanged where all sizes are at least
    2; a size of 0 or 1 is in the domain where all guards hold there, or a capture at it agrees.
    """
    few = _Few(captured, domain, recapture, binding_time)
    least, guards = dict(domain.least), []
    proven = {value: few.proven(value) for value in (0, 1)}
    for size in domain.data:
        at_zero, at_one = size in proven[0], size in proven[1]
        least[size.name] = 0 if at_zero else 1 if at_one else 2
        if at_zero and not at_one:
            guards.append(Guard(from_atom(size.symbol) - 1, "!=", size.where))
    for group in few.coupled(least):
        if not few.extend(group, 0, together=True):
            some: Dim = sum((from_atom(size.symbol) for size in group), 0)
            guards.append(Guard(some - 1, ">="))
    extended = domain._replace(least=least, guards=(*domain.guards, *guards))
    return few.corrections, extended


def corrected(nodes: Sequence[NodeCost], corrections: Corrections) -> tuple[NodeCost, ...]:
    """The calls with what they cost more, each at the first call of its name."""
    from dataclasses import replace

    left = dict(corrections)
    found = []
    for node in nodes:
        more = left.pop((node.name, node.phase), None)
        found.append(replace(node, cost=node.cost + more) if more and node.cost else node)
    return tuple(found)


def _together(data: Sequence[DataSize], value: int) -> Iterator[list[DataSize]]:
    """Sizes to be recounted at once: all at 1; at 0, those that are in no bound of another one."""
    in_bounds = {symbol for size in data for symbol in symbols_of(size.bound)}
    yield [size for size in data if value or size.symbol not in in_bounds]


def _alike(data: Sequence[DataSize]) -> list[list[DataSize]]:
    """Each size alone, or all but the last of several of one line with one bound together.

    What is done where all of them are 0 is not what is done where each is.
    """
    found: list[list[DataSize]] = []
    for _, group in groupby(data, key=lambda size: size[1:]):
        sizes = list(group)
        found += [sizes[:-1], sizes[-1:]] if len(sizes) >= SEVERAL else [[size] for size in sizes]
    return found


class _Few:
    """The corrections of one capture so far."""

    def __init__(
        self,
        captured: Capture,
        domain: Domain,
        recapture: Recapture,
        binding_time: BindingTime,
    ) -> None:
        self._captured, self._domain = captured, domain
        self._recapture, self._binding_time = recapture, binding_time
        self._known = known_counters()
        self._nodes = count(captured, binding_time, self._known)
        self.corrections: Corrections = {}

    def proven(self, value: int) -> set[DataSize]:
        """The sizes whose being ``value`` the costs hold for, and have them hold there."""
        data = self._domain.data
        found: set[DataSize] = set()
        for sizes in (*_together(data, value), *_alike(data)):
            left = [size for size in sizes if size not in found]
            if left and self.extend(left, value):
                found |= set(left)
        return found

    def extend(self, sizes: Sequence[DataSize], value: int, *, together: bool = False) -> bool:
        """Have the costs hold where each of ``sizes`` is ``value``, or all of them are."""
        values = self._implied(sizes, value)
        if not together and self._holds(values):
            return True
        there = self._recapture({size.name: value for size in sizes})
        if there is None or set(there.data) - set(self._captured.data):
            return False
        if not self._branches_hold(there, values):
            return False
        nodes = count(there, self._binding_time, self._known)
        lacking = self._lacking(nodes, values)
        if lacking is None:
            return False
        indicators = {
            place: self._indicator(place, sizes, value, together=together) for place in lacking
        }
        if None in indicators.values():
            return False
        for place, cost in lacking.items():
            here = indicators[place]
            assert here is not None
            term = cost.map(partial(_times, here))
            self.corrections[place] = self.corrections.get(place, Cost.zero()) + term
        return True

    def coupled(self, least: Mapping[str, int]) -> list[list[DataSize]]:
        """Sizes that are 0 together where some guard fails; all of them last."""
        zero = [size for size in self._domain.data if least[size.name] == 0]
        found: list[list[DataSize]] = []
        for guard in self._captured.guards:
            symbols = symbols_of(guard.value)
            own = [size for size in zero if size.symbol in symbols]
            if len(own) < 2 or own in found:
                continue
            pairs = [list(pair) for pair in combinations(own, 2)] if len(own) < SEVERAL else []
            for group in (*pairs, own):
                if group not in found and not _holds_at([guard], self._implied(group, 0)):
                    found.append(group)
        roots = [s for s in zero if not any(o.is_data for o in symbols_of(s.bound))]
        return [*found, *([roots] if len(roots) > 1 and roots not in found else [])]

    def _implied(self, sizes: Iterable[DataSize], value: int) -> dict[Symbol, Dim]:
        """The values of ``sizes`` and of those that are 0 with them, since their bounds are."""
        values: dict[Symbol, Dim] = {size.symbol: value for size in sizes}
        if value == 0:
            for size in self._domain.data:
                if size.symbol not in values and substitute(size.bound, values) == 0:
                    values[size.symbol] = 0
        return values

    def _holds(self, values: Mapping[Symbol, Dim]) -> bool:
        """Whether the graph is the same there: all that was asked has the same answer."""
        concerned = [
            guard for guard in self._captured.guards if values.keys() & symbols_of(guard.value)
        ]
        return _holds_at(concerned, values, self._domain.guards)

    def _branches_hold(self, there: Capture, values: Mapping[Symbol, Dim]) -> bool:
        """Whether the other capture took no other branch on the sizes that are not fixed."""
        return _holds_at(there.guards, values, self._domain.guards)

    def _lacking(
        self, nodes: Sequence[NodeCost], values: Mapping[Symbol, Dim]
    ) -> dict[Place, Cost] | None:
        """What each call costs more there than the formulas so far say.

        Calls are matched by operator, module and phase, in order. None where one that costs
        something has no match, or is uncounted there or here alone.
        """
        waiting: dict[tuple[object, str, Phase], list[NodeCost]] = defaultdict(list)
        for node in reversed(nodes):
            waiting[node.op, node.path, node.phase].append(node)
        lacking: dict[Place, Cost] = {}
        for node in self._nodes:
            queue = waiting[node.op, node.path, node.phase]
            there = queue.pop().cost if queue else Cost.zero()
            if node.cost is None:
                continue
            if there is None:
                return None
            place = node.name, node.phase
            known = node.cost
            if place in self.corrections:
                known += self.corrections[place]
            if known == there:
                continue  # no size that is fixed is in it
            try:
                at_few = known.map(lambda count: substitute(count, values))
            except ZeroDivisionError:
                return None
            if any(map(_differ, at_few.counts, there.counts)):
                lacking[place] = there - at_few
        left = [node for queue in waiting.values() for node in queue]
        return None if any(node.cost != Cost.zero() and node.cost for node in left) else lacking

    def _indicator(
        self, place: Place, sizes: Sequence[DataSize], value: int, *, together: bool
    ) -> Dim | None:
        """What is 1 where the call lacks something, and 0 elsewhere."""
        if together or len(sizes) == 1:
            return prod(_is(size.symbol, value) for size in sizes)
        node = next(node for node in self._nodes if (node.name, node.phase) == place)
        assert node.cost is not None
        of = {symbol for count in node.cost.counts for symbol in symbols_of(count)}
        own = [size for size in sizes if size.symbol in of]
        return _is(own[0].symbol, value) if len(own) == 1 else None


def _holds_at(
    guards: Iterable[Guard], values: Mapping[Symbol, Dim], known: Sequence[Guard] = ()
) -> bool:
    """Whether ``guards`` hold at these values, wherever ``known`` do."""
    try:
        there = [guard._replace(value=substitute(guard.value, values)) for guard in guards]
        given = [guard._replace(value=substitute(guard.value, values)) for guard in known]
    except ZeroDivisionError:
        return False
    return all_implied(there, [guard for guard in given if not isinstance(guard.value, int)])


def _differ(left: Dim, right: Dim) -> bool:
    """Whether the counts differ where all sizes are at least 2."""
    return left is not right and beyond_one(left) != beyond_one(right)


def _times(factor: Dim, count: Dim) -> Dim:
    return count * factor


def _is(symbol: Symbol, value: int) -> Dim:
    """1 where the symbol is ``value``, 0 or 1, and 0 elsewhere."""
    size = from_atom(symbol)
    least: Dim = 1 - size if value == 0 else minimum(size, 2 - size)
    return from_atom(MinMax("max", 0, least))
