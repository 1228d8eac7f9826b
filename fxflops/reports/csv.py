"""One line per module and per operator, for spreadsheets: values, and formulas beside them."""

from __future__ import annotations

import csv
import io

from fxflops.summary import SHOWN, Row, Summary


def render(summary: Summary) -> str:
    """Columns ``kind, name, type, calls``, then each quantity, then each quantity's formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    formulas = [f"{name}_formula" for name in SHOWN]
    writer.writerow(["kind", "name", "type", "calls", *SHOWN, *formulas])
    kinds = {
        "module": summary.modules,
        "operator": summary.operators,
        "saved": summary.passes,
        "once": summary.once,
        "phase": summary.phases,
        "optimizer": [summary.optimizer] if summary.optimizer else [],
    }
    for kind, rows in kinds.items():
        for row in rows:
            writer.writerow([kind, row.name, row.kind, row.calls, *_values(row), *_formulas(row)])
    for item in summary.uncounted:
        writer.writerow(["uncounted", item.op, "", item.calls])
    return stream.getvalue()


def _values(row: Row) -> list[int | None]:
    return [row.quantities[name].value for name in SHOWN]


def _formulas(row: Row) -> list[str]:
    return [row.quantities[name].formula for name in SHOWN]
