"""The sizes that data decided in a run of a model: how many boxes there were."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from fxflops._torch import OpOverload, TorchDispatchMode, _disable_current_modes, tree_leaves
from fxflops.algebra import Symbol, evaluate
from fxflops.capture.data_sizes.rules import asked
from fxflops.capture.data_sizes.sizes import SUM
from fxflops.capture.source import model_line, runs_a_model
from fxflops.domain import Domain
from fxflops.errors import CheckError


class Occurred(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes how large each result is whose size data decide.

    ``by_place`` are the sizes of each operator and line in order, with the bound that each had.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_place: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        self._known: set[object] = set()
        self._alive: list[object] = []  # an id stays taken only as long as its tensor lives
        self._versions: dict[int, int] = defaultdict(int)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Private: otherwise torch wraps the method below in what imports the whole of Dynamo."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(func, OpOverload):
            for operator, of, bound in asked(func, args, kwargs or {}):
                assert isinstance(bound, int)  # the sizes of a run
                self._note(operator, of, bound, result)
            if func._schema.is_mutable:
                for leaf in tree_leaves((args, kwargs)):
                    if isinstance(leaf, Tensor):
                        self._versions[_storage(leaf)] += 1
        return result

    def _note(self, operator: OpOverload, of: tuple[object, ...], bound: int, result: Any) -> None:
        identity = (operator, *map(self._identity, of))
        if identity in self._known:
            return
        self._known.add(identity)
        self._alive.append(of)
        size = _size(operator, of, result)
        self.by_place[str(operator), model_line()].append((size, bound))

    def _identity(self, value: object) -> object:
        if not isinstance(value, Tensor):
            return value
        return id(value), self._versions[_storage(value)]


def _size(operator: OpOverload, of: tuple[object, ...], result: Any) -> int:
    """The number of results; of a mask, how many of its elements are not 0."""
    if operator is torch.ops.aten.nonzero.default:
        with _disable_current_modes():
            mask: Any = of[0]
            return int(mask.count_nonzero())
    first = result if isinstance(result, Tensor) else result[0]
    axis = of[1] if len(of) > 1 and isinstance(of[1], int) else 0
    return int(first.shape[axis])


def _storage(tensor: Tensor) -> int:
    identity: int = tensor.untyped_storage()._cdata  # private: also of one without an address
    return identity


@runs_a_model
def occurred(run: Callable[[], object]) -> Occurred:
    """What data decided while ``run`` called a model."""
    noted = Occurred()
    with noted:
        run()
    return noted


def values_of(
    noted: Occurred, domain: Domain, sizes: Mapping[str, int], *, whole: bool = True
) -> dict[str, int]:
    """The sizes that data decide, by name, as they occurred at these sizes of the input.

    Calls are matched by operator, line and order. One that had nothing to be made on may have been
    left out; of a capture that is not ``whole``, the run has more. Raises CheckError where the run
    made other calls than the capture.
    """
    values: dict[Symbol, int] = {s: s.value_at(sizes[s.name]) for s in domain.input_symbols}
    left = {place: deque(found) for place, found in noted.by_place.items()}
    for size in domain.data:
        bound = int(evaluate(size.bound, values))
        queue = left.get((size.operator, size.where), deque())
        if queue and queue[0][1] == bound:
            values[size.symbol] = queue.popleft()[0]
        elif bound == 0 or size.operator == str(SUM):
            values[size.symbol] = bound
        else:
            raise CheckError(
                f"The run gave no {size.name}, of {size.operator} at {size.where}, where the "
                "formula has it: it takes another path, and there is nothing to compare."
            )
    places = {(size.operator, size.where) for size in domain.data}
    more = [p for p in places if any(bound for _, bound in left.get(p, ()))]
    if more and whole:
        operator, where = more[0]
        raise CheckError(
            f"The run has a size from data that the formula has not, of {operator} at {where}: it "
            "takes another path, and there is nothing to compare."
        )
    return {size.name: values[size.symbol] for size in domain.data}
