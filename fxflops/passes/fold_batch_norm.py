"""The pass that folds batch norms into the convolutions before them."""

from __future__ import annotations

import torch
import torch.fx

from fxflops.capture import Capture
from fxflops.passes.binding_time import binding_times, is_kept
from fxflops.passes.normalization import Normalization, normalization, scale_and_shift
from fxflops.passes.rewrite import (
    Rewriter,
    Rewritten,
    has_type_of,
    is_convolution,
    weight_and_bias,
)

aten = torch.ops.aten


def fold_batch_norm(capture: Capture) -> Rewritten:
    """``capture`` with each batch norm that follows a convolution folded into it.

    With ``scale`` and ``shift`` of the norm, kernel and bias become ``kernel * scale`` and
    ``bias * scale + shift`` per output channel (arXiv:1712.05877, sec. 3.2). A batch norm is a
    call of ``batch_norm`` in inference, or a product and a sum with constants per channel. Left
    as they are: batch norms of a value that something else uses, too, those of other layers, those
    of another dtype, and transposed convolutions.

    Requires what `Capture` ensures. Ensures the same outputs; the new kernels are calls on weights
    alone whose ``meta["binding_time"]`` is ``"model"``. ``capture`` is not changed, and a second
    pass finds nothing to do.
    """
    graph = Rewriter(capture, binding_times(capture.graph))
    folded = 0
    for node in list(graph.graph.nodes):
        norm = normalization(node, graph)
        if norm is not None and _is_foldable(norm, graph):
            _fold(norm, graph)
            folded += 1
    return graph.result(folded)


def _is_foldable(norm: Normalization, graph: Rewriter) -> bool:
    convolution = norm.input
    if not is_convolution(convolution) or len(convolution.users) > 1:
        return False
    input = convolution.args[0]
    weights = [weight for weight in weight_and_bias(convolution) if weight is not None]
    return (
        isinstance(input, torch.fx.Node)
        and all(map(graph.is_constant, weights))
        and has_type_of(norm.calls[0], *weights)
        and is_kept(input, convolution, norm.calls[0])
    )


def _fold(norm: Normalization, graph: Rewriter) -> None:
    convolution, last = norm.input, norm.calls[0]
    weight, bias = weight_and_bias(convolution)
    scale_C, shift_C = scale_and_shift(norm, graph, last)
    ones = [1] * (weight.meta["val"].dim() - 1)
    factor = graph.weight(last, aten.reshape.default, scale_C, [-1, *ones])
    kernel = graph.weight(last, aten.mul.Tensor, weight, factor)
    if bias is not None:
        scaled_C = graph.weight(last, aten.mul.Tensor, bias, scale_C)
        shift_C = graph.weight(last, aten.add.Tensor, scaled_C, shift_C)
    graph.convolution(convolution, kernel, shift_C, instead_of=last, path=convolution.meta["path"])
    graph.erase((*norm.calls, convolution))
