"""The pass that merges the parallel branches of a RepVGG block into one convolution."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.fx

from fxflops.capture import Capture
from fxflops.capture.calls import bind
from fxflops.formulas.shapes import per_axis
from fxflops.passes.binding_time import binding_times, is_kept
from fxflops.passes.normalization import (
    SUMS,
    Normalization,
    normalization,
    scale_and_shift,
)
from fxflops.passes.rewrite import (
    Rewriter,
    Rewritten,
    channels,
    has_type_of,
    is_convolution,
    weight_and_bias,
)

aten = torch.ops.aten


class Window(NamedTuple):
    """How a convolution slides: one entry per axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int


class Branch(NamedTuple):
    """One of two operands of a sum: a convolution or the identity, perhaps with a batch norm.

    ``window`` is None for the identity; ``calls`` are its own, the last one first.
    """

    input: torch.fx.Node
    convolution: torch.fx.Node | None
    window: Window | None
    norm: Normalization | None
    calls: tuple[torch.fx.Node, ...]


def merge_repvgg(capture: Capture) -> Rewritten:
    """``capture`` with the branches of every RepVGG block as one convolution.

    Branches are added and read one tensor: convolutions of one stride whose windows have the same
    center, each with or without batch norm; and the identity with batch norm, or beside two
    convolutions without. The smaller kernels are padded with zeros, the identity is a 1x1 kernel
    (arXiv:2101.03697, sec. 3.3). Sums of more branches are merged two by two; a 0 that such a sum
    begins with, or that stands for an identity that there is not, goes with them. Left as they are:
    dilated and transposed convolutions, and branches that something else uses, too.

    Requires what `Capture` ensures. Ensures the same outputs; the new kernels are calls on weights
    alone whose ``meta["binding_time"]`` is ``"model"``. ``capture`` is not changed, and a second
    pass finds nothing to do.
    """
    graph = Rewriter(capture, binding_times(capture.graph))
    merged: set[torch.fx.Node] = set()
    for node in list(graph.graph.nodes):
        if _without_zero(node) in merged:
            node.replace_all_uses_with(node.args[0])
            graph.erase((node,))
            continue
        pair = _pair(node, graph, merged)
        if pair is None:
            continue
        new = _merge(node, *pair, graph)
        for branch in pair:
            graph.erase(branch.calls)
            merged.difference_update(branch.calls)
        merged.add(new)
    return graph.result(len(merged))


def _pair(
    node: torch.fx.Node, graph: Rewriter, merged: set[torch.fx.Node]
) -> tuple[Branch, Branch] | None:
    """The branches that ``node`` adds, that with the larger window first."""
    if node.target not in SUMS or node.kwargs.get("alpha", 1) != 1 or len(node.args) != 2:
        return None
    left, right = node.args
    if left is right or not isinstance(left, torch.fx.Node) or not isinstance(right, torch.fx.Node):
        return None
    pair = _branch(left, graph), _branch(right, graph)
    for one, value in ((0, right), (1, left)):
        branch = pair[one]
        if branch is not None and branch.convolution in merged and branch.input is value:
            # Writing to the input itself would be seen by others.
            if node.target is aten.add_.Tensor and value is left:
                return None
            pair = branch, Branch(value, None, None, None, ())
            break
    first, second = pair
    if first is None or second is None or first.input is not second.input:
        return None
    if not has_type_of(node, first.input, *first.calls, *second.calls):
        return None
    starts = [c for branch in (first, second) for c in branch.calls]
    earliest = min(starts, key=list(graph.graph.nodes).index)
    if not is_kept(first.input, earliest, node):
        return None
    for larger, smaller in ((first, second), (second, first)):
        if _contains(larger, smaller):
            return larger, smaller
    return None


def _branch(node: torch.fx.Node, graph: Rewriter) -> Branch | None:
    if len(node.users) > 1:
        return None
    summed = _without_zero(node)
    if summed is not None:
        branch = _branch(summed, graph)
        return branch and branch._replace(calls=(node, *branch.calls))
    norm = normalization(node, graph)
    last = node if norm is None else norm.input
    calls = () if norm is None else norm.calls
    if is_convolution(last) and len(last.users) == 1:
        input, *weights = last.args[:3]
        weights = [weight for weight in weights if weight is not None]
        window = _window(last)
        if window is not None and all(map(graph.is_constant, weights)):
            assert isinstance(input, torch.fx.Node)
            return Branch(input, last, window, norm, (*calls, last))
    return None if norm is None else Branch(norm.input, None, None, norm, calls)


def _without_zero(node: torch.fx.Node) -> torch.fx.Node | None:
    """What ``node`` adds the number 0 to, if it does."""
    if node.target not in SUMS or node.kwargs or len(node.args) != 2:
        return None
    value, number = node.args
    if isinstance(value, torch.fx.Node) and type(number) in (int, float) and number == 0:
        return value if has_type_of(node, value) else None
    return None


