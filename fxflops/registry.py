"""Which operator costs what: the table of formulas and the table of free operators.

    @formula(aten.relu.default, aten.relu6.default, counter="comparison")
    def relu(*, out: Shape) -> Dim: ...

A formula is a pure function of shapes. Its parameters are named as in the operator's schema: a
tensor arrives as its `Shape`, an optional one that is absent as None, anything else as it is in
the graph; the keyword ``out`` is the shape of the result (a tuple of shapes where there are
several). It returns the count of its ``counter``, or a whole `Cost` where it names none; or None
where this call's cost depends on data. It raises `UnsizedError` where it has no closed form in the
symbols. Then the call is uncounted, for that reason.

An operator may have one formula per counter, and others for calls with complex numbers, which
``numbers="complex"`` registers. Work on integers is free, but for operators that are registered
with ``numbers="quantized"``: their integers stand for real numbers. Operators that work in place or
write to ``out=`` cost what their functional form costs, and are not registered.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias, TypeVar

import torch
from torch._ops import OpOverload  # private: the type of torch.ops.aten.relu.default

from fxflops.cost import COUNTERS, Cost, total
from fxflops.errors import FormulaError

Operator: TypeAlias = Any
"""An ``OpOverload``, or another callable that a graph node may call."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Formula:
    """A registered function, the counter it gives (None: a whole cost), what it asks for."""

    function: Callable[..., Any]
    counter: str | None
    asks_for: tuple[str, ...]

    def __call__(self, arguments: Mapping[str, Any], out: Any) -> Cost | None:
        """The cost of one call with these arguments, named as in the operator's schema."""
        known = {**arguments, "out": out}
        result = self.function(**{name: known[name] for name in self.asks_for})
        if result is None:
            return None
        if self.counter is None:
            assert isinstance(result, Cost), f"{self.function.__name__} must return a Cost"
            return result
        return Cost(**{self.counter: result})


FORMULAS: dict[OpOverload, tuple[Formula, ...]] = {}
COMPLEX: dict[OpOverload, tuple[Formula, ...]] = {}
"""The formulas of calls in which a tensor is complex; there an operator without one is unknown."""
FREE: dict[OpOverload, str] = {}


QUANTIZED: set[OpOverload] = set()
"""The operators whose integers stand for real numbers, and so are counted like those."""


WORST_CASE: dict[OpOverload, str] = {}
"""The operators whose cost depends on data, and what is taken to happen, which costs most."""


def existing(*names: str) -> tuple[OpOverload, ...]:
    """The overloads of these names, ``"aten.relu.default"``, that this build of torch has."""
    found = []
    for name in names:
        namespace, packet, overload = name.split(".")
        of_name = getattr(getattr(torch.ops, namespace), packet, None)
        if of_name is not None and overload in of_name.overloads():
            found.append(getattr(of_name, overload))
    return tuple(found)


def formula(
    *operators: OpOverload,
    counter: str | None = None,
    numbers: Literal["real", "complex", "quantized"] = "real",
    worst_case: str | None = None,
) -> Callable[[F], F]:
    """Register the decorated function as the cost of ``operators``.

    With quantized numbers a call counts also where every tensor is of integers. ``worst_case`` says
    of a cost that depends on data what is taken to happen; reports repeat it.
    Raises FormulaError when it asks for an argument that a schema does not have, when the counter
    is unknown, and when the operator has a cost for that counter already.
    """
    if counter is not None and counter not in COUNTERS:
        raise FormulaError(f"There is no counter {counter!r}. Known: {', '.join(COUNTERS)}.")

    table = COMPLEX if numbers == "complex" else FORMULAS

    def register(function: F) -> F:
        asks_for = tuple(inspect.signature(function).parameters)
        for operator in operators:
            _require_schema(operator, function, asks_for)
            _require_new(operator, counter, table)
            new = Formula(function, counter, asks_for)
            if numbers == "quantized":
                QUANTIZED.add(operator)
            if worst_case is not None:
                WORST_CASE[operator] = worst_case
            table[operator] = (*table.get(operator, ()), new)
        return function

    return register


def free(reason: str, *operators: OpOverload) -> None:
    """Register ``operators`` as costing no FLOP, with the reason that reports will give.

    Raises FormulaError for an operator that has a place already.
    """
    for operator in operators:
        _require_new(operator, None, FORMULAS)
        FREE[operator] = reason


