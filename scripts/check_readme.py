"""Fails when a document's link leads nowhere, or a part of the README is not what it says.

Python blocks must run, or at least compile below ``<!-- not run -->``; commands must be ones that
the command line knows; each generated part must stand between its two markers.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from fxflops.cli import COMMANDS, Parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
GENERATED = (
    "formula",
    "variants",
    "check",
    "nine tools",
    "benchmark",
    "operators",
    "training",
    "relatives",
)
BLOCK = re.compile(r"(<!-- not run -->\n+)?```(\w+)\n(.*?)```", re.DOTALL)


def main() -> int:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = {
        "links": [p for name in DOCUMENTS for p in links(name)],
        "Python": list(python(readme)),
        "commands": list(commands(readme)),
        "markers": list(markers(readme)),
    }
    problems = [problem for of_kind in found.values() for problem in of_kind]
    print("\n".join(problems) or f"{', '.join(DOCUMENTS)}: {', '.join(found)} are right.")
    return 1 if problems else 0


def links(name: str) -> Iterator[str]:
    """Relative links of a document to files that are not there."""
    for link in re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8")):
        if "://" not in link and not (ROOT / link).exists():
            yield f"{name}: there is no {link}"


def python(readme: str) -> Iterator[str]:
    """Python blocks that do not compile, or do not run."""
    blocks = [(m[1], m[3]) for m in BLOCK.finditer(readme) if m[2] == "python"]
    for number, (not_run, block) in enumerate(blocks, start=1):
        where = f"README.md, Python block {number}"
        try:
            code = compile(block, where, "exec")
            if not not_run:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(code, {"__name__": "readme"})
        except Exception as error:
            yield f"{where}: {type(error).__name__}: {error}"


def commands(readme: str) -> Iterator[str]:
    """Commands, in blocks and in the text, that the command line does not know."""
    shell = [m[3] for m in BLOCK.finditer(readme) if m[2] in ("sh", "console")]
    spans = re.findall(r"`([^`]+)`", BLOCK.sub("", readme))
    lines = [line for block in shell for line in block.splitlines()]
    for text in [*lines, *(" ".join(span.split()) for span in spans)]:
        for command in text.removeprefix("$ ").split("&&"):
            words = re.match(r"\s*(?:\S*python3? -m )?fxflops (.+)", command)
            if words and (problem := complaint(shlex.split(words[1]))):
                yield f"README.md: {command.strip()}: {problem}"


def complaint(words: list[str]) -> str:
    """What the command line says against these words; nothing where they are right."""
    named = words[0] in COMMANDS
    parser = Parser(prog="fxflops", allow_abbrev=False)
    import_module(f"fxflops.cli.{words[0] if named else 'count'}").add_arguments(parser)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            parser.parse(words[1:] if named else words)
        except SystemExit:
            return said.getvalue().strip()
    return ""


def markers(readme: str) -> Iterator[str]:
    """Generated parts that are not there, whole and once."""
    for name in GENERATED:
        if re.findall(rf"<!-- (begin|end): {name} -->", readme) != ["begin", "end"]:
            yield f"README.md: {name} is not between one begin and one end marker"


if __name__ == "__main__":
    sys.exit(main())
