"""The process in which one tool measures one model: a request on stdin, the outcome on stdout.

The request is what `fxflops.peers.process.measure` sends. The outcome is ``{"version", "total",
"left_out"}``, or ``{"version", "error"}`` where the tool failed, or ``{"missing"}``.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import torch

from fxflops import models
from fxflops.models.named import build, called
from fxflops.peers.tools.run import Missing, find_tool, read
from fxflops.spec import parse

SEED = 0


def main() -> None:
    """Answer the request. What the tool prints goes to stderr."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    json.dump(outcome(json.load(sys.stdin)), answer)
    answer.close()


def outcome(request: dict[str, Any]) -> dict[str, Any]:
    """The tool's reading, or why there is none."""
    installed = find_tool(request["tool"])
    if isinstance(installed, Missing):
        return {"missing": installed.why}
    torch.manual_seed(SEED)
    named, spec = models.find(request["model"]), parse(request["inputs"])
    model = called(named, build(named).eval(), spec)
    return read(installed, model, spec, request["sizes"], request["dtype"])


if __name__ == "__main__":
    main()
