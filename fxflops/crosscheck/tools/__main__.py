"""The process in which one tool measures one model: a request on stdin, the outcome on stdout.

The request is what `fxflops.crosscheck.peers.measure` sends. The outcome is ``{"version", "total",
"left_out"}``, or ``{"version", "error"}`` where the tool failed, or ``{"missing"}``.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor

from fxflops import models
from fxflops.capture.prepare import floating_dtype
from fxflops.models.named import build, called
from fxflops.spec import Axis, InputSpec, parse

PACKAGE = "fxflops.crosscheck.tools"
SEED = 0


def main() -> None:
    """Answer the request. What the tool prints goes to stderr."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    json.dump(outcome(json.load(sys.stdin)), answer)
    answer.close()


def outcome(request: dict[str, Any]) -> dict[str, Any]:
    """The tool's reading, or why there is none."""
    try:
        tool = import_module(f"{PACKAGE}.{request['tool']}")
        known = {"version": version(tool.DISTRIBUTION)}
    except (ImportError, PackageNotFoundError) as error:
        return {"missing": str(error)}
    torch.manual_seed(SEED)
    named, spec = models.find(request["model"]), parse(request["inputs"])
    model = called(named, build(named).eval(), spec)
    if request["dtype"]:
        model = model.to(getattr(torch, request["dtype"]))
    inputs = tensors(spec, request["sizes"], floating_dtype(model))
    try:
        with torch.no_grad():
            reading = tool.run(model, inputs)
    except Exception as error:
        traceback.print_exc()
        return known | {"error": said(error)}
    return known | {"total": reading.total, "left_out": reading.left_out}


def tensors(inputs: InputSpec, sizes: dict[str, int], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Inputs of these sizes: numbers from 0 to 1, and zeros where the spec asks for integers."""

    def tensor(axes: tuple[int | Axis, ...], kind: torch.dtype) -> Tensor:
        shape = [sizes[axis.name] if isinstance(axis, Axis) else axis for axis in axes]
        return (torch.rand if kind.is_floating_point else torch.zeros)(shape).to(kind)

    return tuple(
        tensor(described.axes, getattr(torch, described.dtype) if described.dtype else dtype)
        for described in inputs.tensors
    )


def said(error: BaseException) -> str:
    """The error in one line, with the line of code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    where = os.sep.join(last.filename.split(os.sep)[-2:])
    return f"{type(error).__name__}: {' '.join(str(error).split())} ({where}:{last.lineno})"


if __name__ == "__main__":
    main()
