"""``python -m fxflops.comparing.worker QUESTION ANSWER``: analyze what one revision has.

Run by `fxflops.comparing.revision`. Its own package is imported before the revision's path is set,
so that a revision of fxflops itself is analyzed by this one.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any

from fxflops.comparing import sides
from fxflops.errors import FxflopsError


def main(asked: str, answered: str) -> None:
    """Answer the question in one file into another."""
    with open(asked, "rb") as file:
        question = pickle.load(file)
    sys.path[:] = question["path"]
    answer: Any
    try:
        found = sides.analyzed(
            question["model"], question["request"], question["sizes"], trust=question["trust"]
        )
        answer = _of_the_repository(found, question["worktree"])._replace(name=question["name"])
    except FxflopsError as error:
        answer = type(error).__name__, str(error)
    with open(answered, "wb") as file:
        pickle.dump(answer, file)


def _of_the_repository(found: sides.Side, worktree: str) -> sides.Side:
    """The side with source lines named as in the repository, not as in the worktree."""
    prefix = f"{os.path.realpath(worktree)}{os.sep}"
    calls = tuple(call._replace(where=call.where.replace(prefix, "")) for call in found.calls or ())
    return found._replace(calls=calls)


if __name__ == "__main__":
    main(*sys.argv[1:])
