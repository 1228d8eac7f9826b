"""Snapshots of costs: a report as JSON beside the test, which ``fxflops diff`` reads, too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from fxflops.errors import SpecError
from fxflops.report import Report

FOLDER = "__fxflops__"
UPDATE = "--fxflops-update"


class Running:
    """The test that runs: its file, its name, how many snapshots it has asked for."""

    def __init__(self, file: Path, name: str, *, update: bool) -> None:
        self.file = file
        self.name = name
        self.update = update
        self.asked = 0

    def next_path(self) -> Path:
        """Where the test's next snapshot is."""
        self.asked += 1
        name = re.sub(r"[^\w.-]+", "_", self.name).strip("_")
        count = f"-{self.asked}" if self.asked > 1 else ""
        return self.file.parent / FOLDER / f"{self.file.stem}.{name}{count}.json"


running: list[Running] = []
"""The test that runs, the innermost last; the plugin puts it here."""


def hold(report: Report, sizes: Mapping[str, int]) -> None:
    """Hold the report against the snapshot of the running test, or write that.

    Raises AssertionError with the difference, SpecError outside of a test of pytest.
    """
    __tracebackhide__ = True
    if not running:
        raise SpecError(
            'There is no test to have a snapshot: give a condition, such as flops="<= 8.3G", or '
            "run pytest with the plugin of fxflops."
        )
    from fxflops.comparing.difference import difference
    from fxflops.comparing.document import document
    from fxflops.comparing.saved import read
    from fxflops.comparing.sides import Side
    from fxflops.reports import render

    test = running[-1]
    path = test.next_path()
    if test.update:
        write(path, report, sizes)
        return
    if not path.exists():
        raise AssertionError(f"There is no snapshot {path}: pytest {UPDATE} writes it.")
    found = difference(Side("snapshot", read(str(path))), Side(report.model, report), sizes)
    if not found.is_empty:
        shown = render(document(found), "table").rstrip("\n")
        raise AssertionError(f"{shown}\npytest {UPDATE} takes this for right.")


def write(path: Path, report: Report, sizes: Mapping[str, int]) -> None:
    """Write the snapshot."""
    from fxflops.reports.count import data

    answer = report.at(sizes if report.is_known_at(sizes) else None)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data(answer, None), indent=1, ensure_ascii=False) + "\n", "utf-8")
