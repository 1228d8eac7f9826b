"""Commands and what they print, for the documentation: `generate.py` puts them in their places."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path


def transcript(command: str, *, status: int = 0, lines: int | None = None) -> str:
    """A block with ``$ COMMAND``, and what it writes to stdout, or the first lines of it."""
    from fxflops.cli import main

    words = shlex.split(command)
    assert words[0] == "fxflops"
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        ended = main(words[1:])
    assert ended == status, (command, ended)
    return block(command, out.getvalue().splitlines(), lines)


def block(command: str, printed: Sequence[str], lines: int | None = None) -> str:
    """Command and output as one block of text."""
    shown = [*printed[:lines], "…"] if lines is not None and len(printed) > lines else printed
    text = "\n".join(line.rstrip() for line in shown)
    return f"```text\n$ {command}\n{text}\n```"


def solve() -> str:
    """One unknown, then a front, then what does not fit."""
    return "\n\n".join(
        (
            transcript('fxflops solve rtdetr_r50 "flops <= 100G" --for H=W'),
            transcript('fxflops solve rtdetr_r50 "flops <= 1T" --for N=1:8,H=W=320:1280'),
            transcript('fxflops solve rtdetr_r50 "flops <= 1G" --for H=W', status=1, lines=4),
        )
    )


def diff() -> str:
    return transcript("fxflops diff torchvision:resnet18 torchvision:resnet34", lines=18)


def budget() -> str:
    return transcript('fxflops torchvision:resnet50 --max "flops=5G"', status=1, lines=5)


OF_A_RUN = ("task", "seconds")
"""What a row has that another run has not."""


def sweep() -> str:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        command = "fxflops sweep 'torchvision:resnet1*' rtdetr_r18 --at H=W=224:1024:32 -o a.jsonl"
        made = transcript(f"{command} --workers 0")
        first = Path("a.jsonl").read_text("utf-8").splitlines()[0]
    row = {name: value for name, value in json.loads(first).items() if name not in OF_A_RUN}
    said = f"The first row, without {' and '.join(OF_A_RUN)}:"
    return f"{made}\n\n{said}\n\n```json\n{json.dumps(row)}\n```"


COMPILED = """
import torch, fxflops
from fxflops.compiling.backend import backend  # by its name: backend="fxflops"


def model(x, w):
    y = (x @ w).relu()
    torch._dynamo.graph_break()
    return y @ y.T


fast = torch.compile(model, backend=backend)
for batch in (2, 3, 5):
    fast(torch.rand(batch, 16), torch.rand(16, 8))
print(fxflops.compiled())
print(fxflops.compiled().at().contraction)
"""


def compiled() -> str:
    """A program with a break and a dynamic size, and what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(COMPILED, {"__name__": "program"})
    shown = COMPILED.replace(
        'from fxflops.compiling.backend import backend  # by its name: backend="fxflops"\n', ""
    ).replace("backend=backend", 'backend="fxflops"')
    program = "\n".join(["<!-- not run -->", "```python", shown.strip(), "```"])
    printed = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    return f"{program}\n\n```text\n{printed}\n```"
