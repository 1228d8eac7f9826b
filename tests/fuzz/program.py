"""A module composed of steps, as Python source that can be read, run, and made shorter."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of ``forward``: the names that it uses and makes, and the lines of setup."""

    text: str
    uses: tuple[str, ...]
    makes: tuple[str, ...]
    setup: tuple[str, ...] = ()

    def renamed(self, old: str, new: str) -> Step:
        """The step with ``new`` in the place of the value ``old`` that it uses."""
        uses = tuple(new if name == old else name for name in self.uses)
        return replace(self, text=replaced(self.text, old, new), uses=uses)


def replaced(text: str, old: str, new: str) -> str:
    """``text`` with the name ``old`` replaced; names are ``v`` and two digits or more."""
    return text.replace(old, new)


@dataclass(frozen=True, slots=True)
class Program:
    """The inputs, the statements, and what is returned."""

    inputs: str
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    returns: tuple[str, ...]

    @property
    def source(self) -> str:
        """The module as a class."""
        setup = [line for step in self.steps for line in step.setup]
        lines = ["super().__init__()", *setup]
        result = ", ".join(self.returns)
        body = [*(step.text for step in self.steps), f"return {result}"]
        return (
            "class Fuzzed(nn.Module):\n"
            "    def __init__(self):\n"
            + textwrap.indent("\n".join(lines), " " * 8)
            + f"\n\n    def forward(self, {', '.join(self.names)}):\n"
            + textwrap.indent("\n".join(body), " " * 8)
            + "\n"
        )

    def module(self) -> nn.Module:
        """A new one, its parameters always the same."""
        space = namespace()
        exec(compile(self.source, f"<fuzzed {next(_NUMBERS)}>", "exec"), space)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made: nn.Module = space["Fuzzed"]()
        return made


def namespace() -> dict[str, Any]:
    """What the source may use."""
    return {"torch": torch, "nn": nn, "F": F, "__name__": "fuzzed"}
