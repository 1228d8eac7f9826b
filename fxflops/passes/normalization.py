"""Batch norms in a graph, live or frozen, as ``y = x * scale + shift`` per channel."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.fx

from fxflops.capture.calls import bind
from fxflops.passes.rewrite import Rewriter, channels, has_type_of

aten = torch.ops.aten

SUMS = {aten.add.Tensor, aten.add_.Tensor}
PRODUCTS = {aten.mul.Tensor, aten.mul_.Tensor}


class Live(NamedTuple):
    """The arguments of ``batch_norm`` in inference."""

    weight: torch.fx.Node | None
    bias: torch.fx.Node | None
    mean: torch.fx.Node
    variance: torch.fx.Node
    eps: float


class Frozen(NamedTuple):
    """Constants by which a map is multiplied, and which are then added."""

    scale: torch.fx.Node
    shift: torch.fx.Node


class Normalization(NamedTuple):
    """Calls, the last one first, that normalize ``input``."""

    input: torch.fx.Node
    calls: tuple[torch.fx.Node, ...]
    constants: Live | Frozen


def normalization(node: Any, graph: Rewriter) -> Normalization | None:
    """The batch norm whose value ``node`` has, if it has that of one."""
    if not isinstance(node, torch.fx.Node):
        return None
    return _live(node, graph) or _frozen(node, graph)


def scale_and_shift(
    norm: Normalization, graph: Rewriter, at: torch.fx.Node
) -> tuple[torch.fx.Node, torch.fx.Node]:
    """The two vectors, one entry per channel, as new calls before ``at``."""
    constants = norm.constants
    if isinstance(constants, Frozen):
        scale_C, shift_C = (graph.weight(at, aten.reshape.default, c, [-1]) for c in constants)
        return scale_C, shift_C
    shifted_C = graph.weight(at, aten.add.Tensor, constants.variance, constants.eps)
    scale_C = graph.weight(at, aten.rsqrt.default, shifted_C)
    if constants.weight is not None:
        scale_C = graph.weight(at, aten.mul.Tensor, constants.weight, scale_C)
    mean_C = graph.weight(at, aten.mul.Tensor, constants.mean, scale_C)
    if constants.bias is None:
        return scale_C, graph.weight(at, aten.neg.default, mean_C)
    return scale_C, graph.weight(at, aten.sub.Tensor, constants.bias, mean_C)


def _live(node: torch.fx.Node, graph: Rewriter) -> Normalization | None:
    if node.target is not aten.batch_norm.default:
        return None
    bound = bind(node.target, node.args, node.kwargs)
    weight, bias = bound["weight"], bound["bias"]
    mean, variance = bound["running_mean"], bound["running_var"]
    constants = [c for c in (weight, bias) if c is not None] + [mean, variance]
    if bound["training"] or not all(map(graph.is_constant, constants)):
        return None
    if not has_type_of(node, bound["input"], *constants):
        return None
    return Normalization(bound["input"], (node,), Live(weight, bias, mean, variance, bound["eps"]))


def _frozen(node: torch.fx.Node, graph: Rewriter) -> Normalization | None:
    """A product with a constant per channel that only a sum with such a constant uses."""
    if node.target not in SUMS or node.kwargs.get("alpha", 1) != 1 or len(node.args) != 2:
        return None
    product, shift = _with_constant(node, graph)
    if product is None or product.target not in PRODUCTS or len(product.users) > 1:
        return None
    input, scale = _with_constant(product, graph)
    if input is None or not has_type_of(node, input, scale, shift):
        return None
    return Normalization(input, (node, product), Frozen(scale, shift))


def _with_constant(node: torch.fx.Node, graph: Rewriter) -> tuple[Any, Any]:
    """The operands of a sum or a product, of which the second one is a constant per channel."""
    left, right = node.args
    for value, constant in ((left, right), (right, left)):
        if (
            isinstance(value, torch.fx.Node)
            and isinstance(constant, torch.fx.Node)
            and graph.is_constant(constant)
            and not graph.is_constant(value)
            and _is_per_channel(constant, value)
        ):
            return value, constant
    return None, None


def _is_per_channel(constant: torch.fx.Node, value: torch.fx.Node) -> bool:
    of_value, shape = value.meta["val"].dim(), list(constant.meta["val"].shape)
    if of_value < 3 or len(shape) not in (of_value - 1, of_value):
        return False
    if len(shape) == of_value and shape.pop(0) != 1:
        return False
    size, *others = shape
    known = channels(value)
    return isinstance(known, int) and size == known and all(other == 1 for other in others)
