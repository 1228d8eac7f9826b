"""Write fxflops/conventions/proven.py: the kinds of calls in the zoo, which the tests compare."""

from pathlib import Path

from fxflops.conventions import proven
from tests.conventions.test_proven import CASES, kinds_of

HEAD = '''"""The kinds of calls on which each tool is run, and gives its convention's integer.

Written by ``python -m tests.conventions.prove`` from the modules in tests/conventions/zoo.py.
"""

from __future__ import annotations

PROVEN = frozenset(
    """
'''
TAIL = '''""".strip().splitlines()
)
'''


def main():
    found = sorted({kind for position in range(len(CASES)) for kind in kinds_of(position)})
    Path(proven.__file__).write_text(HEAD + "".join(f"{kind}\n" for kind in found) + TAIL)


if __name__ == "__main__":
    main()
