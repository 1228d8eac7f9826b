"""What is kept of an analysis: its costs by module, operator and phase, without the graph.

Documents are made of it, and the cache stores it: it holds dims, strings and integers, and
importing it imports neither torch nor sympy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

from fxflops.algebra import Dim, Symbol, evaluate
from fxflops.algebra.closed_form import coefficients, text, to_latex
from fxflops.cost import (
    COUNTERS,
    QUANTITIES,
    Applied,
    BindingTime,
    Causal,
    Cost,
    Training,
    total,
)
from fxflops.domain import Domain
from fxflops.errors import SpecError

SHOWN = (*COUNTERS, "flops", *(name for name in QUANTITIES if name not in COUNTERS))
"""The quantities of the totals and of every row, in the order of JSON and CSV."""


class Row(NamedTuple):
    """A module (``name`` is its path, ``kind`` its type), or an operator, with its calls.

    A module has its ``parameters``, those of the modules below it included, of which one that is
    shared counts where it is found first; the shapes that its calls return, ``results``, each once;
    and how many of the calls in it are ``uncounted``, which makes its cost a lower bound.
    """

    name: str
    cost: Cost
    kind: str = ""
    calls: int | None = None
    parameters: Dim | None = None
    results: tuple[tuple[tuple[Dim, ...], ...], ...] = ()
    uncounted: int = 0


class Listed(NamedTuple):
    """An operator that is free or uncounted for a reason; if uncounted, the lines that call it."""

    op: str
    calls: int
    reason: str = ""
    where: tuple[str, ...] = ()


class Number(NamedTuple):
    """One number of a figure, by its name in JSON, ``"memory.peak"``, and its label elsewhere.

    ``value`` is an integer, or the fraction that a number without an integer is, a ``ratio``; None
    where it is not known. ``formula`` is its closed form, if it has one and that is known.
    """

    name: str
    label: str
    value: int | tuple[int, int] | None
    unit: str = ""
    formula: Quantity | None = None
    is_ratio: bool = False
    has_formula: bool = False


class FigureRecord(Protocol):
    """What is kept of a figure that does not add up over calls: a named tuple (`fxflops.figures`).

    It may also have ``is_sound()``, which the cache asks of what it has read, ``tables(answer)``,
    ``notes(answer)`` and ``details(answer)``: JSON beside the numbers, by name as theirs; and
    ``grows_with(name)``, the dims with none of which a number decreases, or None. One with
    ``is_asked`` is what the user asked for, and is shown on the first screen.
    """

    def numbers(self, answer: Answer) -> Iterable[Number]:
        """The figure's numbers, for every format."""


Figures: TypeAlias = Mapping[str, FigureRecord]
"""By the names of their files; a special type to the cache."""


class Report(NamedTuple):
    """An `Analysis` in sums: ``modules`` include their children, the root first.

    ``figures`` are what does not add up over calls. ``applied`` are the passes that changed the
    graph, ``once`` what is computed once per ``"size"`` and once per ``"model"`` where passes took
    it out of the calls. ``training`` are the parts of a training step. ``about`` is what
    its title says of the sizes. ``causal`` is ``"half"`` where scores that a causal mask hides are
    not in the costs.
    """

    model: str
    frontend: str
    dtype: str
    inputs: str
    domain: Domain
    defaults: Mapping[str, int]
    parameters: int
    modules: tuple[Row, ...]
    operators: tuple[Row, ...]
    free: tuple[Listed, ...]
    uncounted: tuple[Listed, ...]
    notes: tuple[str, ...]
    figures: Figures
    applied: tuple[Applied, ...] = ()
    once: Mapping[BindingTime, Cost] = MappingProxyType({})
    training: Training | None = None
    about: str = ""
    causal: Causal = "full"

    def __reduce__(self) -> tuple[object, ...]:
        """Without the proxy, which is not pickled."""
        return Report, tuple(self._replace(once=dict(self.once)))

    @property
    def total(self) -> Cost:
        """The whole model's cost; a lower bound if operators are uncounted."""
        return self.modules[0].cost

    @property
    def saved(self) -> Cost:
        """What all passes together took out of a call."""
        return total(pass_.saved for pass_ in self.applied)

    @property
    def graph(self) -> str:
        """Which graph is counted: ``eval``, ``deployed`` or ``train``."""
        return "train" if self.training else "deployed" if self.applied else "eval"

    @property
    def complete(self) -> bool:
        """Whether the totals are exact; otherwise they are lower bounds."""
        return not self.uncounted

    @property
    def uncounted_calls(self) -> int:
        """How many calls of the graph are uncounted."""
        return sum(item.calls for item in self.uncounted)

    def values(self, sizes: Mapping[str, int]) -> dict[Symbol, int]:
        """The symbols' values at ``sizes``, with the defaults for those not given.

        Raises SpecError and DomainError as `Domain.values` does.
        """
        return self.domain.values({**self.defaults, **sizes}, self.model)

    def is_known_at(self, sizes: Mapping[str, int]) -> bool:
        """Whether ``sizes`` and the defaults give every symbol a value."""
        return {**self.defaults, **sizes}.keys() >= set(self.domain.input_names)

    def at(self, sizes: Mapping[str, int] | None) -> Answer:
        """The report at ``sizes`` (with the model's defaults), or in formulas alone for None.

        Raises SpecError and DomainError for sizes at which there is no formula.
        """
        return Answer(self, None if sizes is None else self.values(sizes))


