"""A cache among a model's inputs, which holds as many positions as a symbol says.

The model fills it itself, in a call that is not recorded, with as many tokens as the cache is to
hold. So its tensors have the shapes, and its counters the values, that they have in a run, whatever
the kind of cache; those tensors are inputs of the call that is recorded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from typing import Any

import torch
from torch import Tensor, nn

from fxflops.algebra import Dim, Symbol, beyond, evaluate, lower_bound, symbols_of
from fxflops.algebra.polynomial import from_atom
from fxflops.capture.prepare import example_inputs, floating_dtype
from fxflops.capture.source import model_line
from fxflops.capture.symint.environment import SizeEnv
from fxflops.capture.symint.reader import read_symint
from fxflops.domain import Guard
from fxflops.errors import SpecError
from fxflops.spec import InputSpec

CACHES = ("cache", "past_key_values", "cache_params", "state", "mems")
"""What an argument that is a cache is called, in the versions and models of transformers."""

FLAGS = ("use_cache", "use_mems")
"""What asks for a cache to be returned."""

TOKENS = ("decoder_input_ids", "input_ids", "decoder_inputs_embeds", "inputs_embeds")
"""The argument along whose second axis the cache grows: the first of these that there is."""

FEW = 2
"""Positions that fill a state whose size does not depend on them."""

OF_ENCODER = ("input_ids", "input_features", "input_values", "inputs_embeds", "pixel_values")
"""What an encoder reads in the same call, beside the tokens of the decoder."""


def filled(
    model: nn.Module,
    inputs: InputSpec,
    env: SizeEnv,
    sizes: Mapping[str, int | torch.SymInt],
    guards: list[Guard],
    filler: Callable[[], Any],
) -> dict[str, Any]:
    """The arguments that give ``model`` a cache with the positions that ``inputs.past`` says.

    ``filler`` makes what listens to the call that fills it: a recorder whose graph is dropped.
    ``guards``, which the call adds to, keep those that the cache's sizes depend on.

    Raises SpecError for a model that takes no cache.
    """
    name, flags = arguments_of(model)
    kept = len(guards)
    if inputs.past is None or inputs.past == 0:
        return flags

    def fill(sizes: Mapping[str, int | torch.SymInt], past: int | torch.SymInt) -> Any:
        given = prompt(inputs, sizes, past, floating_dtype(model))
        recorder = filler()
        with recorder.modes(is_symbolic=bool(inputs.axes)), recorder:
            result = copy_context().run(model, **given, **flags)
        cache = result.get(name) if isinstance(result, Mapping) else getattr(result, name, None)
        if cache is None:
            raise SpecError(
                f"{type(model).__name__} returns no {name} that could be filled: leave out the "
                "past, and give the call's arguments with args and kwargs."
            )
        return cache

    if isinstance(inputs.past, int):
        return {name: fill(sizes, inputs.past), **flags}
    symbol = next(symbol for symbol in env.hints if symbol.name == inputs.past.name)
    # Without a position there is no cache, of which no guard tells.
    env.least[symbol] = symbol.value_at(1)
    cache = fill(sizes, sizes[inputs.past.name])
    added = guards[kept:]
    del guards[kept:]
    if any(guard.sign == "==" and symbol in symbols_of(guard.value) for guard in added):
        few, more = fill(sizes, FEW), fill(sizes, FEW + 1)
        if _shapes(few, env.hints) == _shapes(more, env.hints) == _shapes(cache, env.hints):
            # A loop over positions, whose state is as large after few of them.
            cache, added = few, guards[kept:]
        del guards[kept:]
    if any(_holds_beyond_one(guard, symbol) for guard in added):
        # Where one position gives the same formulas, it is no case of its own.
        at = {**env.hints, symbol: symbol.value_at(1)}
        one = fill({s.name: s.size_at(value) for s, value in at.items()}, 1)
        del guards[kept:]
        if _shapes(cache, at) == _shapes(one, at):
            added = [guard for guard in added if not _holds_beyond_one(guard, symbol)]
    guards += [*added, Guard(from_atom(symbol) - symbol.value_at(0), "!=", model_line())]
    return {name: cache, **flags}


def arguments_of(model: nn.Module) -> tuple[str, dict[str, bool]]:
    """The name of the argument that is the cache, and what asks for one to be returned.

    Raises SpecError for a model that has no such argument.
    """
    known = inspect.signature(type(model).forward).parameters
    name = next((name for name in CACHES if name in known), None)
    if name is None:
        raise SpecError(
            f"{type(model).__name__} takes no cache ({', '.join(CACHES)}): leave out the past."
        )
    return name, {flag: True for flag in FLAGS if flag in known}


def prompt(
    inputs: InputSpec,
    sizes: Mapping[str, int | torch.SymInt],
    past: int | torch.SymInt,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """What fills the cache: as many tokens as it is to hold, and what an encoder reads."""
    tensors = dict(
        zip((t.name for t in inputs.tensors), example_inputs(inputs, sizes, dtype), strict=True)
    )
    name = next((name for name in TOKENS if name in tensors), None)
    if name is None or tensors[name].dim() < 2:
        raise SpecError(
            f"Which input of {str(inputs)!r} is the tokens is not known, after whose second axis "
            f"the past is: name it {' or '.join(TOKENS[:2])}."
        )
    tokens = tensors[name]
    shape = (tokens.shape[0], past, *tokens.shape[2:])
    given = {name: torch.empty(shape, dtype=tokens.dtype, device="meta")}
    if name.startswith("decoder_"):
        given |= {name: tensors[name] for name in OF_ENCODER if name in tensors}
    return given


def tensors_of(value: object) -> Iterator[Tensor]:
    """The tensors in a cache, each once: in nested containers, and in the attributes of objects."""
    waiting, seen = [value], set()
    while waiting:
        held = waiting.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        if isinstance(held, Tensor):
            yield held
        elif isinstance(held, Mapping):
            waiting += reversed([*held.values()])
        elif isinstance(held, (list, tuple, set)):
            waiting += reversed([*held])
        elif not isinstance(held, (type, nn.Module)) and not inspect.isroutine(held):
            waiting += reversed([*getattr(held, "__dict__", {}).values()])


def _holds_beyond_one(guard: Guard, past: Symbol) -> bool:
    """Whether it is about the past, and holds wherever that is more than one position."""
    symbols = symbols_of(guard.value)
    if past not in symbols:
        return False
    least = {**dict.fromkeys(symbols, 2), past: past.value_at(2)}
    value = beyond(guard.value, least)
    if isinstance(value, int):
        return guard._replace(value=value).holds({})
    low, high = lower_bound(value), lower_bound(-value)
    if guard.sign == ">=":
        return low is not None and low >= 0
    return guard.sign == "!=" and any(bound is not None and bound > 0 for bound in (low, high))


def _shapes(cache: object, values: Mapping[Symbol, int]) -> list[tuple[int, ...]]:
    """The sizes of a cache's tensors at these values of the symbols."""
    dims: list[tuple[Dim, ...]] = [
        tuple(map(read_symint, tensor.shape)) for tensor in tensors_of(cache)
    ]
    return [tuple(int(evaluate(dim, values)) for dim in shape) for shape in dims]
