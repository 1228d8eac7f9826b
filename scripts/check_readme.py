"""Fails when a link leads nowhere, or a Python block of the README does not run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def main() -> int:
    problems = []
    for name in DOCUMENTS:
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in link and not (ROOT / link).exists():
                problems.append(f"{name}: there is no {link}")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for number, block in enumerate(blocks, start=1):
        try:
            exec(compile(block, f"README.md, block {number}", "exec"), {"__name__": "readme"})
        except Exception as error:
            problems.append(f"README.md, Python block {number}: {type(error).__name__}: {error}")
    print("\n".join(problems) or f"{len(DOCUMENTS)} documents and {len(blocks)} blocks are right.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
