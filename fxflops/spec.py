"""Input specs: ``"image: N 3 H%32 W%32"``, the sizes that a model takes, some of them free.

    spec    = tensor (";" tensor)* [";" "past" "=" (integer | symbol)]
    tensor  = [name ":"] axis+ [dtype]  |  [name ":"] dtype
    axis    = integer | symbol ["%" multiple] [">=" minimum] | term ("+" term)+
    term    = integer | symbol

An integer is a fixed size; a symbol is a free one; the same symbol twice is the same size. With
``past`` the model is called with a cache that holds that many positions, or none. A shape, such as
``(1, 3, 224, 224)``, is the spec ``1 3 224 224``.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import lcm
from typing import Literal, TypeAlias

from fxflops.errors import SpecError, shown

Frontend = Literal["auto", "trace", "export"]
"""What captures the graph; ``auto`` is ``trace``, and ``export`` where that fails."""

FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPES = (*FLOATS, "int8", "int16", "int32", "int64", "uint8", "bool", "complex64", "complex128")
EXAMPLE = '"image: N 3 H%32 W%32"'

_NAME = r"[A-Za-z_][A-Za-z_0-9]*"
_SIZE = r"[0-9]{1,18}"  # below 2**63: no tensor has a longer axis
_PAST = re.compile(r"past\s*=")
_SHAPE = re.compile(
    r"\s*(?:torch\.Size)?[(\[]+(?P<sizes>[^()\[\]]+)[)\]]+(?:\s+(?P<dtype>\w+))?\s*"
)
_AXIS = re.compile(rf"(?P<name>{_NAME})(?:%(?P<multiple>{_SIZE}))?(?:>=(?P<minimum>{_SIZE}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A free size: a multiple of ``multiple`` that is at least ``minimum``."""

    name: str
    multiple: int = 1
    minimum: int = 1

    def __str__(self) -> str:
        multiple = f"%{self.multiple}" if self.multiple > 1 else ""
        minimum = f">={self.minimum}" if self.minimum > self.multiple else ""
        return f"{self.name}{multiple}{minimum}"


@dataclass(frozen=True, slots=True)
class Sum:
    """A size that is a sum: ``P+L``, the positions of a cache and those after it."""

    terms: tuple[int | Axis, ...]

    def __str__(self) -> str:
        names = (term.name if isinstance(term, Axis) else str(term) for term in self.terms)
        return "+".join(names)


Size: TypeAlias = int | Axis | Sum


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInput:
    """One tensor of the input: a name, its axes, and a dtype unless it is the model's own."""

    name: str
    axes: tuple[Size, ...]
    dtype: str | None = None

    def __str__(self) -> str:
        dtype = f" {self.dtype}" if self.dtype else ""
        return f"{self.name}: {' '.join(map(str, self.axes))}{dtype}"


