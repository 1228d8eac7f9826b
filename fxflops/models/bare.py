"""Names without the library that they are of: ``resnet18d``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fxflops import models
from fxflops.errors import ModelError, shown
from fxflops.models import files, zoo
from fxflops.models.named import NamedModel

MOST = 3
"""Names that are suggested."""


def find(name: str) -> NamedModel:
    """The model that an installed package offers as ``name``, or that exactly one library has.

    Raises ModelError as `full` does.
    """
    known = full(name)
    return zoo.named(name, zoo.catalogue()[name]) if known == name else models.find(known)


def full(name: str) -> str:
    """The name with the library that has it; that of an installed package's offer is itself.

    No library is imported for it.

    Raises ModelError that lists the names in full where several have it, and the closest ones where
    none has it.
    """
    known = list(every())
    having = [full for full in known if full.rpartition(":")[2] == name]
    if name in having:
        return name
    if len(having) > 1:
        raise ModelError(
            f"Several libraries have a model {shown(name)!r}: give {' or '.join(having)}."
        )
    if not having:
        of_hub = (
            f" If it is one of the Hub: hf download {name} config.json"
            if files.WORDS.fullmatch(name)
            else ""
        )
        raise ModelError(f"There is no model {shown(name)!r}{nearest(name, known)}.{of_hub}")
    return having[0]


ALMOST = 0.85


def nearest(name: str, known: Iterable[str]) -> str:
    """The full names whose own part is nearest, in small or capital letters, to end a sentence.

    After those that differ by a letter or two comes what is named after the first word: that of
    ``llama-7b`` is ``llama``.
    """
    import difflib

    full: dict[str, list[str]] = {}
    for candidate in known:
        full.setdefault(candidate.rpartition(":")[2].casefold(), []).append(candidate)
    family = re.split(r"[-_.]", name.casefold())[0]
    near = difflib.get_close_matches(name.casefold(), full, n=MOST, cutoff=ALMOST)
    near += [own for own in (family, f"{family}model") if own in full]
    near += difflib.get_close_matches(name.casefold(), full, n=MOST, cutoff=0.5)
    near = list(dict.fromkeys(near))
    said = [candidate for own in near for candidate in full[own]][:MOST]
    return f"; did you mean {', '.join(said)}" if said else ""


def every() -> Iterator[str]:
    """The names of all models that can be counted, in full, from packages that are installed.

    No library is imported for it.
    """
    yield from zoo.catalogue()
    for library in models.LIBRARIES:
        for name in models.source(library).names():
            yield f"{library}:{name}"
