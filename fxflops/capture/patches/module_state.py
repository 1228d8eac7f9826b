"""A model run as if it had not run since it was made, and left as it was.

A remembered tensor is work that the next call does not show, and it is on another device, or of
symbolic sizes. So a run leaves nothing behind: the state of the model and of its code is what it
was before (`patches.state`), as are PyTorch's settings (`patches.process`), and
`functools.lru_cache` of functions of the model's code holds no tensor, neither when the model
starts to run nor afterwards. What else such a cache holds stays: packages keep there what must be
there once, such as their registered operators.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from torch import Tensor, nn

from fxflops.capture.patches.process import restored_process
from fxflops.capture.patches.state import Remembering, Snapshot, results
from fxflops.capture.prepare import capture_lock

CONTAINERS = {"dict", "list", "tuple", "set", "_lru_list_elem"}
"""What holds results; the last one is a cache's own, in which it keeps their order."""

CODE = (type, FunctionType, ModuleType, Remembering)


@contextmanager
def restored_module_state(model: nn.Module, *others: object) -> Iterator[None]:
    """Has ``model`` run as if it had not run since it was made, here and afterwards.

    ``others`` are called with it.
    """
    with restored_process(), _restored(_snapshot(model, *others)):
        yield


@contextmanager
def restored_without_calls(model: nn.Module) -> Iterator[None]:
    """`restored_module_state` without operator calls, which a counter that listens would hear."""
    with _restored(_snapshot(model, with_tensors=False)):
        yield


@contextmanager
def unchanged(*given: Any) -> Iterator[None]:
    """Leaves what a user gave, a model among it, as it was.

    The data of its own tensors are not kept: only copies of it are to run in here. Other threads
    wait: what they would take for the state before could be that of a run.
    """
    with capture_lock, restored_process():
        snapshot = Snapshot(given, with_data=False)
        _of_this_analysis.append({})
        try:
            yield
        finally:
            _of_this_analysis.pop()
            snapshot.restore()


_of_this_analysis: list[dict[tuple[object, ...], Snapshot]] = []
"""Snapshots by what they are of, taken inside each `unchanged` that is entered."""


def _snapshot(*roots: object, with_tensors: bool = True) -> Snapshot:
    """A snapshot of them, or that of their last run: what it kept has been restored since."""
    if not _of_this_analysis:
        return Snapshot(roots, with_tensors=with_tensors)
    known = _of_this_analysis[-1]
    key = (*map(id, roots), with_tensors)
    if key not in known:
        known[key] = Snapshot(roots, with_tensors=with_tensors)
    return known[key]


@contextmanager
def _restored(snapshot: Snapshot) -> Iterator[None]:
    _forget_tensors(snapshot.caches)
    empty = [cache for cache in snapshot.caches if not cache.cache_info().currsize]
    try:
        yield
    finally:
        try:
            snapshot.restore()
        finally:
            _forget_tensors(snapshot.caches)
            for cache in empty:
                if any(isinstance(result, (dict, list, set)) for result in results(cache)):
                    cache.cache_clear()  # a result that may have changed since it was made


def _forget_tensors(caches: Collection[Any]) -> None:
    for cache in caches:
        if cache.cache_info().currsize and _holds_tensors(cache):
            cache.cache_clear()


def _holds_tensors(cache: object) -> bool:
    """Whether a tensor is among what the cache refers to, in containers and objects there."""
    waiting, seen = gc.get_referents(cache), set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            return True
        kind = type(value)
        if id(value) in seen or isinstance(value, CODE):
            continue
        seen.add(id(value))
        if kind.__name__ in CONTAINERS:
            waiting += gc.get_referents(value)
        elif type(getattr(value, "__dict__", None)) is dict:
            waiting.append(value.__dict__)
    return False
