"""Calls of the operators that cost nothing: one row for those that take the same arguments."""

import torch

from fxflops.registry import existing
from tests.formulas.harness import Case, booleans, complexes, ints

aten, decomposed = torch.ops.aten, torch.ops.quantized_decomposed
profiler = torch.ops.profiler

X, SQUARE, LINE = (2, 6, 5), (7, 7), (11,)
VOLUME = (2, 4, 6, 8, 10)


def calls(*args, ops, device="meta", out=None, **kwargs):
    """One case for all of ``ops``."""
    first, *others = ops
    return Case("free", first, args, kwargs, aliases=tuple(others), device=device, out=out)


PACKING = existing(
    *(
        f"{namespace}.{name}.default"
        for namespace, names in (
            ("aten", ("_convert_weight_to_int4pack", "_convert_weight_to_int4pack_for_cpu")),
            ("aten", ("_dyn_quant_pack_4bit_weight", "_cudnn_rnn_flatten_weight")),
            ("aten", ("mkldnn_reorder_conv2d_weight", "mkldnn_reorder_conv3d_weight")),
            ("mkldnn", ("_reorder_linear_weight", "_reorder_convolution_weight")),
            ("mkldnn", ("_reorder_convolution_transpose_weight",)),
            ("mkldnn", ("_reorder_mkldnn_rnn_layer_weight",)),
            ("onednn", ("linear_prepack_fp16", "qlinear_prepack", "qconv_prepack")),
            ("quantized", ("linear_prepack", "linear_prepack_fp16")),
            ("quantized", ("conv1d_prepack", "conv2d_prepack", "conv3d_prepack")),
            ("quantized", ("conv_transpose1d_prepack", "conv_transpose2d_prepack")),
            ("quantized", ("conv_transpose3d_prepack",)),
        )
        for name in names
    )
)

VIEWS = (
    calls(
        X,
        ops=(
            *(aten.alias.default, aten.detach.default, aten.lift_fresh.default),
            *(aten.mT.default, aten.mH.default, aten.adjoint.default),
            *(aten.squeeze.default, aten.unbind.int, aten.diagonal.default),
            *(aten.atleast_1d.default, aten.atleast_2d.default, aten.atleast_3d.default),
            aten.linalg_diagonal.default,
        ),
    ),
    calls(
        [X, X],
        ops=(
            *(aten.atleast_1d.Sequence, aten.atleast_2d.Sequence, aten.atleast_3d.Sequence),
            aten.broadcast_tensors.default,
        ),
    ),
    calls([LINE, LINE], ops=(aten.meshgrid.default,)),
    calls([LINE, LINE], indexing="ij", ops=(aten.meshgrid.indexing,)),
    calls(SQUARE, ops=(aten.matrix_H.default, aten.numpy_T.default, aten.t.default)),
    calls(X, [5, 6], [1, 5], ops=(aten.as_strided.default,)),
    calls((2, 1, 5), [2, 6, 5], ops=(aten.expand.default, aten.broadcast_to.default)),
    calls((2, 1, 5), X, ops=(aten.expand_as.default,)),
    calls(
        X,
        2,
        1,
        ops=(
            *(aten.chunk.default, aten.unsafe_chunk.default),
            *(aten.split.Tensor, aten.unsafe_split.Tensor, aten.tensor_split.sections),
        ),
    ),
    calls(
        X,
        [2, 4],
        1,
        ops=(
            *(
                aten.split.sizes,
                aten.split_with_sizes.default,
                aten.unsafe_split_with_sizes.default,
            ),
            aten.tensor_split.indices,
        ),
    ),
    calls((4, 6, 2), 2, ops=(aten.hsplit.int, aten.vsplit.int, aten.dsplit.int)),
    calls((4, 6, 2), [1], ops=(aten.hsplit.array, aten.vsplit.array, aten.dsplit.array)),
    calls(
        X,
        0,
        1,
        ops=(
            *(aten.movedim.int, aten.moveaxis.int, aten.transpose.int),
            *(aten.swapaxes.default, aten.swapdims.default, aten.select.int),
        ),
    ),
    calls(X, [0, 1], [1, 0], ops=(aten.movedim.intlist, aten.moveaxis.intlist)),
    calls(X, [2, 0, 1], ops=(aten.permute.default,)),
    calls(X, 1, 2, 3, ops=(aten.narrow.default, aten.slice.Tensor, aten.unfold.default)),
    calls(X, 1, ints(), 3, ops=(aten.narrow.Tensor,), device="cpu"),
    calls((2, 1, 5), 1, ops=(aten.squeeze.dim, aten.unsqueeze.default)),
    calls((2, 1, 5), [1], ops=(aten.squeeze.dims,)),
    calls(X, [12, 5], ops=(aten.view.default,)),
    calls(X, torch.int32, ops=(aten.view.dtype,)),
    calls(X, (12, 5), ops=(aten.view_as.default,)),
    calls(
        complexes(2, 3),
        ops=(
            *(aten.conj.default, aten._conj.default, aten.real.default, aten.imag.default),
            aten.view_as_real.default,
        ),
    ),
    calls((3, 2), ops=(aten.view_as_complex.default,)),
)

