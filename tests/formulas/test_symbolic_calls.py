"""Every operator called with symbolic sizes: shapes and costs are those of concrete calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import nn

from fxflops.algebra import Dim, Symbol, evaluate
from fxflops.analysis.count import count
from fxflops.capture import Capture, trace
from fxflops.capture.calls import shaped
from fxflops.cost import Cost, total
from fxflops.errors import FxflopsError
from fxflops.spec import Axis, InputSpec, TensorInput
from tests.formulas.harness import Case, Typed
from tests.formulas.test_formulas import RUNNABLE

OTHER_SIZES = (
    lambda n, i: 2 * n,
    lambda n, i: n + 1 + i,
    lambda n, i: 3 * n + i,
    lambda n, i: n + 7 * (i + 1),
)


aten = torch.ops.aten
FIXED = {
    aten._aminmax.default, aten._aminmax.dim, aten.affine_grid_generator.default,
    aten.allclose.default, aten.chain_matmul.default,
    aten.conv2d.padding, aten.conv3d.padding,
    aten.equal.default, aten.fractional_max_pool3d.default,
    aten.kron.default, aten.linalg_multi_dot.default,
    aten.native_group_norm.default, aten.nonzero.default, aten.nonzero_numpy.default,
    aten.norm_except_dim.default, aten.unique_consecutive.default,
    aten.unique_dim_consecutive.default, aten.istft.default, aten.ctc_loss.IntList,
    aten.rnn_tanh.data, aten.rnn_relu.data, aten.gru.data,
    aten.quantize_per_channel.default, aten.quantize_per_tensor_dynamic.default,
    aten.dequantize.self, aten.fake_quantize_per_tensor_affine.default,
    aten.fake_quantize_per_tensor_affine.tensor_qparams,
    aten.fake_quantize_per_channel_affine.default,
}  # fmt: skip
FIXED_ROWS = {
    (aten.cross_entropy_loss.default, "cross entropy of one sample"),
    (aten.mean.default, "mean of all"),
}
"""Rows that have no other size: PyTorch's kernel fixes them, or an argument of the row does."""


class Call(nn.Module):
    """One call of an operator."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case

    def forward(self, *tensors: torch.Tensor) -> Any:
        waiting = iter(tensors)
        args, kwargs = self.case.operands(lambda _: next(waiting))
        return self.case.op(*args, **kwargs)


def described(case: Case) -> list[tuple[torch.dtype, tuple[int, ...]]]:
    """The type and shape of each tensor among the arguments, in the order of the call."""
    found: list[tuple[torch.dtype, tuple[int, ...]]] = []

    def note(of: Any) -> None:
        found.append((of.dtype, of.shape) if isinstance(of, Typed) else (torch.float32, of))

    case.operands(note)
    return found


def spec(case: Case, free: Mapping[int, Axis]) -> InputSpec:
    """The tensors with each size that is in ``free`` symbolic."""
    return InputSpec(
        tuple(
            TensorInput(
                name=f"t{i}",
                axes=tuple(free.get(size, size) for size in shape),
                dtype=str(dtype).removeprefix("torch."),
            )
            for i, (dtype, shape) in enumerate(described(case))
        )
    )


def captures(case: Case) -> Iterator[tuple[InputSpec, Capture, dict[str, int]]]:
    """The call with all sizes symbolic, or else with as many as possible one by one."""
    sizes = sorted({size for _, shape in described(case) for size in shape if size > 1})
    for chosen in (sizes, *([size] for size in sizes)):
        free = {size: Axis(name=f"s{size}") for size in chosen}
        hints = {axis.name: size for size, axis in free.items()}
        inputs = spec(case, free)
        try:
            captured = trace.capture(Call(case), inputs, hints)
        except FxflopsError:
            continue
        yield inputs, captured, hints
        if chosen is sizes:
            return


def costs(captured: Capture) -> Cost:
    return total(node.cost for node in count(captured) if node.cost)


def results(captured: Capture) -> Any:
    [output] = [node for node in captured.graph.nodes if node.meta["kind"] == "output"]
    return shaped(output.meta["val"], captured.read)


def at(value: Any, values: Mapping[Symbol, int]) -> Any:
    """``value``, of shapes, with numbers in the place of symbols."""
    if isinstance(value, tuple):
        return tuple(at(item, values) for item in value)
    return evaluate(value, values) if isinstance(value, Dim) else value


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in RUNNABLE if c.out is None and not c.unsized], ids=str)
def test_a_symbolic_call_is_a_concrete_one_at_other_sizes(case: Case) -> None:
    compared = 0
    for inputs, captured, hints in captures(case):
        symbolic, shapes = costs(captured), results(captured)
        for other in OTHER_SIZES:
            sizes = {name: other(n, i) for i, (name, n) in enumerate(hints.items())}
            try:
                values = captured.domain.values(sizes, str(case))
            except FxflopsError:
                continue
            concrete = trace.capture(Call(case), inputs.fixed(sizes), {}, with_meta_kernels=False)
            assert at(shapes, values) == results(concrete)
            assert symbolic.at(values) == costs(concrete)
            compared += 1
    assert (compared > 0) == (case.op not in FIXED and (case.op, case.name) not in FIXED_ROWS)