class Quantity(NamedTuple):
    """A count: its value where the sizes are known, and its formula in the user's sizes."""

    dim: Dim
    order: tuple[str, ...]
    value: int | None

    @property
    def formula(self) -> str:
        """The formula as text."""
        return text(self.dim, self.order)

    @property
    def coefficients(self) -> dict[str, str]:
        """Each monomial with its rational coefficient, as text."""
        return coefficients(self.dim, self.order)

    @property
    def latex(self) -> str:
        """The formula in LaTeX, which imports sympy."""
        return to_latex(self.dim, self.order)


class Answer:
    """A `Report` at some sizes, or at none: then every value is None."""

    __slots__ = ("_known", "report", "values")

    def __init__(self, report: Report, values: Mapping[Symbol, int] | None) -> None:
        self.report = report
        self.values = values
        self._known: dict[Dim, int] = {}

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes by name; none where they are left open."""
        return {symbol.name: symbol.size_at(v) for symbol, v in (self.values or {}).items()}

    def quantity(self, count: Dim) -> Quantity:
        """One count. Raises SpecError for a value that is too long to be written."""
        if self.values is not None and count not in self._known:
            self._known[count] = writable(evaluate(count, self.values))
        return Quantity(count, self.report.domain.names, self._known.get(count))

    def quantities(self, cost: Cost) -> dict[str, Quantity]:
        """The counts of a cost that are shown, by name."""
        return {name: self.quantity(getattr(cost, name)) for name in SHOWN}

    def value(self, name: str) -> int | None:
        """The total of one quantity."""
        return self.quantity(getattr(self.report.total, name)).value

    @property
    def macs(self) -> int | None:
        """Contraction / 2; None where that is no integer, too."""
        contraction = self.value("contraction")
        return None if contraction is None or contraction % 2 else contraction // 2

    def numbers(self) -> list[Number]:
        """Those of all figures, in order."""
        return [n for figure in self.report.figures.values() for n in figure.numbers(self)]

    def shown_of_figures(self, part: str) -> list[Any]:
        """The ``"tables"``, ``"notes"`` or ``"details"`` of those figures that have any."""
        makers = (getattr(figure, part, None) for figure in self.report.figures.values())
        return [shown for make in makers if make is not None for shown in make(self)]

    @property
    def intensity(self) -> tuple[int, int] | None:
        """Arithmetic intensity as a fraction, FLOP and bytes; None where nothing moves."""
        flops, moved = self.value("flops"), self.value("bytes")
        return None if flops is None or not moved else (flops, moved)


def writable(value: int) -> int:
    """``value``. Raises SpecError for more digits than Python writes, 4,300 unless told otherwise.

    No reader of a report could read such a number either.
    """
    longest = sys.get_int_max_str_digits()
    if longest and value.bit_length() > 3 * longest and abs(value) >= 10**longest:
        raise SpecError(
            f"A count at these sizes has more than {longest:,} digits, which Python does not "
            f"write: take smaller sizes."
        )
    return value
