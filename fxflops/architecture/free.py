"""What a user frees of a model: ``"d=hidden_size%64, f=intermediate_size, D=num_hidden_layers"``.

    free  = item ("," item)*
    item  = [symbol "="] field ["%" multiple] [">=" minimum]

A field is one of the model's configuration, or a keyword of its constructor; dots lead to those
inside of it, ``decoder.num_layers``, ``dims.0``. Without a symbol it stands for itself. The same
symbol for two fields is one value for both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from fxflops.errors import SpecError, shown
from fxflops.spec import Axis, Hyper, axis

Free = str | Mapping[str, str | Iterable[str]]

EXAMPLE = '"d=hidden_size%64, D=num_hidden_layers"'

_ITEM = re.compile(
    r"(?:(?P<symbol>[^\s=%>]+)\s*=(?!=)\s*)?(?P<field>[A-Za-z_][\w-]*(?:\.[\w-]+)*)"
    r"\s*(?P<rest>(?:%\s*\w+)?\s*(?:>=\s*\w+)?)"
)
_OF_INPUTS = re.compile(r"N|H|W|L|P|T|S|U\d+")
"""Names that sizes of inputs have, or data-dependent sizes."""

INSTEAD = {"N": "n", "H": "h", "W": "w", "L": "D", "P": "p", "T": "t", "S": "s"}


def parse_free(free: Free) -> tuple[Hyper, ...]:
    """The hyper-parameters, in order, each symbol once.

    Raises SpecError that quotes what cannot be read, and for a name that the inputs have.
    """
    fields: dict[str, list[str]] = {}
    sizes: dict[str, Axis] = {}
    of_field: dict[str, str] = {}
    for item in _items(free):
        symbol, field, size = _read(item)
        known = of_field.setdefault(field, symbol)
        if known != symbol:
            raise SpecError(f"--free gives {field} two symbols, {known} and {symbol}. Give one.")
        fields.setdefault(symbol, [])
        if field not in fields[symbol]:
            fields[symbol].append(field)
        sizes[symbol] = _joined(sizes.get(symbol, size), size)
    if not fields:
        raise SpecError(f"--free names no field. Write it like {EXAMPLE}.")
    return tuple(Hyper(tuple(fields[symbol]), sizes[symbol]) for symbol in fields)


def _items(free: Free) -> Iterator[str]:
    if isinstance(free, str):
        yield from (item.strip() for item in free.split(",") if item.strip())
        return
    if not isinstance(free, Mapping):
        kind = type(free).__name__
        raise SpecError(f"free must be text such as {EXAMPLE}, or a dict, not of type {kind}.")
    for symbol, fields in free.items():
        is_several = isinstance(fields, Iterable) and not isinstance(fields, str)
        for field in fields if is_several else [fields]:
            if not isinstance(symbol, str) or not isinstance(field, str):
                raise SpecError(
                    f"free maps symbols to fields, both of them text, not {symbol!r} to {field!r}."
                )
            yield f"{symbol}={field}"


def _read(item: str) -> tuple[str, str, Axis]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise SpecError(f"Cannot read '{shown(item)}' of --free. Write it like {EXAMPLE}.")
    field = match["field"]
    symbol = match["symbol"] or field
    if "." in symbol:
        last = symbol.rpartition(".")[2]
        name = last if last.isidentifier() else "x"
        raise SpecError(f"--free: give {shown(field)} a symbol, for example {name}={shown(item)}.")
    if _OF_INPUTS.fullmatch(symbol):
        instead = f"{INSTEAD.get(symbol, symbol.lower())}={shown(field)}{match['rest']}"
        raise SpecError(
            f"--free: {symbol} is a size of the model's inputs. Give {shown(field)} another "
            f"symbol, for example {instead}."
        )
    size = axis(symbol + re.sub(r"\s", "", match["rest"]), f"--free {item}")
    assert isinstance(size, Axis)
    return symbol, field, size


def _joined(known: Axis, size: Axis) -> Axis:
    """What both say of one symbol, as `fxflops.spec` joins what axes say."""
    from math import lcm

    multiple = lcm(known.multiple, size.multiple)
    minimum = -(-max(known.minimum, size.minimum) // multiple) * multiple
    return Axis(name=size.name, multiple=multiple, minimum=minimum)
