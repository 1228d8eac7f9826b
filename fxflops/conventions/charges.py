"""What a convention is: a rule that turns a record into charges, which add up to the total."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from torch import nn

from fxflops.algebra import Dim
from fxflops.conventions.record import Call, Record

Unit: TypeAlias = Literal["FLOP", "MAC"]


class Amount(NamedTuple):
    """What one call is charged, in the convention's unit.

    ``products`` are the multiply-adds of convolutions and matrix products, or the two operations
    that each is where the unit is FLOP. ``other`` is everything else: biases, norms, activations.
    """

    products: Dim = 0
    other: Dim = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Charge:
    """What a tool adds to its total for ``call``.

    ``slip`` names the tool's mistake where the amount is the outcome of one.
    """

    call: Call
    amount: Amount
    slip: str = ""


Rule: TypeAlias = Callable[[Call], Amount]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Convention:
    """A way to count, under the name of the tool that counts so.

    ``version`` is the one whose source was read. ``counts`` and ``misses`` say in words what the
    charges do. ``correction`` is what the tool's total has besides its charges, with its reason.
    ``unproven`` are kinds of calls (`fxflops.conventions.kinds`) whose charges may not be the
    tool's, each with why.
    """

    title: str
    unit: Unit
    counts: str
    misses: str
    version: str
    charges: Callable[[Record], Iterable[Charge]]
    correction: Callable[[Record, tuple[Charge, ...]], Dim] | None = None
    corrects: str = ""
    unproven: Mapping[str, str] = field(default_factory=dict)


def by_operator(record: Record, rules: Mapping[Any, Rule]) -> Iterator[Charge]:
    """Charges by operator, such as ``aten.linear``, whatever its overload."""
    for call in record.operators:
        rule = rules.get(getattr(call.target, "overloadpacket", None))
        if rule is not None:
            yield Charge(call=call, amount=rule(call))


def by_function(record: Record, rules: Mapping[str, Rule]) -> Iterator[Charge]:
    """Charges by Python function, such as ``"F.relu"``."""
    for call in record.functions:
        if call.target in rules:
            yield Charge(call=call, amount=rules[call.target](call))


def sum_of(charges: Iterable[Charge]) -> Dim:
    """All products and everything else, as the tool adds them up."""
    total: Dim = 0
    for charge in charges:
        total = total + charge.amount.products + charge.amount.other
    return total


def nothing(call: Call) -> Amount:
    """No charge."""
    return Amount()


def by_module(
    record: Record, rules: Mapping[type[nn.Module], Rule], *, subclasses: bool = False
) -> Iterator[Charge]:
    """Charges by the type of the module called; ``subclasses`` are of the nearest type."""
    for call in record.modules:
        lineage = type(call.target).__mro__ if subclasses else (type(call.target),)
        rule = next((rules[kind] for kind in lineage if kind in rules), None)
        if rule is not None:
            yield Charge(call=call, amount=rule(call))


def times(charge: Charge, factor: int, slip: str) -> Iterator[Charge]:
    """The charge as often as a tool adds it; what is above once is its ``slip``."""
    if factor:
        yield charge
    for _ in range(factor - 1):
        yield Charge(call=charge.call, amount=charge.amount, slip=slip)
