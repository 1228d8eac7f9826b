"""Dims written as JSON and read again."""

import json

import pytest
from hypothesis import assume, given

from fxflops.algebra import maximum, minimum
from fxflops.algebra.encoding import Table, read
from tests.algebra.trees import DIMS, MANY, compute, trees


@MANY
@given(trees(), trees())
def test_what_is_written_is_read(first, second):
    try:
        dims = [compute(t, DIMS, max=maximum, min=minimum) for t in (first, second)]
    except (ZeroDivisionError, TypeError):
        assume(False)
    table = Table()
    positions = [table.add(dim) for dim in dims]
    assert [table.add(dim) for dim in dims] == positions
    try:
        values = read(json.loads(json.dumps(table.entries)))
    except ValueError as error:
        assume("denominator" not in str(error) and "too " not in str(error))
        raise
    assert [values[position] for position in positions] == dims


N = ["symbol", "N", 1, 1]


@pytest.mark.parametrize(
    "entries",
    [
        None, 7, "text", [1.5], [[]], [["exec", 0, 0]], [1, 0, ["floor", 0, 1]],
        [["symbol", "N", 0, 1]], [["sum"]], [["sum", 1]], [["sum", 2, 0]],
        [N, ["product", 0, 0]], [N, ["product", 0]], [N, ["product", 0, 1, 0, 1]],
        [N, ["product", 0, 1], ["sum", 0, 1]], [N, ["product", 0, 1], ["sum", 1]],
        [N, ["product", 0, 1], ["sum", 1, 1, 2, 1]], [N, ["sum", 1, 0]],
        [["product"], ["sum", 5, 0]],
        [["symbol", "N", 1, 0], ["product", 0, 1], ["sum", 1, 1], ["floor", 2, 2]],
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(entries):
    with pytest.raises(ValueError, match=r"."):
        read(entries)


def chain(kind, power, length):
    """Each atom refers to the one before it, ``max`` twice."""
    entries = [N, ["product"], 3, ["product", 0, power], ["sum", 1, 3, 1, 1]]
    for _ in range(length):
        last = len(entries) - 1
        entries.append([kind, last, 2 if kind == "floor" else last])
        entries += [["product", len(entries) - 1, power], ["sum", 1, len(entries), 7, 1]]
    return entries


SYMBOLS = [["symbol", name, 1, 5] for name in "ABCDEFGHIJKL"]
WIDE = [*SYMBOLS, 3, ["product", *(n for i in range(12) for n in (i, 8))], ["sum", 1, 13]]


@pytest.mark.parametrize(
    "entries",
    [
        chain("max", 1, 40), chain("max", 64, 8), chain("floor", 64, 8), chain("floor", 1, 40),
        [*WIDE, ["floor", 14, 12]], [*WIDE, ["max", 12, 14]], [0] * 10**6, [1 << 10_000],
        [["symbol", "N" * 2**23, 1, 1]], [["symbol", "N", 1, 1 << 8000], ["product", 0, 64]],
        [N, ["product", 0, 65]], [["symbol", "N", 1 << 9000, 1]],
    ],
)  # fmt: skip
def test_what_a_small_table_makes_large_is_refused_at_once(entries):
    """Texts that double, products multiplied out, powers of powers."""
    with pytest.raises(ValueError, match=r"too |no integer|is no power"):
        read(entries)


def test_tables_as_models_have_them_are_read():
    assert len(read(chain("floor", 1, 6))) == 5 + 3 * 6
