"""Which module runs while a model is captured, and what each call of one returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor, nn

from fxflops._torch import tree_leaves
from fxflops.capture.result import Shapes, SizeReader
from fxflops.errors import CaptureError


class Returned:
    """The shapes of the tensors that modules return, call by call, under the module's path."""

    def __init__(self) -> None:
        self._calls: dict[str, list[tuple[torch.Size, ...]]] = {}

    def clear(self) -> None:
        """Forget all calls: the model is called anew, as `torch.export` does."""
        self._calls.clear()

    def add(self, path: str, result: object) -> None:
        """Note what a call of the module at ``path`` returned."""
        shapes = tuple(tensor.shape for tensor in _tensors(result))
        self._calls.setdefault(path, []).append(shapes)

    def shapes(self, read: SizeReader) -> Mapping[str, tuple[Shapes, ...]]:
        """The shapes as dims; none of a module whose sizes are not those of the inputs."""
        found: dict[str, tuple[Shapes, ...]] = {}
        for path, calls in self._calls.items():
            try:
                found[path] = tuple(
                    tuple(tuple(map(read, shape)) for shape in shapes) for shapes in calls
                )
            except CaptureError:
                continue
        return found


def _tensors(result: object) -> Iterator[Tensor]:
    """The tensors in what a module returns: nested lists, dicts and dataclasses of them."""
    for leaf in tree_leaves(result):
        if isinstance(leaf, Tensor):
            yield leaf
        elif isinstance(leaf, Mapping):
            yield from _tensors(list(leaf.values()))
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            yield from _tensors([getattr(leaf, field.name, None) for field in fields(leaf)])


@contextmanager
def module_paths(model: nn.Module, paths: list[str], returned: Returned) -> Iterator[None]:
    """Keep the path of the module that runs on top of ``paths``, and what it ``returned``.

    A module that has several parents is named after the one that calls it.
    """
    anywhere = {id(module): path for path, module in model.named_modules()}
    running: list[nn.Module] = []
    below: dict[int, dict[int, str]] = {}

    def enter(module: nn.Module, _: object) -> None:
        path = anywhere[id(module)]
        if running:
            caller = running[-1]
            if id(caller) not in below:
                below[id(caller)] = {id(m): name for name, m in caller.named_modules()}
            if id(module) in below[id(caller)]:
                path = ".".join(filter(None, (paths[-1], below[id(caller)][id(module)])))
        else:
            returned.clear()
        running.append(module)
        paths.append(path)

    def leave(module: nn.Module, _: object, result: object) -> None:
        running.pop()
        returned.add(paths.pop(), result)

    handles = []
    for module in model.modules():
        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
