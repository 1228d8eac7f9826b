"""Each meta kernel for a training step against the kernel that it stands in for."""

import pytest
import torch

from fxflops.capture.meta_kernels.backward import ANY_LAYOUT, RESIZES_BACKWARD, RULES, result_of

aten = torch.ops.aten


def floats(*sizes):
    return torch.rand(sizes, device="meta")


def strided(*sizes):
    return floats(*sizes, 2)[..., 0]


X = (2, 6, 5)
IMAGE, OUT, KERNEL = (2, 6, 11, 13), (2, 4, 9, 6), (4, 3, 3, 4)
OPTIONS = ([1, 2], [0, 1], [1, 1], False, [0, 0], 2)
NORM = (floats(6), floats(6), floats(6), floats(6))
WINDOW = ([3, 2], [2, 1], [1, 0], [1, 1], False)
POOLED = (2, 6, 6, 12)
ROWS = (2, 6, 1)


def resized(operator):
    """The arguments of a resizing from 7 to 9 on each axis, the corners apart."""
    axes = int(str(operator).split("d_")[0][-1])
    names = [argument.name for argument in operator._schema.arguments]
    options = [False] if "align_corners" in names else []
    return (floats(2, 3, *[9] * axes), [9] * axes, [2, 3, *[7] * axes], *options)


CALLS = [
    (aten._softmax.default, (floats(*X), 1, False)),
    (aten._softmax_backward_data.default, (floats(*X), floats(*X), 1, torch.float32)),
    (aten.addmm.default, (floats(7), strided(3, 5), strided(5, 7))),
    (aten.bmm.default, (strided(2, 3, 5), strided(2, 5, 7))),
    (aten.convolution.default, (strided(*IMAGE), strided(*KERNEL), None, *OPTIONS)),
    (
        aten.convolution_backward.default,
        (floats(*OUT), floats(*IMAGE), floats(*KERNEL), [4], *OPTIONS, [True, False, True]),
    ),
    (
        aten.convolution_backward.default,
        (floats(*OUT), floats(*IMAGE), floats(*KERNEL), [0], *OPTIONS, [False, True, False]),
    ),
    (aten.gelu_backward.default, (floats(*X), floats(*X))),
    (aten.grid_sampler_2d.default, (strided(*IMAGE), strided(2, 3, 5, 2), 0, 0, False)),
    (aten.max_pool2d_with_indices.default, (floats(*IMAGE), *WINDOW)),
    (
        aten.max_pool2d_with_indices_backward.default,
        (
            floats(*POOLED),
            floats(*IMAGE),
            *WINDOW,
            torch.zeros(POOLED, dtype=torch.int64, device="meta"),
        ),
    ),
    (aten.mm.default, (strided(3, 5), strided(5, 7))),
    (aten.native_batch_norm.default, (floats(*IMAGE), *NORM, True, 0.1, 1e-5)),
    (
        aten.native_batch_norm_backward.default,
        (floats(*IMAGE), floats(*IMAGE), *NORM[:3], *NORM[:2], True, 1e-5, [True, True, False]),
    ),
    (aten.native_layer_norm.default, (floats(*X), [5], floats(5), None, 1e-5)),
    (
        aten.native_layer_norm_backward.default,
        (
            *(floats(*X), floats(*X), [5], floats(*ROWS), floats(*ROWS)),
            *(floats(5), floats(5), [True, True, True]),
        ),
    ),
    (aten.sigmoid_backward.default, (floats(*X), floats(*X))),
    (aten.silu_backward.default, (floats(*X), floats(*X))),
    (aten.threshold_backward.default, (floats(*X), floats(*X), 0)),
    *((operator, resized(operator)) for operator in RESIZES_BACKWARD),
]


def parts(result):
    return result if isinstance(result, (tuple, list)) else (result,)


@pytest.mark.parametrize(("operator", "args"), CALLS, ids=lambda value: str(value)[:50])
def test_a_rule_gives_what_the_kernel_gives(operator, args):
    ruled, computed = result_of(operator, args, {}), operator(*args)
    assert ruled is not None
    for ours, theirs in zip(parts(ruled), parts(computed), strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert ours.shape == theirs.shape
            assert ours.stride() == theirs.stride()
            assert ours.dtype == theirs.dtype


def test_every_rule_has_a_row():
    assert {operator for operator, _ in CALLS} == set(RULES)


@pytest.mark.parametrize(("operator", "args"), CALLS, ids=lambda value: str(value)[:50])
def test_no_rule_where_layout_would_matter(operator, args):
    others = tuple(a.mT if isinstance(a, torch.Tensor) and a.dim() > 1 else a for a in args)
    if operator not in ANY_LAYOUT:
        assert result_of(operator, others, {}) is None


def test_no_rule_for_mixed_types():
    mixed = (floats(3, 5), floats(5, 7).half())
    assert result_of(aten.mm.default, mixed, {}) is None


def test_no_rule_for_what_is_transposed():
    options = ([1, 1], [0, 0], [1, 1], True, [0, 0], 1)
    args = (floats(2, 4, 5, 7), floats(4, 3, 2, 2), None, *options)
    assert result_of(aten.convolution.default, args, {}) is None
