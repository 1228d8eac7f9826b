"""One tool on one model in this process."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import nn

from fxflops.capture.prepare import floating_dtype, random_inputs
from fxflops.spec import InputSpec

PACKAGE = "fxflops.peers.tools"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's module, which has ``run``, and the version that is installed."""

    module: Any
    version: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a tool cannot be imported."""

    why: str


def find_tool(name: str) -> Tool | Missing:
    """The tool of this name, with underscores."""
    try:
        module = import_module(f"{PACKAGE}.{name}")
        return Tool(module, version(module.DISTRIBUTION))
    except (ImportError, PackageNotFoundError) as error:
        return Missing(str(error))


def read(
    tool: Tool, model: nn.Module, spec: InputSpec, sizes: Mapping[str, int], dtype: str | None
) -> dict[str, Any]:
    """The tool's reading of ``model``, which is in eval mode, or the error with which it failed."""
    if dtype:
        model = model.to(getattr(torch, dtype))
    inputs = random_inputs(spec, sizes, floating_dtype(model))
    try:
        with torch.no_grad():
            reading = tool.module.run(model, inputs)
    except Exception as error:
        traceback.print_exc()
        return {"version": tool.version, "error": said(error)}
    return {"version": tool.version, "total": reading.total, "left_out": reading.left_out}


def said(error: BaseException) -> str:
    """The error in one line, with the line of code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    where = os.sep.join(last.filename.split(os.sep)[-2:])
    return f"{type(error).__name__}: {' '.join(str(error).split())} ({where}:{last.lineno})"
