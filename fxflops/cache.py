"""Answers that were derived before, on disk.

One JSON file per request below ``$XDG_CACHE_HOME/fxflops`` (``~/.cache/fxflops``); its first line
is the checksum of the rest. A file answers only what it was derived from: the same request, the
same sources of fxflops, versions of Python and of torch, the same packages installed, and the same
sources of every loaded module of the packages that the model's classes come from. Reading executes
nothing, and a file that is damaged, or not of this form, is no answer. Importing this imports
neither torch nor sympy, nor pathlib, which takes as long as reading an answer.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from fxflops.algebra import Symbol
from fxflops.algebra.encoding import Table, natural, read
from fxflops.algebra.polynomial import is_dim
from fxflops.cost import BINDING_TIMES, PHASES, Applied, BindingTime, Cost, Optimizer, Training
from fxflops.domain import Domain, Guard
from fxflops.errors import FxflopsError
from fxflops.report import Listed, Report, Row

if TYPE_CHECKING:
    from fxflops.spec import Frontend

LARGEST_FILE = 2**26
LARGEST_CACHE = 2**28
"""Bytes. When all files together are larger, those used the longest time ago go."""

LEDGERS_PER_REQUEST = 8
"""A model whose graph depends on the size has one for each domain."""


class Request(NamedTuple):
    """What is asked: the model's name, its input spec and dtype where given, how to capture it.

    ``deploy`` are the passes to apply. ``train`` asks for a training step, ``True`` without an
    optimizer, or by its name; ``loss`` is the path to the loss.
    """

    model: str
    inputs: str | None
    dtype: str | None
    frontend: Frontend
    deploy: tuple[str, ...] = ()
    train: bool | str = False
    loss: str | None = None


def directory() -> str:
    """Where the files are."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(root, "fxflops")


def find(request: Request, sizes: Mapping[str, int]) -> Report | None:
    """What was derived for ``request`` and holds at ``sizes``, if anything."""
    for ledger in _ledgers(_key(request)):
        known = {**ledger.defaults, **sizes}
        try:
            if sizes or known.keys() >= set(ledger.domain.names):
                ledger.domain.values(known, ledger.model)
        except FxflopsError:
            continue
        return ledger
    return None


def store(request: Request, ledger: Report, packages: Iterable[str]) -> None:
    """Keep ``ledger`` as the answer to ``request``, for as long as the packages are what they are.

    Where that is not possible (a full disk, no permission) nothing is kept.
    """
    key = _key(request)
    kept = [known for known in _ledgers(key) if known.domain != ledger.domain]
    found = {
        "key": key,
        "sources": _sources(packages),
        "ledgers": [_written(known) for known in [ledger, *kept][:LEDGERS_PER_REQUEST]],
    }
    text = json.dumps(found, ensure_ascii=True, separators=(",", ":"))
    with contextlib.suppress(OSError):
        _write(_path(key), f"{_checksum(text.encode())}\n{text}")
        _shrink()


def files() -> list[str]:
    """All files of the cache, the one used last first."""
    found = glob.glob(os.path.join(glob.escape(directory()), "*.json"))
    return sorted(found, key=os.path.getmtime, reverse=True)


def clear() -> int:
    """Delete all files; returns their number."""
    found = files()
    for path in found:
        _delete(path)
    return len(found)


def _delete(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _path(key: Mapping[str, Any]) -> str:
    return os.path.join(directory(), f"{_checksum(json.dumps(key).encode())[:32]}.json")


def _key(request: Request) -> dict[str, Any]:
    return {
        **request._asdict(),
        "deploy": list(request.deploy),
        "rules": _rules(),
        "python": sys.version,
        "torch": _version("torch"),
        "torchvision": _version("torchvision"),
        "installed": _installed(),
    }


def _rules() -> str:
    """A checksum of fxflops itself."""
    here = os.path.dirname(__file__)
    return _checksum_of(
        sorted(glob.iglob(os.path.join(glob.escape(here), "**/*.py"), recursive=True))
    )


def _version(package: str) -> str | None:
    """The checksum of a package's ``version.py``, which is there without importing the package."""
    root = _root(package)
    path = os.path.join(root, "version.py") if root else ""
    return _checksum_of([path]) if os.path.isfile(path) else None


def _installed() -> list[int]:
    """When a package was last installed or removed, in each folder of packages."""
    folders = [folder for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))]
    return [os.stat(folder).st_mtime_ns for folder in folders if os.path.isdir(folder)]


