"""Counts over sizes as curves, by matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fxflops.analysis.records import Analysis
from fxflops.cost import METRICS, SUMS
from fxflops.errors import SpecError
from fxflops.reports.wording import prefix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INSTALL = "pip install 'fxflops[notebook]'"
UNITS = {metric.name: metric.unit for metric in (*METRICS, *SUMS)}
LABELS = {metric.name: metric.label for metric in (*METRICS, *SUMS)}
WIDTH, HEIGHT = 6.4, 4.0  # inches


def plot(
    analyses: Iterable[tuple[str, Analysis]],
    quantity: str,
    sizes: Mapping[str, Any],
    axes: Axes | None = None,
) -> Axes:
    """A curve of ``quantity`` for each analysis; sizes that are sequences go along the axis.

    Raises SpecError without matplotlib, for no sequence or several of other lengths, and what
    `Analysis.evaluate` does.
    """
    along = {n: list(s) for n, s in sizes.items() if not isinstance(s, int | str)}
    if not along:
        raise SpecError("A plot needs a size to go along: H=range(320, 1281, 32), for example.")
    if len({len(values) for values in along.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in along.items())
        raise SpecError(f"Sizes that go along together must be as many of each: {lengths}.")
    fixed = {name: size for name, size in sizes.items() if name not in along}
    curves = [(label, a.evaluate(quantity, **fixed, **along)) for label, a in analyses]
    axes = _axes() if axes is None else axes
    largest = max((int(value) for _, values in curves for value in values), default=0)
    scale, letter = prefix(largest)
    first = next(iter(along))
    for label, values in curves:
        axes.plot(along[first], [int(v) / scale for v in values], label=label, marker=".")
    same = [name for name, values in along.items() if values == along[first]]
    axes.set_xlabel(" = ".join(same) if len(same) == len(along) else ", ".join(along))
    unit = UNITS[quantity].partition(",")[0]
    axes.set_ylabel(f"{LABELS[quantity]} [{letter}{unit if letter else f' {unit}'.strip()}]")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1:
        axes.legend()
    else:
        axes.set_title(curves[0][0])
    return axes


def _axes() -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise SpecError(f"A plot needs matplotlib: {INSTALL}") from error
    axes: Axes
    _, axes = pyplot.subplots(figsize=(WIDTH, HEIGHT), layout="constrained")
    return axes
