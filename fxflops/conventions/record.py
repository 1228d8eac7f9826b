"""A model's graph with what issued its operators: module calls and calls of Python functions.

The graph says which operators run. Tools that hook modules or replace functions count by calls
instead: of an ``nn.Linear``, of ``torch.matmul``. The record has both, from one capture, so that
each call knows the operators inside it, and its shapes are formulas of the input's sizes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import (
    _get_current_dispatch_mode,  # private: the recorder that is running
)

from fxflops.algebra import Dim
from fxflops.analysis.count import count
from fxflops.analysis.records import NodeCost
from fxflops.capture import trace
from fxflops.capture.calls import bind, shaped
from fxflops.capture.prepare import example_inputs, floating_dtype
from fxflops.capture.symint.reader import read_symint
from fxflops.cost import Cost, total
from fxflops.registry import Operator
from fxflops.spec import InputSpec

DIMENSIONS = ("1d", "2d", "3d")
FUNCTIONAL = (
    *("linear", "relu", "prelu", "elu", "leaky_relu", "relu6", "silu", "gelu"),
    *("batch_norm", "layer_norm", "instance_norm", "group_norm"),
    *(f"conv{d}" for d in DIMENSIONS),
    *(f"conv_transpose{d}" for d in DIMENSIONS),
    *(f"{kind}_pool{d}" for d in DIMENSIONS for kind in ("avg", "max")),
    *(f"adaptive_{kind}_pool{d}" for d in DIMENSIONS for kind in ("avg", "max")),
    *("softmax", "upsample", "interpolate", "multi_head_attention_forward"),
)
METHODS = ("matmul", "mm", "bmm", "addmm", "mul", "add")
FUNCTIONS: tuple[tuple[Any, str], ...] = (
    *((F, name) for name in FUNCTIONAL),
    *((torch, name) for name in (*METHODS, "baddbmm", "einsum")),
    *((torch.Tensor, name) for name in METHODS),
)
"""The functions that some tool replaces by one that counts, by where a model finds them.

