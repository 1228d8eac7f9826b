"""Where a formula holds: multiples, minima, and the guards that the graph had to assume."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fxflops.algebra import Dim, Symbol, evaluate, symbols_of
from fxflops.algebra.closed_form import INT64_MAX, evaluate_many, guard_text
from fxflops.errors import DomainError, SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sign = Literal["==", "!=", ">="]

WALK = 20_000  # sizes tried in search of the nearest inside, before the conditions are quoted


class Guard(NamedTuple):
    """``value sign 0``, with the source line of the model or operator that assumed it."""

    value: Dim
    sign: Sign
    where: str = ""

    def __eq__(self, other: object) -> bool:
        """The same wherever it was assumed."""
        return isinstance(other, Guard) and self[:2] == other[:2]

    def __hash__(self) -> int:
        return hash(self[:2])

    def holds(self, values: Mapping[Symbol, int]) -> bool:
        """Whether it holds with these values of the symbols."""
        value = evaluate(self.value, values)
        return bool({"==": value == 0, "!=": value != 0, ">=": value >= 0}[self.sign])


class Domain(NamedTuple):
    """The sizes at which a formula is exact.

    ``symbols`` are in the order of the input spec; ``least[name]`` is the least value of that
    symbol (of H / 32 for ``H%32``) that was proven; ``guards`` hold among them. ``fixed`` are
    sizes with a name that the graph holds for at one value alone.
    """

    symbols: tuple[Symbol, ...]
    guards: tuple[Guard, ...] = ()
    least: Mapping[str, int] = MappingProxyType({})
    fixed: Mapping[str, int] = MappingProxyType({})

    def __reduce__(self) -> tuple[type[Domain], tuple[object, ...]]:
        """Without the proxies, which are not pickled."""
        return Domain, (self.symbols, self.guards, dict(self.least), dict(self.fixed))

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols' names, in order."""
        return tuple(symbol.name for symbol in self.symbols)

    def texts(self) -> tuple[str, ...]:
        """The conditions as Python comparisons of the user's sizes."""
        multiples = [f"{s.name} % {s.multiple} == 0" for s in self.symbols if s.multiple > 1]
        minima = [f"{s.name} >= {self.least_size(s)}" for s in self.symbols if self._least(s) > 1]
        return (*multiples, *minima, *self.conditions())

    def conditions(self) -> dict[str, str]:
        """The guards as Python comparisons of the user's sizes, each with its source line."""
        found: dict[str, str] = {}
        for guard in self.guards:
            found.setdefault(guard_text(guard.value, guard.sign, self.names), guard.where)
        return found

    def least_size(self, symbol: Symbol) -> int:
        """The least value of the size that ``symbol`` stands for."""
        least: int = symbol.size_at(self._least(symbol))
        return least

    def values(self, sizes: Mapping[str, int], what: str) -> dict[Symbol, int]:
        """The symbols' values at ``sizes``, which are named as in the input spec.

        Raises SpecError for a size that is missing, unknown or no positive integer, and
        DomainError, with the nearest sizes inside, for sizes at which ``what`` has no formula.
        """
        self._require_names(sizes)
        for name, only in self.fixed.items():
            if sizes.get(name, only) != only:
                at = _written({name: sizes[name]})
                raise DomainError(f"Cannot count {what} at {at}: {name} is fixed at {only}.")
        for symbol in self.symbols:
            size = sizes[symbol.name]
            if type(size) is not int or size < 1 - symbol.offset:
                kind = "natural number" if symbol.offset else "positive integer"
                raise SpecError(f"The size {symbol.name} must be a {kind}, not {_number(size)}.")
        in_order = {name: sizes[name] for name in self.names}
        at = f"Cannot count {what} at {_written(in_order)}"
        values = {s: s.value_at(sizes[s.name]) for s in self.symbols}
        for symbol in self.symbols:
            size, least = sizes[symbol.name], symbol.size_at(self._least(symbol))
            if size % symbol.multiple:
                problem = f"{symbol.name} must be a multiple of {symbol.multiple}"
            elif size < least:
                problem = f"{symbol.name} must be at least {least}"
            else:
                continue
            raise DomainError(f"{at}: {problem}. {self._nearest(symbol, values)}")
        for guard in self.guards:
            if not guard.holds(values):
                condition = guard_text(guard.value, guard.sign, self.names)
                where = f" ({guard.where})" if guard.where else ""
                raise DomainError(
                    f"{at}: {condition} does not hold{where}. {self._nearest_inside(values)}"
                )
        return values

    def arrays(self, sizes: Mapping[str, NDArray[Any]], what: str) -> dict[Symbol, NDArray[Any]]:
        """`values` for arrays of sizes, which broadcast; the error is for one of those outside."""
        import numpy as np

        self._require_names(sizes)
        given = {name: _integers(name, array) for name, array in sizes.items()}
        for name, only in self.fixed.items():
            if name in given and not np.all(given[name] == only):
                raise DomainError(
                    f"Cannot count {what} at every {name}: {name} is fixed at {only}."
                )
        try:
            shape = np.broadcast_shapes(*(array.shape for array in given.values()))
        except ValueError as error:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in given.items())
            raise SpecError(f"The sizes do not broadcast: {shapes}.") from error
        values = {
            s: np.asarray(s.value_at(given[s.name]), dtype=given[s.name].dtype)
            for s in self.symbols
        }

        def require(inside: NDArray[Any]) -> None:
            if not np.all(inside):
                first = np.argmin(np.broadcast_to(inside, shape))
                every = {name: np.broadcast_to(array, shape) for name, array in given.items()}
                self.values({name: int(array.flat[first]) for name, array in every.items()}, what)

        for s in self.symbols:
            require((s.size_at(values[s]) == given[s.name]) & (values[s] >= self._least(s)))
        for guard in self.guards:
            result = evaluate_many(guard.value, values)
            require({"==": result == 0, "!=": result != 0, ">=": result >= 0}[guard.sign])
        return values

    def _least(self, symbol: Symbol) -> int:
        return self.least.get(symbol.name, symbol.minimum)

    def _holds(self, values: Mapping[Symbol, int]) -> bool:
        return all(values[s] >= self._least(s) for s in self.symbols) and all(
            guard.holds(values) for guard in self.guards
        )

    def _require_names(self, sizes: Mapping[str, object]) -> None:
        missing = [name for name in self.names if name not in sizes]
        if missing:
            lacking = f"No value for the size {', '.join(missing)}: give"
            example = [f"{name}=…" for name in missing]
            raise SpecError(
                f"{lacking} {', '.join(example)}.",
                command_line=f"{lacking} --at {','.join(example)}.",
            )
        unknown = [name for name in sizes if name not in self.names and name not in self.fixed]
        if unknown:
            free = f"the free sizes are {', '.join(self.names)}" if self.names else "none is free"
            raise SpecError(f"There is no size {', '.join(unknown)} to set: {free}.")

    def _nearest(self, symbol: Symbol, values: Mapping[Symbol, int]) -> str:
        """The sizes next to that of ``symbol``; ``values`` are rounded down and may be too low."""
        possible = {s: max(value, self._least(s)) for s, value in values.items()}
        around = {max(n, self._least(symbol)) for n in (values[symbol], values[symbol] + 1)}
        inside = sorted(n for n in around if self._holds({**possible, symbol: n}))
        if not inside:
            return self._nearest_inside(possible)
        return f"Nearest: {', '.join(_number(symbol.size_at(n)) for n in inside)}."

    def _nearest_inside(self, values: Mapping[Symbol, int]) -> str:
        """The nearest sizes inside, by steps of the sizes in the guards that do not hold."""
        violated = [guard.value for guard in self.guards if not guard.holds(values)]
        moved = [s for s in self.symbols if any(s in symbols_of(value) for value in violated)]
        for candidate in itertools.islice(_around(moved, values), WALK if moved else 0):
            if self._holds(candidate):
                sizes = {s.name: s.size_at(candidate[s]) for s in self.symbols}
                return f"Nearest inside: {_written(sizes)}."
        return f"The formula holds where {' and '.join(self.texts())}."


