"""Files that others made, or that are no files: none is an answer, and none does any harm."""

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from fxflops import cache
from fxflops.cache import key as keys

ASKED = ["cached_model:build", "--input", "x: N 4 L", "--at", "N=2,L=9", "--cache"]
posix = pytest.mark.skipif(os.name != "posix", reason="owners and pipes are those of POSIX")


def stored():
    path = Path(*cache.files())
    return path, json.loads(path.read_bytes().partition(b"\n")[2])


def rewrite(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")


@contextmanager
def at_most(seconds):
    """Fails where something waits for ever."""

    def late(*_):
        raise AssertionError(f"still not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def warns_again(monkeypatch):
    monkeypatch.setattr("fxflops.cache.store._warned", False)


@pytest.mark.parametrize(
    ("name", "root"), [("evilpkg.sub", None), ("evilpkg", "evilpkg"), ("distutils", None)]
)
def test_no_name_in_a_file_is_imported(name, root, package, said, tmp_path):
    """Asked for ``a.b``, a finder imports ``a``; for ``distutils``, one imports setuptools."""
    whole = said(ASKED)
    path, content = stored()
    evil = tmp_path / "evilpkg"
    evil.mkdir()
    for file in ("__init__.py", "sub.py"):
        (evil / file).write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
    source = {"root": root and str(evil), "modules": {}}
    content["sources"]["packages"] = {name: source, **content["sources"]["packages"]}
    rewrite(path, content)
    code = (
        "import sys; from fxflops.cli import main; status = main(sys.argv[1:]); "
        "sys.exit(', '.join({'evilpkg', 'evilpkg.sub'} & sys.modules.keys()) or status)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    run = subprocess.run(
        [sys.executable, "-c", code, *ASKED],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (0, whole), run.stderr
    assert not (tmp_path / "executed").exists()


def test_looking_names_up_imports_nothing(package, said):
    """Not even what a finder, asked for a name in a file, would import."""
    said(ASKED)
    _, content = stored()
    seen = []

    class Finder:
        def find_spec(self, name, path=None, target=None):
            seen.append(name)

    environment = dict(os.environ)
    sys.meta_path.insert(0, Finder())
    try:
        for name in ("distutils", "evilpkg", "json"):
            content["sources"]["packages"] = {name: {"root": None, "modules": {}}}
            keys.are_unchanged(content["sources"], environment)
    finally:
        del sys.meta_path[0]
    assert seen == []


def fifo(path):
    os.mkfifo(path)


def endless(path):
    path.symlink_to("/dev/zero")


def dangling(path):
    path.symlink_to("nowhere")


def folder(path):
    path.mkdir()


def link(path):
    """To a file that would be an answer."""
    path.symlink_to(path.parent.parent / "moved")


def huge(path):
    with path.open("wb") as file:
        file.truncate(2**33)


def deep(path):
    rewrite(path, "[" * 2_000_000)


def long_integer(path):
    rewrite(path, '{"key": ' + "7" * 5_000 + "}")


STRANGE = [fifo, endless, dangling, folder, link, huge, deep, long_integer]


@posix
@pytest.mark.parametrize("make", STRANGE)
def test_what_is_no_file_of_ours_is_no_answer(make, package, captures, said):
    whole = said(ASKED)
    path, _ = stored()
    path.rename(path.parent.parent / "moved")
    make(path)
    with at_most(60):
        assert said(ASKED) == whole
        assert len(captures) == 2
        assert said(ASKED) == whole
    assert len(captures) == (3 if make is folder else 2), "the file was not replaced"


@posix
@pytest.mark.parametrize("make", STRANGE)
def test_the_command_counts_and_clears_past_it(make, package, said):
    said(ASKED)
    path, _ = stored()
    make(path.parent / "x.json")
    regular = make in (huge, deep, long_integer)
    with at_most(20):
        assert said(["cache"]).startswith("2 answers" if regular else "1 answer,")
        assert said(["cache", "--clear"]).startswith(
            "Deleted 2 answers" if regular else "Deleted 1 answer in"
        )
    left = [entry.name for entry in path.parent.iterdir()]
    assert left == (["x.json"] if make is folder else [])


@posix
@pytest.mark.parametrize("make", [fifo, endless, dangling, folder, huge])
@pytest.mark.parametrize("suffix", [".py", ".txt"])
def test_a_source_that_is_no_file_is_not_waited_for(make, suffix, package, said, tmp_path):
    whole = said(ASKED)
    path, content = stored()
    strange = tmp_path / f"strange{suffix}"
    make(strange)
    content["sources"]["packages"]["cached_model"]["modules"] = {str(strange): "0" * 64}
    rewrite(path, content)
    with at_most(60):
        assert said(ASKED) == whole


@posix
def test_nothing_is_read_that_says_it_is_empty():
    """As files of the kernel do, some of which never end."""
    with pytest.raises(ValueError, match="changes"):
        keys.read("/proc/self/status" if os.path.exists("/proc") else "/dev/null", 2**20)


def test_sources_are_few_and_together_small(package, said, tmp_path, monkeypatch):
    said(ASKED)
    _, content = stored()
    environment = dict(os.environ)
    assert keys.are_unchanged(content["sources"], environment)
    monkeypatch.setattr(keys, "LARGEST_SOURCES", 10)
    with pytest.raises(ValueError, match="too large"):
        keys.are_unchanged(content["sources"], environment)
    many = {f"p{n}": {"root": None, "modules": {}} for n in range(10**5)}
    assert not keys.are_unchanged({**content["sources"], "packages": many}, environment)


def told(capsys, caplog):
    return [r.getMessage() for r in caplog.records if r.name == "fxflops"]


@posix
@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("mode", [0o660, 0o602, 0o666])
def test_what_others_may_write_is_ignored(what, mode, package, captures, said, capsys, caplog):
    whole = said(ASKED)
    path, _ = stored()
    changed = path if what == "file" else path.parent
    changed.chmod(mode if what == "file" else mode | 0o111)
    assert said(ASKED) == whole
    assert len(captures) == 2
    [warning] = told(capsys, caplog)
    assert str(changed) in warning
    assert "\n" not in warning
    if what == "file":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, "the file was not replaced"
        assert said(ASKED) == whole
        assert len(captures) == 2
    else:
        said(ASKED)
        assert len(captures) == 3
        assert said(["cache"]).startswith("0 answers")
        assert said(["cache", "--clear"]).startswith("Deleted 0")
        assert path.exists()
    assert len(told(capsys, caplog)) == 1


@posix
def test_what_belongs_to_another_user_is_ignored(
    package, captures, said, capsys, caplog, monkeypatch
):
    whole = said(ASKED)
    path, _ = stored()
    content = path.read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert said(ASKED) == said(ASKED) == whole
    assert len(captures) == 3
    assert path.read_bytes() == content
    assert said(["cache", "--clear"]).startswith("Deleted 0")
    assert len(told(capsys, caplog)) == 1


@posix
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_given_away_is_ignored(package, captures, said, capsys, caplog):
    said(ASKED)
    path, _ = stored()
    os.chown(path, 12345, -1)
    said(ASKED)
    assert len(captures) == 2
    assert len(told(capsys, caplog)) == 1


@posix
def test_the_warning_is_one_line_on_stderr(package, said, cache_home):
    said(ASKED)
    (cache_home / "fxflops").chmod(0o777)
    run = subprocess.run(
        [sys.executable, "-m", "fxflops", "cache"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    [line] = run.stderr.splitlines()
    assert line.startswith("fxflops: ignored what is kept in ")
    assert run.stdout.startswith("0 answers")


@posix
@pytest.mark.parametrize(
    "place",
    [b"/nowhere/\xff", b"/nowhere/\x1b[2J", b"relative", b"", b"/dev/null", b"/" + b"x" * 5000],
)
@pytest.mark.parametrize("words", [["cache"], ["cache", "--clear"]])
def test_the_command_never_breaks(place, words, tmp_path):
    environment = {**os.environb, b"XDG_CACHE_HOME": place, b"HOME": os.fsencode(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-m", "fxflops", *words], env=environment, capture_output=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"\x1b" not in run.stdout
    assert run.stdout.count(b"\n") == 1


def test_a_relative_place_is_none(monkeypatch, tmp_path):
    """As the specification of XDG_CACHE_HOME has it; a folder at hand may be another's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache.directory() == str(tmp_path / ".cache" / "fxflops")


def test_files_that_were_never_finished_go(package, said, cache_home):
    said(ASKED)
    place = cache_home / "fxflops"
    old, new = place / "old.tmp", place / "new.tmp"
    for file in (old, new):
        file.write_text("")
    os.utime(old, (time.time() - 10**5,) * 2)
    said([*ASKED, "--dtype", "float16"])
    assert not old.exists()
    assert new.exists()
    said(["cache", "--clear"])
    assert list(place.iterdir()) == []


def test_what_refers_to_itself_ever_more_often_is_refused(package, captures, said):
    """Without a look at how large it would be, reading it would take all memory."""
    whole = said(ASKED)
    path, content = stored()
    tables = []
    for kind, power in (("max", 1), ("max", 64), ("floor", 64)):
        dims = [["symbol", "N", 1, 1], ["product"], 3, ["product", 0, power], ["sum", 1, 3, 1, 1]]
        for _ in range(20):
            last = len(dims) - 1
            dims.append([kind, last, 2 if kind == "floor" else last])
            dims += [["product", len(dims) - 1, power], ["sum", 1, len(dims), 7, 1]]
        tables.append(dims)
    for dims in tables:
        content["ledgers"][0]["dims"] = dims
        rewrite(path, content)
        with at_most(60):
            assert said(ASKED) == whole
    assert len(captures) == 1 + len(tables)