``a * b`` and ``a @ b`` do not pass through them: Python looks operators up elsewhere.
"""
LABELS = {F: "F", torch: "torch", torch.Tensor: "Tensor"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call:
    """One call, with the operators that ran in it.

    ``target`` is the module, the function's name such as ``"F.relu"`` or ``"Tensor.mul"``, or the
    ``OpOverload``; ``path`` the module called, or the one that calls. In ``args``, ``kwargs`` and
    ``out`` a tensor is its shape; an operator has its arguments by name, in ``kwargs``, and
    ``strided`` names those that do not lie in memory as their shape says, ``spread`` those of
    which not even a row does, and ``is_used`` says whether the model's result depends on it.
    """

    target: Any
    path: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: Any
    nodes: tuple[NodeCost, ...]
    strided: frozenset[str] = frozenset()
    spread: frozenset[str] = frozenset()
    is_used: bool = True

    @property
    def name(self) -> str:
        """As reports show it."""
        return (
            type(self.target).__name__ if isinstance(self.target, nn.Module) else str(self.target)
        )

    def argument(self, position: int, name: str) -> Any:
        """An argument given by position or by name; None where it is not given."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """Everything that a convention may look at.

    ``operators`` are all the graph's, ``modules`` and ``functions`` in the order in which they
    return. ``batch`` is the leading size of the first input; ``example`` are inputs on the meta
    device of the sizes that the capture was traced with.
    """

    model: nn.Module
    operators: tuple[Call, ...]
    modules: tuple[Call, ...]
    functions: tuple[Call, ...]
    batch: Dim
    example: tuple[Tensor, ...]

    @property
    def nodes(self) -> tuple[NodeCost, ...]:
        """Our count, node by node."""
        return tuple(node for call in self.operators for node in call.nodes)

    @property
    def cost(self) -> Cost:
        """Our count, in total."""
        return total(node.cost for node in self.nodes if node.cost)

    def multiplicity(self, stop: Container[type[nn.Module]] = ()) -> dict[nn.Module, int]:
        """How often a walk through children meets each module: more than once where it is shared.

        A parent lists a child once however many names it has for it. The walk does not look into
        modules of the types ``stop``.
        """
        times = dict.fromkeys(self.model.modules(), 0)

        def walk(module: nn.Module) -> None:
            times[module] += 1
            if type(module) not in stop:
                for child in module.children():
                    walk(child)

        walk(self.model)
        return times


def record(model: nn.Module, inputs: InputSpec, hints: Mapping[str, int]) -> Record:
    """Capture ``model``, a module on the meta device in eval mode, with its calls.

    ``hints`` are sizes to trace with. Raises what `trace.capture` raises.
    """
    watch = _Watch()
    with ExitStack() as stack:
        stack.enter_context(watch.modules_of(model))
        stack.enter_context(watch.replaced_functions())
        captured = trace.capture(model, inputs, hints)
    costs = {cost.name: cost for cost in count(captured)}
    used = _used(captured.graph)
    operators = tuple(
        _operator_call(node, costs[node.name], is_used=node in used)
        for node in captured.graph.nodes
        if node.name in costs
    )
    first = next(node for node in captured.graph.nodes if node.meta["kind"] == "input")
    shape = shaped(first.meta["val"], read_symint)
    return Record(
        model=model,
        operators=operators,
        modules=tuple(call.with_costs(costs) for call in watch.module_calls),
        functions=tuple(call.with_costs(costs) for call in watch.function_calls),
        batch=shape[0] if shape else 1,
        example=example_inputs(inputs, hints, floating_dtype(model)),
    )


def _used(graph: torch.fx.Graph) -> set[torch.fx.Node]:
    """The nodes that the result depends on, and those that write into their arguments."""
    used: set[torch.fx.Node] = set()
    for node in reversed(graph.nodes):
        schema = getattr(node.target, "_schema", None)
        writes = schema is not None and schema.is_mutable
        if node.op == "output" or writes or any(user in used for user in node.users):
            used.add(node)
    return used


def _operator_call(node: torch.fx.Node, cost: NodeCost, *, is_used: bool) -> Call:
    op: Operator = node.target
    positional, named = torch.fx.node.map_arg(
        (node.args, node.kwargs), lambda source: source.meta["val"]
    )
    arguments = bind(op, positional, named)
    tensors = {name: value for name, value in arguments.items() if isinstance(value, Tensor)}
    return Call(
        target=op,
        path=cost.path,
        args=(),
        kwargs={name: shaped(value, read_symint) for name, value in arguments.items()},
        out=shaped(node.meta["val"], read_symint),
        nodes=(cost,),
        strided=frozenset(name for name, t in tensors.items() if not t.is_contiguous()),
        spread=frozenset(name for name, t in tensors.items() if t.dim() and t.stride(-1) != 1),
        is_used=is_used,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """A call whose operators are known by name only."""

    target: Any
    path: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: Any
    names: tuple[str, ...]

    def with_costs(self, costs: Mapping[str, NodeCost]) -> Call:
        return Call(
            target=self.target,
            path=self.path,
            args=self.args,
            kwargs=self.kwargs,
            out=self.out,
            nodes=tuple(costs[name] for name in self.names if name in costs),
        )


class _Watch:
    """Writes down calls while `trace.Recorder` writes down operators."""

    def __init__(self) -> None:
        self.module_calls: list[_Seen] = []
        self.function_calls: list[_Seen] = []
        self._started: list[torch.fx.Node | None] = []

    @contextmanager
    def modules_of(self, model: nn.Module) -> Iterator[None]:
        """Listen to every module of ``model``."""

        def enter(module: nn.Module, args: object, kwargs: object) -> None:
            self._started.append(_last_node())

        def leave(module: nn.Module, args: Any, kwargs: Any, out: object) -> None:
            path = _recorder().paths[-1]
            self.module_calls.append(self._seen(module, path, args, kwargs, out))

        handles = [
            handle
            for module in model.modules()
            for handle in (
                module.register_forward_pre_hook(enter, with_kwargs=True),
                module.register_forward_hook(leave, with_kwargs=True),
            )
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def replaced_functions(self) -> Iterator[None]:
        """Listen to `FUNCTIONS`, which are put back afterwards."""
        with ExitStack() as stack:
            for owner, name in FUNCTIONS:
                stack.callback(_restoration(owner, name))
                setattr(
                    owner, name, self._listening(f"{LABELS[owner]}.{name}", getattr(owner, name))
                )
            yield

    def _listening(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def listening(*args: Any, **kwargs: Any) -> Any:
            # With a function mode on, PyTorch looks a function up again to hand it to the mode.
            again = sys._getframe(1).f_code.co_name == "__torch_function__"
            if again or not isinstance(_get_current_dispatch_mode(), trace.Recorder):
                return function(*args, **kwargs)
            self._started.append(_last_node())
            out = function(*args, **kwargs)
            self.function_calls.append(self._seen(label, _recorder().paths[-1], args, kwargs, out))
            return out

        return listening

    def _seen(self, target: Any, path: str, args: Any, kwargs: Any, out: object) -> _Seen:
        started, names = self._started.pop(), []
        for node in reversed(_recorder().graph.nodes):
            if node is started:
                break
            names.append(node.name)
        return _Seen(
            target=target,
            path=path,
            args=shaped(tuple(args), read_symint),
            kwargs={name: shaped(value, read_symint) for name, value in kwargs.items()},
            out=shaped(out, read_symint),
            names=tuple(reversed(names)),
        )


def _recorder() -> trace.Recorder:
    mode = _get_current_dispatch_mode()
    assert isinstance(mode, trace.Recorder)
    return mode


def _last_node() -> torch.fx.Node | None:
    return next(iter(reversed(_recorder().graph.nodes)), None)


def _restoration(owner: Any, name: str) -> Callable[[], None]:
    """What puts ``owner.name`` back; a method that is inherited is not the owner's own."""
    if name in vars(owner):
        original = vars(owner)[name]
        return lambda: setattr(owner, name, original)
    return lambda: delattr(owner, name)
