"""Where a formula holds: multiples, minima, and the relations that the graph had to assume."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fxflops.closed_form import evaluate_many, relation_text
from fxflops.errors import DomainError, SpecError
from fxflops.symbolic import Dim, Symbol, evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sign = Literal["==", "!=", ">="]


@dataclass(frozen=True, slots=True)
class Relation:
    """``value sign 0``, with the source line of the model or operator that assumed it."""

    value: Dim
    sign: Sign
    where: str = field(default="", compare=False)

    def holds(self, values: Mapping[Symbol, int]) -> bool:
        """Whether it holds with these values of the symbols."""
        value = evaluate(self.value, values)
        return bool({"==": value == 0, "!=": value != 0, ">=": value >= 0}[self.sign])


@dataclass(frozen=True, slots=True)
class Domain:
    """The sizes at which a formula is exact.

    ``symbols`` are in the order of the input spec; ``least[name]`` is the least value of that
    symbol (of H / 32 for ``H%32``) that was proven; ``relations`` hold among them.
    """

    symbols: tuple[Symbol, ...]
    relations: tuple[Relation, ...] = ()
    least: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(symbol.name for symbol in self.symbols)

    def texts(self) -> tuple[str, ...]:
        """The conditions as Python comparisons of the user's sizes."""
        multiples = [f"{s.name} % {s.multiple} == 0" for s in self.symbols if s.multiple > 1]
        minima = [
            f"{s.name} >= {self._least(s) * s.multiple}" for s in self.symbols if self._least(s) > 1
        ]
        relations = [relation_text(r.value, r.sign, self.names) for r in self.relations]
        return (*multiples, *minima, *dict.fromkeys(relations))

    def values(self, sizes: Mapping[str, int], what: str) -> dict[Symbol, int]:
        """The symbols' values at ``sizes``, which are named as in the input spec.

        Raises SpecError for a size that is missing, unknown or no positive integer, and
        DomainError, with the nearest sizes inside, for sizes at which ``what`` has no formula.
        """
        self._require_names(sizes)
        for symbol in self.symbols:
            problem = self._problem(symbol, sizes[symbol.name])
            if problem:
                raise DomainError(f"Cannot count {what} at {_written(sizes)}: {problem}")
        values = {s: sizes[s.name] // s.multiple for s in self.symbols}
        for relation in self.relations:
            if not relation.holds(values):
                condition = relation_text(relation.value, relation.sign, self.names)
                raise DomainError(
                    f"Cannot count {what} at {_written(sizes)}: {condition} does not hold"
                    f"{f' ({relation.where})' if relation.where else ''}. {self._advice(values)}"
                )
        return values

    def arrays(self, sizes: Mapping[str, NDArray[Any]], what: str) -> dict[Symbol, NDArray[Any]]:
        """`values` for arrays of sizes; the error is that of the first sizes outside."""
        import numpy as np

        self._require_names(sizes)
        given = dict(zip(sizes, np.broadcast_arrays(*map(np.asarray, sizes.values())), strict=True))
        for name, array in given.items():
            if array.dtype.kind not in "iu" and array.dtype != object:
                raise SpecError(f"The sizes {name} are {array.dtype}, not integers.")
        inside = np.ones(next(iter(given.values())).shape, dtype=bool) if given else np.True_
        for s in self.symbols:
            size = given[s.name]
            inside = inside & (size % s.multiple == 0) & (size >= self._least(s) * s.multiple)
        values = {s: given[s.name] // s.multiple for s in self.symbols}
        for relation in self.relations:
            result = evaluate_many(relation.value, values)
            inside = inside & {"==": result == 0, "!=": result != 0, ">=": result >= 0}[relation.sign]
        if not np.all(inside):
            first = np.unravel_index(np.argmin(inside), inside.shape)
            self.values({name: int(array[first]) for name, array in given.items()}, what)
        return values

    def _least(self, symbol: Symbol) -> int:
        return self.least.get(symbol.name, symbol.minimum)

    def _require_names(self, sizes: Mapping[str, object]) -> None:
        missing = [name for name in self.names if name not in sizes]
        if missing:
            example = ",".join(f"{name}=…" for name in missing)
            raise SpecError(f"No value for the size {', '.join(missing)}: give --at {example}.")
        unknown = [name for name in sizes if name not in self.names]
        if unknown:
            free = f"the free sizes are {', '.join(self.names)}" if self.names else "none is free"
            raise SpecError(f"There is no size {', '.join(unknown)} to set: {free}.")

    def _problem(self, symbol: Symbol, size: int) -> str | None:
        name, multiple, least = symbol.name, symbol.multiple, self._least(symbol)
        if type(size) is not int or size < 1:
            return f"{name} must be a positive integer."
        if size % multiple:
            below, above = size // multiple * multiple, -(-size // multiple) * multiple
            nearest = [str(n) for n in (below, above) if n >= least * multiple]
            return f"{name} must be a multiple of {multiple}. Nearest: {', '.join(nearest)}."
        if size < least * multiple:
            return f"{name} must be at least {least * multiple}."
        return None

    def _advice(self, values: Mapping[Symbol, int]) -> str:
        """The nearest sizes inside, if a walk of a few thousand steps finds them."""
        for candidate in itertools.islice(_around(self.symbols, values), 20_000):
            if all(candidate[s] >= self._least(s) for s in self.symbols) and all(
                r.holds(candidate) for r in self.relations
            ):
                sizes = {s.name: candidate[s] * s.multiple for s in self.symbols}
                return f"Nearest inside: {_written(sizes)}."
        return f"The formula holds where {' and '.join(self.texts())}."


def _around(
    symbols: Sequence[Symbol], values: Mapping[Symbol, int]
) -> Iterator[dict[Symbol, int]]:
    """Values in growing distance, the steps counted in each symbol's own multiple."""
    for distance in itertools.count(1):
        for steps in itertools.product(range(-distance, distance + 1), repeat=len(symbols)):
            if sum(map(abs, steps)) == distance:
                yield {s: values[s] + step for s, step in zip(symbols, steps, strict=True)}


def _written(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items())
