"""The profiler's number beside the formula's, family by family, each difference named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fxflops.crosscheck.measure import Measurement
from fxflops.errors import CheckError
from fxflops.records import Analysis, Cost, Operator
from fxflops.registry import family
from fxflops.symbolic import evaluate

# What torch.profiler assigns FLOPs to, by the events' names. Source: torch 2.14,
# torch/csrc/profiler/util.cpp, computeFlops: these, and aten::add and aten::mul.
CONVOLUTIONS = ("aten::conv2d",)
MATRIX_PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
VECTOR_PRODUCTS = ("aten.addmv.default", "aten.dot.default", "aten.mv.default", "aten.vdot.default")
ELEMENTWISE = ("aten::add", "aten::mul")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One family: what the profiler measured and what we count [FLOP].

    ``hidden`` is the part of ``counted`` that ran in fused attention kernels, in which the
    profiler sees no product.
    """

    family: str
    events: tuple[str, ...]
    attention: str
    measured: int
    counted: int
    hidden: int

    @property
    def difference(self) -> int:
        """Ours less theirs."""
        return self.counted - self.measured

    @property
    def agrees(self) -> bool:
        """Whether the difference is just what a fused kernel hides from the profiler."""
        return self.difference == self.hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """An operator to which the profiler assigns nothing, with what we count of it."""

    op: str
    calls: int
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The outcome for one model at one size on one device.

    It passes when every integer that must be equal is: convolutions, and matrix products with
    attention spelt out; with the kernel that PyTorch chose, the difference is the products of
    fused attention.
    """

    model: str
    device: str
    torch: str
    at: Mapping[str, int]
    compared: tuple[Compared, ...]
    unmeasured: tuple[Unmeasured, ...]
    measurements: tuple[Measurement, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """What does not match, one line each."""
        return tuple(
            f"{row.family}, {row.attention} attention: counted {row.counted}, measured "
            f"{row.measured}; a difference of {row.hidden} is explained, {row.difference} is there"
            for row in self.compared
            if not row.agrees
        )

    @property
    def passed(self) -> bool:
        """Whether static and measured agree."""
        return not self.failures


def reconcile(
    analysis: Analysis,
    sizes: Mapping[str, int],
    measurements: tuple[Measurement, ...],
    *,
    device: str,
    version: str,
) -> Check:
    """Compare ``analysis`` at ``sizes`` with what was measured there.

    Raises CheckError for a model with uncounted operators: a lower bound proves nothing.
    """
    if analysis.uncounted:
        ops = ", ".join(sorted({str(node.op) for node in analysis.uncounted}))
        raise CheckError(f"{analysis.model} has uncounted operators: {ops}. Give them a formula.")
    values = analysis.values(sizes)
    costs = {op: cost.at(values) for op, cost in analysis.by_operator().items()}
    seen = {op: events_of(op) for op in costs}

    def contraction(events: tuple[str, ...]) -> int:
        return sum(_integer(costs[op].contraction) for op in costs if seen[op] == events)

    attention = [n for n in analysis.nodes if n.cost and family(n.op) == "attention"]
    products = sum(_integer(evaluate(n.cost.contraction, values)) for n in attention if n.cost)

    def hidden(measured: Measurement, events: tuple[str, ...]) -> int:
        whole = measured.fused_attention == len(attention)
        return products if events == MATRIX_PRODUCTS and measured.fused_attention and whole else 0

    calls = Counter(node.op for node in analysis.nodes)
    return Check(
        model=analysis.model,
        device=device,
        torch=version,
        at=dict(sizes),
        compared=tuple(
            Compared(
                family=name,
                events=events,
                attention=measured.attention,
                measured=sum(measured.flops.get(event, 0) for event in events),
                counted=contraction(events),
                hidden=hidden(measured, events),
            )
            for measured in measurements
            for name, events in (
                ("convolution", CONVOLUTIONS),
                ("linear, matmul, attention", MATRIX_PRODUCTS),
            )
        ),
        unmeasured=tuple(
            Unmeasured(op=str(op), calls=calls[op], cost=cost)
            for op, cost in costs.items()
            if not seen[op] or family(op) == "attention"
        ),
        measurements=measurements,
    )


def events_of(op: Operator) -> tuple[str, ...]:
    """The profiler's events that carry the FLOPs of a graph operator's contraction, if any do."""
    name = str(op)
    if name.startswith("aten.conv2d"):
        return CONVOLUTIONS
    if family(op) in ("attention", "einsum", "matmul") and name not in VECTOR_PRODUCTS:
        return MATRIX_PRODUCTS
    if name in ("aten.add.Tensor", "aten.mul.Tensor"):
        return ELEMENTWISE
    return ()


def _integer(count: object) -> int:
    assert isinstance(count, int)
    return count
