"""What README.md and docs/ promise, and the generator of their generated sections."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SITE = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("docs/**/*.md")}
TRAINED = ("torchvision:alexnet", "--train")
DEPLOYED = ("torchvision:alexnet", "--deploy")


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
    documented = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    keys = set()
    for words in (TRAINED, DEPLOYED):
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
