"""The tree of modules that people look at: what is folded, opened, and left to the model itself."""

import pytest

from fxflops.algebra import Symbol
from fxflops.cost import Cost
from fxflops.report import Row
from fxflops.reports.module_table import key, parameters, value
from fxflops.reports.modules import ITSELF, MOST_ROWS, tree, visible
from tests.reports.tiny import WHOLE

N = Symbol("N", 1, 1).size


def report(*rows):
    """A report of these modules, ``(path, FLOPs a sample)``; the root has all that is below it."""
    made = [Row(path, Cost(flops * N), "Block", 1, flops) for path, flops in rows]
    top = [row for row in made if "." not in row.name]
    whole = Row(
        "", sum((r.cost for r in top), Cost(7 * N)), "Net", 1, 3 + sum(f.parameters for f in top)
    )
    return WHOLE._replace(modules=(whole, *made))


def labels(report, depth=None, sort=None):
    answer = report.at({"N": 5, "H": 14})
    weight = key(answer, "flops")
    return [module.label for module in visible(tree(report), depth, weight, sort)]


LAYERS = [
    row
    for i in range(12)
    for row in ((f"layers.{i}", 8), (f"layers.{i}.a", 6), (f"layers.{i}.b", 2))
]


def test_equal_siblings_are_one_row_and_their_list_is_none():
    found = report(("stem", 5), ("layers", 96), *LAYERS)
    assert labels(found) == ["stem", "layers.0-11 ×12", "a", "b", ITSELF]
    assert labels(found, 1) == ["stem", "layers.0-11 ×12", ITSELF]
    assert labels(found, 0) == ["tiny:Net"]


def test_the_rows_sum_to_the_whole():
    found = report(("stem", 5), ("layers", 96), *LAYERS)
    answer = found.at({"N": 5, "H": 14})
    for depth in (1, 2, 3):
        rows = visible(tree(found), depth, key(answer, "flops"))
        top = [module for module in rows if module.level == 1]
        assert sum(value(module, answer, "flops") for module in top) == answer.value("flops")
        assert sum(parameters(m, answer) for m in top) == found.modules[0].parameters
    deepest = [m for m in rows if m.label in "ab"]
    assert [value(m, answer, "flops") for m in deepest] == [12 * 6 * 5, 12 * 2 * 5]


@pytest.mark.parametrize(
    "change",
    [{"kind": "Other"}, {"cost": Cost(9 * N)}, {"parameters": 9}, {"uncounted": 1}, {"calls": 2}],
)
def test_what_differs_in_anything_stands_apart(change):
    found = report(("layers", 96), *LAYERS)
    rows = [r._replace(**change) if r.name == "layers.3" else r for r in found.modules]
    shown = labels(found._replace(modules=tuple(rows)), 2)
    assert [name for name in shown if name != ITSELF] == ["layers", "0-2 ×3", "3", "4-11 ×8"]


def test_what_differs_below_stands_apart_too():
    found = report(("layers", 96), *LAYERS)
    rows = [r._replace(kind="Other") if r.name == "layers.3.a" else r for r in found.modules]
    assert "3" in labels(found._replace(modules=tuple(rows)), 2)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["block_0", "block_1", "block_2"], ["block_0-2 ×3"]),
        (["block_0", "block_2", "block_3"], ["block_0", "block_2-3 ×2"]),
        (["a1", "b2"], ["a1", "b2"]),
        (["q", "k", "v"], ["q", "k", "v"]),
        (["x01", "x02"], ["x01", "x02"]),
        (["9", "10", "11"], ["9-11 ×3"]),
    ],
)
def test_numbers_in_a_row_are_folded(names, expected):
    found = report(*((name, 4) for name in names))
    assert labels(found, 1) == [*expected, ITSELF]


def test_the_dearest_modules_are_opened_first():
    rows = []
    for name, flops in (("cheap", 10), ("dear", 1000), ("middle", 100)):
        rows.append((name, flops))
        rows += [(f"{name}.{letter}", flops // 10 + i) for i, letter in enumerate("abcdefgh")]
    shown = labels(report(*rows))
    assert len(shown) <= MOST_ROWS + 1
    assert shown[:2] == ["cheap", "dear"]
    assert shown[10] == "middle"
    assert shown[11] == "a"


def test_siblings_are_sorted_where_that_is_asked_for():
    found = report(("b", 3), ("c", 9), ("a", 5))
    answer = found.at({"N": 5, "H": 14})
    assert labels(found, 1, key(answer, "params")) == ["c", "a", "b", ITSELF]
