"""One task of a sweep: a formula, derived once, and its values at all sizes as columns."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

from fxflops.errors import DomainError, FxflopsError, SpecError
from fxflops.report import SHOWN, Report
from fxflops.sweeping.plan import Task

Columns: TypeAlias = dict[str, list[Any]]
"""Values by column, all of the same length."""

DONE, FAILED, OUTSIDE = "done", "failed", "outside"
LONGEST_REASON = 400


def work(task: Task) -> Columns:
    """The rows of a task: one for each size, or a single one that says why there is none.

    ``status`` is ``done``, ``outside`` for a size at which there is no formula, or ``failed``;
    ``why`` says why. Nothing that a model raises is raised.
    """
    started = time.perf_counter()
    try:
        columns = _columns(task)
    except FxflopsError as error:
        return failed(task, str(error), time.perf_counter() - started)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        return failed(task, said, time.perf_counter() - started)
    return columns | {"seconds": [time.perf_counter() - started] * len(columns["task"])}


def failed(task: Task, why: str, seconds: float | None = None) -> Columns:
    """The row of a task that gives no numbers, with the reason in one line."""
    row = {
        **_about(task),
        "status": FAILED,
        "why": " ".join(why.split())[:LONGEST_REASON],
        "seconds": seconds,
    }
    return {name: [value] for name, value in row.items()}


def _about(task: Task) -> dict[str, Any]:
    request = task.request
    train = request.train if isinstance(request.train, str) else "yes" if request.train else "no"
    return {
        "task": task.key,
        "model": request.model,
        "dtype": request.dtype,
        "train": train,
        "deploy": ",".join(request.deploy) or "no",
        "past": request.past,
    }


def _columns(task: Task) -> Columns:
    from fxflops.answer import answer
    from fxflops.models import is_installed

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    first = {name: sizes.start for sizes in task.sizes for name in sizes.names}
    cached = is_installed(task.request.model)
    try:
        report = answer(task.request, first, cached=cached)
    except DomainError:  # of the first size; others may be inside
        report = answer(task.request, {}, cached=cached)
    grid = _grid(task, report)
    count = len(next(iter(grid.values()), [0]))
    columns: Columns = {name: [value] * count for name, value in _about(task).items()}
    columns["dtype"] = [report.dtype] * count
    columns |= {name: list(values) for name, values in grid.items()}
    inside, whys = _inside(report, grid, count)
    status = [DONE if here else OUTSIDE for here in inside]
    columns |= {"status": status, "why": whys}
    columns["uncounted"] = [report.uncounted_calls] * count
    columns["parameters"] = [report.parameters] * count
    return columns | _values(report, grid, inside)


def _grid(task: Task, report: Report) -> dict[str, list[int]]:
    """Every size of every axis in every combination, the last axis fastest.

    Raises SpecError for a size that the model does not have or that is not known.
    """
    given = {name for sizes in task.sizes for name in sizes.names}
    domain = report.domain
    if strange := sorted(given - {*domain.names, *domain.fixed}):
        free = f"the free sizes are {', '.join(domain.names)}" if domain.names else "none is free"
        raise SpecError(f"{report.model} has no size {', '.join(strange)}: {free}.")
    if lacking := [n for n in domain.names if n not in given and n not in report.defaults]:
        raise SpecError(f"No value for the size {', '.join(lacking)} of {report.model}.")
    count = 1
    for sizes in task.sizes:
        count *= len(sizes.values)
    columns: dict[str, list[int]] = {
        name: [report.defaults[name]] * count for name in domain.names if name not in given
    }
    after = count
    for sizes in task.sizes:
        after //= len(sizes.values)
        once = [value for value in sizes.values for _ in range(after)]
        column = once * (count // len(once))
        columns |= dict.fromkeys(sizes.names, column)
    return {name: columns[name] for name in (*domain.names, *sorted(given - {*domain.names}))}


def _inside(
    report: Report, grid: Mapping[str, list[int]], count: int
) -> tuple[list[bool], list[str | None]]:
    """At which sizes there is a formula, and why there is none at the others."""
    import numpy as np

    try:
        report.domain.arrays(
            {name: np.asarray(values, dtype=object) for name, values in grid.items()}, report.model
        )
    except FxflopsError:
        pass
    else:
        return [True] * count, [None] * count
    whys: list[str | None] = []
    for position in range(count):
        try:
            report.domain.values({n: v[position] for n, v in grid.items()}, report.model)
            whys.append(None)
        except FxflopsError as error:
            whys.append(str(error)[:LONGEST_REASON])
    return [why is None for why in whys], whys


def _values(report: Report, grid: Mapping[str, list[int]], inside: list[bool]) -> Columns:
    """Each quantity at each size, as Python integers; None outside of the domain.

    int64 holds them on the way where that is proved, Python integers do otherwise.
    """
    import numpy as np

    from fxflops.algebra.closed_form import evaluate_many

    where = [position for position, here in enumerate(inside) if here]
    symbols = report.domain.symbols
    arrays = {
        s: _array([s.value_at(grid[s.name][position]) for position in where]) for s in symbols
    }
    columns: Columns = {}
    for name in SHOWN:
        count = getattr(report.total, name)
        if symbols and where:
            values = np.broadcast_to(evaluate_many(count, arrays), (len(where),)).tolist()
        else:
            values = [count] * len(where)
        column: list[int | None] = [None] * len(inside)
        for position, value in zip(where, values, strict=True):
            column[position] = value
        columns[name] = column
    return columns


def _array(values: list[int]) -> Any:
    import numpy as np

    large = any(value >= 2**63 for value in values)
    return np.array(values, dtype=object if large else np.int64)
