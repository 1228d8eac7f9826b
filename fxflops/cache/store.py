"""The files of the cache: found, written, counted and deleted.

Each has the checksum of the rest as its first line. Where the operating system knows owners
(POSIX), a folder or a file that is another user's, or that others may write to, is ignored, with
one warning per process. `platformdirs` would name the same folder on Linux, but imports pathlib.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fxflops.cache import codec
from fxflops.cache.key import Key, are_unchanged, checksum, read_with_status, sources
from fxflops.errors import FxflopsError
from fxflops.report import Report

LARGEST_FILE = 2**24
LARGEST_CACHE = 2**28
"""Bytes. When all files together are larger, those used the longest time ago go."""

LEDGERS_PER_REQUEST = 8
"""A model whose graph depends on the size has one for each domain."""

STALE = 3600
"""Seconds after which a file that was never finished is one that never will be."""

NO_ANSWER = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
"""What reading a file may raise that holds no answer, whatever is in it."""

_warned = False


def directory() -> str:
    """Where the files are. A relative ``$XDG_CACHE_HOME`` is none, as its specification has it."""
    root = os.environ.get("XDG_CACHE_HOME") or ""
    if not os.path.isabs(root):
        root = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(root, "fxflops")


def find(key: Key, sizes: Mapping[str, int]) -> Report | None:
    """What was derived for ``key`` and holds at ``sizes``, if anything."""
    for report in _ledgers(key):
        known = {**report.defaults, **sizes}
        try:
            if sizes or known.keys() >= set(report.domain.input_names):
                report.domain.values(known, report.model)
        except FxflopsError:
            continue
        return report
    return None


def keep(key: Key, report: Report, packages: Iterable[str]) -> None:
    """Keep ``report`` as the answer to ``key``, for as long as the packages are what they are.

    Where that is not possible (a full disk, no permission) nothing is kept.
    """
    with contextlib.suppress(OSError, ValueError):
        if not _folder_is_ours(make=True):
            return
        kept = [known for known in _ledgers(key) if known.domain != report.domain]
        ledgers = [codec.written(known) for known in [report, *kept][:LEDGERS_PER_REQUEST]]
        codec.read(ledgers[0])  # ValueError for what is too large to be read again
        found = {
            "key": key.fields,
            "sources": sources(packages, key.environment),
            "ledgers": ledgers,
        }
        text = json.dumps(found, ensure_ascii=True, separators=(",", ":"))
        if len(text) < LARGEST_FILE:
            _write(_path(key), f"{checksum(text.encode())}\n{text}")
            _shrink()


def files() -> dict[str, os.stat_result]:
    """The path and status of each answer, the one used last first."""
    found = {
        path: status
        for path, status in _entries(".json")
        if stat.S_ISREG(status.st_mode) and _is_ours(status)
    }
    return dict(sorted(found.items(), key=lambda item: item[1].st_mtime, reverse=True))


def clear() -> int:
    """Delete all answers, and whatever else has such a name; returns the number of answers."""
    answers = files().keys()
    deleted = [path for path, _ in _entries(".json") if _delete(path)]
    for path, _ in _entries(".tmp"):
        _delete(path)
    return len(answers & set(deleted))


def _entries(suffix: str) -> list[tuple[str, os.stat_result]]:
    """What is in the folder under such a name, directories apart; links are not followed."""
    found = []
    with contextlib.suppress(OSError):
        if _folder_is_ours():
            with os.scandir(directory()) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):  # another process may have deleted it
                        if entry.name.endswith(suffix) and not entry.is_dir(follow_symlinks=False):
                            found.append((entry.path, os.lstat(entry.path)))
    return found


def _delete(path: str) -> bool:
    """Whether it could be deleted."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def _path(key: Key) -> str:
    return os.path.join(directory(), key.name)


def _folder_is_ours(*, make: bool = False) -> bool:
    """Whether there is a folder that nobody else can put anything into; ``make`` one if not."""
    folder = directory()
    if not os.path.isabs(folder):  # nobody's home
        return False
    if make:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    try:
        status = os.stat(folder)
        link_is_ours = _has_our_owner(os.lstat(folder))
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    if link_is_ours and _is_ours(status):
        return True
    _warn(folder)
    return False


def _has_our_owner(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _is_ours(status: os.stat_result) -> bool:
    """Whether it is of this user, and of no other's writing."""
    others_write = os.name == "posix" and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return _has_our_owner(status) and not others_write


def _warn(path: str) -> None:
    """Say once per process that something is ignored: in one line on stderr, unless told otherwise.

    Where no handler is set, `logging` writes to stderr.
    """
    global _warned
    if _warned:
        return
    _warned = True
    import logging

    logging.getLogger("fxflops").warning(
        "fxflops: ignored what is kept in %s: it belongs to another user, or others may write to "
        "it. Delete it, or set XDG_CACHE_HOME to a folder of your own.",
        printable(path),
    )


def printable(path: str) -> str:
    """``path`` as a terminal can be given it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path)


def _write(path: str, text: str) -> None:
    """Whole or not at all, whoever else writes at the same time."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", dir=directory(), suffix=".tmp", delete=False) as file:
        try:
            file.write(text)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            _delete(file.name)
            raise


def _shrink() -> None:
    """Delete what was used the longest time ago, until the rest is small enough."""
    room = LARGEST_CACHE
    for path, status in files().items():
        room -= status.st_size
        if room < 0:
            _delete(path)
    for path, status in _entries(".tmp"):
        if status.st_mtime < time.time() - STALE:
            _delete(path)


def _ledgers(key: Key) -> Iterator[Report]:
    """What is stored under ``key``, if all of it is still as it was."""
    if not _folder_is_ours():
        return
    path = _path(key)
    try:
        found = _content(path)
        if found is None or found["key"] != key.fields:
            return
        if not are_unchanged(found["sources"], key.environment):
            return
        if len(found["ledgers"]) > LEDGERS_PER_REQUEST:
            return
        ledgers = [codec.read(written) for written in found["ledgers"]]
        os.utime(path)
    except NO_ANSWER:
        return
    yield from ledgers


def _content(path: str) -> Any:
    """What a file says, if it is ours and whole. Raises one of `NO_ANSWER` if it is not."""
    content, status = read_with_status(path, LARGEST_FILE, getattr(os, "O_NOFOLLOW", 0))
    if not _is_ours(status):
        _warn(path)
        return None
    first, _, text = content.partition(b"\n")
    return json.loads(text) if first.decode() == checksum(text) else None
