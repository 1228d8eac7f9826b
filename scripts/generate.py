"""Write the generated parts of README.md and docs/, or check that they are up to date.

    python scripts/generate.py [--check] [--fast] [--only NAME …] [--python [TOOL=]PATH …]

`SECTIONS` lists them. A section stands between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->``,
or is a whole file. A fast section takes seconds, a slow one counts many models. A measured one runs
a model or other tools, and its times differ from run to run: it is written only with ``--only`` and
never compared. What `benchmark.py`, `operator_matrix.py` and `sweep.py` measure lies in
docs/results/, and the sections about it are made from there.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
PYTHONS: list[str] = []
"""What ``--python`` gave: the interpreters of the tools that are run."""

Row = Sequence[str]


class Section(NamedTuple):
    """A generated part of a file, or a whole one, and the function that makes its text."""

    name: str
    file: str
    make: Callable[[], str]
    effort: Literal["fast", "slow", "measured"] = "fast"
    whole: bool = False

    def stale(self) -> bool:
        """Whether the file has another text than would be written now."""
        path = ROOT / self.file
        return not path.exists() or self.replaced(path.read_text("utf-8")) != path.read_text(
            "utf-8"
        )

    def write(self) -> None:
        """Put the text in its place."""
        path = ROOT / self.file
        old = "" if self.whole else path.read_text("utf-8")
        path.write_text(self.replaced(old), "utf-8")

    def replaced(self, old: str) -> str:
        """The content of the file, with this section as it is now."""
        text = self.make().strip("\n")
        if self.whole:
            return f"{text}\n"
        begin, end = f"<!-- begin: {self.name} -->\n", f"<!-- end: {self.name} -->"
        before, found, rest = old.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            sys.exit(f"{self.file} has no section {self.name!r} between markers.")
        return f"{before}{begin}{text}\n{end}{after}"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--fast", action="store_true", help="only what takes seconds")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--python", action="append", default=[], metavar="[TOOL=]PATH")
    given = parser.parse_args(words)
    if unknown := set(given.only or ()) - set(NAMES):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    PYTHONS[:] = given.python
    sections = [section for section in SECTIONS if chosen(section, given)]
    if given.check:
        stale = [section for section in sections if section.stale()]
        for section in stale:
            command = f'python scripts/generate.py --only "{section.name}"'
            print(f"{section.file}: {section.name} is out of date: {command}", file=sys.stderr)
        return 1 if stale else 0
    for section in sections:
        section.write()
    return 0


def chosen(section: Section, given: argparse.Namespace) -> bool:
    if given.only:
        return section.name in given.only and not (given.check and section.effort == "measured")
    return section.effort == "fast" or (section.effort == "slow" and not given.fast)


def output(*words: str) -> str:
    """What ``fxflops WORDS`` writes to stdout."""
    from fxflops.cli import main as fxflops

    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = fxflops(words)
    assert status == 0, words
    return out.getvalue().strip()


def table(headings: Row, rows: Sequence[Row], sides: str) -> str:
    """A Markdown table; ``sides`` has ``l`` or ``r`` for each column."""
    rule = ["---:" if side == "r" else "---" for side in sides]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [headings, rule, *rows])


def text_block(text: str) -> str:
    return "```text\n" + "\n".join(line.rstrip() for line in text.splitlines()) + "\n```"


# What the command line says


def resnet50() -> str:
    """The first dozen lines: the figures, above the tables of modules and operators."""
    lines = output("torchvision:resnet50", "--no-cache").splitlines()
    return text_block("\n".join([*lines[:12], "…"]))


def formula_in_full() -> str:
    return text_block(output("rtdetr_r50", "--symbolic", "--no-cache"))


def formula() -> str:
    """The title, the FLOPs and the contraction, and where they hold."""
    title, flops, contraction, *_, last = output("rtdetr_r50", "--symbolic", "--no-cache").split(
        "\n\n"
    )
    return text_block("\n\n".join([title, flops, contraction, f"…\n{last}"]))


def check() -> str:
    return output("check", "rtdetr_r50", "--format", "markdown").replace("### ", "#### ")


def options() -> str:
    """A table for each command, of what its parser accepts."""
    from fxflops.cli import COMMANDS, Parser

    parts = []
    for command, file in COMMANDS.items():
        module = import_module(f"fxflops.cli.{file}")
        parser = Parser(prog=f"fxflops {command}", add_help=False)
        module.add_arguments(parser)
        rows = [(f"`{cell(spelled(a))}`", cell(a.help)) for a in parser._actions]
        parts.append(f"### fxflops {command}\n\n{module.HELP.strip()}")
        parts.append(table(("option", "meaning"), rows, "ll"))
    return "\n\n".join(parts)


def spelled(action: argparse.Action) -> str:
    """An argument as the help writes it: its names, and its value."""
    choices = "|".join(map(str, action.choices or ()))
    value = action.metavar or choices or action.dest.upper()
    takes = "" if action.nargs == 0 and action.option_strings else str(value)
    return " ".join(filter(None, [", ".join(action.option_strings), takes]))


def cell(text: str | None) -> str:
    """Text for one cell, of argparse's help or of a docstring."""
    return (text or "").replace("%%", "%").replace("|", r"\|").replace("``", "`")


