"""How others count: each tool's convention as data and code over our graph.

``record`` captures a model with its calls, a convention turns the record into charges
(`fxflops.conventions.charges`), and ``waterfall`` leads from their sum to ours, cause by cause.
Each convention is a file in `fxflops.conventions.known`, found by its presence there: ``find``
gives it by its name. A tool is not run here; `fxflops.peers.process` does that, and holds its
number against the convention's.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from fxflops.conventions import known
from fxflops.conventions.charges import Convention
from fxflops.errors import SpecError


@cache
def names() -> tuple[str, ...]:
    """The names of all conventions, such as ``torch-profiler``."""
    return tuple(module.name.replace("_", "-") for module in iter_modules(known.__path__))


def name_of(convention: Convention) -> str:
    """The name under which a convention is found."""
    return next(name for name in names() if find(name) is convention)


def find(name: str) -> Convention:
    """The convention of this name; ``torch.profiler`` and ``FlopCounterMode`` are names, too.

    Raises SpecError, with the closest names, where there is none.
    """
    wanted = name.lower().replace(".", "-").replace("_", "-").replace(" ", "-")
    wanted = {"flopcountermode": "flop-counter", "ptflops-pytorch": "ptflops"}.get(wanted, wanted)
    if wanted not in names():
        close = difflib.get_close_matches(wanted, names(), n=2) or names()
        raise SpecError(f"There is no convention {name!r}; known are {', '.join(close)}.")
    module = import_module(f"{known.__name__}.{wanted.replace('-', '_')}")
    convention: Convention = module.CONVENTION
    return convention
