"""The front end that records: the operators a model calls, at sizes that are symbols of our own.

The model runs once on meta tensors under a dispatch mode that writes each call into an fx graph.
The sizes of these tensors are polynomials inside ``torch.SymInt`` (`fxflops.capture.symint`), which
PyTorch's own kernels propagate. In inference mode composite operators (linear, convolution,
attention) arrive whole, as they do in ``torch.export``, so both front ends give the same graph.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any, Literal, TypeAlias

import torch
import torch.fx
from torch import Tensor, nn

from fxflops._torch import OpOverload, TorchDispatchMode, enable_python_dispatcher, tree_leaves
from fxflops.algebra import Dim
from fxflops.capture import past
from fxflops.capture.constants import Constants
from fxflops.capture.data_sizes import DataSizes
from fxflops.capture.data_sizes.refusals import data_dependent_size
from fxflops.capture.data_sizes.rules import result_of_data
from fxflops.capture.data_sizes.sizes import OfDataAtFixedSizesError
from fxflops.capture.flex import (
    flex_attention_as_one_node,
    is_flex_attention,
    of_one_score,
    results,
)
from fxflops.capture.guards.to_domain import domain_from_guards
from fxflops.capture.indices import Indices
from fxflops.capture.meta_kernels.forward import result_of
from fxflops.capture.modules import Returned, module_paths
from fxflops.capture.patches.casts import symbolic_casts
from fxflops.capture.patches.cpu_tensors import SYMBOLIC, AsOnCpu
from fxflops.capture.patches.data_sizes import sizes_of_data_kept_symbolic
from fxflops.capture.patches.module_state import restored_module_state
from fxflops.capture.patches.size_types import Texts, sizes_are_numbers
from fxflops.capture.patches.threads import replaced_here
from fxflops.capture.prepare import (
    capture_lock,
    example_inputs,
    failure,
    floating_dtype,
    module_types,
    needs_a_value,
    packages_of,
    symbol_of,
)
from fxflops.capture.result import Capture
from fxflops.capture.source import model_line, raised_at, runs_a_model
from fxflops.capture.symint.environment import SizeEnv
from fxflops.capture.symint.node import DataDecideError
from fxflops.capture.symint.reader import read_symint
from fxflops.domain import Guard, Sign
from fxflops.errors import CaptureError, SizeAsKeyError, SpecError, ValueNeededError
from fxflops.spec import InputSpec

Mode: TypeAlias = Literal["eager", "cast", "compiled", "exported"]
UNHASHABLE = "unhashable type: non-nested SymInt"
Attributes: TypeAlias = list[tuple[Any, dict[Any, tuple[Any, int]]]]


def capture(
    model: nn.Module,
    inputs: InputSpec,
    hints: Mapping[str, int],
    *,
    with_meta_kernels: bool = True,
    mode: Mode = "eager",
    data: DataSizes | None = None,
) -> Capture:
    """The graph of ``model``, a module on the meta device, with the spec's axes symbolic.

    ``hints`` are the sizes at which the model's own decisions are taken and recorded. Without
    ``with_meta_kernels`` every result is that of PyTorch's own kernel. The model runs as it is
    called; or so, but that ``int(size)`` stays symbolic (``mode="cast"``); or as `torch.compile` or
    `torch.export` would have it run: many then leave out what looks at values, of which there are
    none here. ``data`` says what the sizes are that data decide: by default, new symbols.

    Raises CaptureError when the model does not run, and SpecializationError, with the source line,
    when it fixes an axis that the spec leaves free.
    """
    make = partial(Recorder, with_meta_kernels=with_meta_kernels, mode=mode)
    return recorded(make, model, inputs, hints, data)


def recorded(
    make: Callable[[], Recorder],
    model: nn.Module,
    inputs: InputSpec,
    hints: Mapping[str, int],
    data: DataSizes | None = None,
) -> Capture:
    """`capture`, by a recorder that may do more with the model than call it."""
    data = data or DataSizes()
    try:
        return _recorded(make(), model, inputs, hints, data, is_symbolic=bool(inputs.axes))
    except OfDataAtFixedSizesError:
        return _recorded(make(), model, inputs, hints, data.again(), is_symbolic=True)


@runs_a_model
def _recorded(
    recorder: Recorder,
    model: nn.Module,
    inputs: InputSpec,
    hints: Mapping[str, int],
    data: DataSizes,
    *,
    is_symbolic: bool,
) -> Capture:
    """The graph; ``is_symbolic`` where a size in it may be a symbol."""
    symbols = {axis.name: symbol_of(axis) for axis in inputs.axes}
    guards: list[Guard] = []

    def record_guard(value: Dim, sign: Sign) -> None:
        guards.append(Guard(value, sign, model_line()))

    values = {symbol: symbol.value_at(hints[name]) for name, symbol in symbols.items()}
    texts = Texts()
    env = SizeEnv(values, record_guard, texts.of)
    sizes = {name: env.size(symbol.size) for name, symbol in symbols.items()}
    packages = packages_of(model)

    def captured() -> Capture:
        return Capture(
            graph=recorder.graph,
            read=read_symint,
            domain=domain_from_guards(tuple(symbols.values()), guards, tuple(data.found.values())),
            guards=tuple(dict.fromkeys(guards)),
            module_types=module_types(model),
            frontend="trace",
            notes=texts.notes,
            results=recorder.returned.shapes(read_symint),
            data=data.found,
        )

    recorder.data = data
    data.env, data.taken, data.is_symbolic = env, frozenset(sizes), is_symbolic
    try:
        with (
            capture_lock,
            restored_module_state(model, *recorder.called),
            torch.device("meta"),
            as_it_is_called(recorder.mode, packages, is_symbolic=is_symbolic),
            sizes_of_data_kept_symbolic(data, packages, casts=recorder.mode == "cast"),
        ):
            cache: dict[str, Any] = {}
            if inputs.past is not None:
                cache = past.filled(model, inputs, env, sizes, guards, recorder.another)
            with recorder.modes(is_symbolic=is_symbolic):
                tensors = example_inputs(inputs, sizes, floating_dtype(model))
                for tensor, described in zip(tensors, inputs.tensors, strict=True):
                    recorder.add_input(described.name, tensor)
                for index, tensor in enumerate(past.tensors_of(cache)):
                    recorder.add_input(f"past{index}", tensor, past=True)
                with module_paths(model, recorder.paths, recorder.returned), recorder:
                    before = _attributes(model)
                    # What the model sets of the context it runs in is set in a copy of it.
                    result = copy_context().run(recorder.run, model, tensors, cache)
                    recorder.mark_replaced(before)
    except (SpecError, OfDataAtFixedSizesError):
        raise
    except Exception as error:
        said = f"The model does not run at {inputs}: {failure(error)}"
        if is_key_error(error):
            raise SizeAsKeyError(said) from error
        if not needs_a_value(error) and not isinstance(error, DataDecideError):
            raise CaptureError(said) from error
        lacking = ValueNeededError(said)
        if any(node.meta["kind"] == "operator" for node in recorder.graph.nodes):
            with contextlib.suppress(CaptureError):
                recorder.add_cut(raised_at(error), _cut_for(error))
                lacking.partial = captured()
        raise lacking from error
    recorder.add_output(result)
    return captured()


def _cut_for(error: BaseException) -> str:
    return str(error) if isinstance(error, DataDecideError) else CUT


CUT = "the model goes on with the value of a tensor, which only a run has"


def is_key_error(error: BaseException) -> bool:
    """Whether a symbolic size could not be looked up in a dict."""
    return isinstance(error, TypeError) and str(error).startswith(UNHASHABLE)


@contextmanager
def as_it_is_called(mode: Mode, packages: Sequence[str], *, is_symbolic: bool) -> Iterator[None]:
    """What a model's code finds while it runs, other than its sizes and tensors."""
    with (
        flex_attention_as_one_node(),
        compiling_flags("eager" if mode == "cast" else mode),
        symbolic_casts(packages if mode != "eager" else ()),
        sizes_are_numbers(packages if is_symbolic else ()),
        value_asserts_skipped(),
    ):
        yield


