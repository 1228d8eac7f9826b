"""Which models, configurations and sizes are swept, as tasks that can be told apart.

sizes  = size ("," size)*
size   = symbol ("=" symbol)* "=" (number | start ":" stop [":" step])
grid   = option ("," option)*
option = ("dtype" | "train" | "deploy" | "past") "=" value ("|" value)*
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from fxflops.analysis.optimizer import OPTIMIZERS
from fxflops.cache import Request
from fxflops.errors import ModelError, SpecError, shown
from fxflops.passes import PASSES
from fxflops.solving.unknowns import of_range
from fxflops.spec import FLOATS

MOST_SIZES = 2**24
"""Sizes of one model; their columns lie in memory together."""


class Sizes(NamedTuple):
    """Equal sizes with the values ``start``, ``start + step``, …, up to ``stop``."""

    names: tuple[str, ...]
    start: int
    stop: int
    step: int

    @property
    def values(self) -> range:
        """The values."""
        return range(self.start, self.stop + 1, self.step)


class Task(NamedTuple):
    """One model in one configuration, at all sizes."""

    request: Request
    sizes: tuple[Sizes, ...]

    @property
    def key(self) -> str:
        """What tells it from all others, in any process."""
        asked = json.dumps([self.request._asdict(), self.sizes], sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()[:16]


def tasks(
    patterns: Sequence[str],
    sizes: Sequence[Sizes],
    configurations: Sequence[Mapping[str, Any]] = ({},),
    *,
    inputs: str | None = None,
) -> list[Task]:
    """Every model that a pattern fits in every configuration, each once.

    Raises ModelError for a pattern that fits none.
    """
    models = list(dict.fromkeys(name for pattern in patterns for name in _models(pattern)))
    plain = Request(model="", inputs=inputs, dtype=None, frontend="auto")
    return [
        Task(plain._replace(model=model, **configuration), tuple(sizes))
        for model in models
        for configuration in configurations
    ]


def _models(pattern: str) -> Iterable[str]:
    if not any(character in pattern for character in "*?["):
        return [pattern]
    from fxflops.models import bare

    found = [n for n in bare.every() if any(fnmatchcase(w, pattern) for w in (n, _alone(n)))]
    if not found:
        raise ModelError(f"No model's name fits '{shown(pattern)}': see fxflops list.")
    return found


def _alone(name: str) -> str:
    return name.rpartition(":")[2]


def parse_sizes(text: str) -> tuple[Sizes, ...]:
    """Read sizes. Raises SpecError for what is none, for one named twice, and for too many."""
    found: list[Sizes] = []
    for part in filter(str.strip, text.split(",")):
        *names, values = (piece.strip() for piece in part.split("="))
        if not names or not all(name.isidentifier() for name in names):
            raise SpecError(
                f"'{shown(part.strip())}' is no size: write it like N=8, H=W=224:1024:32."
            )
        written = " = ".join(names)
        start, stop, step = of_range(values if ":" in values else f"{values}:{values}", written)
        found.append(Sizes(tuple(names), start, stop, step or 1))
    every = [name for sizes in found for name in sizes.names]
    for name in every:
        if every.count(name) > 1:
            raise SpecError(f"{name} is given twice among the sizes. Give it once.")
    count = 1
    for sizes in found:
        count *= (sizes.stop - sizes.start) // sizes.step + 1
    if count > MOST_SIZES:
        raise SpecError(f"{count:,} sizes of one model are more than {MOST_SIZES:,}: take steps.")
    return tuple(found)


def parse_grid(text: str) -> list[dict[str, Any]]:
    """Read a grid of configurations. Raises SpecError for an unknown option or value."""
    options: dict[str, list[object]] = {}
    for part in filter(str.strip, text.split(",")):
        name, equals, values = part.partition("=")
        name = name.strip()
        if name not in GRID or not equals:
            known = ", ".join(GRID)
            raise SpecError(f"'{shown(part.strip())}' is no option of a grid: there are {known}.")
        options[name] = [_value(name, value.strip()) for value in values.split("|")]
    return [
        dict(zip(options, chosen, strict=True)) for chosen in itertools.product(*options.values())
    ]


GRID: Mapping[str, Mapping[str, object]] = {
    "dtype": {name: name for name in FLOATS},
    "train": {"no": False, "yes": True, **{name: name for name in OPTIMIZERS}},
    "deploy": {"no": (), "yes": tuple(PASSES), **{name: (name,) for name in PASSES}},
    "past": {},
}
"""The options of a grid and their values; a past may be anything."""


def _value(name: str, text: str) -> object:
    known = GRID[name]
    if known and text not in known:
        raise SpecError(f"{name} is '{shown(text)}' in the grid: there are {', '.join(known)}.")
    return known.get(text, text)
