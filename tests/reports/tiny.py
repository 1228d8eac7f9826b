"""One small report that contains everything, and the documents that are made of it.

Counts are pairwise different and products of few primes, so that a person can redo what reports
show of them. Names are such as a hostile model or file may have.
"""

from fxflops.algebra import Symbol
from fxflops.conventions.quote import Quote
from fxflops.conventions.quoted import document as quoted
from fxflops.cost import Applied, Cost, Optimizer, Training
from fxflops.crosscheck.checked import document as checked
from fxflops.crosscheck.convention import Flops
from fxflops.crosscheck.reconcile import Check, CheckedCall, Group, Run, Total, Unmeasured
from fxflops.crosscheck.verdict import Kind, Verdict
from fxflops.domain import Domain, Guard
from fxflops.figures.span import Span
from fxflops.peers.explained import document as explained
from fxflops.peers.explanation import Explanation, Explanations, LeftOut, Part
from fxflops.peers.process import Measured
from fxflops.report import Listed, Report, Row
from fxflops.reports.count import document

N_, H_ = Symbol("N", 1, 1), Symbol("H", 2, 1)
N, H = N_.size, H_.size
NAME = "head.a|b<i>`*\x1b[31m\n=x"
LINEAR = Cost(6 * N * H, N * H, 0, 0, 28 * N * H, 4 * N * H)
EXP = Cost(0, 2 * N, 5 * N, 3 * N, 16 * N, 12 * N)
SIZES = {"N": 5, "H": 14}

PLAIN = Report(
    model="tiny:Net",
    frontend="trace",
    dtype="float32",
    inputs="x: N H%2",
    domain=Domain((N_, H_), (Guard(N * H - 30, ">=", "net.py:3"),), {"N": 2}),
    defaults={"N": 5},
    parameters=1234,
    modules=(
        Row("", LINEAR + EXP, "Net", 1, 1234, (((N, 3), (N * H, 7)),), 4),
        Row("head", LINEAR + EXP, "Linear", 1, 1200, (((N, 4, H),), ((N, 2, H),)), 1),
        Row(NAME, EXP, "=cmd|'/C calc'!A0", None, 30),
    ),
    operators=(Row("aten.exp.default", EXP, calls=3), Row("aten.linear.default", LINEAR, calls=2)),
    free=(Listed("aten.view.default", 7, "metadata only"),),
    uncounted=(
        Listed("evil.<b>|op.default", 1, "no formula", ("net.py:9",)),
        Listed("mine.op.default", 3, "no formula", ("net.py:7", "net.py:8")),
    ),
    notes=("The model calls itself <script>alert(1)</script> & \x1b]0;title\x07.",),
    figures={"span": Span(((LINEAR.flops, ()), (EXP.flops, ())))},
)
WHOLE = PLAIN._replace(uncounted=())
BLOCK = (
    Row("", 3 * LINEAR + 4 * EXP, "Net", 1, 3002, (((N, 3),),)),
    Row("stem", LINEAR, "Linear", 1, 1000, (((N, 4, 3 * H),),)),
    Row("layers", 2 * LINEAR + 2 * EXP, "ModuleList", None, 2000),
    *(
        row
        for i in range(2)
        for row in (
            Row(f"layers.{i}", LINEAR + EXP, "Block", 1, 1000, (((N, 5, H),),)),
            Row(f"layers.{i}.fc", LINEAR, "Linear", 1, 1000, (((N, 6, H),),)),
            Row(f"layers.{i}.act", EXP, "Exp", 2, 0, (((N, 7, H),),)),
        )
    ),
    Row("head", EXP, "Exp", 1, 0, (((N, 3),),)),
)
BLOCKS = WHOLE._replace(modules=BLOCK, parameters=3002)
DEPLOYED = WHOLE._replace(
    applied=(
        Applied("fold-batch-norm", 4, Cost(0, 9 * N, 1, 0, 8 * N, 7)),
        Applied("hoist", 6, Cost(2 * H, 3, 0, 11, 13, 17)),
    ),
    once={"size": Cost(2 * H, 3, 0, 11, 13, 17), "model": Cost(elementwise=19)},
)
TRAINED = WHOLE._replace(
    training=Training(
        1111,
        {"forward": LINEAR, "activations": EXP, "weights": Cost.zero()},
        Optimizer("adamw", Cost(elementwise=13 * 1111, transcendental=1111)),
    )
)
HUGE = {"N": 7 * 10**321 + 1, "H": 2 * 10**20}