def cost_of(
    operator: OpOverload, arguments: Mapping[str, Any], out: Any, *, is_complex: bool = False
) -> Cost | None:
    """The counters of one call by the registered formulas; None where they do not know it."""
    table = COMPLEX if is_complex else FORMULAS
    costs = [f(arguments, out) for f in table.get(functional(operator), ())]
    known = [cost for cost in costs if cost is not None]
    return total(known) if known and len(known) == len(costs) else None


def has_formula(operator: OpOverload, *, is_complex: bool = False) -> bool:
    """Whether there is a formula for ``operator``, though it may not know every call."""
    return functional(operator) in (COMPLEX if is_complex else FORMULAS)


def torch_cost_of(operator: OpOverload, arguments: Mapping[str, Any], out: Any) -> Cost | None:
    """The contraction by the formula that PyTorch's own registry has for ``operator``, if any.

    People register their custom operators and Triton kernels there
    (``torch.utils.flop_counter.register_flop_formula``).
    """
    from torch.utils.flop_counter import flop_registry  # takes long: it imports Triton

    known = flop_registry.get(operator.overloadpacket)
    # Torch wraps a formula that takes shapes; one that is not wrapped wants the tensors.
    if known is None or not hasattr(known, "__wrapped__"):
        return None
    positional = [arguments[a.name] for a in operator._schema.arguments if not a.kwarg_only]
    keyword = {a.name: arguments[a.name] for a in operator._schema.arguments if a.kwarg_only}
    return Cost(contraction=known(*positional, **keyword, out_val=out))


def family(operator: Operator) -> str | None:
    """The file that has the operator's formula, such as ``conv`` or ``attention``, if any."""
    formulas = FORMULAS.get(functional(operator)) if isinstance(operator, OpOverload) else None
    return formulas[0].function.__module__.rpartition(".")[2] if formulas else None


def reason_free(operator: OpOverload, *, is_complex: bool = False) -> str | None:
    """Why ``operator`` costs nothing, or None where it is not among the free ones."""
    known = functional(operator)
    return None if is_complex and known in COMPLEX else FREE.get(known)


@cache
def functional(operator: OpOverload) -> OpOverload:
    """The form of ``operator`` that neither works in place nor writes to ``out=``.

    ``aten.relu_.default`` gives ``aten.relu.default``, ``aten.add.out`` gives
    ``aten.add.Tensor``; an operator without such a form gives itself.
    """
    if operator in FORMULAS or operator in FREE or not operator._schema.is_mutable:
        return operator
    candidates = [
        getattr(packet, overload)
        for packet in _packets(operator)
        for overload in packet.overloads()
    ]
    # With ``out=`` the type of the result is given, and the arguments that say it are absent.
    for absent in ((), ("dtype", "layout", "device", "pin_memory")):
        wanted = _asked(operator, absent)
        for candidate in candidates:
            if not candidate._schema.is_mutable and _asked(candidate, absent) == wanted:
                return candidate  # type: ignore[no-any-return]
    return operator


def _packets(operator: OpOverload) -> Iterable[Any]:
    namespace, name = operator._schema.name.split("::")
    for candidate in (name, name.removesuffix("_")):
        if hasattr(getattr(torch.ops, namespace), candidate):
            yield getattr(getattr(torch.ops, namespace), candidate)


def _asked(operator: OpOverload, absent: tuple[str, ...]) -> list[tuple[str, str]]:
    """Names and types of the arguments, but for results and for those called ``absent``."""
    arguments = operator._schema.arguments
    return [(a.name, str(a.type)) for a in arguments if not a.is_out and a.name not in absent]


def _require_schema(
    operator: OpOverload, function: Callable[..., Any], asks_for: tuple[str, ...]
) -> None:
    if not isinstance(operator, OpOverload):
        raise FormulaError(
            f"{function.__name__} is registered for {operator!r}, which is no operator overload: "
            "write torch.ops.aten.relu.default, not torch.ops.aten.relu or a name."
        )
    known = [argument.name for argument in operator._schema.arguments]
    for name in asks_for:
        if name != "out" and name not in known:
            raise FormulaError(
                f"{function.__name__} asks for {name!r}, which {operator} does not have. "
                f"Its arguments: {', '.join(known)}."
            )


def _require_new(
    operator: OpOverload, counter: str | None, table: Mapping[OpOverload, tuple[Formula, ...]]
) -> None:
    taken = [f.counter for f in table.get(operator, ())]
    is_free = operator in FREE and table is FORMULAS
    if is_free or counter in taken or None in taken or (taken and counter is None):
        raise FormulaError(f"{operator} has a cost already; a second one would hide it.")
