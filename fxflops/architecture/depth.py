"""A number that code repeats something by, which records what else it is used for.

A depth enters a constructor as an integer. To repeat is free: ``range(depth)``, ``[x] * depth``, a
slice, the length of a list, a name. What compares it or the number of a layer, or takes a
remainder, is recorded as a `Condition`: where layers repeat follows from these.

    i % 6 == 5          layers repeat with the period 6
    i < 3               the first 3 layers are apart
    i == depth - 1      the last layer is apart
    depth > 4           another graph at most up to 5

Numbers of layers come from ``range`` and ``enumerate``, which modules of the model's packages find
replaced. A float that is made of one decides nothing here: captures at several depths are compared
all the same (`repeated`).
"""

from __future__ import annotations

import builtins
import dis
import operator
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from fxflops.capture.source import model_line


class Condition(NamedTuple):
    """What was asked of a depth or of a layer's number, and where.

    ``kind`` is ``"period"`` (of ``number``), ``"first"`` or ``"last"`` (so many layers are apart, or
    the answer is the same from so many layers on), ``"equal"`` (the depth and a number were equal),
    or ``"other"``.
    """

    kind: str
    number: int
    where: str


class Log:
    """What one capture has asked of a depth."""

    def __init__(self, name: str, value: int) -> None:
        self.name = name
        self.value = value
        self.conditions: dict[Condition, None] = {}

    def add(self, kind: str, number: int = 0) -> None:
        """Record a condition, at the line of the model that is running."""
        self.conditions[Condition(kind, number, model_line())] = None


