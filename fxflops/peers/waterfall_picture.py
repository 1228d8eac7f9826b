"""The way from each tool's number to ours as a picture: one waterfall per tool."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fxflops.errors import SpecError
from fxflops.reports.files import write
from fxflops.reports.wording import three_digits

if TYPE_CHECKING:
    from fxflops.peers.explanation import Explanation, Explanations

SUFFIXES = (".png", ".svg")
INSTALL = "pip install 'fxflops[picture]'"
WIDTH, PER_ROW, MARGIN = 9.0, 0.3, 0.9  # inches
LONGEST_LABEL = 48
THEIRS, OURS, MORE, LESS = "#7f7f7f", "#1f77b4", "#2ca02c", "#d62728"


def require_drawable(file: str) -> None:
    """Refuse a file of another kind, and a drawing without matplotlib, before the work is done.

    Raises SpecError.
    """
    if Path(file).suffix.lower() not in SUFFIXES:
        raise SpecError(f"--picture {file} ends neither in .png nor in .svg.")
    try:
        import matplotlib  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise SpecError(f"--picture needs matplotlib: {INSTALL}") from error


def draw(explanations: Explanations, file: str) -> None:
    """Write the picture to ``file``, in the format of its ending.

    Raises SpecError for a file that cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = [_steps(tool) for tool in explanations.tools]
    rows = [sum(step.label.count("\n") + 1 for step in of_tool) for of_tool in steps]
    height = PER_ROW * sum(rows) + MARGIN * (len(steps) + 1)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(steps), 1, squeeze=False, gridspec_kw={"height_ratios": rows})
    for axis, of_tool in zip(axes[:, 0], steps, strict=True):
        _waterfall(axis, of_tool)
    sizes = ", ".join(f"{name}={size}" for name, size in explanations.at.items())
    figure.suptitle(f"{explanations.model} at {sizes}: from each tool's number to ours")
    drawn = BytesIO()
    figure.savefig(drawn, format=Path(file).suffix.removeprefix(".").lower())
    write(file, drawn.getvalue())


class Step(NamedTuple):
    """A bar: what it is of, how many FLOP it is, and whether it is a correction."""

    label: str
    amount: int
    is_total: bool
    color: str


def _steps(tool: Explanation) -> list[Step]:
    """The tool's number, each cause, and ours, all in FLOP.

    A tool that counts multiply-adds has each of them as 2, which its first bar is with.
    """
    measured = tool.measured.total
    start = tool.convention if measured is None else measured
    unexplained = tool.unexplained or 0
    parts = [(part.cause, part.amount) for part in tool.parts]
    title = tool.title
    if parts and parts[0][0].startswith("unit:"):
        title = f"{tool.title}: {three_digits(start, tool.unit)}, multiply-adds as 2 FLOP"
        start += parts.pop(0)[1]
    changes = [*([("unexplained", unexplained)] if unexplained else []), *parts]
    assert start + sum(amount for _, amount in changes) == tool.ours
    return [
        Step(_wrapped(title), start, True, THEIRS),
        *(
            Step(_wrapped(cause), amount, False, MORE if amount > 0 else LESS)
            for cause, amount in changes
        ),
        Step("fxflops: contraction + elementwise", tool.ours, True, OURS),
    ]


def _wrapped(label: str) -> str:
    return "\n".join(textwrap.wrap(label, LONGEST_LABEL))


def _waterfall(axis: Any, steps: Sequence[Step]) -> None:
    """Horizontal bars, the tool's number on top, as long as their logarithms.

    On a linear axis a correction of a thousandth would be invisible.
    """
    amounts = [abs(step.amount) for step in steps]
    known = [amount for amount in amounts if amount]
    least, largest = min(known, default=1), max(known, default=1)
    left = 10 ** (math.floor(math.log10(least)) - 1)
    bars = axis.barh(
        range(len(steps)),
        [max(amount, left) - left for amount in amounts],
        left=left,
        color=[step.color for step in steps],
    )
    axis.set_xscale("log")
    axis.set_xlim(left, largest * 30)
    axis.bar_label(bars, labels=list(map(_number, steps)), padding=3)
    axis.set_yticks(range(len(steps)), [step.label for step in steps])
    axis.invert_yaxis()
    axis.set_xlabel("FLOP, logarithmic")
    axis.spines[["top", "right"]].set_visible(False)


def _number(step: Step) -> str:
    sign = "" if step.is_total else "+" if step.amount >= 0 else "−"
    return f"{sign}{three_digits(abs(step.amount), 'FLOP')}"