OTHERS = (
    # Metadata, or a copy.
    calls(
        X,
        ops=(
            *(aten.contiguous.default, aten.flatten.using_ints, aten.ravel.default),
            *(aten.resolve_conj.default, aten.resolve_neg.default),
        ),
    ),
    calls(X, [12, 5], ops=(aten.reshape.default, aten._unsafe_view.default)),
    calls(X, (12, 5), ops=(aten.reshape_as.default,)),
    calls(X, [12, 5], [5, 1], ops=(aten._reshape_alias.default,)),
    calls(X, 1, [2, 3], ops=(aten.unflatten.int,)),
    # Copies.
    calls(
        X,
        ops=(
            *(aten.clone.default, aten.alias_copy.default, aten.detach_copy.default),
            *(aten.lift.default, aten.squeeze_copy.default, aten.unbind_copy.int),
            *(aten.lift_fresh_copy.default, aten.fft_fftshift.default, aten.fft_ifftshift.default),
            *(aten.fliplr.default, aten.flipud.default, aten.zero.default),
            *(aten.tril.default, aten.triu.default, aten.diagonal_copy.default),
        ),
    ),
    calls(complexes(2, 3), ops=(aten.conj_physical.default, aten._conj_physical.default)),
    calls((3, 5), (3, 5), ops=(aten.complex.default, aten.copy.default)),
    calls(X, [5, 6], [1, 5], ops=(aten.as_strided_copy.default,)),
    calls(X, [1, 2], 7.0, ops=(aten.constant_pad_nd.default,)),
    calls(X, [1, 2], ops=(aten.pad.default,)),
    calls((2, 1, 5), [2, 6, 5], ops=(aten.expand_copy.default,)),
    calls(X, 7, ops=(aten.fill.Scalar,)),
    calls(X, (), ops=(aten.fill.Tensor,)),
    calls(X, [0, 2], ops=(aten.flip.default,)),
    calls(
        VOLUME[:4],
        2,
        ops=(
            *(aten.pixel_shuffle.default, aten.pixel_unshuffle.default),
            *(aten.channel_shuffle.default, aten.native_channel_shuffle.default),
        ),
    ),
    calls(X, [2, 0, 1], ops=(aten.permute_copy.default,)),
    calls(X, [2, 3, 1], ops=(aten.repeat.default, aten.tile.default)),
    calls(ints(3), ops=(aten.repeat_interleave.Tensor,), device="cpu"),
    calls(X, ints(6), 1, ops=(aten.repeat_interleave.self_Tensor,), device="cpu"),
    calls(X, 3, 1, ops=(aten.repeat_interleave.self_int,)),
    calls(X, [3], [1], ops=(aten.roll.default,)),
    calls(X, ops=(aten.rot90.default,)),
    calls(X, 0, 1, ops=(aten.select_copy.int, aten.transpose_copy.int)),
    calls(
        X, 1, 2, 3, ops=(aten.slice_copy.Tensor, aten.unfold_copy.default, aten.narrow_copy.default)
    ),
    calls(X, 2, 1, ops=(aten.split_copy.Tensor,)),
    calls(X, [2, 4], 1, ops=(aten.split_with_sizes_copy.default,)),
    calls((2, 1, 5), 1, ops=(aten.squeeze_copy.dim, aten.unsqueeze_copy.default)),
    calls((2, 1, 5), [1], ops=(aten.squeeze_copy.dims,)),
    calls(SQUARE, ops=(aten.t_copy.default,)),
    calls(X, [12, 5], ops=(aten.view_copy.default,)),
    calls(X, torch.int32, ops=(aten.view_copy.dtype,)),
    # Gathers.
    calls((11, 5), ints(2, 3), ops=(aten.embedding.default,)),
    calls(X, 1, ints(2, 3, 5), ops=(aten.gather.default,)),
    calls(X, ints(2, 3, 5), 1, ops=(aten.take_along_dim.default,)),
    calls(X, ints(3), ops=(aten.take.default,)),
    calls(X, 1, ints(3), ops=(aten.index_select.default,)),
    calls(X, [ints(3)], ops=(aten.index.Tensor, aten._unsafe_index.Tensor)),
    calls(X, booleans(3), [ints(3), ints(3), ints(3)], 0, ops=(aten._unsafe_masked_index.default,)),
    calls(X, booleans(2, 6, 5), ops=(aten.masked_select.default,), device="cpu"),
    calls(VOLUME[:4], [2, 3], [1, 1], [0, 0], [1, 1], ops=(aten.im2col.default,)),
    calls(X, [1, 2], ops=(aten._pad_circular.default,)),
    calls(X, [1, 2], 1, ops=(aten._pad_enum.default,)),
    calls(VOLUME[:3], [1, 2], ops=(aten.reflection_pad1d.default, aten.replication_pad1d.default)),
    calls(
        VOLUME[:4],
        [1, 2, 3, 4],
        ops=(aten.reflection_pad2d.default, aten.replication_pad2d.default),
    ),
    calls(
        VOLUME,
        [1, 2, 3, 4, 5, 1],
        ops=(aten.reflection_pad3d.default, aten.replication_pad3d.default),
    ),
    calls(
        VOLUME[:3],
        [9],
        ops=(aten.upsample_nearest1d.default, aten._upsample_nearest_exact1d.default),
    ),
    calls(
        VOLUME[:4],
        [9, 7],
        ops=(aten.upsample_nearest2d.default, aten._upsample_nearest_exact2d.default),
    ),
    calls(
        VOLUME,
        [9, 7, 5],
        ops=(aten.upsample_nearest3d.default, aten._upsample_nearest_exact3d.default),
    ),
    calls(
        VOLUME[:3],
        [9],
        None,
        ops=(aten.upsample_nearest1d.vec, aten._upsample_nearest_exact1d.vec),
    ),
    calls(
        VOLUME[:4],
        [9, 7],
        None,
        ops=(aten.upsample_nearest2d.vec, aten._upsample_nearest_exact2d.vec),
    ),
    calls(
        VOLUME,
        [9, 7, 5],
        None,
        ops=(aten.upsample_nearest3d.vec, aten._upsample_nearest_exact3d.vec),
    ),
    # Scatters.
    calls(X, (5, 6), [5, 6], [1, 5], ops=(aten.as_strided_scatter.default,)),
    calls(LINE, ops=(aten.diag.default, aten.diag_embed.default, aten.diagflat.default)),
    calls(SQUARE, (7,), ops=(aten.diagonal_scatter.default,)),
    calls(X, 1, ints(3), (2, 3, 5), ops=(aten.index_copy.default,)),
    calls(X, 1, ints(3), 7, ops=(aten.index_fill.int_Scalar,)),
    calls(X, 1, ints(3), (), ops=(aten.index_fill.int_Tensor,)),
    calls(X, booleans(2, 6, 5), (60,), ops=(aten.masked_scatter.default,)),
    calls((3, 4, 6), ints(3, 4, 6), [8, 12], ops=(aten.max_unpool2d.default,)),
    calls(
        (3, 4, 6, 8),
        ints(3, 4, 6, 8),
        [8, 12, 16],
        [2, 2, 2],
        [0, 0, 0],
        ops=(aten.max_unpool3d.default,),
    ),
    calls(X, 1, ints(2, 3, 5), (2, 3, 5), ops=(aten.scatter.src,)),
    calls(X, 1, ints(2, 3, 5), 7, ops=(aten.scatter.value,)),
    calls(X, (2, 5), 1, 3, ops=(aten.select_scatter.default,)),
    calls(X, (2, 3, 5), 1, 0, 3, ops=(aten.slice_scatter.default,)),
    # Concatenations.
    calls(
        [(3, 5), (3, 5)],
        ops=(
            *(aten.cat.default, aten.concat.default, aten.concatenate.default),
            *(aten.stack.default, aten._stack.default, aten.block_diag.default),
            *(aten.column_stack.default, aten.row_stack.default, aten.pad_sequence.default),
            *(aten.dstack.default, aten.hstack.default, aten.vstack.default),
        ),
    ),
    calls([LINE, (7,)], ops=(aten.cartesian_prod.default,)),
    # Selections.
    calls(X, booleans(6, 5), 7, ops=(aten.masked_fill.Scalar,)),
    calls(X, booleans(6, 5), (), ops=(aten.masked_fill.Tensor,)),
    calls(booleans(6, 5), 1.0, 2.0, ops=(aten.where.Scalar,)),
    calls(booleans(6, 5), X, 2.0, ops=(aten.where.ScalarOther,)),
    calls(booleans(6, 5), 1.0, X, ops=(aten.where.ScalarSelf,)),
    calls(booleans(6, 5), X, X, ops=(aten.where.self,)),
    # Casts, rounding, signs.
    calls(X, dtype=torch.float16, ops=(aten._to_copy.default, aten.to.dtype_layout)),
    calls(X, "meta", torch.float16, ops=(aten.to.device,)),
    calls(X, torch.float16, ops=(aten.to.dtype,)),
    calls(X, ints(3), ops=(aten.to.other, aten.type_as.default)),
    calls(
        X,
        ops=(
            *(aten.ceil.default, aten.floor.default, aten.trunc.default, aten.fix.default),
            aten.round.default,
            *(aten.abs.default, aten.absolute.default, aten.signbit.default),
            *(aten.neg.default, aten.negative.default, aten.positive.default),
        ),
    ),
    calls(X, X, ops=(aten.copysign.Tensor,)),
    calls(X, -1.0, ops=(aten.copysign.Scalar,)),
    # Integers and booleans.
    calls(
        booleans(3, 5),
        ops=(
            *(aten.all.default, aten.any.default),
            *(aten.bitwise_not.default, aten.logical_not.default),
        ),
    ),
    calls(booleans(3, 5), 1, ops=(aten.all.dim, aten.any.dim)),
    calls(booleans(3, 5), [0, 1], ops=(aten.all.dims, aten.any.dims)),
    calls(ints(3), ops=(aten.argwhere.default, aten.bincount.default), device="cpu"),
    calls(ints(3), 5, ops=(aten.one_hot.default,)),
    calls(
        ints(3, 5),
        ints(5),
        ops=(
            *(aten.bitwise_and.Tensor, aten.bitwise_or.Tensor, aten.bitwise_xor.Tensor),
            *(aten.bitwise_left_shift.Tensor, aten.bitwise_right_shift.Tensor),
            *(aten.logical_and.default, aten.logical_or.default, aten.logical_xor.default),
            *(aten.__and__.Tensor, aten.__or__.Tensor, aten.__xor__.Tensor),
            *(aten.__lshift__.Tensor, aten.__rshift__.Tensor),
            *(aten.__iand__.Tensor, aten.__ior__.Tensor, aten.__ixor__.Tensor),
            *(aten.__ilshift__.Tensor, aten.__irshift__.Tensor),
            *(aten.gcd.default, aten.lcm.default),
        ),
    ),
    calls(
        ints(3, 5),
        2,
        ops=(
            *(aten.bitwise_and.Scalar, aten.bitwise_or.Scalar, aten.bitwise_xor.Scalar),
            aten.bitwise_left_shift.Tensor_Scalar,
            aten.bitwise_right_shift.Tensor_Scalar,
            *(aten.__and__.Scalar, aten.__or__.Scalar, aten.__xor__.Scalar),
            *(aten.__lshift__.Scalar, aten.__rshift__.Scalar),
            *(aten.__iand__.Scalar, aten.__ior__.Scalar, aten.__ixor__.Scalar),
            *(aten.__ilshift__.Scalar, aten.__irshift__.Scalar),
        ),
    ),
    calls(
        2,
        ints(3, 5),
        ops=(
            aten.bitwise_and.Scalar_Tensor,
            aten.bitwise_or.Scalar_Tensor,
            aten.bitwise_xor.Scalar_Tensor,
            aten.bitwise_left_shift.Scalar_Tensor,
            aten.bitwise_right_shift.Scalar_Tensor,
        ),
    ),
    calls(3, 5, ops=(aten.tril_indices.default, aten.triu_indices.default)),
    # Constants.
    calls(
        7,
        ops=(
            *(aten.arange.default, aten.eye.default),
            *(aten.fft_fftfreq.default, aten.fft_rfftfreq.default),
            *(aten.bartlett_window.default, aten.blackman_window.default),
            *(aten.hamming_window.default, aten.hann_window.default, aten.kaiser_window.default),
            aten.scalar_tensor.default,
        ),
    ),
    calls(
        7,
        False,
        ops=(
            *(aten.bartlett_window.periodic, aten.blackman_window.periodic),
            *(aten.hamming_window.periodic, aten.hann_window.periodic),
            aten.kaiser_window.periodic,
        ),
    ),
    calls(7, False, 0.5, ops=(aten.hamming_window.periodic_alpha, aten.kaiser_window.beta)),
    calls(7, False, 0.5, 0.4, ops=(aten.hamming_window.periodic_alpha_beta,)),
    calls(3, 7, ops=(aten.arange.start, aten.eye.m)),
    calls(3, 7, ops=(aten.range.default,), out=(5,)),
    calls(3, 7, 2, ops=(aten.arange.start_step,)),
    calls(3, 7, 2, ops=(aten.range.step,), out=(3,)),
    calls(
        [3, 5],
        ops=(*(aten.empty.memory_format, aten.ones.default, aten.zeros.default),),
    ),
    calls([3, 5], [1, 0], ops=(aten.empty_permuted.default,)),
    calls([3, 5], [5, 1], ops=(aten.empty_strided.default,)),
    calls([3, 5], 7, ops=(aten.full.default,)),
    calls(
        X,
        ops=(*(aten.empty_like.default, aten.ones_like.default, aten.zeros_like.default),),
    ),
    calls(X, 7, ops=(aten.full_like.default,)),
    calls(
        X,
        [3, 5],
        ops=(*(aten.new_empty.default, aten.new_ones.default, aten.new_zeros.default),),
    ),
    calls(X, [3, 5], [5, 1], ops=(aten.new_empty_strided.default,)),
    calls(X, [3, 5], 7, ops=(aten.new_full.default,)),
    calls(0, 1, 7, ops=(aten.linspace.default, aten.logspace.default)),
    calls(0, (), 7, ops=(aten.linspace.Scalar_Tensor, aten.logspace.Scalar_Tensor), device="cpu"),
    calls((), 1, 7, ops=(aten.linspace.Tensor_Scalar, aten.logspace.Tensor_Scalar), device="cpu"),
    calls((), (), 7, ops=(aten.linspace.Tensor_Tensor, aten.logspace.Tensor_Tensor), device="cpu"),
    # Random numbers.
    calls(
        X,
        ops=(
            *(aten.bernoulli.default, aten.poisson.default, aten.rand_like.default),
            *(aten.randn_like.default, aten.cauchy.default, aten.exponential.default),
            *(aten.log_normal.default, aten.random.default, aten.uniform.default),
            *(aten.normal_.default, aten.normal_functional.default),
        ),
    ),
    calls(X, 0.5, ops=(aten.bernoulli.p, aten.geometric.default)),
    calls(X, X, ops=(aten.bernoulli.Tensor, aten.normal.Tensor_Tensor)),
    calls((3, 5), 2, ops=(aten.multinomial.default,)),
    calls(X, 1.0, ops=(aten.normal.Tensor_float,)),
    calls(1.0, X, ops=(aten.normal.float_Tensor,)),
    calls(0.0, 1.0, [3, 5], ops=(aten.normal.float_float,)),
    calls([3, 5], ops=(aten.rand.default, aten.randn.default)),
    # Packing, of weights and of sequences.
    calls(ops=PACKING, out=()),
    calls((5, 2, 3), ints(2), False, ops=(aten._pack_padded_sequence.default,), out=((7, 3), (5,))),
    calls(
        *((7, 3), ints(5), False, 0.0, 5),
        ops=(aten._pad_packed_sequence.default,),
        out=((5, 2, 3), (2,)),
    ),
    calls(complexes(3, 5), ops=(aten.view_as_real_copy.default,)),
    calls((3, 5, 2), ops=(aten.view_as_complex_copy.default,)),
    calls(X, torch.float16, ops=(decomposed.convert_element_type.no_fuse,)),
    calls([3, 5], generator=None, ops=(aten.rand.generator, aten.randn.generator)),
    calls(7, [3, 5], ops=(aten.randint.default,)),
    calls(7, [3, 5], generator=None, ops=(aten.randint.generator,)),
    calls(3, 7, [3, 5], ops=(aten.randint.low,)),
    calls(3, 7, [3, 5], generator=None, ops=(aten.randint.low_generator,)),
    calls(7, generator=None, ops=(aten.randperm.generator,)),
    calls(X, 7, ops=(aten.randint_like.default, aten.random.to)),
    calls(X, 3, 7, ops=(aten.randint_like.low_dtype, getattr(aten.random, "from"))),
    calls(7, ops=(aten.randperm.default,)),
    # Derivatives that put a part back where it was taken.
    calls((2, 5), [2, 5, 5], 0, 1, 2, ops=(aten.diagonal_backward.default,)),
    calls((2, 5), [2, 6, 5], 1, 3, ops=(aten.select_backward.default,)),
    calls((2, 3, 5), [2, 6, 5], 1, 0, 3, 1, ops=(aten.slice_backward.default,)),
    # Assertions and sizes.
    calls(booleans(), ops=(aten._assert_async.default,), device="cpu"),
    calls("mine", None, ops=(profiler._record_function_enter_new.default,)),
    calls(
        profiler._record_function_enter_new("mine", None),
        ops=(profiler._record_function_exit._RecordFunction,),
    ),
    calls(booleans(), "why", ops=(aten._assert_async.msg,), device="cpu"),
    calls(booleans(), "why", (), ops=(aten._functional_assert_async.msg,), device="cpu"),
    calls(True, "why", ops=(aten._assert_scalar.default,)),
    calls(True, "why", (), ops=(aten._functional_assert_scalar.default,), device="cpu"),
    calls(X, [2, 6, 5], ops=(aten._assert_tensor_metadata.default,)),
    calls(3, 2, 7, (), ops=(aten._functional_sym_constrain_range.default,), device="cpu"),
    calls(3, 2, 7, (), ops=(aten._functional_sym_constrain_range_for_size.default,), device="cpu"),
    calls(3, min=2, max=7, ops=(aten.sym_constrain_range.default,)),
    calls(3, min=2, max=7, ops=(aten.sym_constrain_range_for_size.default,)),
    calls(
        (),
        ops=(aten.item.default, aten._local_scalar_dense.default, aten.is_nonzero.default),
        device="cpu",
    ),
    calls(X, ops=(aten._shape_as_tensor.default,), device="cpu"),
    calls(X, ops=(aten.sym_numel.default, aten.sym_storage_offset.default)),
    calls(X, 1, ops=(aten.sym_size.int, aten.sym_stride.int)),
)
