"""Input specs: ``"image: N 3 H%32 W%32"``, the sizes that a model takes, some of them free.

    spec    = tensor (";" tensor)*      "(1, 3, 224, 224)" is "1 3 224 224"
    tensor  = [name ":"] axis+ [dtype]  |  [name ":"] dtype
    axis    = integer | symbol ["%" multiple] [">=" minimum]

An integer is a fixed size; a symbol is a free one; the same symbol twice is the same size.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import lcm
from typing import Literal

from fxflops.errors import SpecError, shown

Frontend = Literal["auto", "trace", "export"]
"""What captures the graph; ``auto`` is ``trace``, and ``export`` where that fails."""

FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPES = (*FLOATS, "int8", "int16", "int32", "int64", "uint8", "bool", "complex64", "complex128")
EXAMPLE = '"image: N 3 H%32 W%32"'

_NAME = r"[A-Za-z_][A-Za-z_0-9]*"
_SIZE = r"[0-9]{1,18}"  # below 2**63: no tensor has a longer axis
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInput:
    """One tensor of the input: a name, its axes, and a dtype unless it is the model's own."""

    name: str
    axes: tuple[int | Axis, ...]
    dtype: str | None = None

    def __str__(self) -> str:
        dtype = f" {self.dtype}" if self.dtype else ""
        return f"{self.name}: {' '.join(map(str, self.axes))}{dtype}"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The tensors that a model is called with, by position."""

    tensors: tuple[TensorInput, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.tensors))

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The free sizes, each once, in order of appearance."""
        found = {a.name: a for t in self.tensors for a in t.axes if isinstance(a, Axis)}
        return tuple(found.values())

    def with_multiple(self, multiple: int) -> InputSpec:
        """The same spec with its free axes from the third on multiples of ``multiple``, too."""

        def coarsen(axis: int | Axis, position: int) -> int | Axis:
            if isinstance(axis, int) or position < 2:
                return axis
            step = lcm(axis.multiple, multiple)
            return Axis(name=axis.name, multiple=step, minimum=-(-axis.minimum // step) * step)

        return InputSpec(
            tuple(
                replace(t, axes=tuple(map(coarsen, t.axes, range(len(t.axes)))))
                for t in self.tensors
            )
        )

    def fixed(self, sizes: Mapping[str, int]) -> InputSpec:
        """The same spec with each axis that ``sizes`` names fixed at its value."""

        def fix(axis: int | Axis) -> int | Axis:
            return sizes.get(axis.name, axis) if isinstance(axis, Axis) else axis

        return InputSpec(tuple(replace(t, axes=tuple(map(fix, t.axes))) for t in self.tensors))


def parse(text: str) -> InputSpec:
    """Read an input spec.

    Raises SpecError that quotes the part that cannot be read.
    """
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if not parts:
        raise SpecError(f"The input spec is empty. Give one like {EXAMPLE}.")
    tensors = [_tensor(part, index) for index, part in enumerate(parts)]
    names = [tensor.name for tensor in tensors]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"The input spec names two tensors {name!r}. Give each its own name.")
    return _unified(InputSpec(tuple(tensors)))


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


def _axis(token: str, tensor: str) -> int | Axis:
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
    if keyword.iskeyword(match["name"]) or match["name"] in ("Max", "Min"):
        raise SpecError(
            f"Axis {token!r} in {tensor!r}: {match['name']!r} means something else in a formula. "
            f"Give the size another name."
        )
    multiple = int(match["multiple"] or 1)
    if multiple == 0:
        raise SpecError(f"Axis {token!r} in {tensor!r}: no size is a multiple of 0.")
    minimum = max(int(match["minimum"] or 1), multiple)
    return Axis(name=match["name"], multiple=multiple, minimum=-(-minimum // multiple) * multiple)


def _unified(spec: InputSpec) -> InputSpec:
    """Each symbol with all that is said of it anywhere."""
    said: dict[str, Axis] = {}
    for axis in (a for t in spec.tensors for a in t.axes if isinstance(a, Axis)):
        known = said.get(axis.name, axis)
        multiple = lcm(known.multiple, axis.multiple)
        minimum = -(-max(known.minimum, axis.minimum) // multiple) * multiple
        said[axis.name] = Axis(name=axis.name, multiple=multiple, minimum=minimum)

    def unify(axis: int | Axis) -> int | Axis:
        return said[axis.name] if isinstance(axis, Axis) else axis

    return InputSpec(tuple(replace(t, axes=tuple(map(unify, t.axes))) for t in spec.tensors))
