"""What PyTorch and Python find replaced while a model runs, in the thread that runs it alone."""

from __future__ import annotations

import io
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, TextIO


@contextmanager
def replaced_here(function: Any, replacement: Callable[..., Any]) -> Iterator[None]:
    """Has ``replacement`` answer calls of ``function`` that this thread makes.

    The function object stays, with other code, so that it holds for those who have imported it,
    too. Other threads run the code that it had.
    """
    thread = threading.get_ident()
    code, keywords = function.__code__, function.__kwdefaults__
    original = copied_function(function)

    def answer(*args: Any, **kwargs: Any) -> Any:
        chosen = replacement if threading.get_ident() == thread else original
        return chosen(*args, **kwargs)

    # In this order: another thread may call it between the two.
    function.__kwdefaults__ = {**(keywords or {}), "_answer": answer}
    function.__code__ = _CODE
    try:
        yield
    finally:
        function.__code__ = code
        function.__kwdefaults__ = keywords


def copied_function(function: Any) -> FunctionType:
    """Another function object that does the same."""
    copied = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


def _answered(*args: Any, _answer: Any, **kwargs: Any) -> Any:
    return _answer(*args, **kwargs)


_CODE = _answered.__code__


class Here:
    """True in the thread that made it, and false in others; likewise a filter of warnings."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def __bool__(self) -> bool:
        return threading.get_ident() == self._thread

    def match(self, _: str) -> bool:
        """Whether a warning is of this thread, whatever it says."""
        return bool(self)


@contextmanager
def silent_here() -> Iterator[None]:
    """Without the warnings, the logs and the standard error of this thread."""
    here = Here()
    handlers = _handlers()

    def is_others(_: logging.LogRecord) -> bool:
        return not here

    filters: Any = warnings.filters
    ignored = ("ignore", here, Warning, None, 0)
    before, proxy = sys.stderr, _Stream(sys.stderr, here)
    filters.insert(0, ignored)
    for handler in handlers:
        handler.addFilter(is_others)
    sys.stderr = proxy
    try:
        yield
    finally:
        if sys.stderr is proxy:
            sys.stderr = before
        for handler in handlers:
            handler.removeFilter(is_others)
        if ignored in filters:
            filters.remove(ignored)


def _handlers() -> list[logging.Handler]:
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    found = [h for logger in loggers if isinstance(logger, logging.Logger) for h in logger.handlers]
    return [*dict.fromkeys(found), *([logging.lastResort] if logging.lastResort else [])]


class _Stream:
    """A stream that other threads write to; what this one writes is dropped."""

    def __init__(self, stream: TextIO, here: Here) -> None:
        self._stream, self._here, self._dropped = stream, here, io.StringIO()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dropped if self._here else self._stream, name)
