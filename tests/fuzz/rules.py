"""What a run costs, by rules that share nothing with the formulas.

A module runs on the CPU, on real tensors. Each call's counters are those of its definition, run on
numbers that count themselves (`tests.formulas.by_definition`); bytes are those of the tensors that
went in and came out, unless the results are views. A call without a rule is in ``unproven``.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from fxflops.capture.calls import bind
from fxflops.cost import COUNTERS, QUANTITIES, Cost
from fxflops.registry import functional
from tests.formulas import test_by_definition
from tests.formulas.by_definition import DEFINITIONS, Definition
from tests.formulas.counted import DONE, fresh, numbers

assert test_by_definition  # it imports the definitions
MOST = 20_000
"""Elements of a call that is run number by number."""

_MOVES = """
_assert_async _assert_tensor_metadata _local_scalar_dense _pad_circular _pad_enum _reshape_copy
_shape_as_tensor _to_copy _unsafe_view abs abs_ alias all any arange as_strided
as_strided_scatter bernoulli bernoulli_ bitwise_and bitwise_not bitwise_or bitwise_xor bool
broadcast_tensors cat ceil channel_shuffle clone col2im column_stack concat constant_pad_nd
contiguous copy copy_ deg detach diag_embed diagonal_backward diagonal_scatter double embedding
empty empty_like empty_strided expand_copy eye fill fill_ fix flip float floor full full_like
gather half hstack im2col index index_copy index_copy_ index_fill index_fill_ index_select int
is_nonzero is_same_size isreal item lift lift_fresh linspace logical_and logical_not logical_or
logical_xor long masked_fill masked_fill_ masked_scatter max_unpool2d meshgrid
native_channel_shuffle neg neg_ new_empty new_empty_strided new_full new_ones new_zeros normal
normal_ one_hot ones ones_like pad pixel_shuffle pixel_unshuffle positive rand rand_like randint
randn randn_like reflection_pad1d reflection_pad2d repeat repeat_interleave replication_pad1d
replication_pad2d reshape resolve_conj resolve_neg result_type roll rot90 round scalar_tensor
scatter scatter_ select_backward select_scatter slice_backward slice_scatter stack take
take_along_dim tile to triangular_solve tril tril_ tril_indices triu triu_ trunc type_as
unflatten unfold_copy uniform uniform_ upsample_nearest1d upsample_nearest2d view_copy vstack
where zero zero_ zeros zeros_like
"""
MOVES = frozenset(_MOVES.split())
"""Operators, by name, that move numbers, select among them, or make them of nothing."""


class ByRules(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is called under it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.done: Counter[str] = Counter()
        self.unproven: Counter[str] = Counter()
        self.calls: list[tuple[str, Cost]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        arguments = bind(func, args, kwargs)
        read = {id(t): t for t in tree_leaves(arguments) if isinstance(t, Tensor)}
        given = tree_map_only(Tensor, _kept, arguments)
        storages = {_storage(t) for t in read.values()}
        sizes = {key: _bytes(t) for key, t in read.items()}
        result = func(*args, **kwargs)
        written = [t for t in tree_leaves(result) if isinstance(t, Tensor)]
        if not func._schema.is_mutable:
            written = [t for t in written if _storage(t) not in storages]
        counted = Cost.zero()
        if written:
            counted = Cost(
                bytes_read=sum(sizes.values()), bytes_written=sum(_bytes(t) for t in written)
            )
        counters = _counters(func, given, list(read.values()), result)
        if counters is None:
            self.unproven[str(func)] += 1
        else:
            counted += counters
        self.calls.append((str(func), counted))
        self.done.update({name: getattr(counted, name) for name in QUANTITIES})
        return result

    @property
    def cost(self) -> Cost:
        return Cost(**{name: self.done[name] for name in QUANTITIES})


def _storage(tensor: Tensor) -> int:
    identity: int = tensor.untyped_storage()._cdata
    return identity


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _kept(tensor: Tensor) -> Any:
    """A tensor as it was before the call, which may change it: floats need only their shape."""
    if tensor.is_floating_point():
        return Floats(tuple(tensor.shape))
    return tensor.detach().clone().numpy()


class Floats(tuple[int, ...]):
    """The shape of a tensor of floats."""


KNOWN: dict[Any, Cost | None] = {}


def _counters(
    func: OpOverload, given: dict[str, Any], tensors: list[Tensor], result: Any
) -> Cost | None:
    """The four counters by the operator's definition; None where there is no rule."""
    outputs = [t for t in tree_leaves(result) if isinstance(t, Tensor)]
    every = [*tensors, *outputs]
    if not any(t.is_floating_point() for t in every):
        return Cost.zero()  # integer and boolean work is free
    op = functional(func)
    definition = None if given.get("ceil_mode") else DEFINITIONS.get(op)
    name = op._schema.name.partition("::")[2]
    if definition is None:
        rule = RULES.get(name)
        if rule is not None:
            return rule(given, outputs)
        if name in MOVES or (not func._schema.is_mutable and _is_view(tensors, outputs)):
            return Cost.zero()
        return None
    if sum(t.numel() for t in every) > MOST:
        return None
    if torch.Tag.pointwise in func.tags or not any(t.is_floating_point() for t in tensors):
        given = {  # integers that become real numbers
            name: Floats(value.shape) if isinstance(value, np.ndarray) else value
            for name, value in given.items()
        }
    ints = [v.tobytes() for v in _leaves(given) if isinstance(v, np.ndarray)]
    key = (op, repr({n: v for n, v in given.items() if not isinstance(v, np.ndarray)}), *ints)
    if key not in KNOWN:
        KNOWN[key] = _defined(definition, given)
    return KNOWN[key]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and not isinstance(value, Floats):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _is_view(tensors: list[Tensor], outputs: list[Tensor]) -> bool:
    storages = {_storage(t) for t in tensors}
    return bool(outputs) and all(_storage(t) in storages for t in outputs)


