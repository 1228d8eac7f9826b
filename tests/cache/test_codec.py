"""Records written as JSON and read again, whatever their fields are."""

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

import pytest

import fxflops
from fxflops.algebra import Dim, Symbol
from fxflops.algebra.encoding import Table
from fxflops.algebra.encoding import read as read_dims
from fxflops.cache import codec
from fxflops.figures.span import Span


class Slotted:
    """A record that is no tuple."""

    __slots__ = ("count", "name")

    name: str
    count: Dim

    def __init__(self, name: str, count: Dim) -> None:
        self.name = name
        self.count = count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slotted) and (self.name, self.count) == (other.name, other.count)


class Record(NamedTuple):
    """A field of every kind."""

    name: str
    number: int
    is_new: bool
    kind: Literal["a", "b", 3]
    size: Dim
    maybe: Slotted | None
    many: tuple[Slotted, ...]
    pair: tuple[Dim, tuple[int, ...]]
    by_name: Mapping[Literal["x", "y"], Dim]


SIZE = 3 * Symbol("N").size + 1
RECORD = Record(
    "n", 2, True, "b", SIZE, None, (Slotted("s", 5), Slotted("t", SIZE)), (SIZE, (1, 2)), {"x": 7}
)


def test_a_record_of_any_fields_is_written_and_read():
    table = Table()
    written = codec._codec(Record).write(RECORD, table)
    found, dims = json.loads(json.dumps([written, table.entries]))
    assert codec._codec(Record).read(found, read_dims(dims)) == RECORD
    assert found[3:6] == ["b", found[4], None]


@pytest.mark.parametrize("position", range(len(RECORD)))
@pytest.mark.parametrize(
    "wrong", [-1, 10**6, 1.0, "\n", "c", [None], {"z": 0}, {"x": -1}, [0], 2**9000]
)
def test_a_value_of_another_type_is_refused(position, wrong):
    table = Table()
    written = codec._codec(Record).write(RECORD, table)
    if (position, wrong) in [(1, 10**6), (0, "c")]:
        return  # a number, and a name
    with pytest.raises(ValueError, match=r"."):
        codec._codec(Record).read(
            [*written[:position], wrong, *written[position + 1 :]], read_dims(table.entries)
        )


@pytest.mark.parametrize("change", [lambda w: w[:-1], lambda w: [*w, 1], lambda w: None])
def test_fields_are_as_many_as_annotated(change):
    table = Table()
    written = codec._codec(Record).write(RECORD, table)
    with pytest.raises(ValueError, match=r"."):
        codec._codec(Record).read(change(written), read_dims(table.entries))


@pytest.mark.parametrize("asked", [{}, {"deploy": fxflops.PASSES}, {"train": "adamw"}])
def test_a_ledger_is_the_same_again(asked):
    whole = fxflops.analyze("rtdetr_r18", **asked).report
    assert codec.read(json.loads(json.dumps(codec.written(whole)))) == whole


def test_what_annotations_cannot_say_is_required(monkeypatch):
    whole = fxflops.analyze("torchvision:alexnet").report
    for wrong in (
        whole._replace(modules=()),
        whole._replace(figures={"span": Span(((1, (0,)),))}),
        whole._replace(domain=whole.domain._replace(symbols=())),
    ):
        with pytest.raises(ValueError, match=r"no Report|no Span|not among"):
            codec.read(json.loads(json.dumps(codec.written(wrong))))
