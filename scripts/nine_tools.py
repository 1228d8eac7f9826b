"""The table "nine tools, one model": each number, its convention, the way to ours.

Needs the tools (``pip install 'fxflops[peers]'``), and thop in an environment of its own:

    python scripts/generate.py --only "nine tools" --python PATH --python thop=PATH
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from fxflops.reports.markdown import markdown_table

MODEL, SIZE = "rtdetr_r50", "640x640"
NUMBERS = ("tool", "version", "its number", "unit", "it counts", "unexplained")
GIGA = 1e9


def table(options: Sequence[str]) -> str:
    """Runs the tools. ``options`` are those of ``fxflops explain`` that say where they are."""
    tools = explained(options)
    causes = list(dict.fromkeys(step["cause"] for tool in tools for step in tool["steps"]))
    names = [f"{tool['tool']}" for tool in tools]
    numbers = [number(tool) for tool in tools]
    way = [("its number [giga]", *(f"{(t['measured'] or 0) / GIGA:.3f}" for t in tools))]
    way += [(cause, *(amount(tool, cause) for tool in tools)) for cause in causes]
    way.append(("**fxflops [GFLOP]**", *(f"**{tool['fxflops'] / GIGA:.3f}**" for tool in tools)))
    return f"{markdown_table(NUMBERS, numbers)}\n\n{markdown_table(('cause [GFLOP]', *names), way)}"


def explained(options: Sequence[str]) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "fxflops", "explain", MODEL, "--size", SIZE]
    command += ["--against", "all", "--format", "json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if not done.stdout:
        sys.exit(done.returncode)
    return json.loads(done.stdout)["tools"]


def number(tool: dict[str, Any]) -> list[str]:
    measured = "failed" if tool["measured"] is None else f"{tool['measured']:,}"
    unexplained = "" if tool["unexplained"] is None else f"{tool['unexplained']:,}"
    return [tool["tool"], tool["version"], measured, tool["unit"], tool["counts"], unexplained]


def amount(tool: dict[str, Any], cause: str) -> str:
    found = [step["flops"] for step in tool["steps"] if step["cause"] == cause]
    return f"{sum(found) / GIGA:+.3f}" if found else ""
