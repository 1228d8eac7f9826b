"""The README's example of an operator of your own."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_of_an_operator_of_your_own_runs():
    section = README.read_text(encoding="utf-8").partition("## An operator of your own\n")[2]
    example = re.match(r"\s*```python\n(.*?)```", section, re.DOTALL)[1]
    assert "custom_op" in example
    assert "@fxflops.formula" in example
    # In a process of its own: what it registers stays for as long as the process.
    shown = "print(analysis.complete, analysis.formula('elementwise'))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{example}\n{shown}"],
        cwd=README.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["True", "4*N"]
