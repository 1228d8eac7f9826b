"""A model as a git revision has it: ``git:REV:package.module:callable``.

The revision is checked out into a worktree of its own, which a process of the same environment has
first on its path; fxflops itself is the one that runs. The worktree is removed afterwards.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import fxflops
from fxflops import errors
from fxflops.cache.key import Request
from fxflops.comparing.sides import GIT, Side
from fxflops.errors import FxflopsError, ModelError, SpecError, shown

NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
EXAMPLE = "git:HEAD~1:package.module:callable"


def of_revision(
    name: str, request: Request, sizes: Mapping[str, int], *, trust: bool = False
) -> Side:
    """The side of a model at a revision of the repository in the current folder.

    Raises SpecError for no repository and no such revision, and what the analysis raises there.
    """
    revision, colon, model = name.removeprefix(GIT).partition(":")
    if not (revision and colon and model):
        raise SpecError(f"'{shown(name)}' is no revision of a model: write it like {EXAMPLE}.")
    root = _git("rev-parse", "--show-toplevel", failing="The current folder is in no repository")
    commit = _git(
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{revision}^{{commit}}",
        failing=f"There is no revision '{shown(revision)}' in {root}",
    )
    with tempfile.TemporaryDirectory(prefix="fxflops-") as folder:
        worktree = os.path.join(folder, "worktree")
        _git(
            "worktree",
            "add",
            "--detach",
            "--quiet",
            worktree,
            commit,
            failing=f"Cannot check out {shown(revision)}",
        )
        try:
            found = _asked(
                {
                    "name": name,
                    "model": model,
                    "request": request,
                    "sizes": dict(sizes),
                    "trust": trust,
                    "path": _path(root, worktree),
                    "worktree": worktree,
                },
                folder,
                here=_moved(os.getcwd(), root, worktree),
            )
        finally:
            _git("worktree", "remove", "--force", worktree, failing="Cannot remove a worktree")
    if isinstance(found, Side):
        return found
    kind, message = found
    raise getattr(errors, kind, ModelError)(f"At {revision}: {message}")


def _git(*words: str, failing: str) -> str:
    """What ``git WORDS`` prints. Raises SpecError that says what is ``failing``."""
    try:
        done = subprocess.run(
            ["git", *NO_HOOKS, *words], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise SpecError(f"{failing}: git cannot be run ({error.strerror}).") from error
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise SpecError(f"{failing}{f' ({said})' if said else ''}.")
    return done.stdout.strip()


def _path(root: str, worktree: str) -> list[str]:
    """Where modules are looked for: what lies in the repository, in the worktree in its place."""
    root = os.path.realpath(root)
    here = os.getcwd()
    moved, others = [], []
    for entry in [here, *sys.path]:
        place = os.path.realpath(entry or here)
        if os.path.commonpath([place, root]) == root and not _is_packages(place):
            moved.append(_moved(place, root, worktree))
        else:
            others.append(entry)
    return [*dict.fromkeys(moved), *dict.fromkeys(others)]


def _moved(place: str, root: str, worktree: str) -> str:
    """The folder of the worktree that stands for one of the repository."""
    inside = os.path.relpath(os.path.realpath(place), os.path.realpath(root))
    return os.path.normpath(os.path.join(worktree, inside))


def _is_packages(place: str) -> bool:
    """Whether a folder is an environment's own, which stands in a repository by chance."""
    return place.endswith(("site-packages", "dist-packages")) or place.startswith(sys.prefix)


def _asked(question: Mapping[str, Any], folder: str, *, here: str) -> Any:
    """The answer of `fxflops.comparing.worker`: a side, or the kind of an error and its message.

    It is unpickled: the process that wrote it has executed the revision's code as the same user.
    """
    asked, answered = (os.path.join(folder, part) for part in ("question", "answer"))
    with open(asked, "wb") as file:
        pickle.dump(dict(question), file)
    ours = os.path.dirname(os.path.dirname(os.path.abspath(fxflops.__file__)))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "fxflops.comparing.worker", asked, answered],
        cwd=here if os.path.isdir(here) else question["worktree"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ours},
        check=False,
    )
    try:
        with open(answered, "rb") as file:
            return pickle.load(file)
    except (OSError, EOFError, pickle.UnpicklingError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return FxflopsError.__name__, f"the process ended with {done.returncode}: {last}"
