"""Which operator costs what: the table of formulas and the table of free operators.

    @formula(aten.relu.default, aten.relu6.default, counter="comparison", kind="activation")
    def relu(*, out: Shape) -> Dim: ...

A formula is a pure function of shapes. Its parameters are named as in the operator's schema: a
tensor arrives as its `Shape`, an optional one that is absent as None, anything else as it is in
the graph; the keyword ``out`` is the shape of the result (a tuple of shapes where there are
several). It returns the count of its ``counter``, or a whole `Cost` where it names none; or None
where this call's cost depends on data. It raises `UnsizedError` where it has no closed form in the
symbols. Then the call is uncounted, for that reason.

``kind`` is what the operator does, one of `KINDS`: what reports, checks and notes ask for.

An operator may have one formula per counter, and others for calls with complex numbers, which
``numbers="complex"`` registers. Work on integers is free, but for operators that are registered
with ``numbers="quantized"``: their integers stand for real numbers. Operators that work in place or
write to ``out=`` cost what their functional form costs, and are not registered.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias, TypeVar

import torch

from fxflops._torch import OpOverload
from fxflops.algebra import is_negative
from fxflops.algebra.polynomial import is_dim
from fxflops.cost import COUNTERS, QUANTITIES, Cost, total
from fxflops.errors import FormulaError, FxflopsError

Operator: TypeAlias = Any
"""An ``OpOverload``, or another callable that a graph node may call."""

SOURCE = re.compile(r"\s*(?:Sources?:\s*(?P<named>.+)|(?P<bare>arXiv:\d{4}\.\d{4,5}[^.]*\.?))$")
"""How a docstring ends that says where its formula comes from."""

F = TypeVar("F", bound=Callable[..., Any])


KINDS = (
    "activation",
    "attention",
    "complex numbers",
    "convolution",
    "deformable convolution",
    "einsum",
    "fourier transform",
    "fused layer",
    "loss",
    "matmul",
    "normalization",
    "pointwise",
    "pooling",
    "quantization",
    "quantized layer",
    "recurrent",
    "reduction",
    "region of interest",
    "resizing",
    "sampling",
    "scatter",
    "softmax",
    "sorting",
    "activation backward",
    "attention backward",
    "convolution backward",
    "loss backward",
    "normalization backward",
    "sampling backward",
    "other",
)
"""What the operator of a formula does."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A registered function, the counter it gives (None: a whole cost), what it asks for."""

    function: Callable[..., Any]
    counter: str | None
    asks_for: tuple[str, ...]
    kind: str = "other"

    @property
    def definition(self) -> str:
        """What the call costs, as the docstring says, in one line; the source is apart."""
        return parted(_docstring(self.function))[0]

    @property
    def source(self) -> str:
        """The paper or code that the docstring cites, or else its file; empty without one."""
        module = inspect.getmodule(self.function)
        return parted(_docstring(self.function))[1] or parted((module and module.__doc__) or "")[1]

    @property
    def where(self) -> str:
        """The file and line of the function: ``fxflops/formulas/conv.py:71``."""
        code = inspect.unwrap(self.function).__code__
        module = self.function.__module__.replace(".", "/")
        return f"{module}.py:{code.co_firstlineno}"

    def __call__(
        self, arguments: Mapping[str, Any], out: Any, operator: object = "the operator"
    ) -> Cost | None:
        """The cost of one call with these arguments, named as in the operator's schema.

        Raises FormulaError where the function fails, or returns what is no count.
        """
        known = {**arguments, "out": out}
        given = {name: known[name] for name in self.asks_for}
        return _checked(lambda: self.function(**given), self.counter, self.function, operator)


def _docstring(function: Callable[..., Any]) -> str:
    """That of the function, or of the function that made it."""
    outer, _, inner = function.__qualname__.partition(".<locals>")
    if not function.__doc__ and inner:
        function = getattr(inspect.getmodule(function), outer)
    return inspect.getdoc(function) or ""


