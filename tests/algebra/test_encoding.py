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
        assume("denominator" not in str(error))
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
