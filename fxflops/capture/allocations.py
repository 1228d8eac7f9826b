"""The recorder of allocations: which tensors live when, during one call of a model.

The model runs as it does for the recorder of its graph, but nothing holds its tensors except what
holds them in an eager run: variables of Python, the model itself, autograd. So a storage is gone
from the log when it is gone from an eager run; liveness by last use would be too short, since a
caller may hold a tensor that nobody reads again. Storages are asked for, not tensors: what autograd
saves for the backward pass lives on without a tensor in Python.

The call logged is the second one: what a model makes once and keeps is there before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import (
    StorageWeakRef,  # private: whether a storage is gone, whoever held it
)
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from fxflops._torch import _disable_current_modes, tree_leaves
from fxflops.algebra import Dim
from fxflops.capture.backward import Loss, TrainingRecorder
from fxflops.capture.flex import is_flex_attention, results
from fxflops.capture.indices import Indices
from fxflops.capture.result import Capture
from fxflops.capture.source import model_line
from fxflops.capture.symint.reader import read_symint
from fxflops.capture.trace import Mode, Recorder, recorded
from fxflops.capture.workspace import NOTHING, Inside
from fxflops.domain import Guard
from fxflops.spec import InputSpec

aten = torch.ops.aten


class Allocated(NamedTuple):
    """One call: what lived before it, and the bytes of the new storages that it returned.

    ``live`` are bytes beyond those that lived before the model was called. ``inside`` is what the
    call's kernel takes from PyTorch's allocator on the CPU, None where that is not known. The call
    is the ``position``-th of the run.
    """

    position: int

    op: str
    path: str
    where: str
    live: Dim
    made: Dim
    inside: Inside | None
    phase: str = "forward"


class Log(NamedTuple):
    """The calls that allocate, in order, and what the log depends on.

    ``inputs`` are the bytes of the call's inputs. Of a training step, ``saved`` lives when the
    backward pass begins, and ``gradients`` are those of parameters at its end.
    """

    calls: tuple[Allocated, ...]
    guards: tuple[Guard, ...]
    inputs: Dim
    saved: Dim = 0
    gradients: Dim = 0


Workspace = Callable[[Any, Sequence[Any], Mapping[str, Any], Any], Inside | None]
"""From a call (operator, arguments, results) to what its kernel takes."""


def log(
    model: nn.Module,
    inputs: InputSpec,
    hints: Mapping[str, int],
    *,
    workspace: Workspace,
    mode: Mode = "eager",
    loss: Loss | None = None,
) -> Log:
    """The allocations of one call of ``model``, or with a ``loss`` of one training step.

    ``model``, ``inputs``, ``hints``, ``mode`` and errors are those of `fxflops.capture.trace`.
    """
    live = Live(workspace)
    recorder: Recorder
    if loss is None:
        recorder = AllocationRecorder(live, with_meta_kernels=True, mode=mode)
    else:
        recorder = TrainingAllocationRecorder(live, loss)
    captured: Capture = recorded(recorder, model, inputs, hints)
    return Log(tuple(live.calls), captured.guards, live.inputs, live.saved, live.gradients)


class Live:
    """The storages that live, and the log of the calls that made them."""

    def __init__(self, workspace: Workspace) -> None:
        self.calls: list[Allocated] = []
        self.now: Dim = 0
        self.inputs: Dim = 0
        self.saved: Dim = 0
        self.gradients: Dim = 0
        self.is_on = False
        self._position = 0
        self._workspace = workspace
        self._alive: dict[int, tuple[StorageWeakRef, Dim]] = {}
        self._resident: dict[int, Any] = {}

    def hold(self, tensor: Tensor, *, is_input: bool = False) -> None:
        """Leave the tensor out: it was there before the call."""
        storage = tensor.untyped_storage()
        if is_input and storage._cdata not in self._resident:
            self.inputs += _bytes(tensor)
        self._resident[storage._cdata] = storage

    def start(self) -> None:
        """From here on calls are logged; what lives now was there before."""
        self.release()
        self.now = 0
        self.is_on = True

    def release(self) -> set[int]:
        """Drop what is gone; the identities that are free again."""
        gone = {key for key, (storage, _) in self._alive.items() if storage.expired()}  # type: ignore[no-untyped-call]
        for key in gone:
            self.now -= self._alive.pop(key)[1]
        return gone

    def add(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any, path: str
    ) -> None:
        """Log a call and what it made."""
        made: Dim = 0
        is_new = False
        for tensor in tree_leaves(result):
            if not isinstance(tensor, Tensor):
                continue
            storage = tensor.untyped_storage()
            key = storage._cdata
            if key in self._resident or key in self._alive:
                continue
            size = _bytes(tensor)
            self._alive[key] = StorageWeakRef(storage), size  # type: ignore[no-untyped-call]
            made += size
            is_new = True
        if not self.is_on:
            self.now += made
            return
        with _disable_current_modes():
            inside = self._workspace(func, args, kwargs, result)
        if is_new or inside != NOTHING:
            place = str(func), path, model_line()
            self.calls.append(Allocated(self._position, *place, self.now, made, inside))
        self._position += 1
        self.now += made


def _bytes(tensor: Tensor) -> Dim:
    """Those of its storage."""
    return read_symint(tensor.untyped_storage().nbytes())


class AllocationRecorder(Recorder):  # type: ignore[no-untyped-call]
    """Logs the allocations of the second of two calls, and records no graph."""

    def __init__(self, live: Live, *, with_meta_kernels: bool, mode: Mode = "eager") -> None:
        super().__init__(with_meta_kernels=with_meta_kernels, mode=mode)
        self._live = live
        self._indices = Unfollowed()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.constants.forget(self._live.release())
        return super().__torch_dispatch__(func, types, args, kwargs)

    def add_call(
        self, func: Any, args: tuple[Any, ...], result: Any, kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Log that ``func`` of these arguments gave ``result``."""
        self._live.add(func, args, kwargs or {}, result, self.paths[-1])
        return result

    def _meta_kernel(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if func is aten.scaled_dot_product_attention.default:
            return _attention(*args[:3])
        return super()._meta_kernel(func, args, kwargs)

    def _higher_order(self, func: Any, *args: Any) -> Any:
        if not is_flex_attention(func):
            return super()._higher_order(func, *args)
        return self.add_call(func, args, results(args[0], args[2]))

    def add_input(self, name: str, tensor: Tensor, *, past: bool = False) -> None:
        """The caller holds it."""
        self._live.hold(tensor, is_input=True)

    def add_output(self, result: object) -> None:
        """The caller gets it; there is no graph that it would end."""

    def mark_replaced(self, before: Any) -> None:
        """There is no graph to mark."""

    def run(self, model: nn.Module, tensors: Sequence[Tensor], cache: Mapping[str, Any]) -> object:
        """Two calls, the second of them logged."""
        for tensor in (*model.parameters(), *model.buffers()):
            self._live.hold(tensor)
        self.call(model, tensors, cache)
        self._live.start()
        return self.call(model, tensors, cache)

    def call(self, model: nn.Module, tensors: Sequence[Tensor], cache: Mapping[str, Any]) -> object:
        """One call of the model."""
        return model(*tensors, **cache)


class TrainingAllocationRecorder(AllocationRecorder, TrainingRecorder):  # type: ignore[no-untyped-call]
    """Logs the second of two training steps, before each of which there are no gradients."""

    def __init__(self, live: Live, loss: Loss) -> None:
        TrainingRecorder.__init__(self, loss, with_meta_kernels=True)
        self._live = live
        self._indices = Unfollowed()

    def call(self, model: nn.Module, tensors: Sequence[Tensor], cache: Mapping[str, Any]) -> object:
        """The model, the loss, and the gradients of all parameters that are trained."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        loss = self._loss(model(*tensors, **cache))
        self._live.release()
        self._live.saved = self._live.now
        # As loss.backward() without earlier gradients, which become those of the parameters.
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        self._live.release()
        self._live.gradients = sum((_bytes(g) for g in gradients if g is not None), 0)
        return loss, gradients

    @contextmanager
    def modes(self, *, is_symbolic: bool) -> Iterator[None]:
        """Attention as the CPU computes it, by its fused kernel where that takes it."""
        with super().modes(is_symbolic=is_symbolic), FusedAttention(), fused_in_layers():
            yield


class FusedAttention(TorchFunctionMode):
    """Chooses the fused kernel of the CPU, which tensors on meta would not get."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            chosen = _fused(*args, **kwargs)
            if chosen is not None:
                return chosen
        return func(*args, **kwargs)


@contextmanager
def fused_in_layers() -> Iterator[None]:
    """The same for PyTorch's own layers, inside which no mode listens, in this thread."""
    thread = threading.get_ident()

    def attention(*args: Any, **kwargs: Any) -> Any:
        chosen = _fused(*args, **kwargs) if threading.get_ident() == thread else None
        return scaled_dot_product_attention(*args, **kwargs) if chosen is None else chosen

    torch.nn.functional.scaled_dot_product_attention = attention
    try:
        yield
    finally:
        torch.nn.functional.scaled_dot_product_attention = scaled_dot_product_attention


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor | None:
    """The result of the fused kernel; None for what it does not take."""
    tensors = (query, key, value)
    fits = all(t.dim() == 4 and t.stride(-1) == 1 for t in tensors) and not enable_gqa
    if not fits or dropout_p or (attn_mask is not None and attn_mask.dtype == torch.bool):
        return None
    if len({t.shape[-1] for t in tensors}) > 1 or (
        attn_mask is not None and attn_mask.requires_grad
    ):
        return None
    kernel = aten._scaled_dot_product_flash_attention_for_cpu
    result: Tensor = kernel(*tensors, 0.0, is_causal, attn_mask=attn_mask, scale=scale)[0]
    return result


class Unfollowed(Indices):
    """In the place of what is known of indices, which holds the tensors that it knows."""

    def require(self, *_: Any) -> None:
        """Nothing is known."""

    def follow(self, *_: Any) -> None:
        """Nothing is noted."""


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The result as the CPU's fused kernel lays it out: position before head, transposed back."""
    if query.dim() != 4:
        return query.new_empty((*query.shape[:-1], value.shape[-1]))
    batch, heads, positions, _ = query.shape
    return query.new_empty((batch, positions, heads, value.shape[-1])).transpose(1, 2)