@contextmanager
def compiling_flags(mode: Mode) -> Iterator[None]:
    """Has `torch.compiler` say how the model runs, to whoever asks in this thread."""
    with (
        replaced_here(torch.compiler.is_compiling, lambda: mode != "eager"),
        replaced_here(torch.compiler.is_exporting, lambda: mode == "exported"),
    ):
        yield


@contextmanager
def value_asserts_skipped() -> Iterator[None]:
    """Takes what a model checks of a tensor's values for true, since there are no values here.

    Private: what ``torch._check_tensor_all`` calls.
    """
    with replaced_here(torch._check_tensor_all_with, lambda *_: None):
        yield


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes every operator call into ``graph``; ``paths`` is the stack of modules running."""

    supports_higher_order_operators = True
    called: tuple[object, ...] = ()
    """What else it calls than the model."""

    def __init__(self, *, with_meta_kernels: bool, mode: Mode = "eager") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._with_meta_kernels = with_meta_kernels
        self.mode = mode
        self.data = DataSizes()
        self.graph = torch.fx.Graph()
        self.paths = [""]
        self.returned = Returned()
        self._indices = Indices()
        self.constants = Constants()
        self._nodes: dict[int, torch.fx.Node] = {}
        self._alive: list[Any] = []  # an id stays taken only as long as its tensor lives

    @contextmanager
    def modes(self, *, is_symbolic: bool) -> Iterator[None]:
        """What PyTorch is set to while the model runs; with symbols, to use kernels in Python."""
        with torch.inference_mode():
            if not is_symbolic:
                with AsOnCpu(self.add_call, self.constants.of):
                    yield
                return
            with enable_python_dispatcher(), AsOnCpu(self.add_call, self.constants.of):
                yield

    def another(self) -> Recorder:
        """One of the same kind, to run what is not to be recorded."""
        return Unrecorded(with_meta_kernels=self._with_meta_kernels, mode=self.mode)

    def run(self, model: nn.Module, tensors: Sequence[Tensor], cache: Mapping[str, Any]) -> object:
        """What is recorded: one call of the model."""
        return model(*tensors, **cache)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Private: otherwise torch wraps the method below in what imports the whole of Dynamo."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not isinstance(func, OpOverload):
            return self._higher_order(func, *args)
        if func is torch.ops.aten.size.default:  # torch 2.9, for plain integers
            return args[0].shape
        number = self.constants.number(func, args)
        if number is not None:
            return self.add_call(func, args, number, kwargs)
        self._indices.require(func, args)
        result = self.constants.result(func, args, kwargs or {})
        if result is None:
            result = result_of_data(self.data, func, args, kwargs or {})
        if result is None and self._with_meta_kernels:
            result = self._meta_kernel(func, args, kwargs or {})
        if result is None:
            result = _result(func, args, kwargs or {})
        self._indices.follow(func, args, kwargs or {}, result)
        self.constants.follow(func, args, kwargs or {}, result)
        if func._schema.is_mutable:
            self.data.changed((args, kwargs))
        return self.add_call(func, args, result, kwargs)

    def add_call(
        self, func: Any, args: tuple[Any, ...], result: Any, kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Write down that ``func`` of these arguments gave ``result``."""
        node = self.graph.call_function(func, self._argument(args), self._argument(kwargs or {}))
        return self._record(node, result)

    def _record(self, node: torch.fx.Node, result: Any) -> Any:
        """Make ``node`` what computes ``result``, a tensor or several."""
        leaves = (result,) if isinstance(result, Tensor) else tree_leaves(result)
        if any(isinstance(leaf, Tensor) and leaf.is_nested for leaf in leaves):
            raise CaptureError(
                "The model makes a nested tensor, whose sizes differ from row to row: count it "
                "with rows padded to one size"
            )
        self._describe(node, result)
        if isinstance(result, Tensor):
            self._own(result, node)
        elif isinstance(result, (tuple, list)):
            for index, item in enumerate(result):
                if isinstance(item, Tensor):
                    part = self.graph.call_function(operator.getitem, (node, index))
                    self._describe(part, item)
                    self._own(item, part)
        return result

    def _higher_order(self, func: Any, *args: Any) -> Any:
        """Flex attention as one node, whose ``meta["per_score"]`` is the graph of one score."""
        if not is_flex_attention(func):
            raise CaptureError(f"fxflops cannot record the higher-order operator {func}")
        query, key, value, score_mod, block_mask, *_ = args
        of_score = Recorder(with_meta_kernels=False)
        per_score, captured = of_one_score(of_score, score_mod, block_mask[-1])
        node = self.graph.call_function(func, self._argument((query, key, value, captured)))
        node.meta["per_score"] = per_score
        return self._record(node, results(query, value))

    def _meta_kernel(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return result_of(func, args, kwargs)

    def add_input(self, name: str, tensor: Tensor, *, past: bool = False) -> None:
        """Make ``tensor`` the graph's next input; one of a cache has ``meta["past"]``."""
        node = self._describe(self.graph.placeholder(name), tensor, "input")
        node.meta["past"] = past
        self._own(tensor, node)

    def add_output(self, result: object) -> None:
        """End the graph with what the model returned."""
        self._describe(self.graph.output(self._argument(result)), result, "output")

    def add_cut(self, where: str, why: str) -> None:
        """End the graph at this line, beyond which the model needs what only a run has."""
        node = self.graph.call_function(torch.ops.aten.item.default)
        self._describe(node, None)
        node.meta |= {"where": where, "cut": why}
        self.add_output(None)

    def mark_replaced(self, before: Attributes) -> None:
        """Have the nodes that read what the model has replaced since know it: it is state.

        A number may be in any call; where one has been replaced, all of them are taken to read it.
        """
        replaced: set[int] = set()
        is_counted = False
        for container, entries in before:
            now = dict(_entries(container))
            for name, (value, storage) in entries.items():
                if isinstance(value, Tensor):
                    is_other = now.get(name) is not value
                    if is_other or _storage(value) != storage:
                        replaced.add(storage)
                elif type(now.get(name)) in (int, float) and now[name] != value:
                    is_counted = True
        for node in self.graph.nodes if replaced or is_counted else ():
            result = node.meta["val"]
            is_state = isinstance(result, Tensor) and _storage(result) in replaced
            if is_state or (is_counted and node.meta["kind"] == "operator"):
                node.meta["replaced"] = True

    def _describe(
        self, node: torch.fx.Node, result: object, kind: str = "operator"
    ) -> torch.fx.Node:
        node.meta |= {"kind": kind, "val": result}
        if kind == "operator":
            node.meta |= {"path": self.paths[-1], "where": model_line()}
        return node

    def _argument(self, value: Any) -> Any:
        """``value`` with the node that computes it for each tensor and symbolic size in it."""
        if isinstance(value, SYMBOLIC):
            return self._size(value)
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._argument, value))
        if isinstance(value, dict):
            return {key: self._argument(item) for key, item in value.items()}
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self._nodes:
            with self.graph.inserting_before(None):
                node = self.graph.placeholder("parameter")
            self._own(value, self._describe(node, value, "parameter"))
            node.meta["is_weight"] = isinstance(value, nn.Parameter)
        return self._nodes[id(value)]

    def _size(self, value: torch.SymInt | torch.SymFloat | torch.SymBool) -> torch.fx.Node:
        """One node for each size that is an argument somewhere."""
        node = self._nodes.get(id(value.node))
        if node is None:
            with self.graph.inserting_before(None):
                node = self.graph.call_function(size_of, (str(value),))
            self._nodes[id(value.node)] = self._describe(node, value, "size")
        return node

    def _own(self, tensor: Tensor, node: torch.fx.Node) -> None:
        self._nodes[id(tensor)] = node
        self._alive.append(tensor)


