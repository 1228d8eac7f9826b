import torch

from tests.formulas.harness import Case, complexes

aten = torch.ops.aten

Z, PAIR = complexes(2, 3, 5), (complexes(2, 1, 5), complexes(3, 1))  # 30 elements

CASES = (
    Case(
        "sum and difference",
        aten.add.Tensor,
        PAIR,
        aliases=(aten.sub.Tensor, aten.rsub.Tensor),
        elementwise=2 * 30,
        is_complex=True,
    ),
    Case(
        "x + 3 y", aten.add.Tensor, PAIR, {"alpha": 3}, elementwise=2 * 30 + 2 * 30, is_complex=True
    ),
    Case(
        "x + 3i y",
        aten.add.Tensor,
        PAIR,
        {"alpha": 3j},
        elementwise=2 * 30 + 6 * 30,
        is_complex=True,
    ),
    Case("product", aten.mul.Tensor, PAIR, elementwise=(4 + 2) * 30, is_complex=True),
    Case("product with a number", aten.mul.Tensor, (Z, 3), elementwise=2 * 30, is_complex=True),
    # x * conj(y) / |y|^2
    Case("quotient", aten.div.Tensor, PAIR, elementwise=(6 + 3 + 2) * 30, is_complex=True),
    Case("quotient by a number", aten.div.Tensor, (Z, 3), elementwise=2 * 30, is_complex=True),
    Case(
        "conj(z) / |z|^2",
        aten.reciprocal.default,
        (Z,),
        elementwise=(3 + 2) * 30,
        is_complex=True,
    ),
    Case(
        "a * a - b * b, 2 * a * b",
        aten.square.default,
        (Z,),
        elementwise=(3 + 2) * 30,
        is_complex=True,
    ),
    Case(
        "sqrt(a * a + b * b)",
        aten.abs.default,
        (Z,),
        aliases=(aten.absolute.default,),
        elementwise=3 * 30,
        transcendental=30,
        is_complex=True,
    ),
    Case("atan2(b, a)", aten.angle.default, (Z,), transcendental=30, is_complex=True),
    Case(
        "r cos(t), r sin(t)",
        aten.polar.default,
        ((2, 3, 5), (2, 3, 5)),
        elementwise=2 * 30,
        transcendental=2 * 30,
        is_complex=True,
    ),
    Case(
        "exp(a) cos(b), exp(a) sin(b)",
        aten.exp.default,
        (Z,),
        elementwise=2 * 30,
        transcendental=3 * 30,
        is_complex=True,
    ),
    Case(
        "both parts equal",
        aten.eq.Tensor,
        PAIR,
        aliases=(aten.ne.Tensor,),
        comparison=2 * 30,
        is_complex=True,
    ),
    Case(
        "equal to a number",
        aten.eq.Scalar,
        (Z, 7),
        aliases=(aten.ne.Scalar,),
        comparison=2 * 30,
        is_complex=True,
    ),
    Case("sum of all", aten.sum.default, (Z,), elementwise=2 * 29, is_complex=True),
    Case("sum along an axis", aten.sum.dim_IntList, (Z, [1]), elementwise=2 * 20, is_complex=True),
    Case("mean of all", aten.mean.default, (Z,), elementwise=2 * 30, is_complex=True),
    Case("mean along an axis", aten.mean.dim, (Z, [1]), elementwise=2 * 30, is_complex=True),
)
