"""What models of transformers leave out while PyTorch traces them, left out of a capture, too.

They ask `torch.compiler` whether they are traced, and change much else if so; a capture is to see
the model that runs. Only these stand in the way of symbolic sizes:

- ``compile_compatible_method_lru_cache`` keeps tensors by sizes (anchors, position embeddings): it
  cannot look up a symbolic size, and at a size that it knows it would hide the work;
- ``torch_int`` makes a Python integer of a size, which is one already;
- ``torch_compilable_check`` reads the value of a tensor, which there is not on the meta device;
- ``len`` of a tensor is its first size, but always a Python integer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import torch

PACKAGE = "transformers"
CACHES = f"{PACKAGE}.pytorch_utils"


@contextmanager
def transformers_traced() -> Iterator[None]:
    """Let the helpers stand aside wherever a loaded module of transformers has them."""
    if PACKAGE not in sys.modules:
        yield
        return
    inside = [module for name, module in list(sys.modules.items()) if _is_inside(name)]
    with ExitStack() as changed:
        for module in inside:
            for name, stand_in in _stand_ins(module).items():
                changed.enter_context(mock.patch.object(module, name, stand_in, create=True))
        yield


def _is_inside(name: str) -> bool:
    return name == CACHES or name.startswith(f"{PACKAGE}.models.")


def _stand_ins(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """By name, what ``module`` is to call in the place of what it imported."""
    known = vars(module)  # to ask a lazy module for a name would import others
    if module.__name__ == CACHES:
        return {"is_torchdynamo_compiling": lambda: True}
    helpers = {name: make(known[name]) for name, make in HELPERS.items() if name in known}
    return {**helpers, "len": _length}


def _length(value: Any) -> Any:
    return value.shape[0] if isinstance(value, torch.Tensor) and value.dim() else len(value)


def _torch_int(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: x if isinstance(x, torch.SymInt) else original(x)


def _torch_compilable_check(original: Callable[..., Any]) -> Callable[..., Any]:
    def check(cond: Any, *args: Any, **kwargs: Any) -> None:
        cond = cond() if callable(cond) else cond
        if not isinstance(cond, torch.Tensor):
            original(cond, *args, **kwargs)

    return check


HELPERS: dict[str, Callable[..., Callable[..., Any]]] = {
    "torch_int": _torch_int,
    "torch_compilable_check": _torch_compilable_check,
}
