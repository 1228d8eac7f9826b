"""From a graph to another graph with the same outputs: what deployment does to a model."""

from collections.abc import Iterable

from fxflops.errors import SpecError

PASSES = ("merge-repvgg", "fold-batch-norm", "hoist")
"""What deployment may do to a graph, in this order (`fxflops.analysis.deployment`)."""


def require_passes(names: Iterable[str]) -> None:
    """Raises SpecError for a pass that there is not."""
    for name in names:
        if name not in PASSES:
            raise SpecError(f"There is no pass {name!r}. Known: {', '.join(PASSES)}.")
