"""What the model's own code is told when it asks what a size is.

In an eager run a size is an ``int``. While a model is captured it is a ``torch.SymInt``, which
PyTorch's own code must know; the model's code is told that it is an ``int``, so that it takes the
branch of an eager run. Text of a size is that of the traced one, and is noted: what the code
decides by it cannot be known.
"""

from __future__ import annotations

import ast
import linecache
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from types import FrameType
from typing import Any

import torch

from fxflops.capture.source import OURS, TORCH, model_line
from fxflops.capture.symint.int_node import IntNode
from fxflops.capture.symint.node import Node

NUMBERS: dict[type, type] = {torch.SymInt: int, torch.SymFloat: float, torch.SymBool: bool}

COMPARED = (torch.SymInt, torch.SymFloat)
COMPARISONS = ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")

NOTHING_DECIDED = (TORCH, OURS, os.path.dirname(logging.__file__) + os.sep)
"""Whose code knows symbolic sizes, or does nothing else with text than to show it."""

PASSED_ON = {
    "<frozen abc>",
    os.path.join(TORCH, "__init__.py"),
    *(os.path.join(OURS, "capture", "symint", f"{kind}node.py") for kind in ("", "int_", "float_")),
}
"""Files whose functions ask for another one that calls them."""

SAYS = ("assert", "check", "warn", "print", "debug", "info", "log", "error", "exception")
"""How the names of functions begin that are called for what they say."""

TEXT = (
    "{where} makes text of the size {size}: what it decides by that could not be followed, and is "
    "counted as for {hint}."
)


def _asker() -> FrameType | None:
    """The frame that asks, above the hooks in this file and in `fxflops.capture.symint`."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename in PASSED_ON:
        frame = frame.f_back
    return frame


def _attribute(number: Any, name: str) -> Any:
    """The ``__getattribute__`` of symbolic numbers: ``isinstance`` asks for their ``__class__``."""
    if name == "__class__":
        file = sys._getframe(1).f_code.co_filename
        if not file.startswith((TORCH, OURS)) or file in PASSED_ON:
            asker = _asker()
            is_models = asker and not asker.f_code.co_filename.startswith((TORCH, OURS))
            if asker and is_models and isinstance(_of(number, "node"), Node):
                return _named_int(NUMBERS[type(number)], asker)
    return _of(number, name)


_of = object.__getattribute__


def _named_int(found: type, asker: FrameType) -> type:
    """What the code that asks finds under the name ``int`` (`patches.casts`), if it is."""
    return asker.f_globals.get("int", int) if found is int else found


class _TypeOfSizes(type):
    """The type of what stands for ``type``: called with a symbolic number it gives a plain one."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        found = type(*args, **kwargs)
        if len(args) != 1:
            return found
        return _named_int(NUMBERS.get(found, found), sys._getframe(1))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, type)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, type)

    def __getattr__(cls, name: str) -> Any:
        return getattr(type, name)

    def __getitem__(cls, item: Any) -> Any:
        return type[item]

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is type

    def __hash__(cls) -> int:
        return hash(type)


class TypeOfSizes(metaclass=_TypeOfSizes):
    """``type`` for modules in which sizes are symbolic."""


def _answered(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A comparison that gives the model's code ``True`` or ``False``, as ``is True`` expects."""

    def answered(number: Any, other: Any) -> Any:
        truth = compare(number, other)
        if type(truth) is not torch.SymBool:
            return truth
        file = sys._getframe(1).f_code.co_filename
        return truth if file.startswith((TORCH, OURS)) else bool(truth)

    return answered


@contextmanager
def sizes_are_numbers(packages: Collection[str]) -> Iterator[None]:
    """Has the code of the model be told that sizes are ``int``, as in an eager run.

    ``isinstance(n, int)``, ``n.__class__`` and ``(n > 2) is True`` wherever the code is;
    ``type(n)`` in the modules of ``packages``.
    """
    if "__getattribute__" in vars(torch.SymInt):  # a capture in a capture
        yield
        return
    namespaces = [
        vars(module)
        for path, module in list(sys.modules.items())
        if module is not None and path.partition(".")[0] in packages
    ]
    namespaces = [namespace for namespace in namespaces if "type" not in namespace]
    comparisons = [(kind, name, vars(kind)[name]) for kind in COMPARED for name in COMPARISONS]
    for number in NUMBERS:
        number.__getattribute__ = _attribute  # type: ignore[method-assign, assignment]
    for kind, name, compare in comparisons:
        setattr(kind, name, _answered(compare))
    for namespace in namespaces:
        namespace["type"] = TypeOfSizes
    try:
        yield
    finally:
        for namespace in namespaces:
            namespace.pop("type", None)
        for number in NUMBERS:
            del number.__getattribute__
        for kind, name, compare in comparisons:
            setattr(kind, name, compare)


@cache
def _is_message(file: str, line: int) -> bool:
    """Whether a line only says something: of a failed check, or to whoever reads a log."""
    statement: ast.AST | None = None
    for found in _statements(file):
        if found.lineno <= line <= (found.end_lineno or found.lineno):
            statement = found  # the inner ones come later
    if isinstance(statement, ast.Assert | ast.Raise):
        return True
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    function = statement.value.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    return name.lstrip("_").startswith(SAYS)


@lru_cache(maxsize=16)
def _statements(file: str) -> tuple[ast.stmt, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.stmt))


class Texts:
    """Makes text of symbolic numbers, and notes where the model's code asks for it."""

    def __init__(self) -> None:
        self._noted: dict[str, None] = {}

    def of(self, node: Node) -> str:
        """The text of a symbolic number for whoever asks now."""
        asker = _asker()
        if asker is None or asker.f_code.co_filename.startswith(NOTHING_DECIDED):
            return repr(node)
        if _is_message(asker.f_code.co_filename, asker.f_lineno):
            return str(node.hint)
        self._noted[TEXT.format(where=model_line(), size=readable(node), hint=node.hint)] = None
        return str(node.hint)

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for each place and size."""
        return tuple(self._noted)


def readable(node: Node) -> str:
    """The size as a formula for people."""
    from fxflops.algebra.closed_form import text

    return text(node.value) if isinstance(node, IntNode) else repr(node)
