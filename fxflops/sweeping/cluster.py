"""Tasks on dask.distributed: on processes of this machine under nannies, or on a scheduler's.

A worker that dies is started again by its nanny, and its tasks run elsewhere; a task that keeps
killing workers, by its memory, fails for that reason. A task that takes longer than its limit is
given up: its worker is started again. When the scheduler itself goes, tasks that are not done are
given to it anew once it is back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from fxflops.errors import SpecError, shown
from fxflops.sweeping.plan import Task
from fxflops.sweeping.store import INSTALL
from fxflops.sweeping.work import Columns, failed, work

STARTED = "fxflops-started"
OUTSTANDING = 8
"""Tasks for each worker that the scheduler is told of at once."""

CONNECTING = 10
AWAY = 60
"""Seconds to wait for a scheduler: for the first connection, and for its coming back."""

POLL = 0.2
KILLED_BY_MEMORY = 2
"""How often a task may take its worker down before it fails."""

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class LostError(Exception):
    """The scheduler went away."""


def require() -> None:
    """Refuse a sweep on processes without dask.distributed. Raises SpecError."""
    try:
        import distributed  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise SpecError(
            f"A sweep on several processes needs dask.distributed: {INSTALL}, or --workers 0."
        ) from error


def run(
    tasks: Sequence[Task],
    *,
    workers: int,
    scheduler: str | None = None,
    timeout: float | None = None,
    memory_limit: str | None = None,
) -> Iterator[tuple[Task, Columns]]:
    """Each task with its rows, as they come.

    Raises SpecError for a scheduler that does not answer, or does not come back.
    """
    require()
    waiting = {task.key: task for task in tasks}
    with _quiet(), contextlib.ExitStack() as stack:
        if scheduler is None:
            cluster = stack.enter_context(_local(workers, memory_limit))
            address: Any = cluster
        else:
            address = scheduler
        while waiting:
            client = _connected(address, waited=CONNECTING)
            try:
                for task, columns in _of_client(client, waiting, timeout):
                    del waiting[task.key]
                    yield task, columns
            except LostError:
                _await_return(address)
            finally:
                _close(client)


def _local(workers: int, memory_limit: str | None) -> Any:
    """A cluster of processes. Raises SpecError for a limit of memory that cannot be read."""
    import dask
    from dask.utils import parse_bytes
    from distributed import LocalCluster

    try:
        limit = parse_bytes(memory_limit) if memory_limit else 0
    except ValueError as error:
        raise SpecError(
            f"--memory-limit is '{shown(memory_limit or '')}': write it like 4GB."
        ) from error
    settings = {
        "distributed.scheduler.allowed-failures": KILLED_BY_MEMORY,
        "distributed.nanny.pre-spawn-environ": ENVIRONMENT,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": 0.95,
        "distributed.admin.log-format": "%(message)s",
    }
    dask.config.set(settings)
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        memory_limit=limit or None,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    )


def _connected(address: Any, *, waited: float) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=waited, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise SpecError(
            f"The scheduler {shown(str(address))} does not answer within {waited:g} s: start one "
            f"with dask scheduler, or leave out --scheduler."
        ) from error


def _await_return(address: Any) -> None:
    """Wait for a scheduler to answer again. Raises SpecError where it does not."""
    deadline = time.monotonic() + AWAY
    while time.monotonic() < deadline:
        with contextlib.suppress(SpecError):
            _close(_connected(address, waited=2))
            return
        time.sleep(POLL)
    raise SpecError(
        f"The scheduler {shown(str(address))} has gone, and is not back after {AWAY} s. What is "
        f"written stays: the same command goes on."
    )


def _close(client: Any) -> None:
    with contextlib.suppress(Exception):  # of a connection that is lost anyway
        client.close(timeout=2)


def _of_client(
    client: Any, waiting: dict[str, Task], timeout: float | None
) -> Iterator[tuple[Task, Columns]]:
    """The rows of all tasks that wait, a few of them given to the scheduler at a time.

    Raises LostError where the scheduler goes.
    """
    from distributed import KilledWorker

    started: dict[str, tuple[float, str]] = {}
    if timeout is not None:
        client.subscribe_topic(STARTED, lambda event: _note(event, started))
    queue = list(waiting.values())
    running: dict[str, Any] = {}
    while queue or running:
        if client.status != "running":
            raise LostError
        room = OUTSTANDING * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        while queue and len(running) < room:
            task = queue.pop(0)
            key = f"fxflops-{task.key}"
            running[task.key] = client.submit(
                _announced, task, timeout is not None, key=key, pure=False
            )
        finished = [key for key, future in running.items() if future.done()]
        for key in finished:
            future = running.pop(key)
            task = waiting[key]
            if future.status in ("cancelled", "lost"):
                raise LostError
            try:
                columns = future.result(timeout=30)
            except KilledWorker:
                why = "the worker that ran it was killed each time, as by the limit of memory"
                columns = failed(task, why)
            except Exception as error:
                if client.status != "running":
                    raise LostError from error
                columns = failed(task, f"{type(error).__name__}: {error}")
            yield task, columns
        for key in _late(running, started, timeout):
            address = started.pop(key)[1]
            future = running.pop(key)
            future.cancel(force=True)
            client.restart_workers([address], timeout=30, raise_for_error=False)
            yield waiting[key], failed(waiting[key], f"takes more than {timeout:g} s", timeout)
        if not finished:
            time.sleep(POLL / 4)


def _late(
    running: dict[str, Any], started: dict[str, tuple[float, str]], timeout: float | None
) -> list[str]:
    if timeout is None:
        return []
    now = time.monotonic()
    return [key for key in running if key in started and now - started[key][0] > timeout]


def _note(event: Any, started: dict[str, tuple[float, str]]) -> None:
    _, message = event
    started[message["key"]] = time.monotonic(), message["worker"]


def _announced(task: Task, announce: bool) -> Columns:
    """`work` on a worker, which first says that it has begun."""
    os.environ.update({name: os.environ.get(name, one) for name, one in ENVIRONMENT.items()})
    if announce:
        from distributed import get_worker

        worker = get_worker()
        worker.log_event(STARTED, {"key": task.key, "worker": worker.address})
    return work(task)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without dask's own news on stderr: what becomes of a task is in its row."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
