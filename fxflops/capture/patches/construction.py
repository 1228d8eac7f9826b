"""What a model's constructor finds replaced when it is given symbolic sizes.

Weights on the meta device have no values: how they are initialized is left out. Functions of
`math`, which would make a number of a size, keep that it is of a size. And a symbolic size is an
integer to whoever asks `numbers.Integral`, as `torch.nn.LayerNorm` does.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from fxflops.capture.patches.threads import replaced_here
from fxflops.capture.symint.float_node import OpaqueNode

FANS = "_calculate_fan_in_and_fan_out"
"""Private: where layers that initialize themselves begin."""

FUNCTIONS = ("sqrt", "log", "log2", "log10", "exp", "pow", "cos", "sin", "tanh")


@contextmanager
def symbolic_construction() -> Iterator[None]:
    """Has constructors take symbolic sizes, in this thread."""
    numbers.Integral.register(torch.SymInt)
    with ExitStack() as stack:
        for name, function in list(vars(nn.init).items()):
            if name.endswith("_") and not name.startswith("_") and hasattr(function, "__code__"):
                stack.enter_context(replaced_here(function, _as_it_is))
        stack.enter_context(replaced_here(getattr(nn.init, FANS), lambda tensor: (1, 1)))
        yield


@contextmanager
def opaque_mathematics() -> Iterator[None]:
    """Has the functions of `math` give, of a symbolic number, one that no size may come from."""
    known = {name: getattr(math, name) for name in FUNCTIONS}
    for name, function in known.items():
        setattr(math, name, _opaque(function))
    try:
        yield
    finally:
        for name, function in known.items():
            setattr(math, name, function)


def _as_it_is(tensor: Any = None, *_: Any, **__: Any) -> Any:
    return tensor


def _opaque(function: Callable[..., float]) -> Callable[..., Any]:
    def answered(*args: Any) -> Any:
        symbolic = [a for a in args if isinstance(a, (torch.SymInt, torch.SymFloat))]
        if not symbolic:
            return function(*args)
        env: Any = symbolic[0].node.shape_env
        number = function(*(a.node.hint if a in symbolic else a for a in args))
        return torch.SymFloat(OpaqueNode(env, number))

    return answered