class Depth(int):
    """``times * depth + more``, with the value that it has in this capture."""

    log: Log
    times: int
    more: int

    @classmethod
    def of(cls, log: Log, times: int = 1, more: int = 0) -> Depth:
        """The number that is linear in the depth of ``log``."""
        made = cls(times * log.value + more)
        made.log, made.times, made.more = log, times, more
        return made

    def __reduce__(self) -> Any:
        return int, (int(self),)

    def __copy__(self) -> Depth:
        return self

    def __deepcopy__(self, memo: Any) -> Depth:
        return self

    def __add__(self, other: Any) -> Any:
        if type(other) is int:
            return Depth.of(self.log, self.times, self.more + other)
        if isinstance(other, Depth) and other.log is self.log:
            return Depth.of(self.log, self.times + other.times, self.more + other.more)
        return int.__add__(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if type(other) is int:
            return Depth.of(self.log, self.times, self.more - other)
        if isinstance(other, Layer) and other.log is self.log and self.times == 1:
            return Layer.of(self.log, int(self) - int(other), other.shift - self.more, True)
        return int.__sub__(self, other)

    def __rsub__(self, other: Any) -> Any:
        if type(other) is int:
            return Depth.of(self.log, -self.times, other - self.more)
        return int.__rsub__(self, other)

    def __mul__(self, other: Any) -> Any:
        if type(other) is int:
            return Depth.of(self.log, self.times * other, self.more * other)
        return int.__mul__(self, other) if isinstance(other, int) else NotImplemented

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return self._divided(int.__floordiv__, other)

    def __mod__(self, other: Any) -> Any:
        return self._divided(int.__mod__, other)

    def _divided(self, divide: Callable[[int, Any], Any], other: Any) -> Any:
        if type(other) is int and other > 0 and self.times == 1:
            self.log.add("period", other)
        else:
            self.log.add("other")
        return divide(self, other)

    def _compared(self, compare: Callable[[int, Any], Any], other: Any, after: int = 1) -> Any:
        if isinstance(other, Layer) and other.log is self.log:
            return NotImplemented  # the layer's number knows what it means
        if type(other) is int and self.times == 1:
            if int(self) == other:
                self.log.add("equal", other - self.more + after)
            else:
                self.log.add("first", max(0, other - self.more + after))
        elif not (isinstance(other, Depth) and other.log is self.log):
            if other is not None and isinstance(other, int):
                self.log.add("other")
        elif (other.times, other.more) != (self.times, self.more):
            self.log.add("first", abs(other.more - self.more))
        return compare(int(self), int(other) if isinstance(other, int) else other)

    def __eq__(self, other: object) -> Any:
        return self._compared(int.__eq__, other)

    def __ne__(self, other: object) -> Any:
        return self._compared(int.__ne__, other)

    def __lt__(self, other: Any) -> Any:
        return self._compared(int.__lt__, other, after=0)

    def __le__(self, other: Any) -> Any:
        return self._compared(int.__le__, other)

    def __gt__(self, other: Any) -> Any:
        return self._compared(int.__gt__, other)

    def __ge__(self, other: Any) -> Any:
        return self._compared(int.__ge__, other, after=0)

    def __bool__(self) -> bool:
        self.log.add("first", max(0, 1 - self.more))
        return int(self) != 0

    def __hash__(self) -> int:
        return hash(int(self))


class Layer(int):
    """The number of a layer, plus ``shift``; counted from the end where it ``is_from_end``."""

    log: Log
    shift: int
    is_from_end: bool

    @classmethod
    def of(cls, log: Log, value: int, shift: int = 0, is_from_end: bool = False) -> Layer:
        """The number ``value`` that has been moved by ``shift``."""
        made = cls(value)
        made.log, made.shift, made.is_from_end = log, shift, is_from_end
        return made

    def __reduce__(self) -> Any:
        return int, (int(self),)

    def __copy__(self) -> Layer:
        return self

    def __deepcopy__(self, memo: Any) -> Layer:
        return self

    def __add__(self, other: Any) -> Any:
        if type(other) is int and not self.is_from_end:
            return Layer.of(self.log, int(self) + other, self.shift + other)
        return int.__add__(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if type(other) is int and not self.is_from_end:
            return Layer.of(self.log, int(self) - other, self.shift - other)
        return int.__sub__(self, other)

    def __mod__(self, other: Any) -> Any:
        return self._divided(int.__mod__, other)

    def __floordiv__(self, other: Any) -> Any:
        if type(other) is int and other > 1:
            self.log.add("other")
        return int.__floordiv__(self, other)

    def __and__(self, other: Any) -> Any:
        if type(other) is int and other >= 0 and (other + 1) & other == 0:
            self.log.add("period", other + 1)
        else:
            self.log.add("other")
        return int.__and__(self, other)

    def _divided(self, divide: Callable[[int, Any], Any], other: Any) -> Any:
        if type(other) is int and other > 0 and not self.is_from_end:
            self.log.add("period", other)
        else:
            self.log.add("other")
        return divide(self, other)

    def _compared(self, compare: Callable[[int, Any], Any], other: Any, after: int = 1) -> Any:
        if isinstance(other, Depth):
            if other.log is self.log and other.times == 1 and not self.is_from_end:
                self.log.add("last", max(0, self.shift - other.more))
            else:
                self.log.add("other")
        elif isinstance(other, Layer):
            if other.log is not self.log or (other.shift, other.is_from_end) != (
                self.shift,
                self.is_from_end,
            ):
                self.log.add("other")
        elif type(other) is int:
            kind = "last" if self.is_from_end else "first"
            self.log.add(kind, max(0, other - self.shift + after))
        return compare(int(self), int(other) if isinstance(other, int) else other)

    def __eq__(self, other: object) -> Any:
        if _is_looked_up():
            return int(self) == other
        return self._compared(int.__eq__, other)

    def __ne__(self, other: object) -> Any:
        return self._compared(int.__ne__, other)

    def __lt__(self, other: Any) -> Any:
        return self._compared(int.__lt__, other, after=0)

    def __le__(self, other: Any) -> Any:
        return self._compared(int.__le__, other)

    def __gt__(self, other: Any) -> Any:
        return self._compared(int.__gt__, other)

    def __ge__(self, other: Any) -> Any:
        return self._compared(int.__ge__, other, after=0)

    def __bool__(self) -> bool:
        self.log.add("last" if self.is_from_end else "first", 1)
        return int(self) != 0

    def __hash__(self) -> int:
        return hash(int(self))


ASKS = {"COMPARE_OP", "CONTAINS_OP"}


def _is_looked_up() -> bool:
    """Whether a dictionary compares keys, rather than the code that runs."""
    frame = sys._getframe(2)
    code = frame.f_code.co_code
    return dis.opname[code[frame.f_lasti]] not in ASKS


@contextmanager
def watched_repetition(packages: Collection[str], logs: Iterable[Log]) -> Iterator[None]:
    """Has ``range`` and ``enumerate`` number the layers in the modules of ``packages``.

    A plain number that has a depth's value is taken for it, as the length of a list of layers is.
    """
    by_value = {log.value: log for log in logs}

    def numbered(*ends: Any) -> Any:
        log = _log_of(ends, by_value)
        plain = builtins.range(*map(operator.index, ends))
        return plain if log is None else _Numbers(log, plain)

    def enumerated(items: Any, start: int = 0) -> Any:
        length = len(items) if hasattr(items, "__len__") else None
        log = by_value.get(length) if length is not None else None
        if log is None:
            return builtins.enumerate(items, start)
        return ((Layer.of(log, i, start), item) for i, item in builtins.enumerate(items, start))

    names = {"range": numbered, "enumerate": enumerated}
    changed = [
        (vars(module), name)
        for path, module in list(sys.modules.items())
        if module is not None and path.partition(".")[0] in packages
        for name in names
        if name not in vars(module)
    ]
    for namespace, name in changed:
        namespace[name] = names[name]
    try:
        yield
    finally:
        for namespace, name in changed:
            namespace.pop(name, None)  # several names may lead to one module


def _log_of(ends: tuple[Any, ...], by_value: dict[int, Log]) -> Log | None:
    for end in ends:
        if isinstance(end, Depth):
            return end.log
    return by_value.get(ends[0]) if len(ends) == 1 and type(ends[0]) is int else None


class _Numbers:
    """What ``range`` gives, its numbers those of layers."""

    def __init__(self, log: Log, plain: range) -> None:
        self._log, self._plain = log, plain

    def __iter__(self) -> Iterator[Layer]:
        return (Layer.of(self._log, i) for i in self._plain)

    def __reversed__(self) -> Iterator[Layer]:
        return (Layer.of(self._log, i) for i in reversed(self._plain))

    def __len__(self) -> int:
        return len(self._plain)

    def __getitem__(self, index: Any) -> Any:
        found = self._plain[index]
        return Layer.of(self._log, found) if isinstance(found, int) else _Numbers(self._log, found)

    def __contains__(self, value: object) -> bool:
        return value in self._plain
