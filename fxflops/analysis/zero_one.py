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
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from fxflops.algebra import Dim, Symbol, beyond_one, is_one, substitute
from fxflops.algebra.polynomial import from_atom
from fxflops.analysis.count import count
from fxflops.analysis.records import NodeCost
from fxflops.capture import Capture
from fxflops.capture.guards.to_domain import all_implied
from fxflops.capture.result import Recapture
from fxflops.cost import BindingTime, Cost, Phase, total
from fxflops.domain import Domain, Guard

Nodes = tuple[NodeCost, ...]


class Counted(NamedTuple):
    """Calls and their total."""

    nodes: Nodes
    total: Cost


def undo_zero_one_specialization(
    captured: Capture, recapture: Recapture, binding_time: BindingTime = "call"
) -> tuple[Nodes, Domain]:
    """The costs of the calls made then, and where they hold, sizes of 1 included where proven.

    Requires what `Capture` ensures. Ensures costs that are unchanged where every size is at least
    2. Each group of sizes that may be 1 together is covered by a capture all of whose assumptions
    hold there, and which gives the same total; a size, or a group of them, for which there is none
    stays outside the domain.
    """
    domain = captured.domain
    least = dict(domain.least)
    above = current = _counted(captured, binding_time)
    runs = {frozenset[Symbol](): (captured, above)}
    apart: list[Guard] = []
    for group in _groups([symbol for symbol in domain.symbols if symbol.minimum == 1]):
        if len(group) > 1 and any(least[symbol.name] > 1 for symbol in group):
            continue
        known = _all_at_one(domain.guards, group)
        extended: Counted | None = None
        if known is not None and any(map(_is_false, known)):
            extended = current
        elif known is not None:
            covering = _covering(runs, group, known, recapture, binding_time)
            extended = covering and _extended(current, above, covering, group)
        if len(group) == 1 and extended is not None:
            current, least[group[0].name] = extended, 1
        elif extended is None and len(group) > 1:
            excess: Dim = sum(map(from_atom, group), -len(group) - 1)
            apart.append(Guard(excess, ">="))
    guards = (*domain.guards, *apart)
    return current.nodes, domain._replace(least=least, guards=guards)


def _counted(captured: Capture, binding_time: BindingTime) -> Counted:
    return _summed(count(captured, binding_time))


def _summed(nodes: Nodes) -> Counted:
    return Counted(nodes, total(node.cost for node in nodes if node.cost))


def _groups(symbols: Sequence[Symbol]) -> Iterator[tuple[Symbol, ...]]:
    """All subsets but the empty one, the small ones first."""
    for number in range(1, len(symbols) + 1):
        yield from itertools.combinations(symbols, number)


def _covering(
    runs: dict[frozenset[Symbol], tuple[Capture, Counted]],
    group: Sequence[Symbol],
    known: Sequence[Guard],
    recapture: Recapture,
    binding_time: BindingTime,
) -> Counted | None:
    """The calls of a capture that holds where ``group`` is 1, of ``runs`` or else new."""

    def covers(run: Capture) -> bool:
        assumed = _all_at_one(run.guards, group)
        return assumed is not None and all_implied(assumed, known)

    for fixed, (run, counted) in runs.items():
        if fixed <= set(group) and covers(run):
            return counted
    new = recapture({symbol.name: symbol.multiple for symbol in group})
    if new is None or not covers(new):
        return None
    there = _uncounted_as(runs[frozenset()][1].nodes, count(new, binding_time))
    runs[frozenset(group)] = new, _summed(there)
    return runs[frozenset(group)][1]


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


def _extended(
    current: Counted, above: Counted, there: Counted, group: Sequence[Symbol]
) -> Counted | None:
    """``current`` with costs that are those of ``there`` where all of ``group`` are 1.

    For one symbol the costs may change; for several they must agree as they are. ``above`` has the
    costs that hold where no symbol is 1.
    """
    ones = dict.fromkeys(group, 1)
    try:
        if all(map(partial(_agree, ones), current.total.counts, there.total.counts)):
            return current
        if len(group) > 1:
            return None
        corrected = _corrected(current.nodes, above.nodes, there.nodes, group[0])
        return None if corrected is None else _summed(corrected)
    except ZeroDivisionError:
        return None


def _agree(ones: Mapping[Symbol, Dim], left: Dim, right: Dim) -> bool:
    """Whether the counts are the same where ``ones`` are 1 and all other symbols more."""
    if left is right:
        return True
    return beyond_one(substitute(left, ones)) == beyond_one(substitute(right, ones))


def _corrected(
    current: Nodes, nodes: Nodes, at_one: Iterable[NodeCost], symbol: Symbol
) -> Nodes | None:
    """``current`` with costs that hold where ``symbol`` is 1, too.

    Calls are matched by operator, module and phase, in order; a call that one of the captures does
    not have must be free of any cost. None where the calls cannot be matched.
    """
    waiting: dict[tuple[object, str, Phase], list[NodeCost]] = defaultdict(list)
    for node in at_one:
        waiting[node.op, node.path, node.phase].append(node)
    for queue in waiting.values():
        queue.reverse()
    missing: dict[tuple[Cost, Cost], Cost | None] = {}
    extended = []
    for node, above in zip(current, nodes, strict=True):
        queue = waiting[node.op, node.path, node.phase]
        there = queue.pop().cost if queue else Cost.zero()
        if (node.cost is None) != (there is None):
            return None
        if node.cost and above.cost and there:
            if (above.cost, there) not in missing:
                missing[above.cost, there] = _missing(above.cost, there, symbol)
            lacking = missing[above.cost, there]
            node = replace(node, cost=node.cost + lacking) if lacking else node
        extended.append(node)
    unmatched = [node for queue in waiting.values() for node in queue]
    if any(node.cost != Cost.zero() for node in unmatched):
        return None
    return tuple(extended)


def _missing(above: Cost, there: Cost, symbol: Symbol) -> Cost | None:
    """What the cost ``above`` lacks to be ``there`` where the symbol is 1; None for nothing."""
    at_one = above.map(lambda count: substitute(count, {symbol: 1}))
    if at_one == there:
        return None
    return (there - at_one).map(lambda count: count * is_one(symbol))
