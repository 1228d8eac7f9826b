"""Our own: contraction + elementwise."""

from __future__ import annotations

from collections.abc import Iterator

from fxflops.conventions.charges import Amount, Charge, Convention
from fxflops.conventions.record import Record


def charges(record: Record) -> Iterator[Charge]:
    """Every operator, by our formulas."""
    for call in record.operators:
        (node,) = call.nodes
        if node.cost is not None:
            yield Charge(call=call, amount=Amount(node.cost.contraction, node.cost.elementwise))


CONVENTION = Convention(
    title="fxflops",
    unit="FLOP",
    counts="contraction and elementwise, a multiply-add as 2",
    misses="comparisons and transcendental functions, which are counters of their own",
    version="fxflops",
    charges=charges,
)
