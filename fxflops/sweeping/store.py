"""Rows as they come: one part for each task, whole or not there, and at the end one file.

The parts lie in a folder beside the file, ``sweep.parquet.parts``. A sweep that is stopped goes on
with the tasks that have no part; nothing is lost and nothing is twice.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fxflops.errors import SpecError
from fxflops.sweeping.plan import Task
from fxflops.sweeping.work import FAILED, Columns

PARQUET, LINES = ".parquet", ".jsonl"
INSTALL = "pip install 'fxflops[sweep]'"
INT64_MAX = 2**63 - 1


class Store:
    """The file of a sweep, and the parts that are not in it yet."""

    def __init__(self, path: str) -> None:
        """Take a path that ends in ``.parquet`` or ``.jsonl``.

        Raises SpecError for another one, and without pyarrow for Parquet.
        """
        self.path = path
        self.folder = f"{path}.parts"
        self.suffix = next((s for s in (PARQUET, LINES) if path.endswith(s)), "")
        if not self.suffix:
            raise SpecError(f"-o {path} ends neither in {PARQUET} nor in {LINES}.")
        if self.suffix == PARQUET:
            try:
                import pyarrow  # noqa: F401  # only whether it is there
            except ImportError as error:
                raise SpecError(f"Parquet needs pyarrow: {INSTALL}, or -o …{LINES}.") from error

    def done(self, *, retry: bool = False) -> set[str]:
        """The keys of the tasks that have rows; with ``retry`` those that failed are forgotten."""
        found: set[str] = set()
        for part in self._every():
            columns = self._read(part)
            statuses = columns.get("status", [])
            again = {
                key
                for key, status in zip(columns.get("task", []), statuses, strict=True)
                if retry and status == FAILED
            }
            found |= set(columns.get("task", [])) - again
        return found

    def add(self, task: Task, columns: Columns) -> None:
        """Write the rows of a task. Raises SpecError where that is not possible."""
        with self._said():
            os.makedirs(self.folder, exist_ok=True)
            self._write(os.path.join(self.folder, f"{task.key}{self.suffix}"), columns)

    def finish(self, tasks: Sequence[Task]) -> int:
        """Make one file of all parts, in the order of the tasks; returns its number of rows.

        Rows of other tasks that the file had stay, before them.
        """
        rows = self._rows()
        order = {task.key: position for position, task in enumerate(tasks)}
        kept = [key for key in rows if key not in order]
        ordered = [*kept, *(task.key for task in tasks if task.key in rows)]
        columns = _joined([rows[key] for key in ordered])
        with self._said():
            self._write(self.path, columns)
            for part in self._parts():
                os.unlink(part)
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)
        return len(columns.get("task", []))

    def columns(self) -> Columns:
        """All rows so far."""
        return _joined(list(self._rows().values()))

    def _rows(self) -> dict[str, Columns]:
        """The rows of each task; those of a part stand for older ones in the file."""
        found: dict[str, Columns] = {}
        for part in self._every():
            columns = self._read(part)
            of_part: dict[str, list[int]] = {}
            for position, key in enumerate(columns.get("task", [])):
                of_part.setdefault(key, []).append(position)
            for key, positions in of_part.items():
                found[key] = {n: [v[i] for i in positions] for n, v in columns.items()}
        return found

    def _every(self) -> Iterator[str]:
        if os.path.exists(self.path):
            yield self.path
        yield from self._parts()

    def _parts(self) -> list[str]:
        if not os.path.isdir(self.folder):
            return []
        names = sorted(name for name in os.listdir(self.folder) if name.endswith(self.suffix))
        return [os.path.join(self.folder, name) for name in names]

    def _read(self, path: str) -> Columns:
        """Raises SpecError for a file that is no sweep's."""
        try:
            if self.suffix == LINES:
                with open(path, encoding="utf-8") as file:
                    lines = [json.loads(line) for line in file]
                columns = _transposed(lines)
            else:
                import pyarrow.parquet as parquet

                columns = parquet.read_table(path).to_pydict()
        except (OSError, ValueError) as error:
            raise SpecError(f"Cannot read {path}: it is no file of a sweep.") from error
        if columns and "task" not in columns:
            raise SpecError(f"{path} has other columns than a sweep: give another -o.")
        return columns

    def _write(self, path: str, columns: Columns) -> None:
        """Whole or not at all."""
        unfinished = f"{path}.{os.getpid()}.tmp"
        try:
            if self.suffix == LINES:
                with open(unfinished, "w", encoding="utf-8") as file:
                    for row in _rows_of(columns):
                        file.write(f"{json.dumps(row, ensure_ascii=False)}\n")
            else:
                import pyarrow.parquet as parquet

                parquet.write_table(_table(columns), unfinished)
            os.replace(unfinished, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
            raise

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or str(error)
            raise SpecError(
                f"Cannot write {self.path}: {why}. What is written stays; the same command goes on."
            ) from error


def _table(columns: Columns) -> Any:
    """Columns as a table of pyarrow: integers in 64 bits, where a value fits them.

    A row with a larger one fails, and says so.
    """
    import pyarrow

    columns = {name: list(values) for name, values in columns.items()}
    integers = [name for name, values in columns.items() if any(type(v) is int for v in values)]
    for position in range(len(columns.get("task", []))):
        large = [n for n in integers if (columns[n][position] or 0) > INT64_MAX]
        if large:
            for name in integers:
                columns[name][position] = None if name in large else columns[name][position]
            columns["status"][position] = FAILED
            columns["why"][position] = f"{', '.join(large)} beyond 64 bits: -o FILE{LINES} has them"
    types = {name: pyarrow.int64() for name in integers} | {"seconds": pyarrow.float64()}
    arrays = {
        name: pyarrow.array(values, type=types.get(name, pyarrow.string()))
        for name, values in columns.items()
    }
    return pyarrow.table(arrays)


def _joined(parts: Iterable[Columns]) -> Columns:
    """The rows of all parts; a column that a part lacks is None there."""
    parts = list(parts)
    names = list(dict.fromkeys(name for columns in parts for name in columns))
    joined: Columns = {name: [] for name in names}
    for columns in parts:
        count = len(columns["task"])
        for name in names:
            joined[name] += columns.get(name) or [None] * count
    return joined


def _rows_of(columns: Columns) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        row = zip(columns, values, strict=True)
        yield {name: value for name, value in row if value is not None}


def _transposed(lines: Sequence[dict[str, Any]]) -> Columns:
    names = list(dict.fromkeys(name for line in lines for name in line))
    return {name: [line.get(name) for line in lines] for name in names}
