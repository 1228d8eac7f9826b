"""What a PyTorch model costs, as exact formulas of its input's symbolic sizes.

    import fxflops
    analysis = fxflops.analyze(model, inputs="image: N 3 H%32 W%32")
    analysis.formula("flops")            # a sympy expression in N, H, W
    analysis.at(N=1, H=640, W=640)       # integers

Importing this package imports neither torch nor sympy; the first use of a name does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fxflops.errors import (
    RENAMED,
    CaptureError,
    CheckError,
    ConventionError,
    DomainError,
    FormulaError,
    FxflopsError,
    ModelError,
    SpecError,
    SpecializationError,
    UnsizedError,
)

if TYPE_CHECKING:
    from fxflops.analysis.records import Analysis, NodeCost
    from fxflops.analysis.side_by_side import compare
    from fxflops.compiling.backend import compiled
    from fxflops.compiling.metering import meter
    from fxflops.cost import Cost
    from fxflops.crosscheck.run import check
    from fxflops.passes import PASSES
    from fxflops.peers.explanation import explain
    from fxflops.pipeline import analyze, profile
    from fxflops.registry import formula, free

__version__ = "0.1.0"

_HOME = {
    "Analysis": "analysis.records",
    "Cost": "cost",
    "NodeCost": "analysis.records",
    "PASSES": "passes",
    "analyze": "pipeline",
    "check": "crosscheck.run",
    "compiled": "compiling.backend",
    "compare": "analysis.side_by_side",
    "explain": "peers.explanation",
    "formula": "registry",
    "free": "registry",
    "meter": "compiling.metering",
    "profile": "pipeline",
}

__all__ = [
    "PASSES",
    "Analysis",
    "CaptureError",
    "CheckError",
    "ConventionError",
    "Cost",
    "DomainError",
    "FormulaError",
    "FxflopsError",
    "ModelError",
    "NodeCost",
    "SpecError",
    "SpecializationError",
    "UnsizedError",
    "analyze",
    "check",
    "compare",
    "compiled",
    "explain",
    "formula",
    "free",
    "meter",
    "profile",
]


def __getattr__(name: str) -> Any:
    if name in RENAMED:
        import warnings

        new = RENAMED[name]
        warnings.warn(f"fxflops.{name} is now fxflops.{new}", DeprecationWarning, stacklevel=2)
        return globals()[new]
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
