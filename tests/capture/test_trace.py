"""The recorder leaves everything as it was, and does not meet another one."""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from inspect import isroutine

import pytest
import torch
from torch import nn
from torch.fx.experimental.sym_node import SymNode
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

import fxflops
from fxflops.algebra import Symbol
from fxflops.capture import trace
from fxflops.capture.prepare import on_meta
from fxflops.capture.symint.bool_node import BoolNode
from fxflops.capture.symint.environment import SizeEnv
from fxflops.capture.symint.float_node import FloatNode
from fxflops.capture.symint.int_node import IntNode
from fxflops.capture.symint.node import Node
from fxflops.spec import parse
from tests.toy_models import contraction, transformer
from tests.versions import SYMNODE_HAD

NOT_ANSWERED = {
    *("bitwise_xor", "xor", "sym_acos", "sym_asin", "sym_atan", "sym_cosh", "sym_sinh"),
    *("sym_tan", "sym_tanh", "with_shape_env"),
}
"""Methods of torch's SymNode that no node of ours has: a model that needs one is exported."""


def methods(kind):
    return {n for n, v in vars(kind).items() if isroutine(v) and not n.startswith("_")}


def test_the_private_surface_is_what_it_was():
    ours = [Node, IntNode, FloatNode, BoolNode]
    answered = set().union(*map(methods, ours))
    new = methods(SymNode) - answered - NOT_ANSWERED
    assert not new, (
        f"torch.fx.experimental.sym_node.SymNode has new methods: {', '.join(sorted(new))}. "
        "PyTorch may call them on a size: answer each in fxflops/capture/symint, or name it here."
    )
    gone = methods(IntNode) - methods(SymNode) - SYMNODE_HAD
    assert not gone, (
        f"torch.fx.experimental.sym_node.SymNode no longer has {', '.join(sorted(gone))}: see by "
        "what name PyTorch calls them now, in fxflops/capture/symint/node.py."
    )


@pytest.mark.parametrize("call", ["n + 1", "2 * n", "n // 2", "n % 2", "-n", "max(n, m)"])
def test_pytorch_hands_an_operation_to_our_node(call):
    """What any of the above is for: a SymInt around our node computes by our node."""
    n, m = Symbol("N"), Symbol("M")
    env = SizeEnv({n: 6, m: 5}, lambda value, sign: None)
    names = {"n": env.size(n.size), "m": env.size(m.size), "max": torch.sym_max}
    result = eval(call, names)
    assert isinstance(result, torch.SymInt), "torch.SymInt no longer computes by its node"
    assert isinstance(result.node, IntNode), "a SymInt's result is no longer its node's"
    assert result.node.hint == eval(call, {"n": 6, "m": 5, "max": max})


class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 4)

    def forward(self, x):
        self.inner(x)
        raise RuntimeError("on purpose")


def global_state():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_device(),
        torch.get_rng_state().tolist(),
        len(_get_current_dispatch_mode_stack()),
        len(_get_current_function_mode_stack()),
    )


def hooks(model):
    return [
        (len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()
    ]


@pytest.mark.parametrize("frontend", ["trace", "export"])
def test_a_model_that_raises_leaves_everything_as_it_was(frontend):
    model, before = Fails().train(), global_state()
    hooked = hooks(model)
    with pytest.raises(fxflops.CaptureError, match="on purpose"):
        fxflops.analyze(model, "x: N 3", frontend=frontend)
    assert global_state() == before
    assert hooks(model) == hooked
    assert model.training


def test_hooks_are_removed_from_a_module_that_raises():
    model = on_meta(Fails())
    with pytest.raises(fxflops.CaptureError):
        trace.capture(model, parse("x: N 3"), {"N": 2})
    assert hooks(model) == [(0, 0), (0, 0)]


def test_the_model_is_unchanged():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout()).train()
    tensors = [(t, t._version, t.clone()) for t in model.state_dict(keep_vars=True).values()]
    fxflops.analyze(model, "x: N 3", dtype="float16")
    assert all(module.training for module in model.modules())
    now = list(model.state_dict(keep_vars=True).values())
    for (tensor, version, content), same in zip(tensors, now, strict=True):
        assert tensor is same
        assert tensor._version == version
        assert torch.equal(tensor, content)


FOUND = queue.SimpleQueue()  # a list would be restored


class Analyses(nn.Module):
    """A model that, while it is captured, analyses another."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 5)
        self.other = [nn.Linear(7, 11)]  # in a list, it is no part of this model

    def forward(self, x):
        y = self.linear(x)
        inner = fxflops.analyze(self.other[0], "x: N 7", frontend="trace")
        FOUND.put(inner.at(N=4).contraction)
        return y


def test_a_capture_inside_a_capture_is_apart():
    captured = trace.capture(on_meta(Analyses()), parse("x: N 3"), {"N": 2})
    assert FOUND.get_nowait() == 2 * 4 * 7 * 11
    assert FOUND.empty()
    calls = [n.target for n in captured.graph.nodes if n.meta["kind"] == "operator"]
    assert calls == [torch.ops.aten.linear.default]


RUNNING, ALONE = threading.Lock(), queue.SimpleQueue()


class Waits(nn.Module):
    """A model that lets other threads run while it does, and notes which run with it."""

    def forward(self, x):
        is_alone = RUNNING.acquire(blocking=False)
        ALONE.put(is_alone)
        time.sleep(0.01)
        if is_alone:
            RUNNING.release()
        return x


@pytest.mark.parametrize("frontend", ["trace", "export"])
def test_captures_in_threads_wait_for_one_another(frontend):
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(fxflops.analyze, Waits(), "x: N 3", frontend=frontend)
    noted = [ALONE.get_nowait() for _ in range(ALONE.qsize())]
    assert len(noted) >= 4
    assert all(noted)


def test_captures_in_threads_do_not_meet():
    found, errors = {}, []

    def analyse(layers):
        try:
            analysis = fxflops.analyze(transformer(layers, 12, 3, 20), "x: N L 12")
            found[layers] = analysis.at(N=3, L=7).contraction
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=analyse, args=(layers,)) for layers in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert found == {n: contraction(n, 12, 20, n=3, length=7) for n in (1, 2, 3, 4)}
