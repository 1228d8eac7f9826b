"""Two analyses side by side: their totals and modules, and curves of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from fxflops.analysis.records import Analysis
from fxflops.errors import SpecError
from fxflops.report import Answer
from fxflops.reports import render
from fxflops.reports.document import Document, Name, Table
from fxflops.reports.module_table import HEADLINE_FIRST, LABELS
from fxflops.reports.wording import decimal, exact, scaled

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

SCHEMA = "fxflops-comparison/1"


class Comparison(NamedTuple):
    """Two analyses at the same sizes; a notebook shows it as a table."""

    left: Analysis
    right: Analysis
    sizes: Mapping[str, int]

    def __str__(self) -> str:
        return render(self.document(), "table", width=100).rstrip("\n")

    def _repr_html_(self) -> str:
        """The table, as a notebook shows it."""
        from html import escape

        headings = "".join(f"<th>{escape(str(cell))}</th>" for cell in self._headings())
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in self._cells()
        )
        return f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"

    def rows(self) -> list[tuple[str, int | None, int | None]]:
        """The counts, macs and parameters of both: a name and two integers."""
        left, right = self._answers()
        found = [(name, left.value(name), right.value(name)) for name in HEADLINE_FIRST]
        found.insert(1, ("macs", left.macs, right.macs))
        before, after = (a.quantity(a.report.parameters).value for a in (left, right))
        return [*found, ("parameters", before, after)]

    def document(self) -> Document:
        """The totals of both, and the modules of the first level that both have."""
        left, right = self._answers()
        at = ", ".join(f"{name}={size}" for name, size in {**left.sizes, **right.sizes}.items())
        marks = [f"{a.model}: INCOMPLETE" for a in (self.left, self.right) if not a.complete]
        tables = [Table(self._headings(), "lrrrr", self._cells())]
        modules = self._modules(left, right)
        if modules:
            tables.append(Table(("module", *self._headings()[1:]), "lrrrr", modules))
        return Document(
            title=f"{self.left.model} and {self.right.model}" + (f" · {at}" if at else ""),
            mark=", ".join(marks),
            tables=tables,
            data=lambda: {"schema": SCHEMA, "rows": [list(row) for row in self.rows()]},
        )

    def to_dataframe(self) -> pandas.DataFrame:
        """The counts of both, exact. Raises SpecError without pandas."""
        try:
            import pandas
        except ImportError as error:
            from fxflops.analysis.frames import INSTALL

            raise SpecError(f"to_dataframe needs pandas: {INSTALL}") from error
        names = self._headings()[1:3]
        values = {name: {names[0]: a, names[1]: b} for name, a, b in self.rows()}
        return pandas.DataFrame.from_dict(values, orient="index", dtype=object)

    def plot(self, quantity: str = "flops", /, **sizes: Any) -> Axes:
        """Curves of both over sizes, as `Analysis.plot` draws one."""
        from fxflops.analysis.plots import plot

        left, right = self._headings()[1:3]
        return plot([(left, self.left), (right, self.right)], quantity, {**self.sizes, **sizes})

    def _answers(self) -> tuple[Answer, Answer]:
        left, right = (
            analysis.report.at({n: s for n, s in self.sizes.items() if n in names})
            for analysis, names in (
                (a, {*a.domain.names, *a.domain.fixed}) for a in (self.left, self.right)
            )
        )
        return left, right

    def _headings(self) -> tuple[str, ...]:
        left, right = self.left.model, self.right.model
        if left == right:
            left, right = f"{left} (1)", f"{right} (2)"
        return ("", left, right, "difference", "ratio")

    def _cells(self) -> list[list[str]]:
        labels = {**LABELS, "parameters": "parameters"}
        return [[labels[name], *_compared(a, b, exact)] for name, a, b in self.rows()]

    def _modules(self, left: Answer, right: Answer) -> list[list[str | Name]]:
        """The FLOPs of the modules of the first level with the same path."""
        others = {row.name: row for row in right.report.modules}
        return [
            [
                Name(row.name),
                *_compared(
                    left.quantity(row.cost.flops).value,
                    right.quantity(others[row.name].cost.flops).value,
                    scaled,
                ),
            ]
            for row in left.report.modules
            if row.name and "." not in row.name and row.name in others
        ]


def _compared(left: int | None, right: int | None, shown: Any) -> list[str]:
    if left is None or right is None:
        return [shown(left), shown(right), "", ""]
    sign = "+" if right > left else "-" if right < left else ""
    difference = f"{sign}{shown(abs(right - left))}"
    return [shown(left), shown(right), difference, f"{decimal(right, left, 3)}" if left else ""]


def compare(left: Analysis, right: Analysis, /, **sizes: int) -> Comparison:
    """Two analyses side by side at ``sizes``, or at their own: ``print`` it, or ``.plot()`` it.

    A size that only one of them has is that one's alone.

    Raises SpecError for what is no analysis, for a size that neither has, and one that is missing.
    """
    for given in (left, right):
        if not isinstance(given, Analysis):
            raise SpecError(f"compare takes two analyses, not {type(given).__name__}.")
    known = {*left.domain.names, *left.domain.fixed, *right.domain.names, *right.domain.fixed}
    for name in sizes:
        if name not in known:
            raise SpecError(
                f"Neither model has a size {name}: they have {', '.join(sorted(known))}."
            )
    comparison = Comparison(left, right, sizes)
    comparison.rows()
    return comparison
