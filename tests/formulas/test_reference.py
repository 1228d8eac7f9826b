"""The reference of formulas that is made from their docstrings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from fxflops.registry import COMPLEX, FORMULAS, FREE
from tests.formulas.harness import vision

assert vision  # whose import registers all formulas

SCRIPT = Path(__file__).parents[2] / "scripts" / "formula_reference.py"


def test_the_reference_has_every_operator_with_a_formula_and_is_the_same_each_time(
    tmp_path: Path,
) -> None:
    pages = [tmp_path / "first.md", tmp_path / "second.md"]
    for page in pages:
        subprocess.run([sys.executable, str(SCRIPT), str(page)], check=True)
    first, second = (page.read_text() for page in pages)
    assert first == second
    formulas, _, free = first.partition("## Operators that cost no FLOP")
    listed = [line for line in formulas.splitlines() if line.startswith("| `")]
    for line in listed:
        operators, counters, formula, _ = (
            part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]
        )
        assert operators
        assert set(counters.split("<br>")) <= {
            *("contraction", "elementwise", "transcendental", "comparison", "all"),
        }
        assert len(formula) > 5, line
    named = re.findall(r"`([\w.]+)`", " ".join(line.split(" | ")[0] for line in listed))
    assert sorted(named) == sorted(str(op) for op in (*FORMULAS, *COMPLEX))
    assert sorted(re.findall(r"`([\w.]+)`", free)) == sorted(map(str, FREE))