VERDICT = Verdict(measured=Flops(420, 0), ours=Flops(420, 0), kind=Kind.EQUAL)
MISSING = Verdict(measured=Flops(0, 0), ours=Flops(0, 0), kind=Kind.NOT_MEASURED, reason="no rule")
CALLS = (
    CheckedCall(
        name="linear_default",
        op="aten.linear.default",
        path=NAME,
        where="net.py:5",
        in_graph=True,
        cost=LINEAR.at({N_: 5, H_: 7}),
        profiler=VERDICT,
        flop_counter=VERDICT,
        events={"aten::linear": 1},
        seconds=0.0125,
        share=0.8,
        flops_per_second=39200.0,
    ),
    CheckedCall(
        name="exp_default",
        op="aten.exp.default",
        path="",
        where="net.py:6",
        in_graph=True,
        cost=EXP.at({N_: 5, H_: 7}),
        profiler=MISSING,
        flop_counter=MISSING,
        events={},
        seconds=0.003125,
        share=0.2,
        flops_per_second=None,
    ),
)
CHECK = Check(
    model="tiny:Net",
    device="cpu",
    torch="2.14.1",
    rules_of="2.14",
    dtype="float32",
    at=SIZES,
    graph_only=1,
    totals=(
        Total(
            kernels="default",
            counter="torch.profiler",
            work="contraction",
            measured=420,
            ours=420,
            full=421,
        ),
        Total(
            kernels="math",
            counter="FlopCounterMode",
            work="contraction",
            measured=418,
            ours=419,
            full=420,
        ),
    ),
    groups=(
        Group(
            kernels="default",
            kind=Kind.EQUAL,
            reason="",
            calls=1,
            measured=420,
            cost=CALLS[0].cost,
            difference=70,
        ),
    ),
    unmeasured=(
        Unmeasured(
            op="aten.exp.default",
            calls=1,
            reason="no rule",
            cost=CALLS[1].cost,
            seconds=0.003125,
            share=0.2,
        ),
    ),
    slowest=CALLS,
    runs=(
        Run(
            kernels="default",
            calls=CALLS,
            seconds=0.02,
            in_calls=0.015625,
            unmeasured_share=0.2,
            repetitions=3,
        ),
    ),
    failures=("FlopCounterMode counts 418, our formula gives 419",),
)
EXPLANATIONS = Explanations(
    model="tiny:Net",
    at=SIZES,
    dtype="float32",
    tools=(
        Explanation(
            tool="fvcore",
            title="fvcore",
            unit="MAC",
            counts="products",
            misses="activations",
            measured=Measured(version="0.1.5", python="/usr/bin/python3", total=207),
            convention=210,
            parts=(
                Part(
                    cause="unit: a multiply-add is 2 FLOP, not 1",
                    amount=210,
                    modules=(("head", 209), (NAME, 1), ("", 0)),
                ),
                Part(cause="elementwise work not counted", amount=80, modules=(("head", 80),)),
            ),
            ours=500,
            left_out=(LeftOut(kind="Linear", modules=2, flops=1500, missed=80),),
        ),
    ),
)
QUOTE = Quote(
    model="tiny:Net",
    convention="fvcore",
    title="fvcore",
    version="fvcore 0.1.5",
    unit="MAC",
    counts="products",
    misses="activations",
    symbols=("N", "H"),
    domain=("N*H >= 30",),
    at=SIZES,
    formula="3*N*H",
    value=210,
)

DOCUMENTS = {
    "incomplete": lambda: document(PLAIN.at(SIZES)),
    "screen": lambda: document(BLOCKS.at(SIZES), brief=True),
    "incomplete_screen": lambda: document(PLAIN.at(SIZES), brief=True, columns=("output", "flops")),
    "formulas": lambda: document(WHOLE.at(None), symbolic=True),
    "incomplete_formulas": lambda: document(PLAIN.at(SIZES), symbolic=True),
    "deployed": lambda: document(DEPLOYED.at(SIZES), depth=1),
    "deployed_formulas": lambda: document(DEPLOYED.at(SIZES), symbolic=True),
    "trained": lambda: document(TRAINED.at(SIZES), depth=0),
    "huge": lambda: document(WHOLE.at(HUGE)),
    "check": lambda: checked(CHECK, nodes=True),
    "explain": lambda: explained(EXPLANATIONS),
    "convention": lambda: quoted(QUOTE, symbolic=True),
}
