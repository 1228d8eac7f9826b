"""The pass that extends formulas to sizes of 1.

A capture leaves sizes of 1 out, as PyTorch does: 1 broadcasts, and a tensor with an axis of 1 can
be contiguous where others must be copied. But it says what it assumed, so that it is known at which
sizes of 1 the model runs no otherwise. For the rest there are captures with sizes fixed at 1; where
a node's cost there is not what its formula gives, the difference becomes a term of the formula that
vanishes from 2 on.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import NamedTuple, TypeAlias

from fxflops.algebra import (
    Dim,
    Symbol,
    beyond_one,
    is_one,
    settled,
    substitute,
    symbols_of,
)
from fxflops.algebra.polynomial import from_atom
from fxflops.analysis.count import count
from fxflops.analysis.records import NodeCost, prefixes
from fxflops.capture import Capture
from fxflops.capture.guards.to_domain import all_implied, least_values
from fxflops.capture.result import Recapture
from fxflops.cost import BindingTime, Cost, Phase, total
from fxflops.domain import Domain, Guard

MOST_CAPTURES, MOST_GROUPS = 32, 16
"""Where more would be needed, fewer sizes may be 1 together than else could."""

Nodes = tuple[NodeCost, ...]


class OnlyAtOne(NamedTuple):
    """A call made only where a size is 1, and the position of the call in whose place it is."""

    instead: int
    node: NodeCost


class Counted(NamedTuple):
    """Calls, their total, and calls made only where a size is 1, which are in the total."""

    nodes: Nodes
    total: Cost
    only_at_one: tuple[OnlyAtOne, ...] = ()


def undo_zero_one_specialization(
    captured: Capture, recapture: Recapture, binding_time: BindingTime = "call"
) -> tuple[Nodes, Domain]:
    """The costs of the calls made then, and where they hold, sizes of 1 included where proven.

    Requires what `Capture` ensures. Ensures costs that are unchanged where every size is at least
    2. Each group of sizes that may be 1 together is covered by a capture all of whose guards hold
    there, and which gives the same total; a size, or a group of them, for which there is none stays
    outside the domain.

    A guard tells only the sizes in it apart. So a capture is looked for where each size alone is 1,
    and for the least groups at which a guard of one found so far fails; it covers whatever else is
    1. Only groups of sizes whose costs differ at 1 are tried without such a guard.
    """
    domain = captured.domain
    above = _counted(captured, binding_time)
    extension = _Extension(
        current=above, least=dict(domain.least), runs={frozenset(): (captured, above)}
    )
    may_be_one = [symbol for symbol in domain.symbols if symbol.minimum == 1]
    waiting = [frozenset((symbol,)) for symbol in may_be_one]
    waiting += _told_apart(captured, frozenset(), domain)
    seen: set[Group] = set()
    while waiting and len(extension.runs) < MOST_CAPTURES:
        group = min(waiting, key=len)
        waiting.remove(group)
        if group in seen or any(other <= group for other in extension.excluded):
            continue
        seen.add(group)
        run = _extend(extension, group, domain, recapture, binding_time)
        if run is not None:
            waiting += _told_apart(run, group, domain)
            waiting += _to_compare(extension, group, run is captured)
            if group in extension.together:
                waiting += [group | {symbol} for symbol in set(may_be_one) - group]
    excluded = (group for group in extension.excluded if len(group) > 1)
    apart = [_at_most(len(group) - 1, group) for group in excluded]
    if waiting:
        apart.append(_at_most(min(map(len, waiting)) - 1, frozenset().union(*waiting)))
    extended = domain._replace(least=extension.least, guards=(*domain.guards, *apart))
    return _settled(_placed(extension.current), extended), extended


Group: TypeAlias = frozenset[Symbol]
"""Sizes that are 1 together."""


@dataclass(slots=True, kw_only=True)
class _Extension:
    """What is known so far: the costs, and of each group whether they hold where it is 1.

    ``runs`` are captures by the sizes fixed in them. The costs of ``corrected`` sizes have a term
    for where they are 1; ``ran`` are those that have a capture of their own; those of a group that
    is ``together`` have one for where all of them are.
    """

    current: Counted
    least: dict[str, int]
    runs: dict[Group, tuple[Capture, Counted]]
    excluded: list[Group] = field(default_factory=list)
    corrected: set[Symbol] = field(default_factory=set)
    ran: set[Symbol] = field(default_factory=set)
    together: set[Group] = field(default_factory=set)


def _at_most(number: int, group: Group) -> Guard:
    """That of ``group`` not more than ``number`` are 1."""
    if number == len(group) - 1:
        return Guard(sum(map(from_atom, group), -len(group) - 1), ">=")
    ones: Dim = sum(map(is_one, group), 0)
    return Guard(number - ones, ">=")


def _extend(
    extension: _Extension,
    group: Group,
    domain: Domain,
    recapture: Recapture,
    binding_time: BindingTime,
) -> Capture | None:
    """Have the costs hold where ``group`` is 1, by the capture returned, or exclude it."""
    known = _all_at_one(domain.guards, group)
    if known is not None and any(map(_is_false, known)):
        extension.least |= {symbol.name: 1 for symbol in group if len(group) == 1}
        return None
    found = None
    if known is not None:
        found = _covering(extension.runs, group, known, recapture, binding_time)
    above = extension.runs[frozenset()][1]
    extended = found and _extended(extension.current, above, found[1], group)
    if found is None or extended is None:
        extension.excluded.append(group)
        return None
    if len(group) == 1:
        extension.least |= {symbol.name: 1 for symbol in group}
        if extended is not extension.current:
            extension.corrected |= group
        if found[1] is not above:
            extension.ran |= group
    elif extended is not extension.current:
        extension.together.add(group)
    extension.current = extended
    return found[0]


def _told_apart(run: Capture, group: Group, domain: Domain) -> list[Group]:
    """The least groups beyond ``group`` at which some guard of ``run`` is not known to hold.

    Of a guard in very many sizes only small groups are tried; the next larger ones are taken to be
    among them.
    """
    found: list[Group] = []
    for guard in run.guards:
        coupled = [s for s in symbols_of(guard.value) - group if s.minimum == 1]
        groups = _groups(coupled)
        for more in map(group.union, itertools.islice(groups, MOST_GROUPS)):
            if any(other <= more for other in found):
                continue
            known = _all_at_one(domain.guards, more)
            if known is not None and any(map(_is_false, known)):
                continue  # outside the domain
            there = _all_at_one([guard], more)
            if known is None or there is None or not all_implied(there, known):
                found.append(more)
        untried = next(groups, None)
        if untried is not None:
            found += map(group.union, itertools.combinations(coupled, len(untried)))
    return found


def _to_compare(extension: _Extension, group: Group, is_base: bool) -> list[Group]:
    """The groups beyond ``group`` whose costs must be compared, whatever the guards say.

    Those are where a correction meets a capture that knows nothing of it.
    """
    if len(group) > 1:
        return [group | {symbol} for symbol in extension.corrected - group]
    if group <= extension.corrected:
        return [group | {symbol} for symbol in extension.ran - group]
    return [] if is_base else [group | {symbol} for symbol in extension.corrected - group]


def _settled(nodes: Nodes, domain: Domain) -> Nodes:
    """The nodes with costs in which no maximum is left that the least sizes settle."""
    least = least_values(domain)
    if not least:
        return nodes
    costs = {node.cost: node.cost.map(partial(settled, least=least)) for node in nodes if node.cost}
    return tuple(
        replace(node, cost=costs[node.cost])
        if node.cost and costs[node.cost] != node.cost
        else node
        for node in nodes
    )


def _counted(captured: Capture, binding_time: BindingTime) -> Counted:
    return _summed(count(captured, binding_time))


def _summed(nodes: Nodes, only_at_one: tuple[OnlyAtOne, ...] = ()) -> Counted:
    every = (*nodes, *(only.node for only in only_at_one))
    return Counted(nodes, total(node.cost for node in every if node.cost), only_at_one)


def _placed(counted: Counted) -> Nodes:
    """All calls, those made only at 1 after the ones in whose place they are.

    What depends on a call depends on those in its place, too.
    """
    if not counted.only_at_one:
        return counted.nodes
    instead: dict[int, list[NodeCost]] = defaultdict(list)
    for only in counted.only_at_one:
        instead[only.instead].append(only.node)
    placed: list[NodeCost] = []
    positions: list[tuple[int, ...]] = []
    for position, node in enumerate(counted.nodes):
        needed = tuple(itertools.chain.from_iterable(positions[i] for i in node.dependencies))
        group = (node, *(replace(o, name=node.name) for o in instead[position]))
        positions.append(tuple(range(len(placed), len(placed) + len(group))))
        placed += (replace(call, dependencies=needed) for call in group)
    return tuple(placed)


def _groups(symbols: Sequence[Symbol]) -> Iterator[tuple[Symbol, ...]]:
    """All subsets but the empty one, the small ones first."""
    for number in range(1, len(symbols) + 1):
        yield from itertools.combinations(symbols, number)


def _covering(
    runs: dict[Group, tuple[Capture, Counted]],
    group: Group,
    known: Sequence[Guard],
    recapture: Recapture,
    binding_time: BindingTime,
) -> tuple[Capture, Counted] | None:
    """A capture that holds where ``group`` is 1, and its calls: of ``runs`` or else new."""

    def covers(run: Capture) -> bool:
        guards = _all_at_one(run.guards, group)
        return guards is not None and all_implied(guards, known)

    for fixed, (run, counted) in runs.items():
        if fixed <= group and covers(run):
            return run, counted
    new = recapture({symbol.name: symbol.size_at(1) for symbol in group})
    if new is None or not covers(new):
        return None
    there = _uncounted_as(runs[frozenset()][1].nodes, count(new, binding_time))
    runs[group] = new, _summed(there)
    return runs[group]


def _uncounted_as(above: Nodes, there: Nodes) -> Nodes:
    """``there`` without the costs of what is uncounted ``above``, such as sorting along an axis.

    A lower bound that counted a call at size 1 alone would be no formula.
    """
    unknown = {(node.op, node.path): node.unknown for node in above if node.cost is None}
    return tuple(
        replace(node, cost=None, unknown=unknown[node.op, node.path])
        if (node.op, node.path) in unknown
        else node
        for node in there
    )


def _all_at_one(guards: Iterable[Guard], group: Iterable[Symbol]) -> Sequence[Guard] | None:
    """The guards where all of ``group`` are 1; None where one of them divides by 0 there."""
    ones = dict.fromkeys(group, 1)
    try:
        return [r._replace(value=substitute(r.value, ones)) for r in guards]
    except ZeroDivisionError:
        return None


def _is_false(guard: Guard) -> bool:
    return isinstance(guard.value, int) and not guard.holds({})


def _extended(current: Counted, above: Counted, there: Counted, group: Group) -> Counted | None:
    """``current`` with costs that are those of ``there`` where all of ``group`` are 1.

    ``above`` has the costs that hold where no symbol is 1; what several symbols lack together is
    beyond what each of them lacks alone.
    """
    ones = dict.fromkeys(group, 1)
    try:
        if all(map(partial(_agree, ones), current.total.counts, there.total.counts)):
            return current
        if len(group) > 1 and current.only_at_one:
            return None
        known = above if len(group) == 1 else current
        return _corrected(current, known.nodes, there.nodes, group)
    except ZeroDivisionError:
        return None


def _agree(ones: Mapping[Symbol, Dim], left: Dim, right: Dim) -> bool:
    """Whether the counts are the same where ``ones`` are 1 and all other symbols more."""
    if left is right:
        return True
    return beyond_one(substitute(left, ones)) == beyond_one(substitute(right, ones))


def _corrected(
    current: Counted, nodes: Nodes, at_size_one: Iterable[NodeCost], group: Group
) -> Counted | None:
    """``current`` with costs that hold where all of ``group`` are 1, too.

    Calls are matched by operator, module and phase, in order. One that is made only at 1 stands in
    the place of one that is not made there, of the same module and phase, or after the calls of the
    module around it. None where the calls cannot be matched.
    """
    waiting: dict[tuple[object, str, Phase], list[NodeCost]] = defaultdict(list)
    for node in at_size_one:
        waiting[node.op, node.path, node.phase].append(node)
    for queue in waiting.values():
        queue.reverse()
    missing: dict[tuple[Cost, Cost], Cost | None] = {}
    extended = []
    unmade: dict[tuple[str, Phase], list[int]] = defaultdict(list)
    last: dict[tuple[str, Phase], int] = {}
    for position, (node, above) in enumerate(zip(current.nodes, nodes, strict=True)):
        queue = waiting[node.op, node.path, node.phase]
        last[node.path, node.phase] = position
        if not queue and above.cost != Cost.zero():
            unmade[node.path, node.phase].append(position)
        there = queue.pop().cost if queue else Cost.zero()
        if (node.cost is None) != (there is None):
            return None
        if node.cost and above.cost and there:
            if (above.cost, there) not in missing:
                missing[above.cost, there] = _missing(above.cost, there, group)
            lacking = missing[above.cost, there]
            node = replace(node, cost=node.cost + lacking) if lacking else node
        extended.append(node)
    here = prod(map(is_one, group))
    only = list(current.only_at_one)
    for node in (node for queue in waiting.values() for node in reversed(queue)):
        if node.cost == Cost.zero():
            continue
        place = _around(node, last)
        if node.cost is None or place is None or len(group) > 1:
            return None
        instead = unmade[place].pop(0) if unmade[place] else last[place]
        cost = node.cost.map(lambda count: count * here)
        only.append(OnlyAtOne(instead, replace(node, cost=cost)))
    return _summed(tuple(extended), tuple(only))


def _around(node: NodeCost, last: Mapping[tuple[str, Phase], int]) -> tuple[str, Phase] | None:
    """The module that makes calls in the same phase and is the node's, or the next one around it.

    A cross-attention projects what its encoder gives only while its cache is empty.
    """
    for path in reversed(prefixes(node.path)):
        inside = [p for p in last if p[1] == node.phase and path in prefixes(p[0])]
        if inside:
            return (
                (path, node.phase)
                if (path, node.phase) in last
                else max(inside, key=last.__getitem__)
            )
    return None


def _missing(above: Cost, there: Cost, group: Group) -> Cost | None:
    """What the cost ``above`` lacks to be ``there`` where all of ``group`` are 1; None for nothing.

    Its counts are products with what is 1 there, and 0 where one of them is more.
    """
    ones: dict[Symbol, Dim] = dict.fromkeys(group, 1)
    at_size_one = above.map(lambda count: substitute(count, ones))
    if at_size_one == there:
        return None
    here = prod(map(is_one, sorted(group)))
    return (there - at_size_one).map(lambda count: count * here)
