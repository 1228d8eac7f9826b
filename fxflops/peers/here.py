"""A tool run in this process, on a copy of a module, which leaves PyTorch's functions as they were.

Several tools replace functions of PyTorch while they count, and some do not put them back when the
model fails.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from fxflops.peers.tools.run import Missing, find_tool, read
from fxflops.spec import parse

OWNERS = (F, torch, torch.Tensor)
"""What tools replace functions of."""


@contextmanager
def functions_restored() -> Iterator[None]:
    """Put back what is replaced of PyTorch's functions meanwhile."""
    before = [dict(vars(owner)) for owner in OWNERS]
    try:
        yield
    finally:
        for owner, original in zip(OWNERS, before, strict=True):
            for name, value in dict(vars(owner)).items():
                if name not in original:
                    delattr(owner, name)
                elif original[name] is not value:
                    setattr(owner, name, original[name])


def answer_here(model: nn.Module, request: Mapping[str, Any]) -> dict[str, Any]:
    """What a process of its own would answer, for a module that has no name.

    The tool has a copy of the module. What it prints is kept from the terminal.
    """
    installed = find_tool(request["tool"])
    if isinstance(installed, Missing):
        return {"missing": installed.why}
    copied = copy.deepcopy(model).eval()
    quiet = io.StringIO()
    with functions_restored(), redirect_stdout(quiet), redirect_stderr(quiet):
        return read(installed, copied, parse(request["inputs"]), request["sizes"], request["dtype"])
