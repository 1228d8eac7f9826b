"""A capture on real tensors, which runs: what the passes are held against."""

import torch
from torch import nn

from fxflops.capture import Capture
from fxflops.capture.symint.reader import read_symint
from fxflops.capture.trace import Recorder
from fxflops.domain import Domain


def randomized(model, seed=0):
    """In eval mode, in float64, with weights and statistics that no operation leaves as they are.

    Variances and scales are positive, so that a wrong sign or a restored_module_state root shows.
    """
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            if name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            elif tensor.dim() == 1:
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
            else:
                spread = (2 / tensor[0].numel()) ** 0.5
                tensor.copy_(spread * torch.randn(tensor.shape, generator=generator))
    return model


def recorded(model: nn.Module, *inputs: torch.Tensor) -> Capture:
    """The graph of one call on these tensors; its parameters are nodes that hold the weights."""
    recorder = Recorder(with_meta_kernels=False)
    with torch.inference_mode():
        for position, tensor in enumerate(inputs):
            recorder.add_input(f"input{position}", tensor)
        with recorder:
            result = model(*inputs)
    recorder.add_output(result)
    return Capture(
        graph=recorder.graph,
        read=read_symint,
        domain=Domain((), ()),
        guards=(),
        module_types={},
        frontend="trace",
    )


def made_once(capture, *inputs):
    """The values of what need not be made in each call, at the sizes of ``inputs``."""
    values = _values(capture, inputs, {})
    return {node: values[node] for node in capture.graph.nodes if "binding_time" in node.meta}


def outputs(capture, *inputs, once=None):
    """What the graph gives, as a list of tensors; of ``once`` nothing is computed again."""
    values = _values(capture, inputs, once or {})
    (result,) = (node for node in capture.graph.nodes if node.op == "output")
    return torch.utils._pytree.tree_leaves(
        torch.fx.node.map_arg(result.args[0], values.__getitem__)
    )


def _values(capture, inputs, once):
    given, values = iter(inputs), {}
    with torch.inference_mode():
        for node in capture.graph.nodes:
            if node.meta["kind"] == "input":
                values[node] = next(given).clone()
            elif node.meta["kind"] == "parameter":
                values[node] = node.meta["val"]
            elif node in once:
                values[node] = once[node]
            elif node.meta["kind"] == "operator":
                args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
                values[node] = node.target(*args, **kwargs)
    return values


def listing(capture):
    """The graph as text, which says when each call is made."""
    numbers = {node: number for number, node in enumerate(capture.graph.nodes)}
    return [
        (
            str(node.target) if node.op == "call_function" else node.op,
            str(torch.fx.node.map_arg((node.args, node.kwargs), lambda n: f"%{numbers[n]}")),
            node.meta.get("binding_time"),
        )
        for node in capture.graph.nodes
    ]
