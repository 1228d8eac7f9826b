"""What a device can do at most: peak rates by dtype, bandwidth, memory, each with its source.

A device is a TOML file: those of ``known/`` have names, any other is given by its path.

    name = "My accelerator"
    [rates]            # FLOP/s, dense, by dtype
    float32 = 10e12
    [memory]
    bandwidth = 400e9  # bytes/s
    size = 16e9        # bytes
    overhead = 5e-6    # seconds that a call takes at least; 0 if left out
    [sources]
    rates = "…"
    memory = "…"
"""

from __future__ import annotations

import os
from math import isfinite
from typing import Any, NamedTuple

from fxflops.errors import SpecError, shown

FOLDER = os.path.join(os.path.dirname(__file__), "known")
PICO = 10**12
LARGEST = 2**20


class Rate(NamedTuple):
    """A dtype and the FLOPs of one second at most."""

    dtype: str
    flops: int


class Device(NamedTuple):
    """A device: peak rates [FLOP/s], bandwidth [bytes/s], memory [bytes], overhead [ps]."""

    name: str
    rates: tuple[Rate, ...]
    bandwidth: int
    memory: int
    overhead: int
    sources: tuple[str, ...]

    def rate(self, dtype: str) -> int:
        """The peak for ``dtype`` [FLOP/s]. Raises SpecError where the device has none."""
        for rate in self.rates:
            if rate.dtype == dtype:
                return rate.flops
        known = ", ".join(rate.dtype for rate in self.rates)
        raise SpecError(f"{self.name} has no rate for {dtype}. It has {known}: give a --dtype.")


def known() -> tuple[str, ...]:
    """The names of the devices that are here."""
    return tuple(sorted(file.removesuffix(".toml") for file in os.listdir(FOLDER)))


def device(name: str) -> Device:
    """The device of this name, or of the file at this path.

    Raises SpecError for an unknown name, and for a file that describes none.
    """
    import tomllib

    plain = name.lower().replace("-", "_")
    if plain in known():
        path = os.path.join(FOLDER, f"{plain}.toml")
    elif name.endswith(".toml"):
        path = name
    else:
        raise SpecError(
            f"There is no device {shown(name)!r}. Known: {', '.join(known())}; or the path of a "
            ".toml file."
        )
    try:
        with open(path, "rb") as file:
            found = tomllib.loads(file.read(LARGEST).decode())
    except OSError as error:
        raise SpecError(f"Cannot read {shown(name)}: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"{shown(name)} is no TOML file: {shown(str(error))}.") from error
    return _device(found, name)


def _device(found: dict[str, Any], name: str) -> Device:
    rates, memory, sources = (found.get(part) for part in ("rates", "memory", "sources"))
    for part, table in (("rates", rates), ("memory", memory), ("sources", sources)):
        if not isinstance(table, dict) or not table:
            raise SpecError(f"{shown(name)} has no table [{part}]: see docs/roofline.md.")
    assert isinstance(rates, dict)
    assert isinstance(memory, dict)
    assert isinstance(sources, dict)
    for what in memory.keys() - {"bandwidth", "size", "overhead"}:
        raise SpecError(f"{shown(name)} has a memory.{shown(what)}, which nothing reads.")
    title = found.get("name", os.path.basename(name))
    if not isinstance(title, str) or not title.isprintable():
        raise SpecError(f"The name in {shown(name)} must be a string in one line.")
    overhead = memory.get("overhead", 0)
    return Device(
        name=title,
        rates=tuple(Rate(d, _positive(v, f"rates.{d}", name)) for d, v in rates.items()),
        bandwidth=_positive(memory.get("bandwidth"), "memory.bandwidth", name),
        memory=_positive(memory.get("size"), "memory.size", name),
        overhead=overhead and _positive(_scaled(overhead), "memory.overhead", name),
        sources=tuple(f"{part}: {said}" for part, said in sources.items()),
    )


def _scaled(seconds: Any) -> Any:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return seconds * PICO if is_number else seconds


def _positive(value: Any, what: str, name: str) -> int:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not isfinite(value) or value < 1:
        raise SpecError(f"{shown(what)} in {shown(name)} must be a positive number.")
    number: int = round(value)
    return number
