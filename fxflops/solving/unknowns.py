"""What is solved for: one free size, or several that are equal, and the values it may have.

    unknowns = unknown ("," unknown)*
    unknown  = symbol ("=" symbol)* ["=" start ":" stop [":" step]]

``H=W`` is one unknown, the height of square images; ``H=W=320:1280,N=1:64`` are two with a range
each, both ends included. Without a step the values are all those of the domain in the range.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import lcm
from typing import NamedTuple

from fxflops.algebra import Dim, Symbol
from fxflops.algebra.polynomial import from_atom
from fxflops.domain import Domain
from fxflops.errors import DIGITS, SpecError, shown

LARGEST_AXIS = 2**63 - 1
"""No tensor has a longer axis."""

_RANGE = re.compile(r"\s*([0-9]+)\s*:\s*([0-9]+)\s*(?::\s*([0-9]+)\s*)?")


class Asked(NamedTuple):
    """An unknown as it was asked for: equal sizes, and a range with both ends, if one was given."""

    names: tuple[str, ...]
    start: int | None = None
    stop: int | None = None
    step: int | None = None


class Unknown(NamedTuple):
    """Equal sizes with the values ``start``, ``start + step``, …, at most ``last``.

    ``ranged`` says that the user has set the end, which is otherwise the longest axis.
    """

    symbols: tuple[Symbol, ...]
    start: int
    step: int
    last: int
    ranged: bool

    @property
    def name(self) -> str:
        """As people write it: ``H = W``."""
        return " = ".join(symbol.name for symbol in self.symbols)

    @property
    def steps(self) -> int:
        """The largest number of steps from ``start``."""
        return (self.last - self.start) // self.step

    @property
    def symbol(self) -> Symbol:
        """The number of steps as a symbol, which is at least 0."""
        return Symbol(self.symbols[0].name, minimum=0)

    def size(self, steps: int) -> int:
        """The size after so many steps."""
        return self.start + steps * self.step

    def sizes(self, steps: int) -> dict[str, int]:
        """The sizes after so many steps, by name."""
        return dict.fromkeys((symbol.name for symbol in self.symbols), self.size(steps))

    def in_steps(self) -> dict[Symbol, Dim]:
        """Each symbol as a dim in the number of steps."""
        steps = from_atom(self.symbol)
        return {
            s: (self.start + s.offset) // s.multiple + self.step // s.multiple * steps
            for s in self.symbols
        }


def parse(text: str) -> tuple[Asked, ...]:
    """Read unknowns.

    Raises SpecError that quotes the part that cannot be read.
    """
    return tuple(_parsed(part) for part in text.split(",") if part.strip())


def from_keywords(
    unknown: str, given: Mapping[str, object]
) -> tuple[tuple[Asked, ...], dict[str, int]]:
    """The unknowns and the known sizes of a call in Python.

    A value is a size; the name of another size that shall be equal; or a range, as ``range`` or as
    text, whose end is included as text. Raises SpecError for any other.
    """
    asked = list(parse(unknown))
    known: dict[str, int] = {}
    for name, value in given.items():
        if type(value) is int:
            known[name] = value
        elif isinstance(value, range) and value.step > 0 and len(value):
            asked.append(Asked((name,), value.start, value[-1], value.step))
        elif isinstance(value, str) and value.strip().isidentifier():
            asked.append(Asked(tuple(dict.fromkeys((name, value.strip())))))
        elif isinstance(value, str):
            asked.append(Asked((name,), *of_range(value, name)))
        else:
            raise SpecError(
                f"{name} must be a size, the name of an equal size, or a range, not {value!r}."
            )
    return tuple(asked), known


def of_range(text: str, what: str) -> tuple[int, int, int | None]:
    """The start, stop and step that ``text`` writes. Raises SpecError that names ``what``."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise SpecError(
            f"{what} is '{shown(text)}', which is no range: write it like 320:1280 or 320:1280:32."
        )
    if max(map(len, filter(None, match.groups()))) > DIGITS:
        raise SpecError(f"{what} has more than {DIGITS:,} digits in its range.")
    start, stop, step = int(match[1]), int(match[2]), int(match[3]) if match[3] else None
    if step == 0:
        raise SpecError(f"{what} has a step of 0: a step is at least 1.")
    if start > stop:
        raise SpecError(f"{what} starts at {start} and ends below it, at {stop}. Swap them.")
    return start, stop, step


def _parsed(part: str) -> Asked:
    names: list[str] = []
    pieces = [piece.strip() for piece in part.split("=")]
    for position, piece in enumerate(pieces):
        if piece.isidentifier():
            names.append(piece)
        elif names and position == len(pieces) - 1:
            return Asked(tuple(names), *of_range(piece, " = ".join(names)))
        else:
            raise SpecError(f"'{shown(part.strip())}' is no unknown: write it like H=W or N=1:64.")
    return Asked(tuple(names))


def placed(asked: Sequence[Asked], domain: Domain) -> tuple[Unknown, ...]:
    """The unknowns on the grid of the domain's multiples and least sizes.

    Raises SpecError for a size that the domain does not have or that is in two unknowns, and for a
    range that leaves no value or does not fit the grid.
    """
    by_name = {symbol.name: symbol for symbol in domain.symbols}
    every = [name for one in asked for name in one.names]
    for name in every:
        if name in domain.fixed:
            raise SpecError(f"{name} is fixed at {domain.fixed[name]}: it cannot be solved for.")
        if name not in by_name:
            free = f"the free sizes are {', '.join(by_name)}" if by_name else "none is free"
            raise SpecError(f"There is no size {shown(name)} to solve for: {free}.")
        if every.count(name) > 1:
            raise SpecError(f"{name} is named twice among the unknowns. Name it once.")
    return tuple(_placed(one, [by_name[name] for name in one.names], domain.least) for one in asked)


def _placed(asked: Asked, symbols: Sequence[Symbol], least: Mapping[str, int]) -> Unknown:
    name = " = ".join(asked.names)
    grid = lcm(*(symbol.multiple for symbol in symbols))
    lowest = max(s.size_at(max(least.get(s.name, s.minimum), 1)) for s in symbols)
    lowest = -(-lowest // grid) * grid
    if asked.start is None or asked.stop is None:
        return Unknown(tuple(symbols), lowest, grid, LARGEST_AXIS, ranged=False)
    step = asked.step or grid
    start = asked.start
    if asked.step is None:
        start = max(-(-start // grid) * grid, lowest)
        if start > asked.stop:
            multiples = f"the multiples of {grid} " if grid > 1 else "those "
            raise SpecError(
                f"{name} has no value from {asked.start} to {asked.stop}: the formula holds for "
                f"{multiples}from {lowest} on."
            )
    elif start % grid or step % grid:
        raise SpecError(
            f"{name} from {start} in steps of {step} leaves the domain: it must be a multiple of "
            f"{grid}."
        )
    elif start < lowest:
        raise SpecError(f"{name} starts at {start}, outside the domain: it is at least {lowest}.")
    return Unknown(tuple(symbols), start, step, min(asked.stop, LARGEST_AXIS), ranged=True)
