"""The passes that deployment makes, one after the other, and what each of them saves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import NamedTuple

from fxflops.analysis.results import at_every_size
from fxflops.analysis.zero_one import Nodes, undo_zero_one_specialization
from fxflops.capture import Capture
from fxflops.capture.result import Recapture, Shapes
from fxflops.cost import Applied, BindingTime, total
from fxflops.domain import Domain
from fxflops.passes import PASSES
from fxflops.passes.fold_batch_norm import fold_batch_norm
from fxflops.passes.hoist import hoist
from fxflops.passes.merge_repvgg import merge_repvgg
from fxflops.passes.rewrite import Rewritten

BY_NAME: dict[str, Callable[[Capture], Rewritten]] = dict(
    zip(PASSES, (merge_repvgg, fold_batch_norm, hoist), strict=True)
)

Sizes = frozenset[tuple[str, int]]


class Deployed(NamedTuple):
    """A capture after passes: the calls of each run, those made once, and where all of it holds."""

    capture: Capture
    nodes: Nodes
    once: Mapping[BindingTime, Nodes]
    domain: Domain
    applied: tuple[Applied, ...]
    results: Mapping[str, tuple[Shapes, ...]]


def deploy(captured: Capture, recapture: Recapture, names: Collection[str]) -> Deployed:
    """The costs of ``captured`` after the passes ``names``, in the order of `PASSES`.

    ``recapture`` captures the model with sizes fixed, to which the passes are applied likewise
    (`fxflops.analysis.zero_one`). Without names, the costs of ``captured`` as it is.
    """
    captures: dict[Sizes, Capture] = {}
    chosen = [BY_NAME[name] for name in PASSES if name in names]

    @cache
    def fixed(sizes: Sizes) -> Capture | None:
        found = recapture(dict(sizes)) if sizes else captured
        if found is not None:
            captures[sizes] = found
        return found

    @cache
    def after(passes: int, sizes: Sizes) -> Rewritten | None:
        if not passes:
            original = fixed(sizes)
            return None if original is None else Rewritten(original, 0)
        before = after(passes - 1, sizes)
        return before and chosen[passes - 1](before.capture)

    def counted(passes: int, binding_time: BindingTime = "call") -> tuple[Nodes, Domain]:
        def at(sizes: Mapping[str, int]) -> Capture | None:
            rewritten = after(passes, frozenset(sizes.items()))
            return rewritten and rewritten.capture

        rewritten = after(passes, frozenset())
        assert rewritten is not None
        return undo_zero_one_specialization(rewritten.capture, at, binding_time)

    stages = [counted(passes) for passes in range(len(chosen) + 1)]
    binding_times: tuple[BindingTime, ...] = ("size", "model") if chosen else ()
    hoisted = {binding_time: counted(len(chosen), binding_time) for binding_time in binding_times}
    totals = [total(node.cost for node in nodes if node.cost) for nodes, _ in stages]
    results = [after(passes, frozenset()) for passes in range(len(chosen) + 1)]
    last = results[-1]
    assert last is not None
    return Deployed(
        capture=last.capture,
        nodes=stages[-1][0],
        once={binding_time: nodes for binding_time, (nodes, _) in hoisted.items()},
        domain=_common([domain for _, domain in (*stages, *hoisted.values())]),
        applied=tuple(
            Applied(name=name, places=result.changed if result else 0, saved=before - now)
            for name, result, before, now in zip(
                (name for name in PASSES if name in names),
                results[1:],
                totals,
                totals[1:],
                strict=False,
            )
        ),
        results=at_every_size(captured, captures),
    )


def _common(domains: list[Domain]) -> Domain:
    """Where all of them hold; they are of one capture, extended to sizes of 1 in turn."""
    first, *_ = domains
    least = {name: max(domain.least[name] for domain in domains) for name in first.least}
    guards = dict.fromkeys(guard for domain in domains for guard in domain.guards)
    return first._replace(least=least, guards=tuple(guards))
