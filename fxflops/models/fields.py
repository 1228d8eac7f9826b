"""Fields of a configuration, or keywords of a constructor, by their paths: ``decoder.num_layers``.

What is on the way may be a mapping, a list or a tuple, a dataclass, or an object with attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import is_dataclass, replace
from typing import Any

from fxflops.errors import ModelError
from fxflops.models.named import closest


def get(found: Any, path: str, what: str) -> Any:
    """What is there. Raises ModelError, with the closest names, where nothing is."""
    walked: list[str] = []
    for part in path.split("."):
        if not _has(found, part):
            inside = f"{what}: {'.'.join(walked)}" if walked else what
            raise ModelError(f"{inside} has no field {part!r}{closest(part, _names(found))}.")
        found = _get(found, part)
        walked.append(part)
    return found


def replaced(found: Any, path: str, value: Any) -> Any:
    """A copy of ``found`` that has ``value`` there; what is not on the way is shared."""
    first, _, rest = path.partition(".")
    return _with(found, first, replaced(_get(found, first), rest, value) if rest else value)


def copied(found: Any) -> Any:
    """A copy of mappings, lists and tuples, however nested; what is in them is shared."""
    if type(found) in (list, tuple):
        return type(found)(map(copied, found))
    if isinstance(found, dict):
        twin = copy(found)
        twin.update((key, copied(value)) for key, value in found.items())
        return twin
    return found


def _names(found: Any) -> list[str]:
    if isinstance(found, Mapping):
        return [str(name) for name in found]
    if isinstance(found, (list, tuple)):
        return [str(index) for index in range(len(found))]
    return list(getattr(found, "__dict__", {})) or list(getattr(found, "__dataclass_fields__", ()))


def _has(found: Any, part: str) -> bool:
    if isinstance(found, (Mapping, list, tuple)):
        return part in _names(found)
    return not part.startswith("_") and hasattr(found, part)


def _get(found: Any, part: str) -> Any:
    if isinstance(found, Mapping):
        return found[part]
    if isinstance(found, (list, tuple)):
        return found[int(part)]
    return getattr(found, part)


def _with(found: Any, part: str, value: Any) -> Any:
    if isinstance(found, Mapping):
        return {**found, part: value}
    if isinstance(found, (list, tuple)):
        items = list(found)
        items[int(part)] = value
        made = getattr(type(found), "_make", type(found))  # of a named tuple
        return made(items)
    if is_dataclass(found) and not isinstance(found, type):
        return replace(found, **{part: value})
    twin = copy(found)
    setattr(twin, part, value)
    return twin
