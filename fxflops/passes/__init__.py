"""Graph in, record out: each file is one pass, and no pass changes what it is given."""

from collections.abc import Iterable

from fxflops.errors import SpecError

PASSES = ("merge-repvgg", "fold-batch-norm", "hoist")
"""What deployment may do to a graph, in this order (`fxflops.analysis.deployment`)."""


def require_passes(names: Iterable[str]) -> None:
    """Raises SpecError for a pass that there is not."""
    for name in names:
        if name not in PASSES:
            raise SpecError(f"There is no pass {name!r}. Known: {', '.join(PASSES)}.")