@dataclass(frozen=True, slots=True)
class Hyper:
    """A hyper-parameter: the fields of the model's configuration that have this size."""

    fields: tuple[str, ...]
    size: int | Axis


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The tensors that a model is called with, by position, and how much its cache holds.

    ``hyper`` are sizes of the model itself, which is built for them.
    """

    tensors: tuple[TensorInput, ...]
    past: int | Axis | None = None
    hyper: tuple[Hyper, ...] = ()

    def __str__(self) -> str:
        past = self.past.name if isinstance(self.past, Axis) else self.past
        parts = [*map(str, self.tensors), *([] if past is None else [f"past={past}"])]
        return "; ".join(parts)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The free sizes, each once, in order of appearance."""
        sizes = [size for tensor in self.tensors for size in tensor.axes]
        terms = [term for size in sizes for term in terms_of(size)]
        terms += [] if self.past is None else [self.past]
        terms += [hyper.size for hyper in self.hyper]
        return tuple({term.name: term for term in terms if isinstance(term, Axis)}.values())

    def with_multiple(self, multiple: int) -> InputSpec:
        """The same spec with its free axes from the third on multiples of ``multiple``, too."""

        def coarsen(axis: Size, position: int) -> Size:
            if not isinstance(axis, Axis) or position < 2:
                return axis
            step = lcm(axis.multiple, multiple)
            return Axis(name=axis.name, multiple=step, minimum=-(-axis.minimum // step) * step)

        return replace(
            self,
            tensors=tuple(
                replace(t, axes=tuple(map(coarsen, t.axes, range(len(t.axes)))))
                for t in self.tensors
            ),
        )

    def fixed(self, sizes: Mapping[str, int]) -> InputSpec:
        """The same spec with each axis that ``sizes`` names fixed at its value."""

        def fix(axis: int | Axis) -> int | Axis:
            return sizes.get(axis.name, axis) if isinstance(axis, Axis) else axis

        return self._each(fix)

    def with_hyper(self, hyper: Iterable[Hyper]) -> InputSpec:
        """The same spec with these sizes of the model; a symbol in both is one size."""
        return _unified(replace(self, hyper=tuple(hyper)))

    def with_past(self, past: str | int) -> InputSpec:
        """The same spec for a call with a cache that holds so many positions.

        Raises SpecError for what is neither a symbol nor a number, and where it says so already.
        """
        if self.past is not None:
            raise SpecError(f"The input spec has a past already: {shown(str(self))}.")
        return _unified(replace(self, past=_past(str(past))))

    def _each(self, change: Callable[[int | Axis], int | Axis]) -> InputSpec:
        """The same spec with other sizes, those in sums and of the cache included."""

        def changed(size: Size) -> Size:
            if not isinstance(size, Sum):
                return change(size)
            terms = tuple(map(change, size.terms))
            numbers = [term for term in terms if isinstance(term, int)]
            return sum(numbers) if len(numbers) == len(terms) else Sum(terms)

        tensors = tuple(replace(t, axes=tuple(map(changed, t.axes))) for t in self.tensors)
        hyper = tuple(replace(hyper, size=change(hyper.size)) for hyper in self.hyper)
        return InputSpec(tensors, None if self.past is None else change(self.past), hyper)


def parse(text: str) -> InputSpec:
    """Read an input spec.

    Raises SpecError that quotes the part that cannot be read.
    """
    parts = [part.strip() for part in text.split(";") if part.strip()]
    pasts = [part.partition("=")[2] for part in parts if _PAST.match(part)]
    parts = [part for part in parts if not _PAST.match(part)]
    if len(pasts) > 1:
        raise SpecError(f"The input spec says twice what the past is: {', '.join(pasts)}.")
    if not parts:
        raise SpecError(f"The input spec is empty. Give one like {EXAMPLE}.")
    tensors = [_tensor(part, index) for index, part in enumerate(parts)]
    names = [tensor.name for tensor in tensors]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"The input spec names two tensors {name!r}. Give each its own name.")
    return _unified(InputSpec(tuple(tensors), _past(pasts[0]) if pasts else None))


def terms_of(size: Size) -> tuple[int | Axis, ...]:
    """What a size is the sum of: itself, where it is none."""
    return size.terms if isinstance(size, Sum) else (size,)


def _past(text: str) -> int | Axis:
    """How many positions a cache holds: a number, 0 included, or the symbol of one."""
    text = text.strip()
    if re.fullmatch(_SIZE, text):
        return int(text)
    if not re.fullmatch(_NAME, text):
        raise SpecError(f"The past is '{shown(text)}': give a number, or a symbol such as P.")
    _require_symbol(text, text, "past")
    return Axis(name=text, minimum=0)


def _tensor(text: str, index: int) -> TensorInput:
    name, colon, body = text.rpartition(":")
    name = name.strip() if colon else f"input{index}"
    if not re.fullmatch(_NAME, name):
        raise SpecError(f"'{shown(name)}' in the input spec is no name. Write it like {EXAMPLE}.")
    if written := _SHAPE.fullmatch(body):
        body = f"{written['sizes'].replace(',', ' ')} {written['dtype'] or ''}"
    tokens = body.split()
    dtype = tokens.pop() if tokens and tokens[-1] in DTYPES else None
    if not tokens and dtype is None:
        raise SpecError(f"'{shown(text)}' in the input spec has no axes. Write it like {EXAMPLE}.")
    return TensorInput(name=name, axes=tuple(_axis(token, text) for token in tokens), dtype=dtype)


def joined(tensors: Iterable[TensorInput]) -> InputSpec:
    """The spec of these tensors: each has a name of its own, a symbol all that is said of it."""
    taken: dict[str, TensorInput] = {}
    for tensor in tensors:
        names = (f"{tensor.name}{count or ''}" for count in range(len(taken) + 1))
        name = next(name for name in names if name not in taken)
        taken[name] = replace(tensor, name=name)
    return _unified(InputSpec(tuple(taken.values())))


def of_argument(text: str) -> TensorInput | None:
    """The tensor that a string among a call's arguments stands for; None where it is a string.

    It is a spec of one tensor that cannot be taken for words: it has two axes at least, or a name
    or a dtype, and its symbols are in capital letters.
    """
    try:
        tensors = parse(text).tensors
    except SpecError:
        return None
    symbols = [axis.name for axis in tensors[0].axes if isinstance(axis, Axis)]
    is_written_out = ":" in text or tensors[0].dtype is not None or len(tensors[0].axes) > 1
    is_spec = len(tensors) == 1 and is_written_out and all(map(str.isupper, symbols))
    return tensors[0] if is_spec else None


def axis(token: str, where: str) -> Size:
    """Read one size: an integer, a symbol, or a sum; ``where`` is what an error quotes."""
    return _axis(token, where)


def _axis(token: str, tensor: str) -> Size:
    terms = token.split("+")
    if len(terms) > 1 and all(re.fullmatch(f"{_SIZE}|{_NAME}", term) for term in terms):
        made = tuple(int(t) if t.isdecimal() else _axis(t, tensor) for t in terms)
        free = tuple(term for term in made if not isinstance(term, Sum))
        numbers = [term for term in free if isinstance(term, int)]
        return sum(numbers) if len(numbers) == len(free) else Sum(free)
    if re.fullmatch(_SIZE, token):
        if int(token) == 0:
            raise SpecError(f"Axis 0 in {tensor!r}: a size is at least 1.")
        return int(token)
    match = _AXIS.fullmatch(token)
    if match is None or match["name"] in DTYPES:
        raise SpecError(
            f"Cannot read the axis '{shown(token)}' in '{shown(tensor)}': an axis is an integer "
            f"of at most 18 digits (fixed) or a "
            f"symbol like H, H%32 or H%32>=128, and a dtype comes last ({', '.join(DTYPES)})."
        )
    _require_symbol(match["name"], token, tensor)
    multiple = int(match["multiple"] or 1)
    if multiple == 0:
        raise SpecError(f"Axis {token!r} in {tensor!r}: no size is a multiple of 0.")
    minimum = max(int(match["minimum"] or 1), multiple)
    return Axis(name=match["name"], multiple=multiple, minimum=-(-minimum // multiple) * multiple)


def _require_symbol(name: str, token: str, where: str) -> None:
    if keyword.iskeyword(name) or name in ("Max", "Min"):
        raise SpecError(
            f"Axis {token!r} in {where!r}: {name!r} means something else in a formula. "
            f"Give the size another name."
        )


def _unified(spec: InputSpec) -> InputSpec:
    """Each symbol with all that is said of it anywhere; that of a cache may be 0."""
    said: dict[str, Axis] = {}
    sizes = [size for tensor in spec.tensors for size in tensor.axes]
    sizes += [hyper.size for hyper in spec.hyper]
    terms = [term for size in sizes for term in terms_of(size)]
    for axis in (term for term in terms if isinstance(term, Axis)):
        known = said.get(axis.name, axis)
        multiple = lcm(known.multiple, axis.multiple)
        minimum = -(-max(known.minimum, axis.minimum) // multiple) * multiple
        said[axis.name] = Axis(name=axis.name, multiple=multiple, minimum=minimum)

    if isinstance(spec.past, Axis):
        other = said.get(spec.past.name, spec.past)
        if other not in (spec.past, Axis(name=spec.past.name)):
            raise SpecError(f"The past is a number of positions from 0 on, not '{other}'.")
        said[spec.past.name] = spec.past

    def unify(axis: int | Axis) -> int | Axis:
        return said[axis.name] if isinstance(axis, Axis) else axis

    return spec._each(unify)