def _defined(definition: Definition, given: dict[str, Any]) -> Cost | None:
    generator = np.random.default_rng(0)

    def array(value: Any) -> Any:
        if isinstance(value, Floats):
            share = generator.random(value)
            return numbers(definition.low + (definition.high - definition.low) * share)
        if isinstance(value, (list, tuple)):
            return type(value)(map(array, value))
        return value

    made = {name: array(value) for name, value in given.items()}
    parameters = inspect.signature(definition.function).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        made = {name: made[name] for name in parameters if name in made}
    fresh()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            definition.function(**made)
        except Exception:
            return None
    return Cost(**{counter: DONE[counter] for counter in COUNTERS})


# Operators whose rule is a row of COUNTING.md, or that a definition leaves to the operator's row.


def _lines(given: dict[str, Any], name: str = "dim") -> tuple[int, int]:
    shape = given["self"]
    axis = given.get(name, -1)
    axis = -1 if axis is None else axis
    length = shape[axis] if shape else 1
    count = int(np.prod([n for i, n in enumerate(shape) if i != axis % max(len(shape), 1)]))
    return count, length


def _topk(given: dict[str, Any], outputs: list[Tensor]) -> Cost:
    count, length = _lines(given)
    return Cost(comparison=count * length)


def _sort(given: dict[str, Any], outputs: list[Tensor]) -> Cost:
    count, length = _lines(given)
    return Cost(comparison=count * length * max(length - 1, 0).bit_length())


def _index_put(given: dict[str, Any], outputs: list[Tensor]) -> Cost:
    return Cost(elementwise=math.prod(given["values"]) if given["accumulate"] else 0)


RULES: dict[str, Any] = {
    "index_put": _index_put,
    "_index_put_impl": _index_put,
    "topk": _topk,
    "sort": _sort,
    "argsort": _sort,
}
