"""Our own: contraction."""

from __future__ import annotations

from collections.abc import Iterator

from fxflops.conventions.charges import Amount, Charge, Convention
from fxflops.conventions.record import Record


def charges(record: Record) -> Iterator[Charge]:
    """Every operator, by our formulas."""
    for call in record.operators:
        (node,) = call.nodes
        if node.cost is not None:
            yield Charge(call=call, amount=Amount(node.cost.contraction))


CONVENTION = Convention(
    title="contraction",
    unit="FLOP",
    counts="convolutions and matrix products, attention included, a multiply-add as 2",
    misses="elementwise work",
    version="fxflops",
    charges=charges,
)