# What the sources say


def layers() -> list[str]:
    """The rooms of fxflops, the highest layer first, as the contract in pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    return [room.strip() for layer in contract["layers"] for room in layer.split(":")]


def rooms() -> str:
    rows = []
    for room in layers():
        path = ROOT / room.replace(".", "/")
        is_folder = path.is_dir()
        source = path / "__init__.py" if is_folder else path.with_suffix(".py")
        said = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""
        shown = path.name + ("/" if is_folder else ".py")
        rows.append((f"`{shown}`", cell(" ".join(said.partition("\n\n")[0].split()))))
    return table(("room", "what is in it"), rows, "ll")


def imports() -> str:
    from draw_architecture import mermaid

    return f"```mermaid\n{mermaid()}\n```"


def reference() -> str:
    """The public names of the package, for mkdocstrings."""
    import fxflops

    functions = [name for name in fxflops.__all__ if name[0].islower()]
    classes = [name for name in ("Analysis", "Cost", "NodeCost") if name in fxflops.__all__]
    return "\n\n".join(f"::: fxflops.{name}" for name in (*functions, *classes))


def formulas() -> str:
    from formula_reference import page

    from fxflops import formulas

    formulas.load()
    return "\n".join(page())


def refused() -> str:
    from refused import table

    return table()


# What was measured


def measured(name: str) -> Any:
    return json.loads((RESULTS / name).read_text("utf-8"))


def tools() -> str:
    """A row for each tool: how often it is right, and how long it takes."""
    cases = measured("operator_matrix.json")["cases"]
    times = {found["model"]: found["tools"] for found in measured("benchmark.json")["models"]}
    seconds = {tool: f"{found['wall']:.1f}" for tool, found in times["rtdetr_r50"].items()}
    warm = f"{times['rtdetr_r50']['fxflops, warm']['wall']:.2f}"
    rows = [
        ("fxflops", "a formula", score(cases, "fxflops"), seconds["fxflops, cold"]),
        ("fxflops, asked again, at any size", "a formula", "", warm),
    ]
    for tool in cases[0]["tools"]:
        name = TITLES.get(tool, tool)
        rows.append((name, "a number", score(cases, tool), seconds.get(name, "")))
    return table(("tool", "answer", "small models right", "RT-DETR-R50 [s]"), rows, "llrr")


TITLES = {"torch-profiler": "torch.profiler", "flop-counter": "FlopCounterMode"}


def score(cases: Sequence[dict[str, Any]], tool: str) -> str:
    """How many cases are right, of those that the tool sets out to count."""
    if tool == "fxflops":
        from operator_matrix_cases import CASES

        by_hand = {case.name: case.counters | {"complete": True} for case in CASES}
        right = [case["fxflops"] == by_hand[case["name"]] for case in cases]
        return f"{sum(right)} of {len(right)}"
    verdicts = [case["tools"][tool]["verdict"] for case in cases]
    return f"{verdicts.count('right')} of {len(verdicts) - verdicts.count('outside')}"


def benchmark() -> str:
    from benchmark import as_markdown

    return as_markdown(measured("benchmark.json"))


def operators() -> str:
    from operator_matrix import legend, recorded, table

    answers, rows, ours = recorded(measured("operator_matrix.json"))
    return f"{table(rows, ours)}\n\n{legend(answers)}"


def operator_details() -> str:
    from operator_matrix import details, recorded

    answers, rows, _ = recorded(measured("operator_matrix.json"))
    return details(rows, answers)


def nine_tools() -> str:
    from nine_tools import table

    return table([word for path in PYTHONS for word in ("--python", path)])


def sweep() -> str:
    from sweep import read, report

    return report(read(RESULTS / "sweep.jsonl"))


# Transcripts of commands


def of_command(name: str) -> Callable[[], str]:
    """The transcript of this name, which is made when it is asked for."""

    def make() -> str:
        import transcripts

        text: str = getattr(transcripts, name)()
        return text

    return make


def sweep_speed() -> str:
    from sweep_speed import report

    return report(measured("sweep_speed.json"))


# What counting many models says


def variants() -> str:
    from variants import table

    return table()


def training() -> str:
    from variants import training

    return training()


def relatives() -> str:
    from relatives import table

    return table()


def freed_models() -> str:
    from freed import report

    return report()


def widths() -> str:
    from freed import five

    return five()


SECTIONS = (
    Section("resnet50", "README.md", resnet50),
    Section("formula", "README.md", formula),
    Section("tools", "README.md", tools),
    Section("formula in full", "docs/counting.md", formula_in_full),
    Section("options", "docs/cli.md", options),
    Section("reference", "docs/python.md", reference),
    Section("formulas", "docs/formulas.md", formulas, whole=True),
    Section("refused", "docs/refused.md", refused),
    Section("rooms", "docs/architecture.md", rooms),
    Section("imports", "docs/architecture.md", imports),
    Section("operators", "docs/results/operators.md", operators),
    Section("operator details", "docs/results/operator_matrix.md", operator_details, whole=True),
    Section("benchmark", "docs/results/benchmark.md", benchmark),
    Section("sweep", "docs/results/sweep.md", sweep, whole=True),
    Section("solve", "docs/decide.md", of_command("solve")),
    Section("diff", "docs/decide.md", of_command("diff")),
    Section("budget", "docs/decide.md", of_command("budget")),
    Section("sweep command", "docs/sweep.md", of_command("sweep")),
    Section("compiled", "docs/running.md", of_command("compiled"), "slow"),
    Section("sweep speed", "docs/results/sweep_speed.md", sweep_speed, whole=True),
    Section("variants", "docs/results/variants.md", variants, "slow"),
    Section("relatives", "docs/results/relatives.md", relatives, "slow"),
    Section("training", "docs/training.md", training, "slow"),
    Section("freed", "docs/results/freed.md", freed_models, "measured"),
    Section("widths", "docs/width.md", widths, "slow"),
    Section("check", "docs/check.md", check, "measured"),
    Section("nine tools", "docs/explain.md", nine_tools, "measured"),
)
NAMES = [section.name for section in SECTIONS]


def of_file(file: str) -> Iterator[Section]:
    """The sections between markers in a file."""
    return (section for section in SECTIONS if section.file == file and not section.whole)


if __name__ == "__main__":
    sys.exit(main())
