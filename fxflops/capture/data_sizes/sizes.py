"""The sizes of one capture that data decide: their names, bounds, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from fxflops._torch import OpOverload, tree_leaves
from fxflops.algebra import Dim, Symbol
from fxflops.algebra.bounds import upper_bound
from fxflops.algebra.evaluate import evaluate, substitute
from fxflops.algebra.polynomial import from_atom
from fxflops.capture.source import model_line
from fxflops.capture.symint.environment import SizeEnv
from fxflops.domain import DataSize

LARGEST_HINT, DIFFERENT_HINTS = 97, 40
"""Hints are small, and mostly different: no loop over the boxes of a large image is taken."""

LARGEST_MAXIMUM = 2**40
"""Above it a bound in numbers is of no use."""


SUM = torch.ops.aten.cat.default
"""The operator of a size that is its bound, exactly: the sum of others."""


class Key(NamedTuple):
    """What makes a size the same one in another capture of the same model.

    The operator, its line, and how many there were before it with the same of these.
    """

    operator: str
    where: str
    number: int


Keys: TypeAlias = Mapping[Key, DataSize]

Occurrences: TypeAlias = Mapping[tuple[str, str], Sequence[tuple[int, int]]]
"""The sizes of a run, each with its bound, by operator and line, in order."""


class OfDataAtFixedSizesError(Exception):
    """Data decide a size in a capture without symbols, which then needs them."""


class DataSizes:
    """Gives each result whose size data decide a symbol, or a number where it is known.

    ``known`` are the symbols of an earlier capture, ``fixed`` numbers for some of them by name.
    ``occurred``, instead, are the sizes of a run. ``taken`` are names of other sizes.
    """

    def __init__(
        self,
        known: Keys | None = None,
        fixed: Mapping[str, int] | None = None,
        occurred: Occurrences | None = None,
    ) -> None:
        self._known = known or {}
        self._fixed = fixed or {}
        self._occurred = None if occurred is None else {k: list(v) for k, v in occurred.items()}
        self.found: dict[Key, DataSize] = {}
        self.env: SizeEnv | None = None
        self.taken: frozenset[str] = frozenset()
        self.is_symbolic = True
        self.on_first: Callable[[], object] = lambda: None
        self._made: dict[object, tuple[int | torch.SymInt, tuple[Any, ...]]] = {}
        self._versions: dict[int, int] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._passed: set[Key] = set()

    @property
    def is_empty(self) -> bool:
        """Whether data have decided no size so far."""
        return not self._made

    def has_known(self, operator: OpOverload) -> bool:
        """Whether an earlier capture had a size of this operator."""
        return any(key.operator == str(operator) for key in self._known)

    def again(self) -> DataSizes:
        """The same before its first capture."""
        return DataSizes(self._known, self._fixed, self._occurred)

    def size(self, operator: OpOverload, bound: Dim, *of: object) -> int | torch.SymInt:
        """How many results ``operator`` has, at most ``bound``; the same of the same tensors."""
        identity = (operator._schema.name, *map(self._identity, of))
        if identity not in self._made:
            # A tensor's id stays taken as long as it lives.
            self._made[identity] = self._new(operator, bound), of
        return self._made[identity][0]

    def changed(self, args: Any) -> None:
        """Told of a call that may change its arguments in place."""
        for leaf in tree_leaves(args):
            if isinstance(leaf, Tensor):
                key = _storage(leaf)
                self._versions[key] = self._versions.get(key, 0) + 1

    def _identity(self, value: object) -> object:
        if not isinstance(value, Tensor):
            return value
        return id(value), self._versions.get(_storage(value), 0)

    def _new(self, operator: OpOverload, bound: Dim) -> int | torch.SymInt:
        if self._occurred is not None:
            if operator is not SUM:
                return self._occurred[str(operator), model_line()].pop(0)[0]
            assert isinstance(bound, int)
            return bound
        place = str(operator), model_line()
        key, data_size = self._before(place, bound)
        if isinstance(bound, int) and bound == 0:
            return 0
        if not self.is_symbolic:
            raise OfDataAtFixedSizesError
        assert self.env is not None
        if not self.found:
            self.on_first()
        if data_size is None:
            data_size = self._named(place, bound)
        self.found[key] = data_size
        if data_size.name in self._fixed:
            return self._fixed[data_size.name]
        at_most = evaluate(bound, self.env.hints)
        hint = max(2, min(at_most - 1, LARGEST_HINT - 2 * (len(self.found) % DIFFERENT_HINTS)))
        self.env.hints.setdefault(data_size.symbol, hint)
        return self.env.size(from_atom(data_size.symbol))

    def _before(self, place: tuple[str, str], bound: Dim) -> tuple[Key, DataSize | None]:
        """The size that an earlier capture had here, and its key.

        A call may be left out where a size is fixed: so it is the next one of this line with this
        bound, or the next one where bounds are of other sizes than those fixed.
        """
        there = [key for key in self._known if key[:2] == place and key not in self._passed]
        values = {
            s.symbol: n for s in self._known.values() if (n := self._fixed.get(s.name, -1)) >= 0
        }
        same = (k for k in there if substitute(self._known[k].bound, values) == bound)
        key = next(same, there[0] if there else None)
        if key is not None:
            self._passed |= set(there[: there.index(key) + 1])
            return key, self._known[key]
        number = self._numbers[place] = self._numbers.get(place, -1) + 1
        return Key(*place, number + sum(key[:2] == place for key in self._known)), None

    def _named(self, place: tuple[str, str], bound: Dim) -> DataSize:
        taken = self.taken | {s.name for s in (*self._known.values(), *self.found.values())}
        name = next(name for n in range(1, 10**6) if (name := f"U{n}") not in taken)
        largest = upper_bound(bound)
        maximum = largest if largest is not None and largest <= LARGEST_MAXIMUM else None
        symbol = Symbol(name, minimum=0, maximum=maximum)
        return DataSize(symbol, bound, *place)


def _storage(tensor: Tensor) -> int:
    identity: int = tensor.untyped_storage()._cdata  # private: one on meta has no address
    return identity
