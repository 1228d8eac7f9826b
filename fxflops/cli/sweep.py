"""``fxflops sweep MODEL… --at H=224:1024:32``: many models at many sizes, here or on a cluster."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fxflops.cli.options import positive, say
from fxflops.errors import SpecError, shown
from fxflops.reports.files import require_writable

if TYPE_CHECKING:
    from fxflops.sweeping.plan import Task
    from fxflops.sweeping.work import Columns

HELP = "Count many models at many sizes, each formula derived once: to Parquet or JSON lines."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``sweep``."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="names, and patterns such as 'timm:resnet*' (fxflops list shows what they fit)",
    )
    parser.add_argument("--input", metavar="SPEC", help="the input of every model")
    parser.add_argument(
        "--at", metavar="H=W=224:1024:32,N=8", default="", help="sizes, and ranges of sizes"
    )
    parser.add_argument(
        "--grid",
        metavar="OPTION=A|B,…",
        default="",
        help="configurations in all combinations: dtype, train, deploy, past",
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help=".parquet or .jsonl")
    parser.add_argument("--plot", metavar="FILE", help="also draw it there, as .png or .svg")
    parser.add_argument(
        "--workers", metavar="W", help="processes (default: one for each core; 0: this one)"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="run on this dask cluster: tcp://host:8786"
    )
    parser.add_argument("--timeout", metavar="SECONDS", help="give a model up after so long")
    parser.add_argument(
        "--memory-limit", metavar="4GB", help="give a model up that takes more in one process"
    )
    parser.add_argument("--retry", action="store_true", help="count anew what has failed")


def run(arguments: argparse.Namespace) -> int:
    """Sweep, and say how many rows there are."""
    _require_effect(arguments)
    require_writable(arguments.output)
    require_writable(arguments.plot)

    from fxflops.sweeping import cluster, picture, plan
    from fxflops.sweeping.store import Store
    from fxflops.sweeping.work import work

    picture.require_drawable(arguments.plot)
    store = Store(arguments.output)
    sizes = plan.parse_sizes(arguments.at)
    grid = plan.parse_grid(arguments.grid)
    workers = os.cpu_count() or 1
    if arguments.workers is not None:
        workers = positive(arguments.workers, "--workers", least=0)
    timeout = float(positive(arguments.timeout, "--timeout")) if arguments.timeout else None
    if workers or arguments.scheduler:
        cluster.require()
    tasks = plan.tasks(arguments.models, sizes, grid, inputs=arguments.input)
    known = store.done(retry=arguments.retry)
    waiting = [task for task in tasks if task.key not in known]
    results: Iterator[tuple[Task, Columns]]
    if workers == 0 and arguments.scheduler is None:
        results = ((task, work(task)) for task in waiting)
    else:
        results = cluster.run(
            waiting,
            workers=workers,
            scheduler=arguments.scheduler,
            timeout=timeout,
            memory_limit=arguments.memory_limit,
        )
    with _progress(len(tasks), len(tasks) - len(waiting)) as advance:
        for task, columns in results:
            store.add(task, columns)
            advance(task.request.model)
    rows = store.finish(tasks)
    columns = store.columns()
    if arguments.plot:
        varying = tuple(name for size in sizes for name in size.names)
        picture.draw(columns, arguments.plot, varying)
    say(_summary(arguments.output, rows, tasks, columns))
    return 0


def _summary(path: str, rows: int, tasks: Sequence[Task], columns: Columns) -> str:
    by_status = Counter(columns["status"] if columns else [])
    counts = ", ".join(f"{number:,} {status}" for status, number in sorted(by_status.items()))
    return f"{path}: {rows:,} rows of {len(tasks):,} tasks ({counts})\n"


def _require_effect(arguments: argparse.Namespace) -> None:
    """Refuse options that have none together."""
    if arguments.scheduler is not None:
        if arguments.workers is not None:
            raise SpecError("--workers are those of the scheduler: leave it out with --scheduler.")
        if arguments.memory_limit is not None:
            raise SpecError(
                "--memory-limit is for processes of this machine: give it to dask worker instead."
            )
    elif arguments.workers == "0":
        for name in ("timeout", "memory_limit"):
            if getattr(arguments, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise SpecError(f"{option} ends a process, and --workers 0 has no other than this.")
    if arguments.scheduler is not None and "://" not in arguments.scheduler:
        raise SpecError(
            f"--scheduler is '{shown(arguments.scheduler)}': write it like tcp://host:8786."
        )


@contextmanager
def _progress(total: int, done: int) -> Iterator[_Advance]:
    """A bar with an estimate on stderr; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda model: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        shown_task = bar.add_task("sweep", total=total, completed=done)

        def advance(model: str) -> None:
            bar.update(shown_task, advance=1, description=model[:40])

        yield advance


if TYPE_CHECKING:
    from collections.abc import Callable

    _Advance = Callable[[str], None]
