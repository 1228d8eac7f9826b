"""How many small faults in what people see do its tests notice.

    python scripts/mutants.py [--number 200] [--seed 0] [--minutes 60] [--jobs 1] [--only PART]

Changes one place of one file (a comparison, a sum, a number, a text that is lost, a condition
negated, a statement left out) in a copy of the tree, and runs the tests of that file alone. A
mutant is killed if one of them fails. Not in CI: it takes up to an hour.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import io
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TESTS = {
    "fxflops/reports/": ["tests/reports"],
    "fxflops/report.py": ["tests/reports"],
    "fxflops/cost.py": ["tests/test_cost.py"],
    "fxflops/domain.py": ["tests/test_domain.py"],
    "fxflops/capture/guards/": ["tests/capture/test_guards.py"],
    "fxflops/cli/": ["tests/cli"],
}
"""The tests of each file or folder."""
COPIED = ("fxflops", "rtdetr", "tests", "pyproject.toml")
PRELOADED = ("torch", "sympy", "networkx", "numpy", "jsonschema", "pytest")
CPU_SECONDS = 90
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}


class Mutant(NamedTuple):
    """One changed place: in which file and line, what was there and what is there now."""

    path: str
    line: int
    before: str
    after: str
    source: str


def places(path: str) -> Iterator[tuple[str, int]]:
    """Every place of one file that can be changed: the file and a number."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    for index, _ in enumerate(_places(tree)):
        yield path, index


def mutant_at(path: str, index: int) -> Mutant:
    """The mutant of one place."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    node, change = list(_places(tree))[index]
    before = ast.unparse(node)
    change()
    after = ast.unparse(node)
    changed = ast.unparse(ast.fix_missing_locations(tree))
    if after == before:
        after = "left out" if isinstance(node, ast.Expr) else f"not ({before})"
    return Mutant(path, getattr(node, "lineno", 0), before, after, changed)


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable[[], None]]]:
    """What can be changed, each with the function that changes it in the tree."""
    skipped = set(_unseen(tree))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        match node:
            case ast.Compare(ops=[op]):
                yield node, _setter(node, "ops", [COMPARISONS[type(op)]()])
            case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
                yield node, _setter(node, "op", OPERATORS[type(op)]())
            case ast.BoolOp(op=op):
                other = ast.Or() if isinstance(op, ast.And) else ast.And()
                yield node, _setter(node, "op", other)
            case ast.UnaryOp(op=ast.USub()):
                yield node, _setter(node, "op", ast.UAdd())
            case ast.Constant(value=bool() as value):
                yield node, _setter(node, "value", not value)
            case ast.Constant(value=int() as value):
                yield node, _setter(node, "value", value + 1)
            case ast.Constant(value=str() as value):
                yield node, _setter(node, "value", "" if value else "XX")
            case ast.If() | ast.IfExp() | ast.While():
                yield node.test, _setter(node, "test", ast.UnaryOp(ast.Not(), node.test))
            case ast.Return(value=ast.expr()):
                yield node, _setter(node, "value", ast.Constant(None))
            case ast.FunctionDef() | ast.With() | ast.For():
                for position, statement in enumerate(node.body):
                    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                        yield statement, _left_out(node.body, position)


def _setter(node: ast.AST, field: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, field, value)


def _left_out(body: list[ast.stmt], position: int) -> Callable[[], None]:
    def change() -> None:
        body[position] = ast.Pass()

    return change


def _unseen(tree: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, annotations, slots, and what only a type checker reads."""
    for node in ast.walk(tree):
        unseen: list[ast.AST | None] = []
        match node:
            case ast.Expr(value=ast.Constant()):
                unseen = [node]
            case ast.AnnAssign(annotation=annotation, target=ast.Name(id=name)):
                alias = isinstance(annotation, ast.Name) and annotation.id == "TypeAlias"
                unseen = [annotation, node.value if alias or name == "Rule" else None]
            case ast.AnnAssign(annotation=annotation):
                unseen = [annotation]
            case ast.arg(annotation=annotation):
                unseen = [annotation]
            case ast.FunctionDef(returns=returns):
                unseen = [returns]
            case ast.Subscript(value=ast.Name(id="Literal")):
                unseen = [node]
            case ast.Assign(targets=[ast.Name(id="__slots__")]):
                unseen = [node]
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                unseen = [node]
        for part in filter(None, unseen):
            yield from ast.walk(part)


