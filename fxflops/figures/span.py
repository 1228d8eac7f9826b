"""The span: the largest sum of FLOPs along one chain of dependent calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fxflops.algebra import Dim, Symbol, evaluate
from fxflops.report import Answer, Number, writable


class Span(NamedTuple):
    """The calls in order, each with its FLOPs and the positions of those before it that it needs.

    Work over span is the parallelism: how many FLOPs could be done at once, on average.
    """

    flow: tuple[tuple[Dim, tuple[int, ...]], ...]

    @classmethod
    def of(cls, analysis: Any) -> Span:
        """The data flow of an `Analysis`."""
        return cls(analysis.flow)

    def is_sound(self) -> bool:
        """Whether each call uses results of earlier ones alone."""
        return all(
            need < position for position, (_, needs) in enumerate(self.flow) for need in needs
        )

    def grows_with(self, name: str) -> tuple[Dim, ...] | None:
        """The FLOPs of the calls, with none of which the span decreases; None for its quotient."""
        return tuple(dict.fromkeys(flops for flops, _ in self.flow)) if name == "span" else None

    def numbers(self, answer: Answer) -> Iterator[Number]:
        """Span and parallelism; they have no closed form."""
        critical = None if answer.values is None else writable(span(self.flow, answer.values))
        work = answer.value("flops")
        yield Number("span", "span (critical path)", critical, "FLOP")
        ratio = None if work is None or not critical else (work, critical)
        yield Number("parallelism", "parallelism (work / span)", ratio, is_ratio=True)


def span(flow: Iterable[tuple[Dim, tuple[int, ...]]], values: Mapping[Symbol, int]) -> int:
    """The largest sum of FLOPs along one path; 0 without calls.

    ``flow`` are the calls in order, each with its FLOPs and the positions of those before it that
    it needs. Source: work and span, Blumofe and Leiserson, J. ACM 46(5), 1999.
    """
    known: dict[Dim, int] = {}
    longest: list[int] = []
    for flops, needs in flow:
        if flops not in known:
            known[flops] = evaluate(flops, values)
        longest.append(known[flops] + max((longest[i] for i in needs), default=0))
    return max(longest, default=0)
