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

import ast
import builtins
import dis
import linecache
import operator
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

from torch import nn

from fxflops.capture.source import LAYERS, model_line


class Condition(NamedTuple):
    """What was asked of a depth or of a layer's number, and where.

    ``kind`` is ``"period"`` (of ``number``), ``"first"`` or ``"last"`` (so many layers are apart,
    or the answer is the same from so many on), ``"equal"`` (the depth and a number were equal), or
    ``"other"``.
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
        if type(other) is Layer:
            return NotImplemented
        if isinstance(other, Depth) and other.log is self.log:
            return Depth.of(self.log, self.times + other.times, self.more + other.more)
        return int.__add__(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if type(other) is int:
            return Depth.of(self.log, self.times, self.more - other)
        if isinstance(other, Layer) and other.log is self.log and self.times == 1:
            return Layer(self.log, int(self) - other.value, other.shift - self.more, True)
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
            if type(other) is not float and isinstance(other, int):
                self.log.add("other")
        elif (other.times, other.more) != (self.times, self.more):
            self.log.add("first", abs(other.more - self.more))
        return compare(int(self), int(other) if type(other) is Depth else other)

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


class Layer:
    """The number of a layer, plus ``shift``; counted from the end where it ``is_from_end``.

    No ``int`` but to whoever asks: what needs one says so by `__index__`. An entry of a list that
    has one for each layer is free, of any other list it is not: it may have others further on.
    """

    __slots__ = ("is_from_end", "log", "shift", "value")

    def __init__(self, log: Log, value: int, shift: int = 0, is_from_end: bool = False) -> None:
        self.log, self.value, self.shift, self.is_from_end = log, value, shift, is_from_end

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return int

    def __index__(self) -> int:
        if not _is_of_each_layer(sys._getframe(1), self.log.value):
            self.log.add("other")
        return self.value

    def __int__(self) -> int:
        self.log.add("other")
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return str(self.value)

    __repr__ = __str__

    def __format__(self, how: str) -> str:
        return format(self.value, how)

    def __hash__(self) -> int:
        return hash(self.value)

    def __reduce__(self) -> Any:
        return int, (self.value,)

    def __copy__(self) -> Layer:
        return self

    def __deepcopy__(self, memo: Any) -> Layer:
        return self

    def _moved(self, by: Any, sign: int) -> Any:
        if type(by) is not int or self.is_from_end:
            return self._other(operator.add, sign * by if isinstance(by, (int, float)) else by)
        return Layer(self.log, self.value + sign * by, self.shift + sign * by)

    def __add__(self, other: Any) -> Any:
        return self._moved(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._moved(other, -1)

    def _other(self, compute: Callable[[Any, Any], Any], other: Any) -> Any:
        """A number that is no layer's any more; a float decides nothing."""
        result = compute(self.value, other.value if isinstance(other, Layer) else other)
        if not isinstance(result, float):
            self.log.add("other")
        return result

    def __rsub__(self, other: Any) -> Any:
        return self._other(lambda mine, theirs: theirs - mine, other)

    def __mul__(self, other: Any) -> Any:
        return self._other(operator.mul, other)

    __rmul__ = __mul__

    def __neg__(self) -> Any:
        return self._other(operator.mul, -1)

    def __truediv__(self, other: Any) -> Any:
        return self._other(operator.truediv, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._other(lambda mine, theirs: theirs / mine, other)

    def __pow__(self, other: Any) -> Any:
        return self._other(operator.pow, other)

    def __rpow__(self, other: Any) -> Any:
        return self._other(lambda mine, theirs: theirs**mine, other)

    def __floordiv__(self, other: Any) -> Any:
        return self._other(operator.floordiv, other)

    def __and__(self, other: Any) -> Any:
        if type(other) is int and other >= 0 and (other + 1) & other == 0 and not self.is_from_end:
            self.log.add("period", other + 1)
            return self.value & other
        return self._other(operator.and_, other)

    def __mod__(self, other: Any) -> Any:
        if type(other) is int and other > 0 and not self.is_from_end:
            self.log.add("period", other)
            return self.value % other
        return self._other(operator.mod, other)

    def _compared(self, compare: Callable[[int, Any], Any], other: Any, after: int = 1) -> Any:
        if isinstance(other, Depth):
            if other.log is self.log and other.times == 1 and not self.is_from_end:
                self.log.add("last", max(0, self.shift - other.more))
            else:
                self.log.add("other")
            return compare(self.value, int(other))
        if isinstance(other, Layer):
            if other.log is not self.log or (other.shift, other.is_from_end) != (
                self.shift,
                self.is_from_end,
            ):
                self.log.add("other")
            return compare(self.value, other.value)
        if type(other) is int:
            kind = "last" if self.is_from_end else "first"
            self.log.add(kind, max(0, other - self.shift + after))
        return compare(self.value, other)

    def __eq__(self, other: object) -> Any:
        if _is_looked_up(sys._getframe(1)):
            return self.value == (other.value if isinstance(other, Layer) else other)
        return self._compared(operator.eq, other)

    def __ne__(self, other: object) -> Any:
        return self._compared(operator.ne, other)

    def __lt__(self, other: Any) -> Any:
        return self._compared(operator.lt, other, after=0)

    def __le__(self, other: Any) -> Any:
        return self._compared(operator.le, other)

    def __gt__(self, other: Any) -> Any:
        return self._compared(operator.gt, other)

    def __ge__(self, other: Any) -> Any:
        return self._compared(operator.ge, other, after=0)

    def __bool__(self) -> bool:
        self.log.add("last" if self.is_from_end else "first", 1)
        return self.value != 0


ASKS = {"COMPARE_OP", "CONTAINS_OP"}


def _operation(frame: FrameType) -> str:
    return dis.opname[frame.f_code.co_code[frame.f_lasti]]


def _is_looked_up(frame: FrameType) -> bool:
    """Whether a dictionary compares keys, rather than the code that runs."""
    return _operation(frame) not in ASKS


def _is_of_each_layer(frame: FrameType, depth: int) -> bool:
    """Whether code takes an entry of a list with as many as there are layers, or of modules."""
    if frame.f_code.co_filename.startswith(LAYERS):  # an index into a list of modules
        return True
    if _operation(frame) != "BINARY_SUBSCR":
        return False
    line, end_line, start, end = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if line is None or line != end_line:
        return False
    written = linecache.getline(frame.f_code.co_filename, line).encode()[start:end].decode()
    try:
        found = ast.parse(written.strip(), mode="eval").body
    except SyntaxError:
        return False
    if not isinstance(found, ast.Subscript) or not _is_name(found.value):
        return False
    listed = eval(ast.unparse(found.value), frame.f_globals, frame.f_locals)
    return isinstance(listed, nn.ModuleList | nn.Sequential) or len(listed) == depth


def _is_name(expression: ast.expr) -> bool:
    """A name, or attributes of one: evaluating it again changes nothing."""
    while isinstance(expression, ast.Attribute):
        expression = expression.value
    return isinstance(expression, ast.Name)


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
        return ((Layer(log, i, start), item) for i, item in builtins.enumerate(items, start))

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
        return (Layer(self._log, i) for i in self._plain)

    def __reversed__(self) -> Iterator[Layer]:
        return (Layer(self._log, i) for i in reversed(self._plain))

    def __len__(self) -> int:
        return len(self._plain)

    def __getitem__(self, index: Any) -> Any:
        found = self._plain[index]
        return Layer(self._log, found) if isinstance(found, int) else _Numbers(self._log, found)

    def __contains__(self, value: object) -> bool:
        return value in self._plain
