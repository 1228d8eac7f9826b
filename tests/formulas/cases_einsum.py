import torch

from tests.formulas.harness import Case

einsum = torch.ops.aten.einsum.default

CASES = (
    Case("matrices", einsum, ("ij,jk->ik", [(3, 5), (5, 7)]), contraction=2 * 3 * 7 * 5),
    Case("matrices, implicit", einsum, ("ij,jk", [(3, 5), (5, 7)]), contraction=2 * 3 * 7 * 5),
    Case(
        "mask features of DETR-like models",
        einsum,
        ("bqc,bchw->bqhw", [(2, 3, 5), (2, 5, 7, 11)]),
        contraction=2 * (2 * 3 * 7 * 11) * 5,
    ),
    Case(
        "an ellipsis broadcasts",
        einsum,
        ("...ij,...jk->...ik", [(2, 1, 3, 5), (4, 5, 7)]),
        contraction=2 * (2 * 4 * 3 * 7) * 5,
    ),
    Case(
        "an ellipsis, implicit",
        einsum,
        ("...i,ij", [(2, 3, 5), (5, 7)]),
        contraction=2 * (2 * 3 * 7) * 5,
    ),
    Case(
        "three operands, from the left: (ij,jk),kl",
        einsum,
        ("ij,jk,kl->il", [(2, 3), (3, 5), (5, 7)]),
        contraction=2 * 2 * 5 * 3 + 2 * 2 * 7 * 5,
    ),
    Case(
        "three operands along a path: ij,(jk,kl)",
        einsum,
        ("ij,jk,kl->il", [(2, 3), (3, 5), (5, 7)]),
        {"path": [1, 2, 0, 1]},
        contraction=2 * 3 * 7 * 5 + 2 * 2 * 7 * 3,
    ),
    Case(
        "a label that one operand has alone is summed first",
        einsum,
        ("ijm,jk->ik", [(2, 3, 5), (3, 7)]),
        contraction=2 * 2 * 7 * 3,
        elementwise=2 * 3 * (5 - 1),
    ),
    Case("nothing summed", einsum, ("i,j->ij", [(3,), (7,)]), elementwise=3 * 7),
    Case("element by element", einsum, ("ij,ij->ij", [(3, 7), (3, 7)]), elementwise=3 * 7),
    Case("one operand", einsum, ("ijk->j", [(2, 3, 5)]), elementwise=2 * 3 * 5 - 3),
    Case("transposition", einsum, ("ij->ji", [(3, 7)])),
    Case("diagonal", einsum, ("ii->i", [(3, 3)])),
    Case("trace", einsum, ("ii", [(3, 3)]), elementwise=3 - 1),
    # (2, 3) x (5, 3, 4) x (2, 4) to (2, 5), the axes of the whole being 2, 5, 3, 4.
    Case(
        "three factors from the left",
        torch.ops.aten._trilinear.default,
        ((2, 3), (5, 3, 4), (2, 4), [1, 3], [0], [1, 2], [2, 3]),
        contraction=2 * 2 * 5 * 3 * 4 + 2 * 2 * 5 * 4,
        torch=0,  # no formula
    ),
)
