"""How to quote a count: a sentence for the methods of a paper, and an entry of BibTeX."""

from __future__ import annotations

from fxflops import __version__
from fxflops.report import Answer
from fxflops.reports.wording import exact, operator_calls

CALLS = {
    "eval": "one call in inference",
    "deployed": "one call of the graph as deployed",
    "train": "one training step, without the optimizer's,",
}


def methods(answer: Answer) -> str:
    """Tool, version, convention, size and count, in a sentence or two.

    An incomplete count is called a lower bound.
    """
    report = answer.report
    at = ", ".join(f"{name} = {size}" for name, size in answer.sizes.items())
    where = f" at {at}" if at else f" for the input {report.inputs}" if report.inputs else ""
    flops, contraction = answer.value("flops"), answer.value("contraction")
    if flops is None:
        count = "has the formula given"
    else:
        least = "" if report.complete else "at least "
        macs = "" if answer.macs is None else f" ({exact(answer.macs)} multiply-adds)"
        count = (
            f"takes {least}{exact(flops)} FLOP{where}, of which {exact(contraction)} are in "
            f"matrix products and convolutions{macs}"
        )
    said = (
        f"Operations were counted with fxflops {__version__} from the graph of the model in "
        f"{report.dtype}, a multiply-add being 2 FLOP and every other real addition, subtraction, "
        f"multiplication and division 1: {CALLS[report.graph]} of {report.model} {count}."
    )
    if not report.complete:
        said += f" This is a lower bound: {operator_calls(report.uncounted_calls)} uncounted."
    return said


def bibtex() -> str:
    """The entry of this version of the tool."""
    return (
        "@software{fxflops,\n"
        "  author  = {{The fxflops developers}},\n"
        "  title   = {{fxflops}: what a {PyTorch} model costs, as an exact formula},\n"
        f"  version = {{{__version__}}},\n"
        "}"
    )
