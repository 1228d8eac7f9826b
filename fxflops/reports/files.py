"""Where a result goes that does not go to stdout: whole, or not at all.

A regular file is replaced at once by one of the same mode, through a symlink at its target. What is
no regular file (a device, a pipe, ``/dev/stdout``, the shell's ``>(…)``) is written to.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat

from fxflops.errors import SpecError

OWN_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]+)")
STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
LINKS = 40  # as many as the kernel follows


def require_writable(path: str | None) -> None:
    """Refuse what can be seen not to be writable, before the work is done.

    Raises SpecError.
    """
    if path is None:
        return
    if not path:
        raise SpecError("The output file has no name: give -o FILE, or leave it out for stdout.")
    if "\0" in path:
        raise SpecError(f"Cannot write {path!a}: no file's name has a null character.")
    if _descriptor(path) is not None:
        return
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise SpecError(f"Cannot write {path}: there is no directory {folder}.")
    if os.path.isdir(target):
        raise SpecError(f"Cannot write {path}: it is a directory.")
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise SpecError(f"Cannot write {path}: it is read-only.")


def write(path: str, content: str | bytes) -> None:
    """Write ``content`` to ``path``, text in UTF-8.

    Raises SpecError for what cannot be written, and BrokenPipeError where a reader has gone.
    """
    require_writable(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        _write(path, data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SpecError(f"Cannot write {path}: {error.strerror or error}.") from error


def _write(path: str, data: bytes) -> None:
    own = _descriptor(path)
    if own is not None:
        with os.fdopen(os.dup(own), "wb") as stream:  # not opened anew, which would truncate it
            stream.write(data)
        return
    target = os.path.realpath(path)
    try:
        before = os.stat(target)
    except FileNotFoundError:
        replace(target, data, 0o666)
        return
    if stat.S_ISREG(before.st_mode):
        replace(target, data, 0o666, like=before)
        return
    with open(target, "wb") as stream:
        stream.write(data)


def replace(target: str, data: bytes, mode: int, *, like: os.stat_result | None = None) -> None:
    """Put a new file of this ``mode``, less the umask, in the place of ``target``, at once.

    With ``like``, of that file's owner and mode. Raises OSError; then ``target`` is as it was.
    """
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, mode if like is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            if like is not None:
                _adopt(stream.fileno(), like)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _adopt(descriptor: int, like: os.stat_result) -> None:
    """Give an open file the owner and mode of another, as far as this user may."""
    if not hasattr(os, "fchmod"):
        return
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _descriptor(path: str) -> int | None:
    """The number of the open file of this process that ``path`` is a name of, if it is one."""
    for _ in range(LINKS):
        path = os.path.abspath(path)
        if path in STANDARD:
            return STANDARD[path]
        if found := OWN_DESCRIPTOR.fullmatch(path):
            return int(found[1])
        if not os.path.islink(path):
            return None
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return None
