"""Writes docs/results/operator_matrix.json, and from it the tables of who is right on what.

Every case of `operator_matrix_cases` through fxflops and ten tools, each tool in a process of its
own, against the number computed by hand in the tool's own convention. Needs the tools
(``pip install 'fxflops[peers]'``), and thop in an environment of its own:

    python scripts/operator_matrix.py --python PATH --python thop=PATH

``--python`` names an interpreter that has the tools, or that has this tool. It exits 1 if fxflops
is wrong anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import generate
from operator_matrix_cases import CASES, Case

from fxflops import conventions
from fxflops.peers.explanation import TOOLS
from fxflops.reports.markdown import markdown_table

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs" / "results" / "operator_matrix.json"
RIGHT, OUTSIDE, FAILS = "✓", "–", "fails"
SECONDS = 600
MULTIPLY_ADD = {"MAC": 1, "FLOP": 2}

ARITHMETIC = dict.fromkeys(("add", "sub", "mul", "div"), 1)
CONVENTIONS: dict[str, dict[str, int]] = {
    "torch-profiler": ARITHMETIC,
    "flop-counter": {},
    "fvcore": {"batch norm": 2, "layer norm": 5, "nearest": 1, "bilinear": 4, "grid sample": 4},
    "ptflops": ARITHMETIC
    | {"bias": 1, "linear bias": 1, "gate bias": 1, "hidden unit": 10, "query scale": 1}
    | {"batch norm": 2, "layer norm": 1, "activation": 1, "softmax": 1, "attention softmax": 1}
    | {"pooled": 1, "nearest": 1, "bilinear": 1, "deformed point": 24},
    "ptflops-aten": {"bias": 1, "linear bias": 1},
    "thop": {"batch norm": 4, "layer norm": 4, "average": 1, "bilinear": 11}
    | {"softmax": 3, "softmax row": -1, "gate bias": 1, "hidden unit": 8},
    "ultralytics-thop": {"batch norm": 4, "layer norm": 4, "average": 1, "averaged": 1}
    | {"softmax": 3, "softmax row": -1, "attention softmax": 3, "attention softmax rows": -1}
    | {"bilinear": 11, "gate bias": 1, "hidden unit": 8},
    "calflops": ARITHMETIC
    | {"bias": 1, "gate bias": 1, "hidden unit": 2, "batch norm": 2, "layer norm": 5}
    | {"activation": 1, "softmax": 1, "attention softmax": 1, "pooled": 1}
    | {"nearest": 1, "bilinear": 1},
    "torchinfo": {"bias": 1, "linear bias": 1, "gate bias": 1, "norm parameter": 1},
    "torchprofile": {"mul": 1, "mean": 1, "batch norm": 1, "layer norm": 1, "average": 1}
    | {"bilinear": 4, "grid sample": 4},
}
"""What a tool charges, by its own source, for each of the things that `Case.parts` counts.

What is not here it leaves out by design. Sources: those of `fxflops.conventions.known`; what a rule
of a tool charges in one place is what is expected of it in all places.
"""
assert tuple(CONVENTIONS) == TOOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a tool said of a case beside what it should have said, both in its unit.

    ``expected`` is None where by its convention there is nothing to count.
    """

    expected: int | None
    measured: int | None
    error: str = ""

    @property
    def verdict(self) -> str:
        """``right``, ``wrong``, ``fails``, or ``outside`` of the convention."""
        if self.measured is None:
            return "fails"
        if self.expected is None and self.measured == 0:
            return "outside"
        return "right" if self.measured == self.expected else "wrong"

    def __str__(self) -> str:
        shown = {"right": RIGHT, "outside": OUTSIDE, "fails": FAILS}
        return shown.get(self.verdict) or f"**{self.measured:,}**"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", default=[], metavar="[TOOL=]PATH")
    pythons = dict(interpreter(given) for given in parser.parse_args().python)
    answers = {
        tool: answer(tool, pythons.get(tool, pythons.get("", sys.executable)))
        for tool in ("fxflops", *TOOLS)
    }
    rows = {
        case.name: {tool: cell(tool, case, answers[tool]["cases"][case.name]) for tool in TOOLS}
        for case in CASES
    }
    ours = {case.name: exact(case, answers["fxflops"]["cases"][case.name]) for case in CASES}
    result = json.dumps(record(rows, answers), indent=1, ensure_ascii=False)
    RECORD.write_text(f"{result}\n", encoding="utf-8")
    generate.main(["--only", "operators", "operator details", "tools"])
    wrong = [name for name, right in ours.items() if not right]
    for name in wrong:
        print(f"fxflops is wrong on {name}: {answers['fxflops']['cases'][name]}", file=sys.stderr)
    return 1 if wrong else 0


def interpreter(given: str) -> tuple[str, str]:
    """``thop=PATH`` is that tool's interpreter, ``PATH`` alone that of the others."""
    tool, has_tool, path = given.rpartition("=")
    return (tool, path) if has_tool else ("", given)


