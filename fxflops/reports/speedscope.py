"""A count as flame graphs for speedscope (https://www.speedscope.app): one for each metric.

The stack is that of modules, the weight what is called in a module's own code.
Source: the file format of speedscope 1.25, ``file-format-schema.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fxflops import __version__
from fxflops.cost import METRICS, SUMS
from fxflops.errors import SpecError
from fxflops.reports.document import Document
from fxflops.reports.wording import printable

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
LABELS = {metric.name: metric.label for metric in (*METRICS, *SUMS)}
BYTES = ("bytes_read", "bytes_written")


def render(document: Document, *, color: bool) -> str:
    """The modules of a count with their values.

    Raises SpecError for a document that has no modules, and for formulas without sizes.
    """
    data = document.data()
    modules: Sequence[Mapping[str, Any]] = data.get("modules", ())
    if not modules:
        raise SpecError("--format speedscope shows the modules of a count, and of nothing else.")
    if modules[0]["flops"]["value"] is None:
        missing = ",".join(f"{name}=…" for name in data["symbols"])
        raise SpecError(f"--format speedscope needs sizes: give --at {missing}.")
    paths = [module["path"] for module in modules]
    positions = {path: position for position, path in enumerate(paths)}
    stacks = {path: _stack(path, positions) for path in paths}
    names = {path: _frame(path, module, data) for path, module in zip(paths, modules, strict=True)}
    metrics = ["flops", *(n for n in modules[0] if n in LABELS and n != "flops")]
    profiles = [_profile(name, modules, stacks) for name in metrics]
    shown = [profile for profile in profiles if profile["weights"]] or profiles[:1]
    whole = {
        "$schema": SCHEMA,
        "shared": {"frames": [{"name": names[path]} for path in paths]},
        "profiles": shown,
        "name": printable(document.title),
        "activeProfileIndex": 0,
        "exporter": f"fxflops {__version__}",
    }
    return json.dumps(whole) + "\n"


def _frame(path: str, module: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    return printable(f"{path or data['model']} ({module['type']})")


def _stack(path: str, positions: Mapping[str, int]) -> list[int]:
    """The positions of the modules around a module, the root first, and its own."""
    parts = path.split(".") if path else []
    around = [".".join(parts[:end]) for end in range(len(parts) + 1)]
    return [positions[outer] for outer in around if outer in positions]


def _profile(
    name: str, modules: Sequence[Mapping[str, Any]], stacks: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    own = [module[name]["value"] for module in modules]
    for module in modules:
        for outer in stacks[module["path"]][-2:-1]:
            own[outer] -= module[name]["value"]
    kept = [(stacks[m["path"]], weight) for m, weight in zip(modules, own, strict=True) if weight]
    return {
        "type": "sampled",
        "name": LABELS[name],
        "unit": "bytes" if name in BYTES else "none",
        "startValue": 0,
        "endValue": sum(weight for _, weight in kept),
        "samples": [list(stack) for stack, _ in kept],
        "weights": [weight for _, weight in kept],
    }
