"""What ``fxflops llm`` has to say: a language model in use, as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from fxflops.algebra import Dim
from fxflops.algebra.closed_form import text, to_latex
from fxflops.cost import Cost
from fxflops.language.use import Language, integer
from fxflops.reports.document import Document, Expression, Figure, Formula, Table
from fxflops.reports.wording import decimal, exact, scaled

SCHEMA = "fxflops-llm/1"
COUNTS = ("flops", "contraction", "elementwise", "transcendental", "comparison", "bytes")
HEADINGS = ("FLOPs", "exactly", "per token", *COUNTS[1:])
ORDER = ("N", "prompt", "generated")


def document(language: Language, *, symbolic: bool = False, speed: Speed | None = None) -> Document:
    """The numbers at the sizes asked for; or, ``symbolic``, the formulas."""
    return Document(
        title=title(language),
        mark=mark(language),
        figures=tuple(formulas(language) if symbolic else figures(language, speed)),
        tables=() if symbolic else (_calls(language), _rule(language)),
        notes=notes(language, speed),
        symbolic=symbolic,
        data=lambda: data(language, speed),
        records=lambda: list(records(language)),
    )


def title(language: Language) -> str:
    """The model and the sizes."""
    return (
        f"{language.model} at N={language.batch}, prompt={language.prompt}, "
        f"generated={language.generate} ({language.dtype}"
        f"{', causal attention by half' if language.causal == 'half' else ''})"
    )


def mark(language: Language) -> str:
    """What comes before all else where some operator is not counted."""
    uncounted = ", ".join(sorted(language.uncounted))
    return f"INCOMPLETE: {uncounted} uncounted" if uncounted else ""


def parts(language: Language) -> Iterator[tuple[str, int, Cost]]:
    """Each part of the use: its name, its tokens, its cost."""
    batch, prompt, generated = language.batch, language.prompt, language.generate
    yield "prefill", batch * prompt, language.of_prompt
    yield f"one decode step, after {prompt} positions", batch, language.of_first_step
    if generated > 1:
        yield "all decode steps", batch * (generated - 1), language.of_steps
        yield "generation: prefill and all steps", batch * generated, language.of_answer
    if language.of_training is not None:
        yield from _training(language, language.of_training)


def _training(language: Language, step: Cost) -> Iterator[tuple[str, int, Cost]]:
    tokens, several = language.batch * language.prompt, language.accumulated
    yield "training step", tokens, step
    if language.of_recomputation is not None:
        yield "recomputed in it", tokens, language.of_recomputation
    if several > 1:
        whole = step * several + language.of_accumulation
        yield f"{several} steps and adding up gradients", tokens * several, whole
    if language.trained is not None and language.trained.optimizer is not None:
        name, cost = language.trained.optimizer
        yield f"optimizer's step: {name}", tokens * several, cost


class Speed(NamedTuple):
    """Tokens per second as measured, and the FLOPs per second that the devices could do at most."""

    tokens: Fraction
    peak: Fraction

    def utilization(self, language: Language, *, recomputed: bool) -> Fraction:
        """The share of the peak that products take: MFU, or HFU with what is ``recomputed``."""
        return language.products_per_token(recomputed=recomputed) * self.tokens / self.peak


UTILIZATION = (
    "MFU is the FLOPs of products for each {token} token, times the tokens per second, over the "
    "peak (arXiv:2204.02311, app. B); elementwise work is not in it.{again}"
)
RECOMPUTED = " HFU has the products that activation checkpointing makes again, too."


def _utilizations(language: Language, speed: Speed) -> dict[str, Fraction]:
    """MFU, and HFU where something is recomputed."""
    names = {"MFU": False}
    if language.of_recomputation is not None:
        names["HFU"] = True
    return {name: speed.utilization(language, recomputed=again) for name, again in names.items()}


def figures(language: Language, speed: Speed | None = None) -> Iterator[Figure]:
    """The single numbers."""
    for name, part in (_utilizations(language, speed) if speed else {}).items():
        yield Figure(name, f"{decimal(100 * part.numerator, part.denominator, 2)} %")
    yield Figure("parameters", scaled(language.parameters), exact(language.parameters))
    yield Figure("active per token", scaled(language.active), exact(language.active))
    used = language.multiplied
    yield Figure("in products of a token", scaled(used), exact(used))
    for positions in dict.fromkeys((language.prompt, _longest(language))):
        held = language.cache_bytes(positions)
        name = f"cache at {positions} positions"
        yield Figure(name, scaled(held), exact(held), "bytes")
    per_position = _bytes_per_position(language)
    yield Figure("cache per token", scaled(per_position), exact(per_position), "bytes")


def formulas(language: Language) -> Iterator[Figure]:
    """The sums over positions in closed form, where one formula holds for all of them."""
    for name in ("flops", "contraction", "elementwise"):
        value = language.generation(name)
        if value is not None:
            at = exact(getattr(language.of_answer, name))
            yield Figure(f"generation: {name}", "", at, "FLOP", _formula(value))


def _formula(value: Dim) -> Formula:
    return Formula(text(value, ORDER), latex=lambda: to_latex(value, ORDER))


def _longest(language: Language) -> int:
    return language.prompt + max(language.generate - 2, 0)


def _bytes_per_position(language: Language) -> int:
    """What one position more takes at the end of the prompt, of one sequence."""
    [first, *_] = language.stretches
    if first.past is None or first.last == first.first:
        return 0
    more = language.cache_bytes(language.prompt + 1) - language.cache_bytes(language.prompt)
    return more // language.batch


def _calls(language: Language) -> Table:
    rows = [
        [
            name,
            scaled(flops),
            exact(flops),
            scaled(flops // tokens),
            *(scaled(getattr(cost, count)) for count in COUNTS[1:]),
        ]
        for name, tokens, cost in parts(language)
        for flops in map(integer, (cost.flops,))
    ]
    return Table(("", *HEADINGS), "l" + "r" * len(HEADINGS), rows)


def _rule(language: Language) -> Table:
    terms = language.terms()
    whole = sum(term.flops for term in terms)
    rows = [[term.why, exact(term.flops), _share(term.flops, whole)] for term in terms]
    of = "prefill" if language.of_training is None else "training step"
    rows.append([f"exactly: the {of}", exact(whole), _share(whole, whole)])
    return Table(
        (f"the {of}, from the rule of thumb to the exact number", "FLOPs", "share"), "lrr", rows
    )


def _share(part: int, whole: int) -> str:
    return f"{decimal(100 * part, whole, 1)} %" if whole else ""


def notes(language: Language, speed: Speed | None = None) -> Sequence[str]:
    """What the numbers leave out or take for granted."""
    said = [
        "The prefill gives the first token; each decode step one more. A call gives logits at all "
        "of its positions; generate() asks for those of the last one alone.",
        "Causal attention is counted in full, as PyTorch counts it."
        if language.causal == "full"
        else "Causal attention is counted by the scores that its mask leaves.",
    ]
    if speed is not None:
        token = "generated" if language.of_training is None else "trained"
        again = "" if language.of_recomputation is None else RECOMPUTED
        said.append(UTILIZATION.format(token=token, again=again))
        if any(part > 1 for part in _utilizations(language, speed).values()):
            said.append(
                "More than the peak is not possible: it must be that of all devices together, and "
                "the tokens per second those of the same kind."
            )
    if len(language.stretches) > 1:
        ends = ", ".join(str(stretch.first) for stretch in language.stretches[1:])
        said.append(f"The decode steps have another formula from {ends} positions on: a window.")
    return said


def data(language: Language, speed: Speed | None = None) -> dict[str, Any]:
    """All of it, for programs."""
    whole = {name: language.generation(name) for name in COUNTS}
    return {
        "schema": SCHEMA,
        "model": language.model,
        "dtype": language.dtype,
        "at": {
            "N": language.batch,
            "prompt": language.prompt,
            "generated": language.generate,
        },
        "causal": language.causal,
        "complete": not language.uncounted,
        "parameters": {
            "all": language.parameters,
            "active": language.active,
            "in_products": language.multiplied,
        },
        "cache": {
            "bytes_per_position": _bytes_per_position(language),
            "bytes": {
                str(positions): language.cache_bytes(positions)
                for positions in dict.fromkeys((language.prompt, _longest(language)))
            },
        },
        "parts": [
            {"part": name, "tokens": tokens, **{c: getattr(cost, c) for c in COUNTS}}
            for name, tokens, cost in parts(language)
        ],
        "generation": {
            name: text(value, ORDER) for name, value in whole.items() if value is not None
        },
        **({} if speed is None else _speed_data(language, speed)),
        "rule": [{"why": term.why, "flops": term.flops} for term in language.terms()],
    }


def _speed_data(language: Language, speed: Speed) -> dict[str, Any]:
    parts = _utilizations(language, speed)
    return {
        "tokens_per_second": float(speed.tokens),
        "peak": float(speed.peak),
        **{name.lower(): float(part) for name, part in parts.items()},
    }


def records(language: Language) -> Iterator[Sequence[object]]:
    """The parts as one table."""
    yield ("part", "tokens", *COUNTS)
    for name, tokens, cost in parts(language):
        yield (name, tokens, *(getattr(cost, count) for count in COUNTS))
    value = language.generation("flops")
    if value is not None:
        yield ("generation, formula", "", Expression(text(value, ORDER)), *[""] * len(COUNTS[1:]))