def _around(moved: Sequence[Symbol], values: Mapping[Symbol, int]) -> Iterator[dict[Symbol, int]]:
    """``values`` with those of ``moved`` changed, by ever more steps of each symbol's multiple."""
    for distance in itertools.count(1):
        for steps in sorted(_steps(len(moved), distance), key=lambda steps: max(map(abs, steps))):
            stepped = {s: values[s] + step for s, step in zip(moved, steps, strict=True)}
            yield {**values, **stepped}


def _steps(count: int, distance: int) -> Iterator[tuple[int, ...]]:
    """All tuples of ``count`` integers whose absolute values sum to ``distance``."""
    if count == 1:
        yield from dict.fromkeys([(distance,), (-distance,)])
        return
    for first in range(-distance, distance + 1):
        for others in _steps(count - 1, distance - abs(first)):
            yield (first, *others)


def _integers(name: str, given: NDArray[Any]) -> NDArray[Any]:
    """``given`` as int64, or as Python integers where int64 is too narrow."""
    import numpy as np

    array = np.asarray(given)
    if array.dtype.kind == "f" and not isinstance(given, np.ndarray):
        array = np.asarray(given, dtype=object)  # numpy makes floats of [2**63, 1]
    if array.size == 0 or array.dtype.kind == "i":
        return array.astype(np.int64, copy=False)
    if array.dtype.kind == "u":
        return array.astype(np.int64 if array.max() <= INT64_MAX else object)
    if array.dtype != object:
        raise SpecError(f"The sizes {name} are {array.dtype}, not integers.")
    strange = [size for size in array.flat if type(size) is not int]
    if strange:
        raise SpecError(f"The sizes {name} must be positive integers, not {strange[0]!r}.")
    return array


def _written(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={_number(size)}" for name, size in sizes.items())


def _number(size: object) -> str:
    """What was given for a size; of an integer that Python does not write, that it is one."""
    try:
        return repr(size)
    except ValueError:
        return f"(an integer of more than {sys.get_int_max_str_digits():,} digits)"