def answer(tool: str, python: str) -> dict[str, Any]:
    """What the process of `operator_matrix_process` says."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [python, str(Path(__file__).with_name("operator_matrix_process.py")), tool]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "KINETO_LOG_LEVEL": "99"},
    )
    if done.returncode:
        sys.exit(f"{tool} cannot be run by {python}:\n{done.stderr}")
    return json.loads(done.stdout)


def cell(tool: str, case: Case, said: Mapping[str, Any]) -> Cell:
    """The tool's number against the one by hand: products in its unit, parts as it charges them."""
    charges = CONVENTIONS[tool]
    charged = {part: count for part, count in case.parts.items() if part in charges}
    per_mac = MULTIPLY_ADD[conventions.find(tool).unit]
    expected = per_mac * case.macs + sum(charges[part] * n for part, n in charged.items())
    return Cell(
        expected=expected if case.macs or charged else None,
        measured=said.get("total"),
        error=said.get("error", ""),
    )


def exact(case: Case, said: Mapping[str, Any]) -> bool:
    """Whether fxflops gives each of the four counters of the case."""
    return said == case.counters | {"complete": True}


def table(rows: Mapping[str, Mapping[str, Cell]], ours: Mapping[str, bool]) -> str:
    """A mark per case and tool, then how often each is right."""
    headings = ["", "MACs", "other FLOPs", "fxflops", *map(title, TOOLS)]
    marks = [
        [
            case.name,
            f"{case.macs:,}",
            f"{case.elementwise:,}",
            RIGHT if ours[case.name] else "wrong",
            *(str(rows[case.name][tool]) for tool in TOOLS),
        ]
        for case in CASES
    ]
    score = [f"{sum(ours.values())} of {len(CASES)}"]
    for tool in TOOLS:
        verdicts = [cells[tool].verdict for cells in rows.values()]
        counted = len(verdicts) - verdicts.count("outside")
        score.append(f"{verdicts.count('right')} of {counted}")
    return markdown_table(headings, [*marks, ["**right**", "", "", *score]])


def legend(answers: Mapping[str, Any]) -> str:
    """The versions, one line."""
    versions = [f"{title(tool)} {answers[tool]['version']}" for tool in TOOLS]
    return f"Versions: {', '.join(versions)}."


def title(tool: str) -> str:
    return conventions.find(tool).title


def details(rows: Mapping[str, Mapping[str, Cell]], answers: Mapping[str, Any]) -> str:
    """Every tool's convention, and each number beside what it should be."""
    parts = ["# The operator matrix", legend(answers)]
    for tool in TOOLS:
        unit = conventions.find(tool).unit
        charged = (f"{part} {n}" for part, n in CONVENTIONS[tool].items())
        charges = ", ".join(charged) or "nothing else"
        per_mac = MULTIPLY_ADD[unit]
        parts.append(f"## {title(tool)}")
        parts.append(f"A multiply-add is {per_mac}; it charges: {charges}.")
        parts.append(
            markdown_table(
                ["case", f"its number [{unit}]", "by hand", "verdict"], detail(tool, rows)
            )
        )
    return "\n\n".join(parts) + "\n"


def detail(tool: str, rows: Mapping[str, Mapping[str, Cell]]) -> Iterator[list[str]]:
    for name, cells in rows.items():
        one = cells[tool]
        said = one.error if one.measured is None else f"{one.measured:,}"
        by_hand = "nothing" if one.expected is None else f"{one.expected:,}"
        yield [name, said, by_hand, one.verdict]


def record(rows: Mapping[str, Mapping[str, Cell]], answers: Mapping[str, Any]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "versions": {tool: said["version"] for tool, said in answers.items()},
        "cases": [
            {
                "name": case.name,
                "inputs": case.inputs,
                **case.counters,
                "parts": case.parts,
                "fxflops": answers["fxflops"]["cases"][case.name],
                "tools": {
                    tool: {
                        "measured": one.measured,
                        "expected": one.expected,
                        "verdict": one.verdict,
                        "error": one.error,
                    }
                    for tool, one in rows[case.name].items()
                },
            }
            for case in CASES
        ],
    }


def recorded(
    result: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, dict[str, Cell]], dict[str, bool]]:
    """Back from `record`: the answers, the cells of each case, and where fxflops is right."""
    cases = {case["name"]: case for case in result["cases"]}
    answers = {tool: {"version": version} for tool, version in result["versions"].items()}
    rows = {
        case.name: {
            tool: Cell(expected=said["expected"], measured=said["measured"], error=said["error"])
            for tool, said in cases[case.name]["tools"].items()
        }
        for case in CASES
    }
    return answers, rows, {case.name: exact(case, cases[case.name]["fxflops"]) for case in CASES}


if __name__ == "__main__":
    sys.exit(main())
