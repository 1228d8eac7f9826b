"""Which line of the model's code is running."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

import torch

TORCH = os.path.dirname(torch.__file__) + os.sep
OURS = str(Path(__file__).parents[1]) + os.sep
LAYERS = os.path.join(TORCH, "nn", "modules") + os.sep


_RUNS_MODELS: set[CodeType] = set()

F = TypeVar("F", bound=Callable[..., Any])


def runs_a_model(function: F) -> F:
    """Mark ``function``: of what it calls, all code outside torch and fxflops is the model's."""
    _RUNS_MODELS.add(function.__code__)
    return function


def model_frame() -> FrameType | None:
    """The innermost running frame of the model: outside torch, or else in one of its layers."""
    frame: FrameType | None = sys._getframe(1)
    layer = None
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code in _RUNS_MODELS:
            break
        if not file.startswith((TORCH, OURS)) and not file.startswith("<"):
            return frame
        if layer is None and file.startswith(LAYERS) and not file.endswith("module.py"):
            layer = frame
        frame = frame.f_back
    return layer


def model_line() -> str:
    """`model_frame` as ``file.py:12 in forward``; empty where no line of a model is running."""
    frame = model_frame()
    return located(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) if frame else ""


def raised_at(error: BaseException) -> str:
    """The innermost line outside torch and fxflops that an error passed through."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((TORCH, OURS, "<"))
    ]
    return located(frames[-1].filename, frames[-1].lineno, frames[-1].name) if frames else ""


@cache
def located(file: str, line: int | None, function: str) -> str:
    """A source line as people read it: the path below the package's folder or the directory."""
    path = Path(file)
    folders = [folder for folder in sys.path if folder and path.is_relative_to(folder)]
    if folders:
        path = path.relative_to(max(folders, key=len))
    return f"{path}:{line} in {function}"
