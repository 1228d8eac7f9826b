"""From a tool's total to ours, step by step, each step with its cause and the modules it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fxflops.algebra import Dim
from fxflops.analysis.records import NodeCost
from fxflops.conventions.charges import Charge, Convention, sum_of
from fxflops.conventions.record import Record
from fxflops.cost import total
from fxflops.registry import kind_of

UNIT = "unit: a multiply-add is 2 FLOP, not 1"
AGAIN = "counted again: a layer, and the function that it calls"
NO_FLOP = "charged, though no FLOP: comparisons, exponentials, moves"
NOT_COUNTED = {
    "attention": "products of attention not counted",
    "convolution": "convolutions not counted",
    "matmul": "functional matrix products not counted",
    "einsum": "functional matrix products not counted",
    "deformable convolution": "deformable convolution not counted",
}
PRODUCTS_NOT_COUNTED = "other products not counted"
ELEMENTWISE_NOT_COUNTED = {
    "attention": "scale and softmax of attention not counted",
    "convolution": "biases not counted",
    "matmul": "biases not counted",
    "normalization": "normalization not counted",
    "sampling": "deformable sampling and interpolation not counted",
}
OTHER_NOT_COUNTED = "elementwise work not counted"
NAMES = {
    "activation": "activations and arithmetic",
    "attention": "attention",
    "convolution": "convolutions",
    "matmul": "matrix products",
    "normalization": "normalization",
    "pointwise": "activations and arithmetic",
    "pooling": "pooling",
    "sampling": "sampling",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What must be added for one cause [FLOP], and how it is spread over module paths."""

    cause: str
    amount: Dim
    modules: Mapping[str, Dim]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """``start`` is the convention's total in its unit, ``end`` our contraction + elementwise.

    ``start`` plus the steps is ``end``. ``charged`` has the names of the operators that the
    convention charges anything to.
    """

    start: Dim
    steps: tuple[Step, ...]
    end: Dim
    charged: frozenset[str]


def waterfall(record: Record, convention: Convention) -> Waterfall:
    """Lead from the convention's total to ours.

    Each charge is compared with our count of the operators it is for; an operator that an earlier
    charge was for already is counted again, and one that no charge is for is not counted.
    """
    charges = tuple(convention.charges(record))
    steps = _Steps()
    start = sum_of(charges)
    if convention.correction is not None:
        correction = convention.correction(record, charges)
        steps.add(convention.corrects, "", -correction)
        start = start + correction
    seen: set[str] = set()
    charged: set[str] = set()
    for charge in charges:
        fresh = [node for node in charge.call.nodes if node.name not in seen]
        seen |= {node.name for node in fresh}
        if charge.amount.products != 0 or charge.amount.other != 0:
            charged |= {node.name for node in fresh}
        _compare(charge, fresh, steps, doubles=convention.unit == "MAC")
    for node in record.nodes:
        if node.name not in seen and node.cost is not None:
            steps.add(_not_counted([node]), node.path, node.cost.contraction)
            steps.add(_other_not_counted([node]), node.path, node.cost.elementwise)
    return Waterfall(
        start=start, steps=steps.result(), end=record.cost.flops, charged=frozenset(charged)
    )


def _compare(charge: Charge, fresh: list[NodeCost], steps: _Steps, *, doubles: bool) -> None:
    """Our count of the ``fresh`` operators less the charge, by cause."""
    path, (products, other) = charge.call.path, charge.amount
    if not fresh:
        steps.add(charge.slip or AGAIN, path, -products - other)
        return
    ours = total(node.cost for node in fresh if node.cost)
    if doubles:
        steps.add(UNIT, path, products)
        products = 2 * products
    if products == 0:
        steps.add(_not_counted(fresh), path, ours.contraction)
    else:
        cause = charge.slip or f"{_name(fresh)} counted by another formula"
        steps.add(cause, path, ours.contraction - products)
    if other == 0:
        steps.add(_other_not_counted(fresh), path, ours.elementwise)
    elif ours.elementwise == 0:
        steps.add(NO_FLOP, path, -other)
    else:
        name = "biases" if _kind(fresh) in ("convolution", "matmul") else _name(fresh)
        steps.add(f"{name} counted by another formula", path, ours.elementwise - other)


def _kind(nodes: Iterable[NodeCost]) -> str:
    """The kind of the operator that does most: the first with products, or else with any."""
    costly = [node for node in nodes if node.cost and node.cost.flops != 0]
    costly.sort(key=lambda node: node.cost is None or node.cost.contraction == 0)
    return (kind_of(costly[0].op) or "") if costly else ""


def _name(nodes: Iterable[NodeCost]) -> str:
    return NAMES.get(_kind(nodes), "other operators")


def _not_counted(nodes: Iterable[NodeCost]) -> str:
    return NOT_COUNTED.get(_kind(nodes), PRODUCTS_NOT_COUNTED)


def _other_not_counted(nodes: Iterable[NodeCost]) -> str:
    return ELEMENTWISE_NOT_COUNTED.get(_kind(nodes), OTHER_NOT_COUNTED)


class _Steps:
    """Amounts by cause and module; causes in the order of their first appearance."""

    def __init__(self) -> None:
        self._amounts: dict[str, dict[str, Dim]] = {UNIT: {}}

    def add(self, cause: str, path: str, amount: Dim) -> None:
        if amount == 0:
            return
        modules = self._amounts.setdefault(cause, {})
        modules[path] = modules.get(path, 0) + amount

    def result(self) -> tuple[Step, ...]:
        return tuple(
            Step(cause=cause, amount=sum(modules.values(), 0), modules=modules)
            for cause, modules in self._amounts.items()
            if modules
        )