def parted(text: str) -> tuple[str, str]:
    """A docstring as one line, without its source, and the source."""
    line = " ".join(text.split())
    found = SOURCE.search(line)
    if found is None:
        return line, ""
    return line[: found.start()].strip(), (found["named"] or found["bare"]).rstrip(".")


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
    kind: str = "other",
    worst_case: str | None = None,
) -> Callable[[F], F]:
    """Register the decorated function as the cost of ``operators``.

    With quantized numbers a call counts also where every tensor is of integers. ``kind`` is what
    the operators do. ``worst_case`` says of a cost that depends on data what is taken to happen;
    reports repeat it.

    Raises FormulaError when it asks for an argument that a schema does not have, when the counter
    or the kind is unknown, and when the operator has a cost for that counter already.
    """
    if str(numbers) == "quantised":  # the spelling of 0.1.0
        warnings.warn('numbers="quantised" is now "quantized"', DeprecationWarning, stacklevel=2)
        numbers = "quantized"
    if counter is not None and counter not in COUNTERS:
        raise FormulaError(f"There is no counter {counter!r}. Known: {', '.join(COUNTERS)}.")
    if kind not in KINDS:
        raise FormulaError(f"There is no kind {kind!r} of operator. Known: {', '.join(KINDS)}.")

    table = COMPLEX if numbers == "complex" else FORMULAS

    def register(function: F) -> F:
        asks_for = tuple(inspect.signature(function).parameters)
        for operator in operators:
            _require_overload(operator, function.__name__)
            _require_schema(operator, function, asks_for)
            _require_new(operator, counter, table)
        for operator in operators:
            _require_new(operator, counter, table)  # again: it may be twice among them
            new = Formula(function, counter, asks_for, kind)
            if numbers == "quantized":
                QUANTIZED.add(operator)
            if worst_case is not None:
                WORST_CASE[operator] = worst_case
            table[operator] = (*table.get(operator, ()), new)
        return function

    return register


def free(reason: str, *operators: OpOverload) -> None:
    """Register ``operators`` as costing no FLOP, with the reason that reports will give.

    Raises FormulaError for a reason that is no text, for what is no operator overload, and for an
    operator that has a place already.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise FormulaError(
            f"free() takes the reason first, a text such as 'a view', and was given {reason!r}."
        )
    for operator in operators:
        _require_overload(operator, "free()")
        _require_new(operator, None, FORMULAS)
    for operator in operators:
        _require_new(operator, None, FORMULAS)  # again: it may be twice among them
        FREE[operator] = reason


def cost_of(
    operator: OpOverload, arguments: Mapping[str, Any], out: Any, *, is_complex: bool = False
) -> Cost | None:
    """The counters of one call by the registered formulas; None where they do not know it."""
    table = COMPLEX if is_complex else FORMULAS
    costs = [f(arguments, out, operator) for f in table.get(functional(operator), ())]
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
    return _checked(
        lambda: known(*positional, **keyword, out_val=out), "contraction", known, operator
    )


def kind_of(operator: Operator) -> str | None:
    """What the operator does, such as ``convolution``, if it has a formula."""
    formulas = FORMULAS.get(functional(operator)) if isinstance(operator, OpOverload) else None
    return formulas[0].kind if formulas else None


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


def _checked(
    count: Callable[[], Any],
    counter: str | None,
    function: Callable[..., Any],
    operator: object,
) -> Cost | None:
    """What ``count`` returns, as a cost; ``function`` is what a message names.

    Raises FormulaError where it fails, or returns what is no count.
    """
    of = f"The formula {getattr(function, '__name__', function)} of {operator}"
    try:
        result = count()
    except FxflopsError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())
        message = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise FormulaError(f"{of} failed: {message}. Repair the formula.") from error
    if result is None:
        return None
    if counter is None and not isinstance(result, Cost):
        raise FormulaError(
            f"{of} returned {result!r}: without a counter=… it must return a fxflops.Cost."
        )
    counts = {q: getattr(result, q) for q in QUANTITIES} if counter is None else {counter: result}
    for quantity, value in counts.items():
        if not is_dim(value):
            raise FormulaError(
                f"{of} returned {value!r} for {quantity}: it must return an integer, "
                "made of sizes by + - * //."
            )
        if is_negative(value):
            raise FormulaError(
                f"{of} returned {value} for {quantity}: a count is never negative. "
                "For reductions take fxflops.formulas.shapes.reduction(elements, results)."
            )
    return result if counter is None else Cost(**counts)


def _require_overload(operator: object, by: str) -> None:
    if not isinstance(operator, OpOverload):
        raise FormulaError(
            f"{by} is registered for {operator!r}, which is no operator overload: "
            "write torch.ops.aten.relu.default, not torch.ops.aten.relu or a name."
        )


def _require_schema(
    operator: OpOverload, function: Callable[..., Any], asks_for: tuple[str, ...]
) -> None:
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
