"""Answers kept on disk: the same as new ones, and nothing but an answer."""

import copy
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fxflops import cache
from fxflops.cli import main

ASKED = ["cached_model:build", "--input", "x: N 4 L", "--at", "N=2,L=9", "--cache"]


def said(words, capsys):
    assert main(words) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("format", ["table", "markdown", "json", "csv", "latex"])
@pytest.mark.parametrize("more", [[], ["--symbolic"], ["--depth", "1", "--strict"]])
def test_the_answer_is_the_same_again(format, more, package, captures, capsys):
    words = [*ASKED, "--format", format, *more]
    assert said(words, capsys) == said(words, capsys)
    assert len(captures) == 1


def test_a_warm_answer_imports_neither_torch_nor_sympy(cache_home, capsys):
    words = ["rtdetr_r18", "--size", "800x1216", "--batch", "2"]
    cold = said(["rtdetr_r18", "--no-cache", *words[1:]], capsys)
    said(["rtdetr_r18"], capsys)
    code = (
        "import sys; from fxflops.cli import main; main(sys.argv[1:]); "
        "heavy = {'torch', 'sympy', 'numpy', 'networkx', 'rich', 'importlib.metadata'}; "
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    for asked in (words, [*words, "--symbolic"], [*words, "--format", "json"]):
        run = subprocess.run(
            [sys.executable, "-c", code, *asked], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
    assert cold == said(words, capsys)


def test_a_graph_that_depends_on_the_size_has_an_answer_for_each(package, captures, capsys):
    package("(3 if x.shape[2] > 20 else x[:, :1, :1])")
    short, long = ([*ASKED[:4], f"N=2,L={length}", "--cache"] for length in (9, 90))
    answers = [said(words, capsys) for words in (short, long, short, long)]
    assert answers[:2] == answers[2:]
    assert len(captures) == 2
    assert len(cache.files()) == 1


def test_what_is_not_installed_is_kept_only_on_demand(package, captures, capsys):
    words = ASKED[:-1]
    said(words, capsys)
    said(words, capsys)
    assert len(captures) == 2
    assert not cache.files()


def test_no_cache_neither_finds_nor_keeps(captures, capsys):
    said(["rtdetr_r18", "--no-cache"], capsys)
    assert not cache.files()
    said(["rtdetr_r18"], capsys)
    said(["rtdetr_r18", "--no-cache"], capsys)
    assert len(captures) == 3


def test_a_change_of_the_source_is_seen(package, captures, capsys):
    said(ASKED, capsys)
    package("2 + 1")
    said(ASKED, capsys)
    assert len(captures) == 2


@pytest.mark.parametrize(
    "change", [["--dtype", "float16"], ["--frontend", "export"], ["--input", "x: N 6 L"]]
)
def test_another_question_has_another_answer(change, package, captures, capsys):
    said(ASKED, capsys)
    said([*ASKED, *change], capsys)
    assert len(captures) == 2


def test_another_version_of_the_rules_has_other_answers(package, captures, capsys, monkeypatch):
    said(ASKED, capsys)
    monkeypatch.setattr("fxflops.cache.key._rules", lambda: "other")
    said(ASKED, capsys)
    assert len(captures) == 2


def stored():
    path = Path(*cache.files())
    return path, json.loads(path.read_bytes().partition(b"\n")[2])


def rewrite(path, content):
    text = json.dumps(content)
    path.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")


@pytest.mark.parametrize("damage", [b"", b"\0\xff", b"x" * 65 + b"\n{}"])
def test_a_damaged_file_means_a_recount(damage, package, captures, capsys):
    whole = said(ASKED, capsys)
    path, _ = stored()
    path.write_bytes(damage)
    assert said(ASKED, capsys) == whole
    assert len(captures) == 2


def test_a_changed_digit_is_seen(package, captures, capsys):
    whole = said(ASKED, capsys)
    path, _ = stored()
    content = path.read_bytes()
    position = content.rindex(b"]]") - 1
    path.write_bytes(content[:position] + b"7" + content[position + 1 :])
    assert said(ASKED, capsys) == whole
    assert len(captures) == 2


HOSTILE = st.sampled_from(
    [None, -1, 10**30, 10**4000, 1.5, True, "\x1b[2J", "\ud800", "__import__", [], {}, [[]],
     {"a": {}}, ["floor", 0, 0],
     ["floor", 1, 0], ["max", 0], ["sum"], ["sum", 1, 0], ["sum", 1, 1, 0], ["product"],
     ["product", 0, -3], ["product", 0, 10**9],
     ["symbol", "Z", 1, 1], ["symbol", "a b", 1, 1], ["system", "true", 1]]
)  # fmt: skip


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items if isinstance(value, (dict, list)) else ():
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))
        else:
            yield (*path, key)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_hostile_file_is_an_answer_or_none(data, package, capsys):
    """Whatever stands anywhere in a file with a right checksum, nothing is raised."""
    if not cache.files():
        said(ASKED, capsys)
    path, content = stored()
    changed = copy.deepcopy(content)
    *way, last = data.draw(st.sampled_from([p for p in places(changed) if p]))
    holder = changed
    for key in way:
        holder = holder[key]
    holder[last] = data.draw(HOSTILE)
    rewrite(path, changed)
    try:
        assert main(ASKED) == 0
        assert "\x1b" not in capsys.readouterr().out
    finally:
        rewrite(path, content)


def test_what_cannot_be_written_is_no_error(package, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert said(ASKED, capsys)
    assert said(["cache"], capsys).startswith("0 answers")


def test_the_cache_stays_small(package, capsys, monkeypatch):
    for length in (9, 11, 13):
        said([*ASKED, "--input", f"x: N 4 {length}", "--at", "N=2"], capsys)
    sizes = list(map(os.path.getsize, cache.files()))
    monkeypatch.setattr("fxflops.cache.store.LARGEST_CACHE", sum(sizes) - 1)
    newest = next(iter(cache.files()))
    said([*ASKED, "--input", "x: N 4 15", "--at", "N=2"], capsys)
    assert len(cache.files()) < 4
    assert newest in cache.files()


def test_the_command_says_what_is_kept_and_deletes_it(package, capsys):
    said(ASKED, capsys)
    assert said(["cache"], capsys).startswith("1 answer,")
    assert said(["cache", "--clear"], capsys).startswith("Deleted 1")
    assert not cache.files()


def ask(words):
    return main(words)


def test_processes_may_write_at_the_same_time(package, cache_home, capsys):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(ask, [ASKED] * 4) == [0] * 4
    assert len(cache.files()) == 1
    assert list((cache_home / "fxflops").iterdir()) == list(map(Path, cache.files()))
    assert said(ASKED, capsys)


@pytest.mark.parametrize(
    "words", [["--memory"], ["--memory", "--threads", "2"], ["--roofline", "t4"], ["--deploy"]]
)
def test_whatever_is_asked_is_kept(package, captures, capsys, words):
    asked = ["cached_model:build", "--input", "x: N 4 L", "--at", "N=2,L=8", "--cache", *words]
    assert said(asked, capsys) == said(asked, capsys)
    assert len(captures) == 1


def test_what_could_not_be_read_again_is_not_written(package, cache_home, capsys, monkeypatch):
    from fxflops.algebra import encoding

    monkeypatch.setattr(encoding, "LARGEST_TABLE", 0)
    said(["cached_model:build", "--input", "x: N 4 L", "--at", "N=2,L=8", "--cache"], capsys)
    assert said(["cache"], capsys).startswith("0 answers")
