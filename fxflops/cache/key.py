"""What an answer depends on, besides the formulas.

Known before the model is (`Key`): what is asked and where, the sources of fxflops, the versions of
Python and of torch, which packages are installed, torch's settings, and the environment variables
that torch reads. Known once the model is loaded (`sources`): the loaded modules of the packages
that its classes come from, and the environment variables that these modules name.

Nothing here imports a package in order to know it, and a file is read only if it is a regular one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.machinery import PathFinder, all_suffixes
from typing import TYPE_CHECKING, Any, NamedTuple

from fxflops.models import is_installed

if TYPE_CHECKING:
    from fxflops.cost import Causal
    from fxflops.devices import Device
    from fxflops.spec import Frontend

LARGEST_SOURCE = 2**26
LARGEST_SOURCES = 2**28
"""Bytes of one module, and of all those of an answer; of larger ones no answer is kept."""

PER_FILE = 2**12
"""What opening a file counts for, in bytes of reading."""

MOST_PACKAGES = 256

OPEN = os.O_RDONLY
for _flag in ("O_BINARY", "O_NONBLOCK", "O_NOCTTY"):  # neither Windows nor POSIX has them all
    OPEN |= getattr(os, _flag, 0)

TORCH_READS = (
    "TORCH",
    "PYTORCH",
    "ATEN_",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
)
"""How the names of environment variables begin that change what torch does."""

TORCH_WRITES = ("_DIR", "_HOME", "_LOGS", "_FILE")
"""How those end that say where torch puts things; it sets one of them itself."""

SET_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_THREAD_LIMIT")
"""What tells PyTorch how many threads to use."""

NAMES = rb"""(startswith\(\(?)?["'}]([A-Z_][A-Z0-9_]+)(["'{%])"""
"""Literals that may name an environment variable, or a part of its name, anywhere in a source."""

NAMES_BESIDE_ENVIRON = rb"""(startswith\(\(?)?["'}]([A-Za-z_][A-Za-z0-9_]*)(["'{%])"""
"""Likewise in a source that itself reads the environment; there, names may be in small letters."""

NOT_READ = frozenset(("PATH", "HOME", "PWD", "USER", "SHELL", "TERM", "LANG", "TMPDIR", "COLUMNS"))
"""What changes from one terminal to the next, and no graph with it."""


class Request(NamedTuple):
    """What is asked: the model's name, its input spec and dtype where given, how to capture it.

    ``deploy`` are the passes to apply. ``train`` asks for a training step, ``True`` without an
    optimizer, or by its name; ``loss`` is the path to the loss. ``past`` is how many positions a
    cache holds with which the model is called. ``figures`` are those of `fxflops.figures` that are
    asked for; ``threads`` are those of the CPU whose workspace counts, PyTorch's own for None.
    ``device`` is that of the roofline.
    ``causal`` is that of `fxflops.analyze`.
    """

    model: str
    inputs: str | None
    dtype: str | None
    frontend: Frontend
    deploy: tuple[str, ...] = ()
    train: bool | str = False
    loss: str | None = None
    past: str | None = None
    figures: tuple[str, ...] = ()
    threads: int | None = None
    device: Device | None = None
    causal: Causal = "full"


class Key:
    """A request, and what holds where it is asked; made before the model is loaded.

    Packages change the environment, and torch's settings, when they are imported: an answer belongs
    to those from before.
    """

    __slots__ = ("environment", "fields")

    def __init__(self, request: Request) -> None:
        """Look at the sources of fxflops, versions, settings and the environment."""
        self.environment = dict(os.environ)
        fields = {
            **request._asdict(),
            "threads": request.threads or (_threads(self.environment) if request.figures else None),
            "rules": _rules(),
            "python": [sys.version, sys.flags.optimize],
            "folder": None if is_installed(request.model) else _folder(),
            "torch": _version("torch"),
            "torchvision": _version("torchvision"),
            "installed": _installed(),
            "settings": _settings(),
            "environment": _of_torch(self.environment),
        }
        self.fields: dict[str, Any] = json.loads(json.dumps(fields))  # as a file gives them back

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{checksum(json.dumps(self.fields).encode())[:32]}.json"


def _threads(environment: Mapping[str, str]) -> list[Any]:
    """What PyTorch's number of threads follows from, as far as that is known without importing."""
    torch = sys.modules.get("torch")
    of_process = getattr(os, "sched_getaffinity", None)
    return [
        torch and torch.get_num_threads(),
        len(of_process(0)) if of_process else os.cpu_count(),
        [environment.get(name) for name in SET_THREADS],
    ]


def _folder() -> str | None:
    """Where modules of the user are looked for first; None where there is no such folder."""
    try:
        return os.getcwd()
    except OSError:
        return None


def sources(packages: Iterable[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """What `are_unchanged` compares: each package's place, modules, and environment variables.

    Raises OSError and ValueError for modules that cannot be read, or are too large.
    """
    found: dict[str, Any] = {}
    names: set[str] = set()
    room = Room()
    for package in sorted(set(packages)):
        modules = {}
        for file in sorted(_loaded_files(package)):
            content = room.read(file)
            modules[file] = checksum(content)
            names |= _variables(content)
        found[package] = {"root": _root(package), "modules": modules}
    listed = sorted(names)
    return {
        "packages": found,
        "variables": listed,
        "values": _values(listed, environment),
    }


def are_unchanged(known: Any, environment: Mapping[str, str]) -> bool:
    """Whether `sources` would give ``known`` again, as far as that can be told without importing.

    ``known`` may be anything. Raises OSError and ValueError, KeyError or TypeError for what is no
    such record.
    """
    if known["values"] != _values(known["variables"], environment):
        return False
    suffixes = tuple(all_suffixes())
    room = Room()
    if len(known["packages"]) > MOST_PACKAGES:
        return False
    for package, source in known["packages"].items():
        if _root(package) != source["root"]:
            return False
        for file, found in source["modules"].items():
            if not (os.path.isabs(file) and file.endswith(suffixes)):
                return False
            if checksum(room.read(file)) != found:
                return False
    return True


class Room:
    """Reads files until they are too many, or together too large."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = LARGEST_SOURCES

    def read(self, path: str) -> bytes:
        """What `read` gives. Raises ValueError, too, where no room is left."""
        content = read(path, min(LARGEST_SOURCE, self.left))
        self.left -= len(content) + PER_FILE
        return content


def read(path: str, largest: int, flags: int = 0) -> bytes:
    """What is in a regular file; no other is waited for, nor read without end.

    Raises OSError for a file that cannot be opened, ValueError for one that is not regular, or is
    larger than ``largest`` or than it says.
    """
    content, _ = read_with_status(path, largest, flags)
    return content


def read_with_status(path: str, largest: int, flags: int = 0) -> tuple[bytes, os.stat_result]:
    """What `read` gives, and the status of the very file that was read."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # some devices act when they are opened
        raise ValueError("not a regular file")
    descriptor = os.open(path, OPEN | flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
            raise ValueError("not a regular file any more, or too large a one")
        content = os.read(descriptor, status.st_size + 1)
        while len(content) < status.st_size and (more := os.read(descriptor, status.st_size)):
            content += more
        if len(content) != status.st_size:
            raise ValueError("a file that changes while it is read")
        return content, status
    finally:
        os.close(descriptor)


def checksum(content: bytes) -> str:
    """The SHA-256 of ``content``, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _rules() -> str:
    """A checksum of fxflops itself."""
    paths = sorted(_modules_in(os.path.dirname(os.path.dirname(__file__))))
    every = hashlib.sha256()
    for path in paths:
        every.update(read(path, LARGEST_SOURCE))
        every.update(os.fsencode(path))
    return every.hexdigest()


def _modules_in(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield entry.path
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _modules_in(entry.path)


def _version(package: str) -> str | None:
    """The checksum of a package's ``version.py``, which is there without importing the package."""
    root = _root(package) or _root_of_editable(package)
    try:
        return checksum(read(os.path.join(root, "version.py"), LARGEST_SOURCE)) if root else None
    except (OSError, ValueError):
        return None


def _installed() -> list[int]:
    """When a package was last installed or removed, in each folder of packages."""
    folders = [folder for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))]
    return [os.stat(folder).st_mtime_ns for folder in folders if os.path.isdir(folder)]


def _root(package: str) -> str | None:
    """The folder of a package, or the file of a module; None where `sys.path` does not have it.

    Only top-level names are looked up, and only as files: to find ``a.b`` Python imports ``a``, and
    finders that packages install may import whatever they like.
    """
    if not package.isidentifier():
        raise ValueError("no package in the place of one")
    spec = PathFinder.find_spec(package)
    return None if spec is None else _place(spec)


def _root_of_editable(package: str) -> str | None:
    """The same by all finders, for a package that is ours to name."""
    import importlib.util

    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    return None if spec is None else _place(spec)


def _place(spec: Any) -> str | None:
    places = spec.submodule_search_locations
    found = next(iter(places), None) if places else spec.origin
    return None if found is None else os.fspath(found)


def _loaded_files(package: str) -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package:
            file = getattr(module, "__file__", None)
            if file:
                yield os.path.abspath(os.fspath(file))  # some packages have paths there


def _variables(content: bytes) -> set[str]:
    """The names of environment variables that a source may read, and more.

    Literals, wherever they are: names reach ``os.environ`` through constants, tuples and helpers.
    ``TIMM_*`` stands for all names that begin so, as f"TIMM_{name}" does, and ``*_FUSED`` for all
    that end so.
    """
    reads = b"environ" in content or b"getenv" in content
    names = set()
    for starts, name, after in re.findall(NAMES_BESIDE_ENVIRON if reads else NAMES, content):
        text = name.decode()
        if text.startswith("_") and text.strip("_"):
            names.add(f"*{text}")
        elif starts or after in (b"{", b"%") or text.endswith("_"):
            names.add(f"{text}*")
        elif text not in NOT_READ:
            names.add(text)
    return names - {"_*", "__*"}


def _values(names: Iterable[str], environment: Mapping[str, str]) -> str:
    """A checksum of those variables that are set; their values may be secrets."""
    whole = frozenset(names)
    begins = tuple(name[:-1] for name in whole if name.endswith("*"))
    ends = tuple(name[1:] for name in whole if name.startswith("*"))
    return _checksum_of(
        {
            name: value
            for name, value in environment.items()
            if name in whole or name.startswith(begins) or name.endswith(ends)
        }
    )


def _of_torch(environment: Mapping[str, str]) -> str:
    read = {
        name: value
        for name, value in environment.items()
        if name.startswith(TORCH_READS) and not name.endswith(TORCH_WRITES)
    }
    return _checksum_of(read)


def _checksum_of(variables: Mapping[str, str]) -> str:
    return checksum(json.dumps(sorted(variables.items())).encode())


SETTINGS: Mapping[str, tuple[Callable[[Any], Any], Any]] = {
    "default dtype": (lambda torch: str(torch.get_default_dtype()), "torch.float32"),
    "default device": (lambda torch: str(torch.get_default_device()), "cpu"),
    "autocast": (lambda t: [t.is_autocast_enabled(d) for d in ("cpu", "cuda")], [False, False]),
    "deterministic": (lambda torch: torch.are_deterministic_algorithms_enabled(), False),
    "fill uninitialized": (lambda t: t.utils.deterministic.fill_uninitialized_memory, True),
    "matmul precision": (lambda torch: torch.get_float32_matmul_precision(), "highest"),
    "flash attention": (lambda torch: torch.backends.cuda.flash_sdp_enabled(), True),
    "memory-efficient attention": (lambda t: t.backends.cuda.mem_efficient_sdp_enabled(), True),
    "attention by products": (lambda torch: torch.backends.cuda.math_sdp_enabled(), True),
    "cudnn attention": (lambda torch: torch.backends.cuda.cudnn_sdp_enabled(), True),
    "fused attention layers": (lambda torch: torch.backends.mha.get_fastpath_enabled(), True),
    "oneDNN": (lambda torch: torch.backends.mkldnn.enabled, True),
    "cudnn": (lambda torch: torch.backends.cudnn.enabled, True),
    "einsum": (lambda torch: _order_of_einsum(torch.backends.opt_einsum), None),
}
"""What changes the graph, or how it computes: how to read it, and what torch starts with."""


def _order_of_einsum(opt_einsum: Any) -> list[Any] | None:
    """How products of many factors are ordered, unless as torch does by itself."""
    if opt_einsum.enabled == opt_einsum.is_available() and opt_einsum.strategy in (None, "auto"):
        return None
    return [opt_einsum.enabled, opt_einsum.strategy]


def _settings() -> dict[str, Any]:
    """The settings of torch that are not those it starts with; none until it is imported."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    found = {}
    for name, (get, default) in SETTINGS.items():
        value = get(torch)
        if value != default:
            found[name] = value
    return found