def _window(convolution: torch.fx.Node) -> Window | None:
    """The window, where it is not dilated and has sizes that are numbers."""
    bound = bind(convolution.target, convolution.args, convolution.kwargs)  # type: ignore[arg-type]
    kernel = tuple(bound["weight"].meta["val"].shape[2:])

    stride, padding, dilation = (
        per_axis(bound[name], len(kernel)) for name in ("stride", "padding", "dilation")
    )
    if not all(isinstance(n, int) for n in (*kernel, *stride, *padding, bound["groups"])):
        return None
    if dilation != (1,) * len(kernel):
        return None
    return Window(kernel, stride, padding, bound["groups"])


def _contains(larger: Branch, smaller: Branch) -> bool:
    """Whether the second branch is the first one with another kernel, perhaps padded with zeros."""
    window = larger.window
    if window is None:
        return False
    inner = smaller.window
    if inner is None:
        ones = (1,) * len(window.kernel)
        if larger.convolution is None or channels(larger.input) != channels(larger.convolution):
            return False
        inner = Window(ones, ones, (0,) * len(ones), window.groups)
    return (inner.stride, inner.groups) == (window.stride, window.groups) and all(
        outside >= 0 and big - small == 2 * outside
        for big, small, outside in zip(
            window.kernel, inner.kernel, _margins(window, inner), strict=True
        )
    )


def _margins(window: Window, inner: Window) -> list[int]:
    return [p - q for p, q in zip(window.padding, inner.padding, strict=True)]


def _merge(at: torch.fx.Node, larger: Branch, smaller: Branch, graph: Rewriter) -> torch.fx.Node:
    """The convolution that is the sum ``at`` of the branches, in its place."""
    assert larger.convolution is not None
    assert larger.window is not None
    kernel, bias = _kernel_and_bias(larger, larger, graph, at)
    inner, inner_bias = _kernel_and_bias(smaller, larger, graph, at)
    known = smaller.window or Window((), (), (0,) * len(larger.window.padding), 1)
    margins = _margins(larger.window, known)
    if any(margins):
        pads = [margin for margin in reversed(margins) for _ in range(2)]
        inner = graph.weight(at, aten.constant_pad_nd.default, inner, pads)
    biases = [b for b in (bias, inner_bias) if b is not None]
    total = graph.weight(at, aten.add.Tensor, *biases) if len(biases) == 2 else (*biases, None)[0]
    kernel = graph.weight(at, aten.add.Tensor, kernel, inner)
    new = graph.convolution(larger.convolution, kernel, total, instead_of=at, path=at.meta["path"])
    graph.erase((at,))
    return new


def _kernel_and_bias(
    branch: Branch, larger: Branch, graph: Rewriter, at: torch.fx.Node
) -> tuple[torch.fx.Node, torch.fx.Node | None]:
    """Kernel and bias of the convolution that equals ``branch``."""
    assert larger.convolution is not None
    assert larger.window is not None
    scale_C = shift_C = None
    if branch.norm is not None:
        scale_C, shift_C = scale_and_shift(branch.norm, graph, at)
    axes = len(larger.window.kernel)
    if branch.convolution is None:
        if scale_C is None:
            scale_C = _ones(weight_and_bias(larger.convolution)[0], axes, graph, at)
        return _diagonal(scale_C, larger.window.groups, axes, graph, at), shift_C
    weight, bias = weight_and_bias(branch.convolution)
    if scale_C is None or shift_C is None:
        return weight, bias
    factor = graph.weight(at, aten.reshape.default, scale_C, [-1, *[1] * (axes + 1)])
    kernel = graph.weight(at, aten.mul.Tensor, weight, factor)
    if bias is not None:
        scaled_C = graph.weight(at, aten.mul.Tensor, bias, scale_C)
        shift_C = graph.weight(at, aten.add.Tensor, scaled_C, shift_C)
    return kernel, shift_C


def _ones(weight: Any, axes: int, graph: Rewriter, at: torch.fx.Node) -> torch.fx.Node:
    """A 1 for each output channel of a kernel."""
    for axis in range(axes + 1, 0, -1):
        weight = graph.weight(at, aten.select.int, weight, axis, 0)
    return graph.weight(at, aten.ones_like.default, weight)


def _diagonal(
    scale_C: torch.fx.Node, groups: int, axes: int, graph: Rewriter, at: torch.fx.Node
) -> torch.fx.Node:
    """The kernel of size 1 that multiplies each channel by its scale."""
    (size,) = scale_C.meta["val"].shape
    per_group = size // groups
    grouped = graph.weight(at, aten.reshape.default, scale_C, [groups, per_group])
    blocks = graph.weight(at, aten.diag_embed.default, grouped)
    return graph.weight(at, aten.reshape.default, blocks, [size, per_group, *[1] * axes])
