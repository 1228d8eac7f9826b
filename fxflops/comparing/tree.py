"""Which module of one side is which of the other.

Equal subtrees are the same module whatever they are called, and in whatever order they stand: a
renamed or reordered model has no difference. Of the others, modules of one name are the same, and
then those of one type that have most in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fxflops.cost import Cost, total
from fxflops.report import Row

MOST_COMPARED = 40_000
"""Pairs of modules whose likeness is computed; of more, only modules with children are compared."""


class Module:
    """A module with its own cost, that of its calls outside its children."""

    __slots__ = ("children", "digest", "inside", "kind", "own", "path", "size")

    def __init__(self, path: str, kind: str, own: Cost, children: Sequence[Module]) -> None:
        self.path = path
        self.kind = kind
        self.own = own
        self.children = children
        self.size: int = 1 + sum(child.size for child in children)
        self.digest: int = hash((own, frozenset(Counter(c.digest for c in children).items())))

        self.inside: Counter[int] = Counter()
        """How often each subtree that costs something is in it."""
        for child in children:
            self.inside.update(child.inside)
        if own != Cost.zero():
            self.inside[self.digest] += 1

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]

    def subtree(self) -> Iterable[Module]:
        """Itself and all modules in it."""
        yield self
        for child in self.children:
            yield from child.subtree()

    def equals(self, other: Module) -> bool:
        """Whether both cost the same, and their children one to one."""
        if self.digest != other.digest or self.own != other.own or self.size != other.size:
            return False
        left, right = (sorted(m.children, key=lambda m: m.digest) for m in (self, other))
        return len(left) == len(right) and all(
            a.equals(b) for a, b in zip(left, right, strict=True)
        )


class Pair(NamedTuple):
    """A module of the one side and of the other; None where there is none."""

    old: Module | None
    new: Module | None

    @property
    def difference(self) -> Cost:
        """What the module's own calls cost more on the new side."""
        new = self.new.own if self.new else Cost.zero()
        return new - self.old.own if self.old else new


def tree(rows: Sequence[Row]) -> Module:
    """The modules of a report as a tree, the root first among ``rows``."""
    below: dict[str, list[Row]] = {}
    paths = {row.name for row in rows}
    for row in rows[1:]:
        parent = row.name.rpartition(".")[0]
        while parent and parent not in paths:
            parent = parent.rpartition(".")[0]
        below.setdefault(parent, []).append(row)

    def made(row: Row) -> Module:
        children = [made(child) for child in below.get(row.name, [])]
        inside = total(child.cost for child in below.get(row.name, [])) if children else Cost.zero()
        return Module(row.name, row.kind, row.cost - inside, children)

    return made(rows[0])


def pairs(old: Module, new: Module) -> list[Pair]:
    """Each module of either side once, with its counterpart; equal subtrees are left out."""
    matching = _Matching()
    matching.match(old, new)
    matching.match_moved(old, new)
    matching.match_alike(old, new)
    found = matching.pairs
    found += [Pair(module, None) for module in matching.rest(old)]
    found += [Pair(None, module) for module in matching.rest(new)]
    return found


class _Matching:
    """The pairs so far, and which modules have a counterpart."""

    def __init__(self) -> None:
        self.pairs: list[Pair] = []
        self._done: set[int] = set()

    def rest(self, root: Module) -> list[Module]:
        """The modules without a counterpart."""
        return [module for module in root.subtree() if id(module) not in self._done]

    def match(self, old: Module, new: Module) -> None:
        """Match two modules, and of their children those that are equal or of one name."""
        if old.equals(new):
            for module in (*old.subtree(), *new.subtree()):
                self._done.add(id(module))
            return
        self._done |= {id(old), id(new)}
        self.pairs.append(Pair(old, new))
        for same in (_equal_and_named, Module.equals, _named_alike):
            left, right = (
                [child for child in module.children if id(child) not in self._done]
                for module in (old, new)
            )
            for module in left:
                other = next((other for other in right if same(module, other)), None)
                if other is not None:
                    right.remove(other)
                    self.match(module, other)

    def match_moved(self, old: Module, new: Module) -> None:
        """Match equal subtrees wherever they stand, the largest first."""
        right = self.rest(new)
        for module in sorted(self.rest(old), key=lambda module: module.size, reverse=True):
            if id(module) in self._done:
                continue
            other = next((o for o in right if id(o) not in self._done and module.equals(o)), None)
            if other is not None:
                self.match(module, other)

    def match_alike(self, old: Module, new: Module) -> None:
        """Match what has most in common."""
        left, right = self.rest(old), self.rest(new)
        if len(left) * len(right) > MOST_COMPARED:
            left, right = ([m for m in side if m.children] for side in (left, right))
        scores = [
            (likeness, -i, -j)
            for i, a in enumerate(left)
            for j, b in enumerate(right)
            if (likeness := _likeness(a, b))
        ]
        for _, i, j in sorted(scores, reverse=True):
            if not {id(left[-i]), id(right[-j])} & self._done:
                self.match(left[-i], right[-j])


def _equal_and_named(old: Module, new: Module) -> bool:
    return old.name == new.name and old.equals(new)


def _named_alike(old: Module, new: Module) -> bool:
    return old.name == new.name and old.kind == new.kind


def _likeness(old: Module, new: Module) -> int:
    """How much two modules of one type have in common: equal modules in them, one name."""
    if old.kind != new.kind:
        return 0
    return 2 * (old.inside & new.inside).total() + (old.name == new.name) + 1