def tests_of(path: str) -> list[str]:
    """The tests of a file, as `TESTS` says."""
    return next(tests for prefix, tests in TESTS.items() if path.startswith(prefix))


def files(only: str) -> list[str]:
    """The files to be changed."""
    found: list[str] = []
    for part in TESTS:
        at = ROOT / part
        paths = sorted(at.glob("*.py")) if at.is_dir() else [at]
        found += [path.relative_to(ROOT).as_posix() for path in paths]
    return [path for path in found if only in path]


def copy_of_the_tree(folder: Path) -> Path:
    """A compiled copy, without git."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    compileall.compile_dir(folder, quiet=2)
    return folder


def _run(tree: str, tests: list[str], out: str) -> None:
    """In a process of its own: the tests of the tree; its exit status is theirs."""
    os.chdir(tree)
    os.environ["PYTHONPATH"] = tree
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    sys.path[:] = [tree, *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    pytest = import_module("pytest")
    text = io.StringIO()
    options = ["-q", "-x", "--no-header", "-p", "no:randomly", "-p", "no:cacheprovider"]
    with redirect_stdout(text), redirect_stderr(text):
        status = pytest.main([*options, "--hypothesis-seed=0", *tests])
    Path(out).write_text(text.getvalue(), "utf-8")
    os._exit(int(status))


def outcome(tree: Path, mutant: Mutant | None, tests: list[str], wall: float) -> str:
    """``"survived"``, ``"killed"`` or ``"killed, too slow"`` for one mutant in a copy."""
    original = ""
    if mutant is not None:
        file = tree / mutant.path
        original = file.read_text("utf-8")
        file.write_text(mutant.source, "utf-8")
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            compiled.unlink()
    out = tree / "out.txt"
    process = get_context("fork").Process(target=_run, args=(str(tree), tests, str(out)))
    process.start()
    process.join(wall)
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    if mutant is not None:
        file.write_text(original, "utf-8")
    if process.exitcode == 0:
        return "survived"
    return "killed" if process.exitcode in (1, 2, 3, 4) else "killed, too slow"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of a path")
    parser.add_argument("-o", "--output", help="the mutants that survived, as diffs")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    every = [place for path in files(options.only) for place in places(path)]
    picked = random.Random(options.seed).sample(every, min(options.number, len(every)))
    chosen = [mutant_at(*place) for place in picked]
    for name in PRELOADED:
        import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        trees = []
        for job in range(options.jobs):
            (Path(folder) / str(job)).mkdir()
            trees.append(copy_of_the_tree(Path(folder) / str(job)))
        for tests in {tuple(tests_of(mutant.path)) for mutant in chosen}:
            if outcome(trees[0], None, list(tests), 600) != "survived":
                print(f"{' '.join(tests)} fail on the tree as it is.", file=sys.stderr)
                print((trees[0] / "out.txt").read_text("utf-8"), file=sys.stderr)
                return 2

        def judged(mutant: Mutant) -> tuple[Mutant, str] | None:
            if time.monotonic() > end:
                return None
            tree = trees.pop()
            found = outcome(tree, mutant, tests_of(mutant.path), 600)
            trees.append(tree)
            line = f"{found}: {mutant.path}:{mutant.line}: {mutant.before!r} -> {mutant.after!r}"
            print(line, flush=True)
            return mutant, found

        with ThreadPoolExecutor(options.jobs) as pool:
            results = [result for result in pool.map(judged, chosen) if result is not None]
    survivors = [mutant for mutant, found in results if found == "survived"]
    killed = len(results) - len(survivors)
    rate = f"{100 * killed / len(results):.1f} %" if results else "none"
    print(f"{len(results)} of {len(every)} mutants ran, {killed} killed: {rate}.")
    if options.output:
        lines = [f"{m.path}:{m.line}: {m.before!r} -> {m.after!r}" for m in survivors]
        Path(options.output).write_text("\n".join([*lines, ""]), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
