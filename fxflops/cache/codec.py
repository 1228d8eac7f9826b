"""Records as JSON, and back by a reader that believes nothing.

A record is a class whose fields are annotated; it is written as the list of their values, in order.
One table says how a field of each type is written and read, `CODECS`; `_codec` adds optional
values, literals, tuples and mappings of these. Dims stand in a table of their own, where each is
written once (`fxflops.algebra.encoding`). What no annotation can say stands in `REQUIREMENTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

from fxflops.algebra import Dim, Symbol
from fxflops.algebra.encoding import Table, natural
from fxflops.algebra.encoding import read as read_dims
from fxflops.algebra.polynomial import is_dim
from fxflops.cost import PHASES, QUANTITIES, RECOMPUTED, Cost, Training
from fxflops.domain import Guard
from fxflops.figures import FIGURES, record
from fxflops.report import Figures, Report

Write: TypeAlias = Callable[[Any, Table], Any]
Read: TypeAlias = Callable[[Any, list[Any]], Any]


class Codec(NamedTuple):
    """How values of a type are written, and read. ``read`` raises ValueError for any other."""

    write: Write
    read: Read


def written(report: Report) -> dict[str, Any]:
    """``report`` as JSON."""
    table = Table()
    record = _codec(Report).write(report, table)
    return {"dims": table.entries, "record": record}


def read(found: Any) -> Report:
    """The report that was ``written``.

    Raises ValueError for what is none, without unbounded work and without executing any of it.
    """
    if type(found) is not dict or found.keys() != {"dims", "record"}:
        raise ValueError("no record")
    dims = read_dims(found["dims"])
    report: Report = _codec(Report).read(found["record"], dims)
    if not {value for value in dims if isinstance(value, Symbol)} <= set(report.domain.symbols):
        raise ValueError("a size that is not among those of the input")
    return report


def _text(value: Any, _: Any = None) -> str:
    """A string that a terminal can be given."""
    if type(value) is not str or not value.isprintable():
        raise ValueError("no text in the place of one")
    return value


def _truth(value: Any, _: Any = None) -> bool:
    if type(value) is not bool:
        raise ValueError("neither true nor false")
    return value


def _none(value: Any, _: Any = None) -> None:
    if value is not None:
        raise ValueError("something in the place of nothing")


def _dim(position: Any, dims: list[Any]) -> Dim:
    if type(position) is int and 0 <= position < len(dims):  # of thousands, one after the other
        dim: Dim = dims[position]
        if type(dim) is int or is_dim(dim):
            return dim
    raise ValueError("no dim in the place of one")


def _cost(values: Any, dims: list[Any]) -> Cost:
    if len(_list(values)) != len(QUANTITIES):
        raise ValueError("too many metrics, or too few")
    return Cost(*[_dim(value, dims) for value in values])


def _as_it_is(value: Any, _: Any = None) -> Any:
    return value


def _written_figures(figures: Figures, table: Table) -> dict[str, Any]:
    return {name: _codec(record(name)).write(kept, table) for name, kept in figures.items()}


def _figures(found: Any, dims: list[Any]) -> Figures:
    if type(found) is not dict or not found.keys() <= FIGURES.keys():
        raise ValueError("no figures in the place of some")
    return {name: _codec(record(name)).read(kept, dims) for name, kept in found.items()}


CODECS: dict[Any, Codec] = {
    str: Codec(_as_it_is, _text),
    int: Codec(_as_it_is, lambda value, _: natural(value)),
    bool: Codec(_as_it_is, _truth),
    NoneType: Codec(_as_it_is, _none),
    Dim: Codec(lambda dim, table: table.add(dim), _dim),
    Figures: Codec(_written_figures, _figures),
    Cost: Codec(lambda cost, table: [table.add(count) for count in cost.counts], _cost),
}
"""By type; those of records, and of other types made of these, are added when they are needed."""


def _codec(kind: Any) -> Codec:
    """How values of ``kind`` are written and read."""
    found = CODECS.get(kind)
    if found is None:
        found = CODECS[kind] = _made(kind)
    return found


def _made(kind: Any) -> Codec:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _optional(arguments)
    if origin is Literal:
        return _literal(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return _row(_codec(arguments[0]))
    if origin is tuple:
        return _sequence(tuple, [_codec(argument) for argument in arguments])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(*map(_codec, arguments))
    return _record(kind)


def _optional(kinds: tuple[Any, ...]) -> Codec:
    first, *others = (kind for kind in kinds if kind is not NoneType)
    write, read = _codec(reduce(or_, others, first))  # a dim is a union, too
    return Codec(
        lambda value, table: None if value is None else write(value, table),
        lambda value, dims: None if value is None else read(value, dims),
    )


def _literal(allowed: tuple[Any, ...]) -> Codec:
    def read(value: Any, _: Any) -> Any:
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise ValueError(f"none of {allowed}")
        return value

    return Codec(_as_it_is, read)


def _row(item: Codec) -> Codec:
    write, read = item
    return Codec(
        lambda values, table: [write(value, table) for value in values],
        lambda values, dims: tuple([read(value, dims) for value in _list(values)]),
    )


def _mapping(key: Codec, item: Codec) -> Codec:
    """A mapping from strings, which is what JSON has."""

    def read(found: Any, dims: list[Any]) -> Mapping[Any, Any]:
        if type(found) is not dict:
            raise ValueError("no mapping in the place of one")
        return {key.read(name, dims): item.read(value, dims) for name, value in found.items()}

    return Codec(lambda of, table: {name: item.write(of[name], table) for name in of}, read)


def _sequence(make: Callable[[list[Any]], Any], parts: list[Codec]) -> Codec:
    """As many values as there are ``parts``, of these types."""
    writers, readers = [part.write for part in parts], [part.read for part in parts]

    def write(values: Any, table: Table) -> list[Any]:
        return [write(value, table) for write, value in zip(writers, values, strict=True)]

    def read(values: Any, dims: list[Any]) -> Any:
        if len(_list(values)) != len(readers):
            raise ValueError("too many fields, or too few")
        return make([read(value, dims) for read, value in zip(readers, values, strict=True)])

    return Codec(write, read)


def _record(kind: Any) -> Codec:
    """A record, by its fields: those annotated in its class."""
    types = get_type_hints(kind)
    names = tuple(types)
    if not names:
        raise TypeError(f"{kind!r} has no fields, and no entry in CODECS")
    requirement = REQUIREMENTS.get(kind) or getattr(kind, "is_sound", None)

    def make(values: list[Any]) -> Any:
        made = kind(**dict(zip(names, values, strict=True)))
        if requirement is not None and not requirement(made):
            raise ValueError(f"no {kind.__name__}")
        return made

    fields = _sequence(make, [_codec(kind) for kind in types.values()])

    def write(value: Any, table: Table) -> Any:
        return fields.write([getattr(value, name) for name in names], table)

    return Codec(write, fields.read)


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ValueError("no list in the place of one")
    return value


REQUIREMENTS: Mapping[Any, Callable[[Any], bool]] = {
    Symbol: lambda s: s.name.isidentifier() and s.multiple > 0 and s.offset in (0, 1),
    Guard: lambda guard: type(guard.value) is not int,
    Training: lambda training: training.phases.keys() | {RECOMPUTED} == set(PHASES),
    Report: lambda report: bool(report.modules),
}
"""What holds for each record of a type, beyond the types of its fields."""
