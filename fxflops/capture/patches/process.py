"""What belongs to the process and not to a model: generators of random numbers, and settings.

A model may set any of it while it runs. `restored_process` puts it back.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.modules.module as module_hooks
import torch.overrides as overrides

Setting = tuple[Callable[[], Any], Callable[[Any], Any]]
"""How to read a setting, and how to set it to what was read."""


function_modes: Callable[[], list[Any]] = overrides._get_current_function_mode_stack
"""Private, as are the two that change them: a default device is such a mode."""
push_mode: Callable[[Any], None] = overrides._push_mode
pop_mode: Callable[[], Any] = overrides._pop_mode


def _attribute(owner: Any, name: str) -> Setting:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


def _deterministic() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


SETTINGS: tuple[Setting, ...] = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_num_threads, torch.set_num_threads),
    (_deterministic, lambda v: torch.use_deterministic_algorithms(v[0], warn_only=v[1])),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    *(
        (partial(read, kind), partial(put, kind))
        for read, put in (
            (torch.is_autocast_enabled, torch.set_autocast_enabled),
            (torch.get_autocast_dtype, torch.set_autocast_dtype),
        )
        for kind in ("cpu", "cuda")
    ),
    (torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
    (torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp),
    (torch.backends.cuda.mem_efficient_sdp_enabled, torch.backends.cuda.enable_mem_efficient_sdp),
    (torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp),
    (torch.backends.cuda.cudnn_sdp_enabled, torch.backends.cuda.enable_cudnn_sdp),
    *(
        _attribute(torch.backends.cudnn, name)
        for name in ("enabled", "benchmark", "deterministic", "allow_tf32")
    ),
    _attribute(torch.backends.mkldnn, "enabled"),
    _attribute(torch.compiler, "_is_compiling_flag"),  # private, and the next one
    _attribute(torch.compiler, "_is_exporting_flag"),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (os.environ.copy, lambda value: _restore_environment(value)),
)

HOOKS = tuple(
    value
    for name, value in vars(module_hooks).items()
    if name.startswith("_global_") and isinstance(value, dict)
)
"""Private: the hooks of all modules, of `torch.nn.modules.module.register_module_forward_hook`."""


@contextmanager
def restored_process() -> Iterator[None]:
    """Has generators of random numbers, and settings, be afterwards what they were before."""
    modes = function_modes()
    default_device = torch._GLOBAL_DEVICE_CONTEXT.__dict__.copy()  # private, of that device
    settings = [read() for read, _ in SETTINGS]
    hooks = [dict(hook) for hook in HOOKS]
    filters, shown = warnings.filters, list(warnings.filters)
    showwarning = warnings.showwarning
    generators = list(_generators())
    try:
        yield
    finally:
        for (read, put), before in zip(SETTINGS, settings, strict=True):
            if read() != before:
                put(before)
        now = function_modes()
        if [id(mode) for mode in now] != [id(mode) for mode in modes]:
            for _ in now:
                pop_mode()
            for mode in modes:
                push_mode(mode)
        torch._GLOBAL_DEVICE_CONTEXT.__dict__.clear()
        torch._GLOBAL_DEVICE_CONTEXT.__dict__.update(default_device)
        for hook, before in zip(HOOKS, hooks, strict=True):
            if list(hook.items()) != list(before.items()):
                hook.clear()
                hook.update(before)
        if warnings.filters is not filters or list(filters) != shown:
            filters[:] = shown  # type: ignore[index]
            warnings.filters = filters
            getattr(warnings, "_filters_mutated", lambda: None)()  # private: for its caches
        warnings.showwarning = showwarning
        for put, before in generators:
            put(before)


def _restore_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update({k: v for k, v in before.items() if os.environ.get(k) != v})


def _generators() -> Iterator[tuple[Callable[[Any], Any], Any]]:
    """How to set each generator, and its state."""
    yield random.setstate, random.getstate()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        yield numpy.set_state, numpy.get_state()
    yield torch.default_generator.set_state, torch.default_generator.get_state()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        yield torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()


@contextmanager
def paused_garbage_collection() -> Iterator[None]:
    """No search for garbage: a capture makes many objects, and what it keeps is no garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
