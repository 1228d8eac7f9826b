"""Four counts of one module, held against each other."""

from __future__ import annotations

import copy
import random
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops.capture.backward import sum_of_outputs
from fxflops.capture.prepare import on_meta
from fxflops.cost import QUANTITIES, Cost
from fxflops.spec import InputSpec, TensorInput, parse
from tests.fuzz.program import Program
from tests.fuzz.rules import ByRules
from tests.recount import recount

SMALL = (1, 2, 3, 5, 8)
PLACES = 2
"""Where each module is counted, besides all sizes 1 and all sizes 2."""


@dataclass
class Verdict:
    """What came of one module."""

    differences: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unproven: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    outside: list[str] = field(default_factory=list)


def judge(program: Program, seed: int = 0, only: str = "") -> Verdict:
    """Count the module in eval mode, as a training step, and with an axis of 0; or ``only`` one."""
    verdict = Verdict()
    rng = random.Random(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if only in ("", "eval"):
            _judged(program, parse(program.inputs), rng, verdict, train=False)
        if only in ("", "train") and any(True for _ in program.module().parameters()):
            _judged(program, parse(program.inputs), rng, verdict, train=True)
        if only in ("", "empty"):
            _empty(program, rng, verdict)
    return verdict


def _judged(
    program: Program, spec: InputSpec, rng: random.Random, verdict: Verdict, *, train: bool
) -> None:
    how = "train" if train else "eval" if 0 not in _sizes(spec) else "empty"
    model = program.module().train(train)
    before = portrait(model)
    try:
        analysis = fxflops.analyze(model, spec, train=train)
    except fxflops.FxflopsError as error:
        verdict.refused.append(f"{how}: {error}")
        return
    except Exception as error:
        verdict.differences.append(f"{how}: {type(error).__name__}: {error}")
        return
    if portrait(model) != before:
        verdict.differences.append(f"{how}: the module is changed")
    for sizes in _places(spec, rng):
        at = f"{how} at {sizes}"
        try:
            symbolic = analysis.at(**sizes)
        except fxflops.DomainError as error:
            if not _runs(program, spec, sizes, train=train):
                continue
            verdict.compared["outside"] += 1
            verdict.outside.append(f"{at}: {error}")
            continue
        verdict.compared[how] += 1
        if any(getattr(symbolic, name) < 0 for name in QUANTITIES):
            verdict.differences.append(f"{at}: negative: {symbolic}")
        _compared(program, spec, sizes, symbolic, verdict, at, train, analysis.complete)


def _empty(program: Program, rng: random.Random, verdict: Verdict) -> None:
    """The module with one axis of 0, the others free."""
    whole = parse(program.inputs)
    name = rng.choice([axis.name for axis in whole.axes])
    sizes = {axis.name: 3 + i for i, axis in enumerate(whole.axes)} | {name: 0}
    if _runs(program, whole, sizes, train=False):
        _judged(program, whole.fixed({name: 0}), rng, verdict, train=False)


def _compared(
    program: Program,
    spec: InputSpec,
    sizes: dict[str, int],
    symbolic: Cost,
    verdict: Verdict,
    at: str,
    train: bool,
    complete: bool,
) -> None:
    """Add what differs from the count at fixed sizes, by rules, and by PyTorch's counter."""
    twin = on_meta(program.module().train(train), None).train(train)
    fixed = _fixed(spec, sizes)
    try:
        again = recount(twin, fixed, {}, sum_of_outputs if train else None)
    except fxflops.FxflopsError as error:
        if not _runs(program, spec, sizes, train=train):
            verdict.differences.append(f"{at}: inside the domain, but does not run: {error}")
            return
        verdict.compared["runs on the CPU alone"] += 1  # PyTorch's meta kernels refuse it
        again = symbolic
    if not complete:
        verdict.compared["uncounted"] += 1
        return
    measured = _measured(program, spec, sizes, train=train)
    if measured is None and not _runs(program, spec, sizes, train=train):
        verdict.compared["does not run on the CPU"] += 1  # PyTorch's meta kernels alone take it
        return
    verdict.differences += _unlike(f"{at}: symbolic, fixed", symbolic, again)
    if measured is None:
        verdict.compared["not by rules"] += 1
        return
    rules, torch_flops = measured
    unproven = bool(rules.unproven)
    verdict.unproven.update(rules.unproven)
    verdict.compared["by rules"] += not unproven
    names = ("bytes_read", "bytes_written") if unproven else QUANTITIES
    found = _unlike(f"{at}: fixed, by rules", again, rules.cost, names)
    verdict.differences += found
    if torch_flops is not None and torch_flops != again.contraction:
        verdict.differences.append(
            f"{at}: contraction {again.contraction}, FlopCounterMode {torch_flops}"
        )


def _unlike(
    what: str, one: Cost, other: Cost, names: tuple[str, ...] = QUANTITIES
) -> Iterator[str]:
    for name in names:
        if getattr(one, name) != getattr(other, name):
            yield f"{what}: {name} {getattr(one, name)} != {getattr(other, name)}"


def _sizes(spec: InputSpec) -> list[Any]:
    return [axis for tensor in spec.tensors for axis in tensor.axes]


def _places(spec: InputSpec, rng: random.Random) -> Iterator[dict[str, int]]:
    names = [axis.name for axis in spec.axes]
    seen = []
    drawn = [dict.fromkeys(names, n) for n in (1, 2)]
    drawn += [{name: rng.choice(SMALL) for name in names} for _ in range(PLACES)]
    for sizes in drawn:
        if sizes not in seen:
            seen.append(sizes)
            yield sizes


def _fixed(spec: InputSpec, sizes: dict[str, int]) -> InputSpec:
    def size(axis: Any) -> int:
        return axis if isinstance(axis, int) else sizes[axis.name]

    return InputSpec(
        tuple(
            TensorInput(name=t.name, axes=tuple(map(size, t.axes)), dtype=t.dtype)
            for t in spec.tensors
        )
    )


def _inputs(spec: InputSpec, sizes: dict[str, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = []
    for tensor in _fixed(spec, sizes).tensors:
        if tensor.dtype:
            made.append(torch.randint(0, 4, tensor.axes, generator=generator))
        else:
            made.append(torch.randn(tensor.axes, generator=generator))
    return made


def _runs(program: Program, spec: InputSpec, sizes: dict[str, int], *, train: bool) -> bool:
    try:
        with torch.set_grad_enabled(train), torch.inference_mode(not train):
            program.module().train(train)(*_inputs(spec, sizes))
    except Exception:
        return False
    return True


def _measured(
    program: Program, spec: InputSpec, sizes: dict[str, int], *, train: bool
) -> tuple[ByRules, int | None] | None:
    """A run on the CPU, counted by rules; and one that PyTorch counts, where it knows all."""
    rules = ByRules()
    model, inputs = program.module().train(train), _inputs(spec, sizes)
    try:
        with _by_definition(), rules:
            _step(model, inputs, train)
    except Exception:
        if _runs(program, spec, sizes, train=train):
            raise  # the rules failed, not the module
        return None
    if any(name in APART_ON_META for name, _ in rules.calls):
        return None
    of_groups = train and "groups=" in program.source  # whose gradients it charges too often
    if of_groups or any(name in UNKNOWN_TO_TORCH for name, _ in rules.calls):
        return rules, None
    model, inputs = program.module().train(train), _inputs(spec, sizes)
    counter = FlopCounterMode(display=False)
    with _by_definition(), counter:
        _step(model, inputs, train)
    return rules, counter.get_total_flops()


@contextmanager
def _by_definition() -> Iterator[None]:
    """Attention without the fused kernels that the CPU alone has."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


APART_ON_META = {"aten.mish_backward.default", "aten.channel_shuffle.default"}
"""Operators that PyTorch breaks into others where there is no kernel of the CPU."""

UNKNOWN_TO_TORCH = {
    "aten.mv.default",
    "aten.dot.default",
    "aten.vdot.default",
    "aten.outer.default",
    "aten.ger.default",
    "aten.bilinear.default",
    "aten._trilinear.default",
    "aten.gru.input",
    "aten.lstm.input",
    "aten.rnn_tanh.input",
    "aten._transformer_encoder_layer_fwd.default",
    "aten._native_multi_head_attention.default",
    "aten.einsum.default",
    "aten.matmul.default",
    "aten.inner.default",
    "aten.tensordot.default",
    "aten.mkldnn_rnn_layer.default",
    "aten.mkldnn_rnn_layer_backward.default",
    "aten.cosine_similarity.default",
    "aten.affine_grid_generator.default",
    "aten.linalg_vecdot.default",
    "aten.addmv.default",
    "aten.addr.default",
}


def _step(model: nn.Module, inputs: list[Tensor], train: bool) -> None:
    if not train:
        with torch.inference_mode():
            model(*inputs)
        return
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss = sum_of_outputs(model(*inputs))
    torch.autograd.grad(loss, parameters, allow_unused=True)


def portrait(model: nn.Module) -> Any:
    """All that a module of the grammar holds."""
    found: list[Any] = []
    for name, module in model.named_modules():
        tensors = {**module._parameters, **module._buffers}
        held = {
            key: (id(t), t.detach().numpy().tobytes(), t.requires_grad, t.device, t.grad is None)
            for key, t in tensors.items()
            if t is not None
        }
        rest = {
            key: copy.copy(value) if isinstance(value, (dict, list, set)) else value
            for key, value in vars(module).items()
            if key not in ("_parameters", "_buffers")
        }
        found.append((name, id(module), held, rest))
    return found


def kind(difference: str) -> str:
    """The difference without its numbers, by which the shrunk module shows the same."""
    text = re.sub(r"\{.*?\}", "", difference)
    return re.sub(r"-?\d+", "#", text)[:60]
