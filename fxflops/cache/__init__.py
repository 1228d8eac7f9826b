"""Answers that were derived before, on disk.

One JSON file per question below ``$XDG_CACHE_HOME/fxflops`` (``~/.cache/fxflops``):

key.py      what an answer depends on: the question, versions, sources, settings, the environment
codec.py    an answer as JSON, and back by a reader that believes nothing
store.py    the files

A file answers only what it was derived from. Reading one executes and imports nothing that it
names, and a file that is damaged, hostile, or not of this form is no answer. Importing this
imports neither torch nor sympy, nor pathlib, which takes as long as reading an answer.
"""

from fxflops.cache.key import Key, Request
from fxflops.cache.store import LARGEST_CACHE, clear, directory, files, find, keep, printable

__all__ = [
    "LARGEST_CACHE",
    "Key",
    "Request",
    "clear",
    "directory",
    "files",
    "find",
    "keep",
    "printable",
]