def _root(package: str) -> str | None:
    """The folder of a package, or the file of a module; nothing of it is executed."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = spec.submodule_search_locations
    found = next(iter(places), None) if places else spec.origin
    return None if found is None else os.fspath(found)


def _sources(packages: Iterable[str]) -> dict[str, Any]:
    """For each package its folder, and the checksum of each of its modules that is loaded."""
    sources = {}
    for package in sorted(set(packages)):
        loaded = [m for name, m in sys.modules.items() if name.partition(".")[0] == package]
        found = (getattr(module, "__file__", None) for module in loaded)
        files = {os.fspath(file) for file in found if file}  # some packages have paths there
        modules = {file: _checksum_of([file]) for file in sorted(files)}
        sources[package] = {"root": _root(package), "modules": modules}
    return sources


def _are_unchanged(sources: Mapping[str, Any]) -> bool:
    return all(
        _root(package) == source["root"]
        and all(_checksum_of([f]) == known for f, known in source["modules"].items())
        for package, source in sources.items()
    )


def _checksum_of(paths: Iterable[str]) -> str:
    checksum = hashlib.sha256()
    for path in paths:
        checksum.update(_content(path))
        checksum.update(path.encode())
    return checksum.hexdigest()


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: str, text: str) -> None:
    """Whole or not at all, whoever else writes at the same time."""
    import tempfile

    folder = directory()
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False) as file:
        try:
            file.write(text)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _shrink() -> None:
    """Delete what was used the longest time ago, until the rest is small enough."""
    room = LARGEST_CACHE
    for path in files():
        room -= os.path.getsize(path)
        if room < 0:
            _delete(path)


def _ledgers(key: Mapping[str, Any]) -> Iterator[Report]:
    """What is stored under ``key``, if all of it is still as it was."""
    path = _path(key)
    try:
        if os.path.getsize(path) > LARGEST_FILE:
            return
        checksum, _, text = _content(path).partition(b"\n")
        if checksum.decode() != _checksum(text):
            return
        found = json.loads(text)
        if found["key"] != key or not _are_unchanged(found["sources"]):
            return
        os.utime(path)
        ledgers = [_read(written) for written in found["ledgers"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return
    yield from ledgers


def _written(ledger: Report) -> dict[str, Any]:
    table = Table()

    def cost(cost: Cost) -> list[int]:
        return [table.add(count) for count in cost.counts]

    def entries(entries: Iterable[Row]) -> list[Any]:
        return [[entry.name, entry.kind, entry.calls, *cost(entry.cost)] for entry in entries]

    def listed(listed: Iterable[Listed]) -> list[Any]:
        return [[item.op, item.calls, item.reason, list(item.where)] for item in listed]

    def training(training: Training | None) -> list[Any] | None:
        if training is None:
            return None
        optimizer = training.optimizer
        return [
            training.trained,
            [cost(training.phases[phase]) for phase in PHASES],
            optimizer and [optimizer.name, *cost(optimizer.step)],
        ]

    return {
        "model": ledger.model,
        "frontend": ledger.frontend,
        "dtype": ledger.dtype,
        "inputs": ledger.inputs,
        "defaults": dict(ledger.defaults),
        "parameters": ledger.parameters,
        "symbols": [[s.name, s.multiple, s.minimum] for s in ledger.domain.symbols],
        "guards": [[table.add(r.value), r.sign, r.where] for r in ledger.domain.guards],
        "least": dict(ledger.domain.least),
        "fixed": dict(ledger.domain.fixed),
        "modules": entries(ledger.modules),
        "operators": entries(ledger.operators),
        "free": listed(ledger.free),
        "uncounted": listed(ledger.uncounted),
        "notes": list(ledger.notes),
        "flow": [[table.add(flops), *needs] for flops, needs in ledger.flow],
        "applied": [[a.name, a.places, *cost(a.saved)] for a in ledger.applied],
        "once": [[binding_time, *cost(once)] for binding_time, once in ledger.once.items()],
        "training": training(ledger.training),
        "dims": table.entries,
    }


def _read(written: Mapping[str, Any]) -> Report:
    """Raises ValueError, KeyError or TypeError for what is no ledger."""
    dims = read(written["dims"])

    def dim(position: Any) -> Any:
        value = dims[natural(position)]
        if not is_dim(value):
            raise ValueError("no dim in the place of one")
        return value

    def entries(rows: Any) -> tuple[Row, ...]:
        return tuple(
            Row(
                name=_text(name),
                kind=_text(kind),
                calls=None if calls is None else natural(calls),
                cost=Cost(*map(dim, counts)),
            )
            for name, kind, calls, *counts in rows
        )

    def listed(rows: Any) -> tuple[Listed, ...]:
        return tuple(
            Listed(
                op=_text(op),
                calls=natural(calls),
                reason=_text(reason),
                where=tuple(map(_text, where)),
            )
            for op, calls, reason, where in rows
        )

    def sizes(named: Mapping[str, Any]) -> dict[str, int]:
        return {_text(name): natural(size) for name, size in named.items()}

    def flow() -> Iterator[tuple[Any, tuple[int, ...]]]:
        for position, (flops, *needs) in enumerate(written["flow"]):
            if not all(natural(need) < position for need in needs):
                raise ValueError("a call that needs a later one")
            yield dim(flops), tuple(needs)

    def once() -> Iterator[tuple[BindingTime, Cost]]:
        for binding_time, *counts in written["once"]:
            if binding_time not in BINDING_TIMES:
                raise ValueError("no binding_time")
            yield binding_time, Cost(*map(dim, counts))

    def training() -> Training | None:
        if written["training"] is None:
            return None
        trained, phases, optimizer = written["training"]
        of_phase = (Cost(*map(dim, counts)) for counts in phases)
        return Training(
            natural(trained),
            dict(zip(PHASES, of_phase, strict=True)),
            optimizer and Optimizer(_text(optimizer[0]), Cost(*map(dim, optimizer[1:]))),
        )

    symbols = tuple(
        Symbol(_text(name), natural(multiple), natural(minimum))
        for name, multiple, minimum in written["symbols"]
    )
    if not all(symbol.multiple for symbol in symbols):
        raise ValueError("no symbol")
    if not {value for value in dims if isinstance(value, Symbol)} <= set(symbols):
        raise ValueError("a size that is not among those of the input")
    guards = []
    for value, sign, where in written["guards"]:
        if sign not in ("==", "!=", ">=") or isinstance(dim(value), int):
            raise ValueError("no guard")
        guards.append(Guard(dim(value), sign, _text(where)))
    ledger = Report(
        model=_text(written["model"]),
        frontend=_text(written["frontend"]),
        dtype=_text(written["dtype"]),
        inputs=_text(written["inputs"]),
        domain=Domain(symbols, tuple(guards), sizes(written["least"]), sizes(written["fixed"])),
        defaults=sizes(written["defaults"]),
        parameters=natural(written["parameters"]),
        modules=entries(written["modules"]),
        operators=entries(written["operators"]),
        free=listed(written["free"]),
        uncounted=listed(written["uncounted"]),
        notes=tuple(map(_text, written["notes"])),
        flow=tuple(flow()),
        applied=tuple(
            Applied(name=_text(name), places=natural(places), saved=Cost(*map(dim, counts)))
            for name, places, *counts in written["applied"]
        ),
        once=dict(once()),
        training=training(),
    )
    if not ledger.modules:
        raise ValueError("no modules")
    return ledger


def _text(value: Any) -> str:
    """A string that a terminal can be given. Raises ValueError for any other."""
    if not isinstance(value, str) or not (value.isprintable()):
        raise ValueError(f"{value!r} is no text")
    return value
