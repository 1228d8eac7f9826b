"""The way from each tool's number to ours as a picture: one waterfall per tool."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxflops.errors import SpecError
from fxflops.reports.files import write

if TYPE_CHECKING:
    from fxflops.peers.explanation import Explanation, Explanations

SUFFIXES = (".png", ".svg")
INSTALL = "pip install 'fxflops[picture]'"
GIGA = 1e9
WIDTH, PER_ROW, MARGIN = 9.0, 0.3, 0.9  # inches
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

    tools = explanations.tools
    rows = [len(tool.parts) + 2 + bool(tool.unexplained) for tool in tools]
    height = PER_ROW * sum(rows) + MARGIN * (len(tools) + 1)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(tools), 1, squeeze=False, gridspec_kw={"height_ratios": rows})
    for axis, tool in zip(axes[:, 0], tools, strict=True):
        _waterfall(axis, tool)
    sizes = ", ".join(f"{name}={size}" for name, size in explanations.at.items())
    figure.suptitle(f"{explanations.model} at {sizes}")
    drawn = BytesIO()
    figure.savefig(drawn, format=Path(file).suffix.removeprefix(".").lower())
    write(file, drawn.getvalue())


def _waterfall(axis: Any, tool: Explanation) -> None:
    """Horizontal bars, the tool's number on top, each cause from where the one above ends."""
    measured = tool.measured.total
    start = tool.convention if measured is None else measured
    changes = [("unexplained", tool.unexplained)] if tool.unexplained else []
    changes += [(part.cause, part.amount) for part in tool.parts]
    labels = [f"{tool.title} [{tool.unit}]", *(cause for cause, _ in changes), "fxflops [FLOP]"]
    lefts, widths, colors = [0.0], [start / GIGA], [THEIRS]
    reached = start
    for _, amount in changes:
        assert amount is not None
        lefts.append(reached / GIGA)
        widths.append(amount / GIGA)
        colors.append(MORE if amount > 0 else LESS)
        reached += amount
    bars = axis.barh(
        range(len(labels)),
        [*widths, tool.ours / GIGA],
        left=[*lefts, 0.0],
        color=[*colors, OURS],
    )
    axis.bar_label(
        bars, labels=[f"{width:.3g}" for width in [*widths, tool.ours / GIGA]], padding=3
    )
    axis.set_yticks(range(len(labels)), labels)
    axis.invert_yaxis()
    axis.set_xlabel("giga")
    axis.margins(x=0.12)
    axis.spines[["top", "right"]].set_visible(False)
