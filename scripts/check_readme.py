"""Fail when README.md or a page of docs/ says what is not so.

Links must lead somewhere. Python blocks must run, those of a page one after the other, or at least
compile below ``<!-- not run -->``. Commands must be ones that the command line accepts; they are
not run. Files that are named in backquotes must exist. Each generated section must stand between
its two markers.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import generate

from fxflops.cli import COMMANDS, Parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")),
)
BLOCK = re.compile(r"(<!-- not run -->\n+)?```(\w+)\n(.*?)```", re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"(?:fxflops|rtdetr|tests|scripts|docs)/[\w./]*")


def main() -> int:
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's news on stderr
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
    checks = {"links": links, "Python": python, "commands": commands, "files": files}
    found = {
        kind: [f"{name}: {said}" for name, text in texts.items() for said in check(name, text)]
        for kind, check in checks.items()
    }
    found["markers"] = list(markers(texts))
    problems = [problem for of_kind in found.values() for problem in of_kind]
    print("\n".join(problems) or f"{len(DOCUMENTS)} documents: {', '.join(found)} are right.")
    return 1 if problems else 0


def links(name: str, text: str) -> Iterator[str]:
    """Links to files or headings that are not there."""
    for link in LINK.findall(BLOCK.sub("", text)):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        if "://" in link:
            continue
        if not target.exists():
            yield f"there is no {path}"
        elif anchor and anchor not in map(slug, headings(target.read_text(encoding="utf-8"))):
            yield f"{path} has no heading #{anchor}"


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that GitHub and MkDocs give a heading of plain words."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def python(name: str, text: str) -> Iterator[str]:
    """Python blocks that do not compile, or do not run."""
    names: dict[str, Any] = {"__name__": "document"}
    blocks = [(m[1], m[3]) for m in BLOCK.finditer(text) if m[2] == "python"]
    for number, (not_run, block) in enumerate(blocks, start=1):
        try:
            code = compile(block, f"{name}, Python block {number}", "exec")
            if not not_run:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(code, names)
        except Exception as error:
            yield f"Python block {number}: {type(error).__name__}: {error}"


def commands(name: str, text: str) -> Iterator[str]:
    """Commands, in blocks and in the text, that the command line does not know."""
    if name == "CHANGELOG.md":
        return  # it names commands of the past
    shell = [m[3] for m in BLOCK.finditer(text) if m[2] in ("sh", "console")]
    spans = SPAN.findall(BLOCK.sub("", text))
    lines = [line for block in shell for line in block.splitlines()]
    for said in [*lines, *(" ".join(span.split()) for span in spans)]:
        for command in said.removeprefix("$ ").split("&&"):
            words = re.match(r"\s*(?:\S*python3? -m )?fxflops (.+)", command)
            if not words or "…" in words[1]:
                continue
            if problem := complaint(shlex.split(words[1])):
                yield f"{command.strip()}: {problem}"


def complaint(words: list[str]) -> str:
    """What the command line says against these words; nothing where they are right."""
    named = words[0] in COMMANDS
    if named and not words[1:]:
        return ""  # the command is only mentioned
    parser = Parser(prog="fxflops", allow_abbrev=False)
    import_module(f"fxflops.cli.{words[0] if named else 'count'}").add_arguments(parser)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            parser.parse(words[1:] if named else words)
        except SystemExit:
            return said.getvalue().strip()
    return ""


def files(name: str, text: str) -> Iterator[str]:
    """Files and folders of the repository that are named and are not there."""
    if name == "CHANGELOG.md":
        return
    for span in SPAN.findall(BLOCK.sub("", text)):
        if FILE.fullmatch(span) and not (ROOT / span).exists():
            yield f"there is no {span}"


def markers(texts: dict[str, str]) -> Iterator[str]:
    """Sections that are not there, whole and once; markers of none."""
    for name, text in texts.items():
        found = re.findall(r"^<!-- (begin|end): (.+) -->$", text, re.MULTILINE)
        expected = [section.name for section in generate.of_file(name)]
        for section in expected:
            if [edge for edge, of in found if of == section] != ["begin", "end"]:
                yield f"{name}: {section} is not between one begin and one end marker"
        for unknown in sorted({of for _, of in found} - set(expected)):
            yield f"{name}: scripts/generate.py has no section {unknown}"


if __name__ == "__main__":
    sys.exit(main())
