"""Every operator of the families that fxflops promises to know has a formula or a reason.

The operators are those of PyTorch's own registry whose names fit a family. What is left out has a
reason here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest
import torch
from torch._ops import OpOverload

from fxflops.registry import COMPLEX, FORMULAS, FREE, functional
from tests.formulas.harness import vision

assert vision

NAMESPACES = ("aten", "torchvision", "quantized", "quantized_decomposed", "onednn", "mkldnn")

FAMILIES = {
    "convolution": r"conv",
    "matrix products": r"mm\b|mv\b|matmul|linear\b|linear_|_linear|bilinear$|einsum|dot\b|outer$"
    r"|\bger$|addr$|cdist|tensordot|\binner$|kron$",
    "attention": r"attention|attn|transformer_encoder",
    "recurrent layers": r"(^|_)(rnn|gru|lstm)",
    "regions and boxes": r"roi|nms|deform",
    "sampling": r"grid_sampler|affine_grid|upsample",
    "normalization": r"_norm(?!al)|norm_except",
    "norms": r"norm$|powsum|renorm|\bdist$|pairwise_distance|cosine_similarity",
    "pooling": r"pool\d?d?",
    "softmax": r"softmax|logsumexp",
    "activations": r"relu|gelu|\bglu$|mish|hardswish|hardsigmoid|hardtanh|silu|\belu$|\bcelu$"
    r"|\bsigmoid$|\btanh$|softplus|shrink$|threshold$|dropout|\bprelu|rrelu",
    "losses": r"_loss|nll|kl_div|cross_entropy",
    "reductions": r"^(sum|nansum|mean|nanmean|prod|max|min|amax|amin|aminmax|argmax|argmin|var"
    r"|var_mean|std|std_mean|median|nanmedian|all|any|count_nonzero|trace)$",
    "running reductions": r"cum(sum|prod|max|min)|logcumsumexp",
    "Fourier transforms": r"(^|_)(fft|stft|istft)",
    "embedding": r"embedding",
    "order": r"\bsort$|argsort|topk|kthvalue|msort|unique|searchsorted|bucketize|quantile|\bmode$",
    "scatter": r"scatter|index_add|index_reduce|index_put|index_copy|index_fill|segment_reduce"
    r"|\bput$",
    "comparison": r"^(eq|ne|lt|le|gt|ge|equal|isclose|allclose|isnan|isinf|isfinite|maximum"
    r"|minimum|fmax|fmin|clamp\w*|clip|less\w*|greater\w*|not_equal)$",
    "bits": r"bitwise|logical|__(and|or|xor|lshift|rshift)__",
    "rounding": r"^(special_)?(round|floor|ceil|trunc|fix|frac)$",
    "complex numbers": r"^(complex|polar|angle|real|imag|conj\w*|view_as_(real|complex)\w*)$",
    "quantized numbers": r"quant|qparams",
}

LEFT_OUT = {
    r"backward|_grad$|jvp|double|learnable|moving_avg|foreach": "of training",
    r"aten::(batch_norm_(elemt|stats|gather|update)|rrelu_with_noise|_cudnn_init_dropout)": (
        "of training, on several processors or in place"
    ),
    r"batch_norm(_with_update|_legit)\.out": "new statistics beside a result that is given",
    r"aten::(_fill_mem_eff_dropout|_use_|cudnn_is_)": "help for another operator",
    r"sparse|_coo|_csr|nested|jagged|\bsmm$|spmm|sspadd": "of tensors with gaps",
    r"nuclear_norm": "singular values, which take as many steps as they take",
    r"_dyn_quant_matmul_4bit|_wrapped_|quantized_(gru|lstm|rnn)": (
        "packed weights that do not say what is in them"
    ),
    r"fbgemm_|legacy|choose_qparams_optimized": "of TorchScript and older",
    r"unpack|_compute_linear_combination": "of no graph",
    r"aten::(_?make|_?empty|_make_per).*(quantized|affine)": "makes a tensor of given numbers",
    r"aten::(de)?quantize(_per_tensor)?\.tensors": "of lists",
    # Those of modules that hold quantized tensors, which no front end captures; the layers are
    # counted all the same, to be ready for graphs that others have.
    r"quantized::(?!conv\dd|conv_transpose\dd|linear|matmul)": "element by element, of eager mode",
    r"onednn::q(add|mul|batch_norm)": "element by element, of inductor's kernels",
}


def named(names: Iterable[str]) -> Iterator[tuple[str, OpOverload]]:
    """The overloads that have these names, such as ``aten::add.Tensor``, and a tensor.

    Named dimensions are no longer a part of PyTorch; numbers alone cost nothing.
    """
    for name in names:
        namespace, _, rest = name.partition("::")
        packet, _, overload = rest.partition(".")
        op = getattr(getattr(getattr(torch.ops, namespace), packet), overload or "default")
        if "Tensor" in str(op._schema) and "name" not in overload.lower():
            yield name, op


# Private, as is all that lists the registry.
REGISTRY = [
    name
    for name in sorted(torch._C._dispatch_get_all_op_names())
    if name.partition("::")[0] in NAMESPACES
]


def is_known(op: OpOverload) -> bool:
    return any(functional(op) in table for table in (FORMULAS, COMPLEX, FREE))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_operator_of_a_family_has_a_formula_or_a_reason(family: str) -> None:
    names = [n for n in REGISTRY if re.search(FAMILIES[family], n.partition("::")[2].split(".")[0])]
    asked = [n for n in names if not any(re.search(pattern, n) for pattern in LEFT_OUT)]
    assert asked
    assert [name for name, op in named(asked) if not is_known(op)] == []


@pytest.mark.parametrize("pattern", LEFT_OUT)
def test_what_is_left_out_has_operators_that_are_not_known(pattern: str) -> None:
    names = [name for name in REGISTRY if re.search(pattern, name)]
    assert [name for name, op in named(names) if not is_known(op)]
