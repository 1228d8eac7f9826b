from tests.formulas.harness import Case, experts, ints

# 11 rows of 5 for 2 experts, each with a matrix of 5 by 7.
ROWS, MATRICES, ENDS = (11, 5), (2, 5, 7), ints(2)

CASES = (
    Case(
        "rows of experts",
        experts.grouped_mm_fallback.default,
        (ROWS, MATRICES, ENDS),
        out=(11, 7),
        contraction=2 * 11 * 7 * 5,
    ),
    Case(
        "gradients of rows and of matrices",
        experts.grouped_mm_fallback_backward.default,
        (ROWS, MATRICES, ENDS, (11, 7)),
        out=(ROWS, MATRICES),
        contraction=2 * 11 * 7 * 5 + 2 * 11 * 7 * 5,
    ),
)
