import torch

from tests.formulas.harness import Case, booleans, ints

aten = torch.ops.aten

# 35 targets, 6 sources.
TARGET, INDEX, SOURCE = (5, 7), ints(2, 3), (2, 3)

CASES = (
    Case("add", aten.scatter_add.default, (TARGET, 0, INDEX, SOURCE), elementwise=6),
    Case(
        "multiply",
        aten.scatter.reduce,
        (TARGET, 0, INDEX, SOURCE),
        {"reduce": "multiply"},
        elementwise=6,
    ),
    Case(
        "add a number",
        aten.scatter.value_reduce,
        (TARGET, 0, INDEX, 7),
        {"reduce": "add"},
        elementwise=6,
    ),
    Case("sum", aten.scatter_reduce.two, (TARGET, 0, INDEX, SOURCE, "sum"), elementwise=6),
    Case("mean", aten.scatter_reduce.two, (TARGET, 0, INDEX, SOURCE, "mean"), elementwise=6 + 35),
    Case("largest", aten.scatter_reduce.two, (TARGET, 0, INDEX, SOURCE, "amax"), comparison=6),
    Case("add rows", aten.index_add.default, (TARGET, 0, ints(3), (3, 7)), elementwise=3 * 7),
    Case(
        "add scaled rows",
        aten.index_add.default,
        (TARGET, 0, ints(3), (3, 7)),
        {"alpha": 2},
        elementwise=2 * 3 * 7,
    ),
    Case(
        "smallest of rows",
        aten.index_reduce.default,
        (TARGET, 0, ints(3), (3, 7), "amin"),
        comparison=3 * 7,
    ),
    Case(
        "put",
        aten.index_put.default,
        (TARGET, [ints(3)], (3, 7)),
        aliases=(aten._unsafe_index_put.default,),
    ),
    Case(
        "put and add",
        aten.index_put.default,
        (TARGET, [ints(3)], (7,), True),
        aliases=(aten._unsafe_index_put.default, aten._index_put_impl_.default),
        elementwise=3 * 7,
    ),
    Case(
        "put and add at crossing positions of the outer axes",
        aten.index_put.default,
        ((5, 7, 11), [ints(3, 1), None, ints(2)], (3, 2, 7), True),
        elementwise=(3 * 2) * 7,
    ),
    # 2 images, 3 * 4 * 5 elements a patch, 24 patches.
    Case(
        "fold",
        aten.col2im.default,
        ((2, 60, 24), [7, 10], [4, 5], [1, 1], [0, 0], [1, 1]),
        elementwise=2 * 60 * 24,
    ),
    # 13 rows of 7 in 3 bags.
    Case(
        "bags, summed",
        aten.embedding_bag.default,
        ((11, 7), ints(13), ints(3)),
        aliases=(aten._embedding_bag.default, aten._embedding_bag_forward_only.default),
        elementwise=(13 - 3) * 7,
    ),
    Case(
        "bags, averaged",
        aten.embedding_bag.default,
        ((11, 7), ints(13), ints(3), False, 1),
        elementwise=13 * 7,
    ),
    Case(
        "bags, the largest",
        aten.embedding_bag.default,
        ((11, 7), ints(13), ints(3), False, 2),
        comparison=(13 - 3) * 7,
    ),
    Case(
        "bags, weighted",
        aten.embedding_bag.padding_idx,
        ((11, 7), ints(13), ints(3), False, 0, False, (13,), False, None),
        elementwise=13 * 7 + (13 - 3) * 7,
    ),
    Case(
        "into masked positions",
        aten._unsafe_masked_index_put_accumulate.default,
        ((5, 7), booleans(3, 4), [ints(3, 4), ints(3, 4)], (3, 4)),
        out=(5, 7),
        elementwise=3 * 4,
    ),
    Case("into flat positions", aten.put.default, ((5, 7), ints(3), (3,), True), elementwise=3),
    Case("into flat positions, in their place", aten.put.default, ((5, 7), ints(3), (3,))),
    # 11 rows of 3 in 4 segments.
    Case(
        "sums of segments",
        aten.segment_reduce.default,
        ((11, 3), "sum"),
        {"lengths": ints(4), "unsafe": True},
        out=(4, 3),
        elementwise=(11 - 4) * 3,
    ),
    Case(
        "means of segments",
        aten.segment_reduce.default,
        ((11, 3), "mean"),
        {"lengths": ints(4), "unsafe": True},
        out=(4, 3),
        elementwise=(11 - 4) * 3 + 4 * 3,
    ),
    Case(
        "maxima of segments, from a value on",
        aten.segment_reduce.default,
        ((11, 3), "max"),
        {"lengths": ints(4), "unsafe": True, "initial": 0},
        out=(4, 3),
        comparison=11 * 3,
    ),
    Case(
        "into positions, in a functional graph",
        aten._index_put_impl.default,
        ((5, 7), [ints(3)], (3, 7), True),
        out=(5, 7),
        elementwise=3 * 7,
    ),
)
