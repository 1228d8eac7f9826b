"""The recorder of a training step: the model, its loss, and what autograd calls to differentiate.

Autograd works above the recorder, on the same symbolic sizes: it breaks composite operators into
those that it can differentiate, and then calls the operators of their derivatives, which are
recorded like any others. A call of the backward pass belongs to the module, and to the source line,
of the forward call whose derivative it is.

Each of them is for the gradient of an *activation*, a value that depends on the model's inputs, or
for that of *weights*, a value that depends on parameters alone: the parameter itself, or what was
made of it, such as its transpose. A call that both gradients need is for the activation's.

With activation checkpointing, some calls of the forward pass are made again while gradients are
computed (`torch.utils.checkpoint`): these are of a phase of their own. Source: arXiv:1604.06174.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.fx
from torch import Tensor, nn

from fxflops._torch import enable_python_dispatcher, tree_leaves
from fxflops.capture.data_sizes import DataSizes
from fxflops.capture.meta_kernels import backward as backward_kernels
from fxflops.capture.meta_kernels.resize import Resizing
from fxflops.capture.patches.cpu_tensors import AsOnCpu
from fxflops.capture.patches.threads import copied_function, replaced_here
from fxflops.capture.result import Capture
from fxflops.capture.trace import Recorder, recorded
from fxflops.cost import RECOMPUTED
from fxflops.errors import CaptureError
from fxflops.spec import InputSpec

Loss: TypeAlias = Callable[[Any], Tensor]
"""From what the model returns to the loss, a number."""


def capture(
    model: nn.Module,
    inputs: InputSpec,
    hints: Mapping[str, int],
    *,
    loss: Loss,
    with_meta_kernels: bool = True,
    data: DataSizes | None = None,
) -> Capture:
    """The graph of one training step, as `fxflops.capture.trace.capture` makes that of one call.

    It ends with the loss and the gradients of all parameters that are trained. Raises CaptureError,
    also for a loss that is no number or that depends on none of them, and SpecializationError.
    """
    make = partial(TrainingRecorder, loss, with_meta_kernels=with_meta_kernels)
    return recorded(make, model, inputs, hints, data)


def trained(model: nn.Module, captured: Capture) -> list[nn.Parameter]:
    """The parameters of ``model`` that get a gradient in a training step captured of it.

    A parameter with ``requires_grad`` that the loss does not depend on gets none.
    """
    *_, output = captured.graph.nodes
    _, gradients = output.args[0]
    pairs = zip(_that_require_a_gradient(model), gradients, strict=True)
    return [parameter for parameter, gradient in pairs if gradient is not None]


def _that_require_a_gradient(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def sum_of_outputs(result: object) -> Tensor:
    """The sum of all elements of all outputs that depend on a trained parameter.

    Raises CaptureError where there is none.
    """
    outputs = [t for t in tree_leaves(result) if isinstance(t, Tensor) and t.requires_grad]
    if not outputs:
        raise CaptureError(
            "No output of the model has a gradient: no parameter that is trained is in it, or the "
            "model computes it inside torch.inference_mode or torch.no_grad, which training must "
            "leave out"
        )
    first, *others = (output.sum() for output in outputs)
    return sum(others, start=first)


REENTRANT = "CheckpointFunctionBackward"
"""The function of autograd that checkpoints with ``use_reentrant=True``."""


class TrainingRecorder(Recorder):  # type: ignore[no-untyped-call]
    """Writes down a training step, and in ``meta["phase"]`` what each call is for.

    ``forward``, which the loss is a part of, ``recomputation``, ``activations`` or ``weights``. A
    call with several
    results of which some are gradients of weights and others of activations is of ``activations``;
    ``meta["of_weights"]`` are the positions of the former.
    """

    def __init__(self, loss: Loss, *, with_meta_kernels: bool) -> None:
        super().__init__(with_meta_kernels=with_meta_kernels)
        self._loss = loss
        self.called = (loss,)
        self._made_by: dict[int, torch.fx.Node] = {}
        self._gradients: dict[torch.fx.Node, set[str]] = {}
        self._differentiated: torch.fx.Node | None = None
        self._of_input: set[torch.fx.Node] = set()
        self._is_backward = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Above the recorder, PyTorch's kernels in Python would break operators into other ones than
        # those that autograd breaks them into.
        with enable_python_dispatcher():
            return super().__torch_dispatch__(func, types, args, kwargs)

    def _meta_kernel(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if func in backward_kernels.RULES:
            return backward_kernels.result_of(func, args, kwargs)
        return super()._meta_kernel(func, args, kwargs)

    @contextmanager
    def modes(self, *, is_symbolic: bool) -> Iterator[None]:
        """Gradients are recorded, too; autograd's own rules in C++ take symbolic sizes."""
        with torch.enable_grad():
            if not is_symbolic:
                with AsOnCpu(self.add_call, self.constants.of):
                    yield
                return
            with Resizing(), AsOnCpu(self.add_call, self.constants.of):
                yield

    def run(self, model: nn.Module, tensors: Sequence[Tensor], cache: Mapping[str, Any]) -> object:
        """The model, the loss, and its gradients, None for parameters that it does not need."""
        parameters = _that_require_a_gradient(model)
        if not parameters:
            raise CaptureError("no parameter of the model is trained (requires_grad)")
        loss: object = self._loss(model(*tensors, **cache))
        if not isinstance(loss, Tensor) or loss.numel() != 1 or loss.grad_fn is None:
            raise CaptureError(
                "the loss must be a tensor with one element that depends on a trained parameter"
            )
        return loss, self._differentiate(loss, parameters)

    def _differentiate(self, loss: Tensor, parameters: list[nn.Parameter]) -> list[Tensor | None]:
        self._is_backward = True
        functions = self._listen(loss.grad_fn)
        if any(function.name() == REENTRANT for function in functions):
            with self._accumulated(parameters) as gradients:
                loss.backward()  # type: ignore[no-untyped-call]
                gradients += [parameter.grad for parameter in parameters]
        else:
            # Other leaves get a gradient, too, such as embeddings made to require one.
            leaves = {id(f.variable): f.variable for f in functions if hasattr(f, "variable")}
            others = [leaves[i] for i in leaves.keys() - set(map(id, parameters))]
            found = torch.autograd.grad(loss, [*parameters, *others], allow_unused=True)
            gradients = list(found[: len(parameters)])
            for gradient in gradients:
                self._is_gradient(gradient, "weights")
            for gradient in found[len(parameters) :]:
                self._is_gradient(gradient, "activations")
        self._mark()
        return gradients

    def _listen(self, last: Any) -> list[Any]:
        """Have each function that leads to ``last`` say when it is called; these functions."""
        self._of_input = _depending_on_inputs(self.graph)
        functions = list(_functions(last))
        for function in functions:
            function.register_prehook(partial(self._enter, function))
        return functions

    @contextmanager
    def _accumulated(self, parameters: list[nn.Parameter]) -> Iterator[list[Tensor | None]]:
        """For a checkpoint that differentiates what it runs again by `torch.autograd.backward`.

        That leaves the gradients in the parameters, from where they are taken.
        """
        run = copied_function(torch.autograd.backward)

        def nested(tensors: Any, *args: Any, **kwargs: Any) -> None:
            several = [tensors] if isinstance(tensors, Tensor) else tensors
            for function in {t.grad_fn for t in several if t.grad_fn is not None}:
                self._listen(function)
            run(tensors, *args, **kwargs)

        def forget() -> None:
            for parameter in parameters:
                parameter.grad = None

        forget()
        with replaced_here(torch.autograd.backward, nested):
            try:
                yield []
            finally:
                forget()

    def _describe(
        self, node: torch.fx.Node, result: object, kind: str = "operator"
    ) -> torch.fx.Node:
        super()._describe(node, result, kind)
        if kind != "operator":
            return node
        node.meta["phase"] = "backward" if self._is_backward else "forward"
        # Derivatives are computed without gradients, and by no module. Private: the task is -1
        # outside of a backward pass, where autograd makes the gradient of the loss.
        is_called = torch.is_grad_enabled() or len(self.paths) > 1
        if self._is_backward and is_called and torch._C._current_graph_task_id() != -1:
            node.meta["phase"] = RECOMPUTED
        if node.meta["phase"] != "backward":
            # Private: autograd numbers its functions, and makes one just before it calls the
            # operator that the function is the derivative of.
            self._made_by.setdefault(torch._C._autograd._get_sequence_nr() - 1, node)
        elif self._differentiated is not None:
            node.meta |= {key: self._differentiated.meta[key] for key in ("path", "where")}
        else:
            node.meta |= {"path": "", "where": ""}
        return node

    def _enter(self, function: Any, gradients: Sequence[Tensor | None]) -> None:
        """Called by autograd before ``function`` takes the gradients of its own results."""
        made = self._made_by.get(function._sequence_nr())
        is_weight = made is not None and made not in self._of_input
        if hasattr(function, "variable"):  # it keeps the gradient of a leaf
            made, is_weight = None, isinstance(function.variable, nn.Parameter)
        self._differentiated = made or self._differentiated
        for gradient in gradients:
            self._is_gradient(gradient, "weights" if is_weight else "activations")

    def _is_gradient(self, tensor: Tensor | None, phase: str) -> None:
        if tensor is not None:
            self._gradients.setdefault(self._argument(tensor), set()).add(phase)

    def _mark(self) -> None:
        """Give each call of the backward pass the phase of the gradients that it is needed for."""
        needed: dict[torch.fx.Node, set[str]] = {}
        for node in reversed(self.graph.nodes):
            if node.meta.get("phase") != "backward":
                continue
            needed[node] = self._gradients.get(node) or set().union(
                *(needed[user] for user in node.users if user in needed)
            )
            node.meta["phase"] = "weights" if needed[node] == {"weights"} else "activations"
            if len(needed[node]) == 2 and isinstance(node.meta["val"], tuple):
                node.meta["of_weights"] = tuple(
                    sorted(user.args[1] for user in node.users if needed[user] == {"weights"})
                )


def _depending_on_inputs(graph: torch.fx.Graph) -> set[torch.fx.Node]:
    depending: set[torch.fx.Node] = set()
    for node in graph.nodes:
        if node.meta["kind"] == "input" or not depending.isdisjoint(node.all_input_nodes):
            depending.add(node)
    return depending


def _functions(last: Any) -> Iterator[Any]:
    """Every function of autograd's graph that leads to ``last``."""
    seen, waiting = {last}, [last]
    while waiting:
        function = waiting.pop()
        yield function
        for earlier, _ in function.next_functions:
            if earlier is not None and earlier not in seen:
                seen.add(earlier)
                waiting.append(earlier)
