"""What README.md and docs/ promise, and the generator of their generated sections."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SITE = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("docs/**/*.md")}
TRAINED = ("torchvision:alexnet", "--train")
DEPLOYED = ("torchvision:alexnet", "--deploy")
WITH_FIGURES = ("torchvision:alexnet", "--memory", "--roofline", "t4")
OF_DATA = ("tests.cli.test_assume:Keeps", "--input", "b: 9 4; s: 9")
HALF = ("tests.test_readme:Causal", "--input", "x: N 2 L 4", "--causal", "half", "--at", "N=1,L=3")


def ran(*words: str) -> subprocess.CompletedProcess[str]:
    """A Python process of its own."""
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def generator(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The generator over a copy of the documents in ``folder``, of what needs no model."""
    moved = f"import sys, pathlib; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import generate; "
    moved += f"generate.ROOT = pathlib.Path({str(folder)!r}); "
    return ran("-c", f"{moved}sys.exit(generate.main({list(words)!r}))")


@pytest.fixture
def benchmark_page(tmp_path: Path) -> Path:
    page = tmp_path / "docs/results/benchmark.md"
    page.parent.mkdir(parents=True)
    page.write_text((ROOT / "docs/results/benchmark.md").read_text(encoding="utf-8"))
    return page


def test_the_readme_is_read_in_two_minutes():
    assert len(README.splitlines()) <= 150


def test_the_first_command_shows_the_main_job_and_the_second_is_the_one_that_ci_runs():
    first, second = re.findall(r"^python3 -m venv \.venv && .*$", README, re.MULTILINE)
    assert first.endswith("-m fxflops rtdetr_r50 --symbolic")
    below = README.partition("<!-- tests -->\n```sh\n")[2]
    assert below.startswith(second)
    assert "-m pytest" in second


def test_every_page_can_be_reached():
    navigation = set(re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert navigation == {path.relative_to(ROOT / "docs").as_posix() for path in SITE}


class Causal(torch.nn.Module):
    """Attention to what comes before."""

    def forward(self, x):
        return torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)


def test_the_example_of_an_operator_of_your_own_runs():
    page = SITE[ROOT / "docs/operators.md"]
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    assert "custom_op" in example
    assert "@fxflops.formula" in example
    # In a process of its own: what it registers stays for as long as the process.
    done = ran("-c", f"{example}\nprint(analysis.complete, analysis.formula('elementwise'))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "4*N"]


def test_every_key_of_the_json_is_documented_and_no_other():
    table = SITE[ROOT / "docs/json.md"].partition("## fxflops count")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    documented = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    keys = {"unproven"}  # of a depth whose formula is not proven
    for words in (TRAINED, DEPLOYED, WITH_FIGURES, OF_DATA, HALF):
        done = ran("-m", "fxflops", *words, "--no-cache", "--format", "json")
        assert done.returncode == 0, done.stderr
        keys |= set(json.loads(done.stdout))
    assert documented == keys


def test_what_the_generator_writes_is_what_it_checks(benchmark_page):
    good = benchmark_page.read_text()
    assert generator(benchmark_page.parents[2], "--check", "--only", "benchmark").returncode == 0
    stale = good.replace("| rtdetr_r50 | fxflops, cold | ", "| rtdetr_r50 | fxflops, cold | 1", 1)
    assert stale != good
    benchmark_page.write_text(stale)
    checked = generator(benchmark_page.parents[2], "--check", "--only", "benchmark")
    assert checked.returncode == 1
    assert "docs/results/benchmark.md: benchmark is out of date" in checked.stderr
    assert benchmark_page.read_text() == stale
    assert generator(benchmark_page.parents[2], "--only", "benchmark").returncode == 0
    assert benchmark_page.read_text() == good


def test_text_around_a_generated_section_stays_and_an_empty_section_is_filled(benchmark_page):
    good = benchmark_page.read_text()
    begin, end = "<!-- begin: benchmark -->\n", "<!-- end: benchmark -->"
    benchmark_page.write_text(f"before\n{begin}{end}\nafter\n")
    assert generator(benchmark_page.parents[2], "--only", "benchmark").returncode == 0
    inside = good.partition(begin)[2].partition(end)[0]
    assert benchmark_page.read_text() == f"before\n{begin}{inside}{end}\nafter\n"


def test_a_section_without_its_markers_is_said(benchmark_page):
    benchmark_page.write_text("nothing\n")
    done = generator(benchmark_page.parents[2], "--only", "benchmark")
    assert done.returncode == 1
    assert "has no section 'benchmark' between markers" in done.stderr


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    module = import_module("check_readme")
    yield (module.links, module.python, module.commands, module.files)
    for name in ("check_readme", "generate"):
        sys.modules.pop(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[page](docs/none.md)", "there is no docs/none.md"),
        ("[page](docs/counting.md#nothing)", "docs/counting.md has no heading #nothing"),
        ("[here](#nothing)", " has no heading #nothing"),
        ("```python\na = 1\n```\n```python\na / 0\n```", "block 2: ZeroDivisionError"),
        ("<!-- not run -->\n```python\na = = 1\n```", "block 1: SyntaxError"),
        ("`fxflops rtdetr_r50 --no-such-option`", "unrecognized arguments: --no-such-option"),
        ("```sh\nfxflops check\nfxflops check rtdetr_r50 --nodes=3\n```", "--nodes"),
        ("`fxflops/formulas/none.py`", "there is no fxflops/formulas/none.py"),
    ],
)
def test_a_page_that_says_what_is_not_so_is_found(checks, text, said):
    found = [problem for check in checks for problem in check("README.md", text)]
    assert len(found) == 1
    assert said in found[0]


def test_a_page_that_is_right_has_no_problem(checks):
    text = (
        "[page](docs/counting.md#the-rules), [here](#limits)\n"
        "```python\na = 1\n```\n```python\nassert a == 1\n```\n<!-- not run -->\n"
        "```python\n1 / 0\n```\n`fxflops check rtdetr_r50 --nodes`, `fxflops check`\n"
        "`fxflops/formulas/<family>.py`, `fxflops/formulas/free.py`\n"
    )
    assert [problem for check in checks for problem in check("README.md", text)] == []
