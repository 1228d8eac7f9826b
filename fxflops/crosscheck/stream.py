"""The operator calls of a running model, listened to as PyTorch dispatches them.

In inference mode composite operators (linear, convolution, attention) arrive whole, in the order of
the captured graph, so that each call of the run is a node of the graph.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor
from torch.profiler import record_function
from torch.utils.flop_counter import FlopCounterMode

from fxflops._torch import OpOverload, TorchDispatchMode, tree_leaves
from fxflops.errors import CheckError
from fxflops.registry import Operator, reason_free

MARK = "fxflops::"
"""What stands before a node's name in the name of its profiler event."""


@dataclass(frozen=True, slots=True)
class Call:
    """One operator call: the shapes of its results, and whether it may cost anything."""

    op: Operator
    shapes: tuple[tuple[int, ...], ...]
    is_free: bool

    @property
    def work(self) -> tuple[Operator, tuple[int, ...]]:
        """The operator and how much it computes; kernels may differ in axes of 1."""
        return self.op, tuple(map(prod, self.shapes))

    def __str__(self) -> str:
        return f"{self.op} -> {', '.join(map(str, map(list, self.shapes)))}"


class Listener(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operator call in ``calls``."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Private: otherwise torch wraps the method below in what imports the whole of Dynamo."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = self.run(lambda: func(*args, **(kwargs or {})))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        self.calls.append(Call(func, shapes_of(result), _is_free(func, tensors)))
        return result

    def run(self, call: Callable[[], Any]) -> Any:
        """Make the call."""
        return call()


def shapes_of(result: object) -> tuple[tuple[int, ...], ...]:
    """The shapes of the tensors in the result of a call."""
    return tuple(tuple(leaf.shape) for leaf in tree_leaves(result) if isinstance(leaf, Tensor))


def _is_free(op: Operator, tensors: Sequence[Tensor]) -> bool:
    """Whether a call costs no FLOP: by its operator, or since it has no real number in it."""
    is_complex = any(tensor.is_complex() for tensor in tensors)
    if isinstance(op, OpOverload) and reason_free(op, is_complex=is_complex) is not None:
        return True
    real = any(tensor.is_floating_point() or tensor.is_complex() for tensor in tensors)
    return bool(tensors) and not real


class Marker(Listener):  # type: ignore[no-untyped-call]
    """Makes each call inside a ``record_function`` of the name that it has in the graph."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = names

    def run(self, call: Callable[[], Any]) -> Any:
        """Make the call, marked."""
        position = len(self.calls)
        name = self._names[position] if position < len(self._names) else f"beyond_{position}"
        with record_function(MARK + name):
            return call()


@dataclass(frozen=True, slots=True)
class FlopCounted:
    """What ``FlopCounterMode`` says of one call [FLOP], and the operators it took it apart into."""

    flops: int
    operators: frozenset[Operator]


class FlopCounterListener(Listener):  # type: ignore[no-untyped-call]
    """Notes in ``counted`` what ``counter`` says of each call.

    The counter is below this listener and gets each call next; ``executed`` is below the counter,
    and sees what becomes of it.
    """

    def __init__(self, counter: FlopCounterMode, executed: Listener) -> None:
        super().__init__()
        self._counter = counter
        self._executed = executed
        self.counted: list[FlopCounted] = []

    def run(self, call: Callable[[], Any]) -> Any:
        """Make the call, and note by how much the counter's total grew."""
        before, start = self._counter.get_total_flops(), len(self._executed.calls)
        result = call()
        operators = frozenset(other.op for other in self._executed.calls[start:])
        grown = self._counter.get_total_flops() - before
        self.counted.append(FlopCounted(grown, operators))
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A call as the graph has it: the node's name, the source line."""

    name: str
    where: str
    call: Call


def align(nodes: Sequence[Named], calls: Sequence[Call]) -> list[str | None]:
    """For each call of a run, the name of the graph's node that it is.

    Calls that may cost something must be the graph's, one by one, with the same operator and
    shapes. Between two of them are free calls, of which some can be in one of the two only: making
    a constant takes other calls where there is data than on the meta device. Those of the run that
    the graph does not have get None.

    Raises CheckError, with the source line, at the first call that differs.
    """
    costly = [node for node in nodes if not node.call.is_free]
    run = [call for call in calls if not call.is_free]
    for node, call in itertools.zip_longest(costly, run):
        if node is None or node.call != call:
            expected = f"{node.call} at {node.where or 'no known line'}" if node else "nothing more"
            raise CheckError(
                f"With data the model calls {call or 'nothing more'} where its graph has "
                f"{expected}: it takes another path than without, and there is nothing to compare."
            )
    names: list[str | None] = []
    graph_parts = _parts([node.call for node in nodes])
    for in_graph, in_run in zip(graph_parts, _parts(calls), strict=True):
        left = [nodes[position].call for position in in_graph]
        right = [calls[position] for position in in_run]
        part: list[str | None] = [None] * len(right)
        for block in difflib.SequenceMatcher(
            None, left, right, autojunk=False
        ).get_matching_blocks():
            for offset in range(block.size):
                part[block.b + offset] = nodes[in_graph[block.a + offset]].name
        names += part
    return names


def _parts(calls: Sequence[Call]) -> list[range]:
    """The calls that may cost something, each alone, and the free ones around them together."""
    parts, start = [], 0
    for position, call in enumerate(calls):
        if not call.is_free:
            parts += [range(start, position), range(position, position + 1)]
            start = position + 1
    return [*parts, range(start, len(calls))]


def require_same(calls: Sequence[Call], expected: Sequence[Call]) -> None:
    """Raise CheckError where another run of the same model makes other calls."""
    if [call.work for call in calls] != [call.work for call in expected]:
        raise CheckError(
            f"A repetition made {len(calls)} operator calls where the first made {len(expected)}, "
            "or others: what the model does depends on more than its input."
        )
