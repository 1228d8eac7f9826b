"""A tool's own number for a model, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

import fxflops
from fxflops.errors import CheckError

INSTALL = "pip install 'fxflops[peers]'"
OWN_ENVIRONMENT = {
    "thop": "thop and ultralytics-thop are both imported as thop: give thop an environment of its "
    "own with fxflops in it, and name it with pythons={'thop': PATH}"
}
# An error of a tool, and why it happens.
KNOWN_FAILURES = {
    (
        "calflops",
        "StopIteration",
    ): "it looks at the model's first parameter, and this model has none",
    (
        "calflops",
        "for ** or pow(): 'tuple' and 'int'",
    ): "it raises the factors of F.interpolate to a power as if they were one number",
    (
        "torchprofile",
        "'NoneType' object has no attribute 'lower'",
    ): "it asks every tensor of the trace for its element type, which the weights that the fast "
    "path of nn.MultiheadAttention does not return have not",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a tool said: its ``total`` in its own unit, or the ``error`` with which it failed.

    ``why`` is the error's cause where it is known. ``left_out`` are the module types that the tool
    says it does not count. ``version`` is the tool's, ``python`` the interpreter it ran in.
    """

    version: str
    python: str
    total: int | None
    error: str = ""
    why: str = ""
    left_out: tuple[str, ...] = ()


class MissingToolError(CheckError):
    """A tool is not installed where it should run."""


def measure(
    tool: str,
    model: str | nn.Module,
    *,
    inputs: str,
    sizes: Mapping[str, int],
    dtype: str | None = None,
    python: str | None = None,
) -> Measured:
    """Run ``tool`` on a model: a named one in a process of ``python``, a module in this one.

    A tool that takes its process down with it has failed like any other.

    Raises MissingToolError where it is not installed there, CheckError where there is no
    ``python``.
    """
    interpreter = python or sys.executable
    request = {
        "tool": tool.replace("-", "_"),
        "inputs": inputs,
        "sizes": dict(sizes),
        "dtype": dtype,
    }
    if isinstance(model, str):
        answer = _ask(interpreter, {**request, "model": model})
    else:
        from fxflops.peers.here import answer_here

        answer = answer_here(model, request)
    if "missing" in answer:
        hint = OWN_ENVIRONMENT.get(tool, f"install it with {INSTALL}")
        lacking = f"{tool} cannot be run by {interpreter} ({answer['missing']}): {hint}."
        by_option = lacking.replace(f"pythons={{'{tool}': PATH}}", f"--python {tool}=PATH")
        raise MissingToolError(lacking, command_line=by_option)
    error = str(answer.get("error", ""))
    return Measured(
        version=str(answer["version"]),
        python=interpreter,
        total=answer.get("total"),
        error=error,
        why=next(
            (why for (name, part), why in KNOWN_FAILURES.items() if name == tool and part in error),
            "",
        ),
        left_out=tuple(answer.get("left_out", ())),
    )


def _ask(interpreter: str, request: Mapping[str, object]) -> dict[str, Any]:
    """The answer of `fxflops.peers.tools.__main__`, which is run from this very package."""
    package = str(Path(fxflops.__file__).parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            [interpreter, "-m", "fxflops.peers.tools"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "KINETO_LOG_LEVEL": "99"},
            check=False,
        )
    except OSError as error:
        raise CheckError(f"Cannot run {interpreter}: {error.strerror}.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"version": "unknown", "error": f"status {done.returncode}: {last}"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
