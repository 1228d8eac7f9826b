import torch

from tests.formulas.harness import Case

aten = torch.ops.aten

# 2 * 5 lines of 13: a line is sorted by 13 * 4 comparisons, since 8 < 13 <= 16.
X = (2, 13, 5)

CASES = (
    Case(
        "the 3 largest",
        aten.topk.default,
        (X, 3, 1),
        aliases=(aten.kthvalue.default,),
        comparison=2 * 13 * 5,
    ),
    Case(
        "median",
        aten.median.default,
        (X,),
        aliases=(aten.nanmedian.default,),
        comparison=2 * 13 * 5,
    ),
    Case(
        "median along an axis",
        aten.median.dim,
        (X, 1),
        aliases=(aten.nanmedian.dim,),
        comparison=2 * 13 * 5,
    ),
    Case(
        "sort",
        aten.sort.default,
        (X, 1),
        aliases=(aten.argsort.default,),
        comparison=10 * 13 * 4,
        unsized=True,
    ),
    Case(
        "stable sort",
        aten.sort.stable,
        (X,),
        {"stable": True, "dim": 1},
        aliases=(aten.argsort.stable,),
        comparison=10 * 13 * 4,
        unsized=True,
    ),
    Case(
        "sort along the first axis",
        aten.msort.default,
        ((13, 3),),
        comparison=3 * 13 * 4,
        unsized=True,
    ),
    Case("sort 16", aten.sort.default, ((16,),), comparison=16 * 4, unsized=True),
    Case("sort 17", aten.sort.default, ((17,),), comparison=17 * 5, unsized=True),
    Case("sort 1", aten.sort.default, ((3, 1),)),
    Case(
        "distinct numbers",
        aten._unique2.default,
        ((13,),),
        device="cpu",
        aliases=(aten._unique.default,),
        comparison=13 * 4 + 12,
        unsized=True,
    ),
    Case(
        "distinct neighbours",
        aten.unique_consecutive.default,
        ((13,),),
        device="cpu",
        comparison=12,
    ),
    Case(
        "distinct neighbouring slices",
        aten.unique_consecutive.default,
        (X,),
        {"dim": 1},
        device="cpu",
        comparison=10 * 12,
    ),
    # 4 questions in 13 boundaries, 14 answers.
    Case(
        "binary search",
        aten.searchsorted.Tensor,
        ((3, 13), (3, 7)),
        comparison=3 * 7 * 4,
        unsized=True,
    ),
    Case("binary search, once", aten.searchsorted.Scalar, ((13,), 7), comparison=4, unsized=True),
    Case("bucket", aten.bucketize.Tensor, ((3, 7), (13,)), comparison=3 * 7 * 4, unsized=True),
    Case("bucket, once", aten.bucketize.Scalar, (7, (13,)), comparison=4, unsized=True),
    Case(
        "quantiles along an axis",
        aten.quantile.default,
        (X, (3,), 1),
        device="cpu",
        aliases=(aten.nanquantile.default,),
        comparison=10 * 13 * 4,
        elementwise=3 * (3 * 10),
        unsized=True,
    ),
    Case(
        "one quantile of all",
        aten.quantile.scalar,
        (X, 0.5),
        device="cpu",
        aliases=(aten.nanquantile.scalar,),
        comparison=130 * 8,
        elementwise=3,
        unsized=True,
    ),
    Case(
        "where not zero",
        aten.nonzero.default,
        (X,),
        device="cpu",
        aliases=(aten.nonzero_numpy.default, aten.count_nonzero.default),
        comparison=2 * 13 * 5,
    ),
    Case(
        "where not zero, at most 7",
        aten.nonzero_static.default,
        (X,),
        {"size": 7},
        device="cpu",
        comparison=2 * 13 * 5,
    ),
    Case("how many are not zero", aten.count_nonzero.dim_IntList, (X, [1]), comparison=2 * 13 * 5),
)
