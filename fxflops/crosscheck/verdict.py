"""What each counter says of a call beside what we say, and why they differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import prod

from fxflops.cost import COUNTERS, Cost
from fxflops.crosscheck.convention import (
    ATTENTION,
    POINTWISE,
    RECURRENT,
    Flops,
    event_name,
    has_formula,
    split,
    unseen,
)
from fxflops.crosscheck.graph import CountedCall
from fxflops.crosscheck.measure import Kernels, MeasuredCall

NOTHING = "nothing to count"
NO_RULE = "no rule"
BY_FORMULA, BY_RULE = "our formula gives", "its rules give"
INTEGERS = "counts integers"


class Kind(StrEnum):
    """How two counts of one call relate."""

    EQUAL = "equal"
    NOT_MEASURED = "not measured"
    DIFFERENT = "different"
    UNEXPLAINED = "UNEXPLAINED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A counter's number for one call, and ours in the counter's convention.

    They are the same integers unless the verdict is unexplained. ``reason`` says what the counter
    leaves out, or counts in another way than our full count does.
    """

    measured: Flops
    ours: Flops
    kind: Kind
    reason: str = ""


def of_profiler(counted: CountedCall, seen: MeasuredCall, kernels: Kernels) -> Verdict:
    """``torch.profiler`` against our formula in its convention, integer by integer.

    The contraction is that of our formula, whole. It may be missing, whole, where the events show
    a kernel that hides it, and in operators that are not known to be made of matrix products. A
    sum or product of tensors is by the profiler's rule. Those that the kernel of another operator
    calls are no node of the graph: they count by the rule on the shapes in the event.
    """
    name, own, cost = event_name(counted.named.call.op), counted.own, counted.cost
    measured, ruled = split(seen.profiled.flops), split(seen.profiled.ruled)
    hidden = None if measured.contraction else _hidden(counted, seen, kernels)
    is_pointwise = name in POINTWISE
    contraction = cost.contraction if measured.contraction else own.contraction
    assert isinstance(contraction, int)
    ours = Flops(
        contraction=0 if hidden else contraction,
        elementwise=own.elementwise if is_pointwise else ruled.elementwise,
    )
    reasons = []
    if own.contraction and hidden:
        reasons.append(hidden)
    if cost.contraction and not contraction:
        reasons.append(NO_RULE)
    if is_pointwise and ours.elementwise != cost.elementwise:
        reasons.append(_arithmetic(counted))
    elif ours.elementwise and not is_pointwise:
        inside = [event for event in seen.profiled.ruled if event in POINTWISE]
        reasons.append(f"{' and '.join(sorted(inside))} inside its kernel")
    if seen.profiled.flops != seen.profiled.ruled:
        kind, reasons = Kind.UNEXPLAINED, [f"{BY_RULE} {ruled.total}"]
    elif measured != ours:
        kind, reasons = Kind.UNEXPLAINED, [f"{BY_FORMULA} {ours.total}"]
    elif is_pointwise and (full := _in_full(counted)) not in (None, cost.elementwise):
        kind, reasons = (
            Kind.UNEXPLAINED,
            [f"{BY_FORMULA} {cost.elementwise}, its result has {full}"],
        )
    elif not measured.total:
        kind, reasons = _unmeasured(cost, reasons or [NO_RULE])
    elif reasons:
        kind = Kind.DIFFERENT
    else:
        kind = Kind.EQUAL
        reasons = [] if cost.flops == measured.total else ["bias and scale apart"]
    return Verdict(measured=measured, ours=ours, kind=kind, reason="; ".join(reasons))


def of_flop_counter(counted: CountedCall, seen: MeasuredCall, kernels: Kernels) -> Verdict:
    """``FlopCounterMode`` against our contraction, integer by integer."""
    op, cost, said = counted.named.call.op, counted.cost, seen.flop_counter
    assert isinstance(cost.contraction, int)
    measured, ours = Flops(said.flops), Flops(cost.contraction)
    why = _hidden(counted, seen, kernels)
    if why is None and op in said.operators and not has_formula(op):
        why = "no formula"
    if not measured.total and (why or not ours.total):
        kind, reasons = _unmeasured(cost, [why or ""] if ours.total else ["elementwise"])
        return Verdict(measured=measured, ours=measured, kind=kind, reason="; ".join(reasons))
    if measured != ours:
        reason = f"{BY_FORMULA} {ours.total}"
        return Verdict(measured=measured, ours=ours, kind=Kind.UNEXPLAINED, reason=reason)
    return Verdict(measured=measured, ours=ours, kind=Kind.EQUAL)


def of_free(seen: MeasuredCall) -> Verdict:
    """The profiler on a free call that only the run has: the profiler counts integers, too."""
    measured, ruled = split(seen.profiled.flops), split(seen.profiled.ruled)
    if not measured.total:
        return Verdict(measured=measured, ours=ruled, kind=Kind.EQUAL, reason=NOTHING)
    kind = Kind.DIFFERENT if measured == ruled else Kind.UNEXPLAINED
    return Verdict(measured=measured, ours=ruled, kind=kind, reason=INTEGERS)


def of_free_by_flop_counter(seen: MeasuredCall) -> Verdict:
    """``FlopCounterMode`` on a free call that only the run has."""
    flops = seen.flop_counter.flops
    kind = Kind.UNEXPLAINED if flops else Kind.EQUAL
    return Verdict(measured=Flops(flops), ours=Flops(), kind=kind, reason=NOTHING)


def _unmeasured(cost: Cost, reasons: list[str]) -> tuple[Kind, list[str]]:
    """The verdict on a call of which a counter counts nothing."""
    return (Kind.NOT_MEASURED, reasons) if has_work(cost) else (Kind.EQUAL, [NOTHING])


def has_work(cost: Cost) -> bool:
    """Whether any counter is not 0."""
    return any(getattr(cost, name) != 0 for name in COUNTERS)


def _hidden(counted: CountedCall, seen: MeasuredCall, kernels: Kernels) -> str | None:
    """The kind of the kernel that hides the call's products.

    With kernels spelt out there is none, unless it is the fused kernel itself that the model calls.
    """
    taken_apart = {event_name(op) for op in seen.flop_counter.operators}
    kind = unseen(seen.profiled.names) or unseen(taken_apart)
    if kernels == "math" and kind in (ATTENTION, RECURRENT):
        return kind if unseen([event_name(counted.named.call.op)]) else None
    return kind


def _in_full(counted: CountedCall) -> int | None:
    """What a sum or product of real numbers costs by its result; None of any other numbers."""
    call = counted.named.call
    if call.is_free or counted.is_complex or len(call.shapes) != 1:
        return None
    return prod(call.shapes[0]) * (2 if counted.has_alpha else 1)


def _arithmetic(counted: CountedCall) -> str:
    """Why a sum's or product's FLOPs are not the elements of its first operand."""
    if counted.named.call.is_free:
        return INTEGERS
    reasons = []
    if counted.is_broadcast:
        reasons.append("counts the first operand, not the result")
    if counted.has_alpha:
        reasons.append("leaves alpha out")
    return "; ".join(reasons) or "counts a complex number as one"
