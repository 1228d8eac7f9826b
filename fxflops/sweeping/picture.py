"""A sweep as a picture: parameters against FLOPs by family, and cost over size."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

from fxflops.errors import SpecError
from fxflops.reports.files import write
from fxflops.sweeping.work import DONE, Columns

SUFFIXES = (".png", ".svg")
INSTALL = "pip install 'fxflops[picture]'"
GIGA, MEGA = 1e9, 1e6
COLORS = 10


def require_drawable(file: str | None) -> None:
    """Refuse a file of another kind, and a drawing without matplotlib. Raises SpecError."""
    if file is None:
        return
    if Path(file).suffix.lower() not in SUFFIXES:
        raise SpecError(f"--plot {file} ends neither in .png nor in .svg.")
    try:
        import matplotlib  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise SpecError(f"--plot needs matplotlib: {INSTALL}.") from error


def family(model: str) -> str:
    """The first word of a model's name: ``resnet`` of ``timm:resnet50d``."""
    found = re.match(r"[A-Za-z]+", model.rpartition(":")[2])
    return found[0].lower() if found else model


def draw(columns: Columns, file: str, sizes: tuple[str, ...]) -> None:
    """Write the picture of the rows that have numbers; ``sizes`` are those that vary.

    Raises SpecError where no row has numbers, and for a file that cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    rows = [row for row in rows if row["status"] == DONE]
    if not rows:
        raise SpecError("There is nothing to draw: no row has numbers.")
    varying = next((n for n in sizes if len({row.get(n) for row in rows}) > 1), None)
    figure = Figure(figsize=(12 if varying else 6.5, 5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2 if varying else 1, squeeze=False)[0]
    families = sorted({family(row["model"]) for row in rows})
    colors = {name: f"C{position % COLORS}" for position, name in enumerate(families)}
    _parameters(panels[0], rows, colors)
    if varying:
        _over_size(panels[1], rows, varying, colors)
    drawn = BytesIO()
    figure.savefig(drawn, format=Path(file).suffix[1:].lower())
    write(file, drawn.getvalue())


def _parameters(axes: Any, rows: list[dict[str, Any]], colors: dict[str, str]) -> None:
    """Each model once, at the last size that it has."""
    last = {row["model"]: row for row in rows}
    for name, color in colors.items():
        of = [row for row in last.values() if family(row["model"]) == name]
        x, y = [r["parameters"] / MEGA for r in of], [r["flops"] / GIGA for r in of]
        axes.scatter(x, y, color=color, label=name, s=18)
    axes.set(xscale="log", yscale="log", xlabel="parameters [10⁶]", ylabel="FLOPs [10⁹]")
    axes.legend(fontsize="small", title="family, at the last size")
    axes.grid(alpha=0.3)


def _over_size(axes: Any, rows: list[dict[str, Any]], size: str, colors: dict[str, str]) -> None:
    by_model: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row.get(size) is not None:
            by_model.setdefault(row["model"], []).append((row[size], row["flops"] / GIGA))
    for model, points in by_model.items():
        x, y = zip(*sorted(points), strict=True)
        axes.plot(x, y, color=colors[family(model)], linewidth=1, label=model)
    axes.set(xlabel=size, ylabel="FLOPs [10⁹]", yscale="log")
    if len(by_model) <= COLORS:
        axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
