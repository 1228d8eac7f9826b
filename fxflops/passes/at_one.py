"""The pass that extends formulas to a size of 1.

A capture assumes that sizes are at least 2, as PyTorch does: 1 broadcasts, and a tensor with an
axis of 1 can be contiguous where others must be copied. What a model costs at 1 is counted in a
capture of its own; where a node's cost there is not what its formula gives, the difference becomes
a term of the formula that vanishes from 2 on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fxflops.records import Cost, NodeCost
from fxflops.symbolic import Dim, Symbol, is_one, substitute


def extend_to_one(
    nodes: Sequence[NodeCost], at_one: Iterable[NodeCost], symbol: Symbol
) -> tuple[NodeCost, ...] | None:
    """``nodes`` with costs that hold where ``symbol`` is 1, too.

    Requires that ``nodes`` and ``at_one`` are of the same model, ``at_one`` captured with the
    symbol fixed at 1. Calls are matched by operator and module, in order; a call that
    one of the captures does not have must be free of any cost.

    Ensures costs that are unchanged for sizes of at least 2 and those of ``at_one`` for 1; gives
    None where the calls cannot be matched, or a formula has no value at 1.
    """
    waiting: dict[tuple[object, str], list[NodeCost]] = defaultdict(list)
    for node in at_one:
        waiting[node.op, node.path].append(node)
    for queue in waiting.values():
        queue.reverse()
    extended = []
    for node in nodes:
        queue = waiting[node.op, node.path]
        there = queue.pop().cost if queue else Cost.zero()
        if (node.cost is None) != (there is None):
            return None
        if node.cost is not None and there is not None:
            try:
                node = replace(node, cost=_extended(node.cost, there, symbol))
            except ZeroDivisionError:
                return None
        extended.append(node)
    unmatched = [node for queue in waiting.values() for node in queue]
    if any(node.cost != Cost.zero() for node in unmatched):
        return None
    return tuple(extended)


def _extended(cost: Cost, there: Cost, symbol: Symbol) -> Cost:
    """``cost``, plus what is missing to ``there`` where the symbol is 1."""
    if all(isinstance(count, int) for count in cost.counts) and cost == there:
        return cost

    def missing(count: Dim, wanted: Dim) -> Dim:
        difference = wanted - substitute(count, {symbol: 1})
        return count + difference * is_one(symbol) if difference != 0 else count

    return Cost.of(map(missing, cost.counts, there.counts))