class Unrecorded(Recorder):  # type: ignore[no-untyped-call]
    """Runs the same kernels and keeps no graph."""

    def _record(self, node: torch.fx.Node | None, result: Any) -> Any:
        self._alive.append(result)  # a tensor, or several
        return result

    def add_call(
        self, func: Any, args: tuple[Any, ...], result: Any, kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Keep the tensors of the result."""
        return self._record(None, result)


def _attributes(model: nn.Module) -> Attributes:
    """The tensors and numbers that the model's modules keep, the tensors with their storages."""
    found: Attributes = []
    for module in model.modules():
        waiting: list[Any] = [vars(module)]
        seen: set[int] = set()
        while waiting:
            container = waiting.pop()
            if id(container) in seen:
                continue
            seen.add(id(container))
            entries = dict(_entries(container))
            waiting += [v for v in entries.values() if isinstance(v, (dict, list)) and v]
            tensors = {n: (t, _storage(t)) for n, t in entries.items() if isinstance(t, Tensor)}
            numbers = {n: (v, 0) for n, v in entries.items() if type(v) in (int, float)}
            found.append((container, {**tensors, **numbers}))
    return found


def _entries(container: Any) -> Iterator[tuple[Any, Any]]:
    return iter(container.items() if isinstance(container, dict) else enumerate(container))


def _storage(tensor: Tensor) -> int:
    identity: int = tensor.untyped_storage()._cdata  # private: one on meta has no address
    return identity


def _result(func: OpOverload, args: Any, kwargs: Any) -> Any:
    """What PyTorch's own kernel gives. Raises CaptureError where the data decide the size."""
    try:
        return _asked_for(func, args, func(*args, **kwargs))
    except RuntimeError as error:
        said = data_dependent_size(func)
        if said is None:
            raise
        raise CaptureError(said) from error


WITH_GRID = {
    torch.ops.aten.grid_sampler_2d_backward.default,
    torch.ops.aten.grid_sampler_3d_backward.default,
}


def _asked_for(func: OpOverload, args: Sequence[Any], result: Any) -> Any:
    """The results that a call's mask asks for: some meta kernels give the others, too.

    Only a gradient of a sampling grid is computed whether it is asked for or not.
    """
    last = func._schema.arguments[-1].name if isinstance(result, tuple) else ""
    if func in WITH_GRID or last != "output_mask" or len(args) < len(func._schema.arguments):
        return result
    return tuple(item if asked else None for item, asked in zip(result, args[-1], strict=True))


def size_of(formula: str) -> int:
    """The target of the nodes that stand for symbolic sizes; the graph is not to be run."""
    raise NotImplementedError(formula)
