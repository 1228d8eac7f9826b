"""What a language model costs in use: prompt, one token more, a whole answer, training.

Everything is put together from analyses of calls (`fxflops.pipeline`): of the prompt as a whole,
with an empty cache; of one token after P others, with a cache that holds these; and of a training
step. An answer of G tokens is what the prompt costs, whose last position gives the first of them,
and G - 1 calls with one token each: a sum over P.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, cast

import torch

from fxflops import models
from fxflops.algebra import Dim, Symbol, evaluate, floor_divide, settled, substitute, symbols_of
from fxflops.algebra.polynomial import from_atom, terms_of
from fxflops.analysis.records import Analysis
from fxflops.capture.symint.reader import read_symint
from fxflops.cost import METRICS, RECOMPUTED, Causal, Cost
from fxflops.errors import CaptureError, DomainError, ModelError, SpecializationError
from fxflops.formulas.shapes import numel
from fxflops.models.named import NamedModel
from fxflops.pipeline import analyze

if TYPE_CHECKING:
    from torch import nn
    from torch.fx import Node

TEXT, STEP = "input_ids: N L int64", "input_ids: N 1 int64"
PROMPT, GENERATED = Symbol("prompt", minimum=1), Symbol("generated", minimum=1)
LONGEST_LOOP = 256
"""Tokens of a text up to which a model that takes one after the other in a loop is captured."""

GROUPED = ("_grouped_mm", "grouped_mm_fallback")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Calls with one token each, after ``first`` to ``last`` others, that one formula holds for.

    ``step`` is what one of them costs, in N and P, ``cache`` how many bytes its cache holds before
    it, and ``past`` the symbol P, if it is one. ``uncounted`` are operators left out of ``step``.
    """

    first: int
    last: int
    step: Cost
    cache: Dim
    past: Symbol | None
    uncounted: frozenset[str] = frozenset()

    def at(self, position: int) -> Cost:
        """What the call after so many others costs, in N."""
        return self.step.map(lambda count: self._with(count, position))

    def cache_at(self, position: int) -> Dim:
        """The bytes of the cache before it, in N."""
        return self._with(self.cache, position)

    def _with(self, count: Dim, position: int) -> Dim:
        if self.past is None:
            return count
        return substitute(count, {self.past: self.past.value_at(position)})

    def total(self) -> Cost:
        """What all of them cost, in N."""
        return self.step.map(lambda count: self._sum(count, self.first, self.last + 1))

    def _sum(self, count: Dim, first: Dim, end: Dim) -> Dim:
        if self.past is None or self.past not in symbols_of(count):
            return count * (end - first)
        of_degree = _by_power(settled(count, {self.past: self.past.value_at(1)}), self.past)
        if of_degree is None:
            positions = range(self.first, self.last + 1)
            return reduce(add, (self._with(count, position) for position in positions), 0)
        return _summed(of_degree, self.past, first, end)

    def formula(self, count: Dim) -> Dim | None:
        """The sum of ``count`` in N, prompt and generated; None where it has no closed form."""
        first = from_atom(PROMPT)
        end = first + from_atom(GENERATED) - 1
        if self.past is None:
            return None
        of_degree = _by_power(settled(count, {self.past: self.past.value_at(1)}), self.past)
        return None if of_degree is None else _summed(of_degree, self.past, first, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A part of the way from the rule of thumb to the exact number."""

    why: str
    flops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language model in use: what a prompt, a token, an answer and a training step cost.

    Costs are in N; ``prefill`` and ``trained`` are in L, too. ``multiplied`` is the number of
    parameters that products of one token use, ``active`` that of all which one token meets: without
    the experts that are not chosen for it. A training step of an optimizer takes ``accumulated``
    texts of the batch, whose gradients are added up. ``causal`` is that of `fxflops.analyze`.
    """

    model: str
    dtype: str
    prompt: int
    generate: int
    batch: int
    prefill: Analysis
    stretches: tuple[Stretch, ...]
    trained: Analysis | None
    parameters: int
    active: int
    multiplied: int
    of_scores: int
    accumulated: int = 1
    causal: Causal = "full"

    @property
    def uncounted(self) -> frozenset[str]:
        """The operators of any of the calls that are not counted."""
        calls = [self.prefill, *([self.trained] if self.trained else [])]
        return frozenset().union(*map(_uncounted, calls), *(s.uncounted for s in self.stretches))

    def at(self, cost: Cost, **sizes: int) -> Cost:
        """A cost at the batch, and at other sizes."""
        values = {"N": self.batch, **sizes}
        counts = (getattr(cost, metric.name) for metric in METRICS)
        symbols = {symbol for count in counts for symbol in symbols_of(count)}
        return cost.at({s: s.value_at(values[s.name]) for s in symbols})

    @property
    def of_prompt(self) -> Cost:
        """What the prompt costs."""
        return self.prefill.total.at(_values(self.prefill, self.batch, self.prompt))

    @property
    def of_first_step(self) -> Cost:
        """What the first call with one token costs."""
        return self.at(self.stretches[0].at(self.prompt))

    @property
    def of_steps(self) -> Cost:
        """What all calls with one token cost."""
        if self.generate == 1:
            return Cost.zero()
        return reduce(add, (self.at(stretch.total()) for stretch in self.stretches))

    @property
    def of_answer(self) -> Cost:
        """What the prompt and the whole answer cost."""
        return self.of_prompt + self.of_steps

    @property
    def of_training(self) -> Cost | None:
        """What a training step with sequences as long as the prompt costs."""
        if self.trained is None:
            return None
        return self.trained.total.at(_values(self.trained, self.batch, self.prompt))

    @property
    def of_recomputation(self) -> Cost | None:
        """The part of a training step that activation checkpointing computes again."""
        again = None if self.trained is None else self.trained.by_phase().get(RECOMPUTED)
        if self.trained is None or again is None:
            return None
        return again.at(_values(self.trained, self.batch, self.prompt))

    @property
    def of_accumulation(self) -> Cost:
        """What adding up the gradients of the steps that an optimizer takes together costs."""
        return _one_addition(self.trained) * (self.accumulated - 1) if self.trained else Cost.zero()

    def products_per_token(self, *, recomputed: bool = False) -> Fraction:
        """The FLOPs of products for each token that is trained, or else generated.

        Those that activation checkpointing makes again are ``recomputed``: they are left out, since
        the model does not need them, or not, since the hardware does them.
        """
        if self.of_training is None:
            return Fraction(integer(self.of_answer.contraction), self.batch * self.generate)
        again = self.of_recomputation
        left_out = 0 if again is None or recomputed else integer(again.contraction)
        products = integer(self.of_training.contraction) - left_out
        return Fraction(products, self.batch * self.prompt)

    def cache_bytes(self, positions: int) -> int:
        """The bytes of the cache that holds so many positions, the prompt's at least."""
        stretch = next((s for s in self.stretches if s.last >= positions), self.stretches[-1])
        value = stretch.cache_at(positions)
        return int(evaluate(value, {s: s.value_at(self.batch) for s in symbols_of(value)}))

    def generation(self, quantity: str) -> Dim | None:
        """The cost of prompt and answer in N, prompt and generated, where one formula holds."""
        if len(self.stretches) > 1:
            return None
        [stretch] = self.stretches
        if "L" not in self.prefill.domain.names:
            return None
        steps = stretch.formula(getattr(stretch.step, quantity))
        length = next(s for s in self.prefill.domain.symbols if s.name == "L")
        prompt = substitute(self.prefill.count(quantity), {length: from_atom(PROMPT)})
        return None if steps is None else prompt + steps

    def terms(self) -> tuple[Term, ...]:
        """From 6 * parameters * tokens, or 2, to what training or the prompt costs, exactly."""
        tokens = self.batch * self.prompt
        cost, passes = (self.of_prompt, 1) if self.of_training is None else (self.of_training, 3)
        rule = 2 * passes * self.parameters * tokens
        idle = 2 * passes * (self.multiplied - self.parameters) * tokens
        scores = passes * self.of_scores
        products, elementwise = integer(cost.contraction), integer(cost.elementwise)
        again = self.of_recomputation
        recomputed = 0 if again is None else integer(again.contraction)
        rest = products - rule - idle - scores - recomputed
        return (
            Term(why=f"the rule: {2 * passes} * parameters * tokens", flops=rule),
            Term(
                why="parameters that no product of a token uses: embeddings, norms, biases, "
                "experts not chosen",
                flops=idle,
            ),
            Term(why="scores and values of attention, other products of activations", flops=scores),
            *(
                [Term(why="products recomputed by activation checkpointing", flops=recomputed)]
                if recomputed
                else []
            ),
            *(
                [Term(why="products that are no multiple of the forward ones", flops=rest)]
                if rest
                else []
            ),
            Term(why="elementwise work", flops=elementwise),
        )


def language(
    model: str,
    *,
    prompt: int,
    generate: int,
    batch: int = 1,
    train: bool | str = False,
    checkpointed: bool = False,
    accumulated: int = 1,
    causal: Causal = "full",
    dtype: str | None = None,
) -> Language:
    """Analyze the calls of ``model``, the name of a language model that continues a text.

    ``train`` and ``causal`` are those of `fxflops.analyze`. A training step is ``checkpointed`` as
    `transformers` does it, and ``accumulated`` of them go into one step of the optimizer.

    Raises ModelError, SpecError, CaptureError, and DomainError for more positions than the model
    has.
    """
    name = _name(model)
    _require_text(name)
    prefill = _whole(name, prompt, batch, dtype, past=0, causal=causal)
    last = prompt + max(generate - 2, 0)
    stretches = tuple(_stretches(name, prompt, last, batch, dtype))
    trained = None
    if train:
        named = _checkpointed(name) if checkpointed else name
        trained = _whole(named, prompt, batch, dtype, train=train, causal=causal)
    parts = _Parts(prefill, batch, prompt)
    return Language(
        model=name,
        dtype=prefill.dtype,
        prompt=prompt,
        generate=generate,
        batch=batch,
        prefill=prefill,
        stretches=stretches,
        trained=trained,
        parameters=prefill.parameters,
        active=prefill.parameters - parts.idle_experts,
        multiplied=parts.of_weights // (2 * batch * prompt),
        of_scores=parts.of_scores,
        accumulated=accumulated,
        causal=causal,
    )


def _name(model: str) -> str:
    """The model's name where it is a folder with a configuration, or that file."""
    path = model.removeprefix("hf:")
    if os.path.isdir(path):
        path = os.path.join(path, "config.json")
        if not os.path.isfile(path):
            raise ModelError(f"{model} has no config.json: name a folder that has one.")
    return f"hf:{path}" if path.endswith(".json") or not path.count(":") else model


def _require_text(name: str) -> None:
    """Raises ModelError for a model that does not continue one text."""
    inputs = models.find(name).inputs
    taken = [] if inputs is None else [tensor.name for tensor in inputs.tensors]
    if taken != ["input_ids"]:
        raise ModelError(
            f"{name} takes {', '.join(taken) or 'inputs of its own'}: llm is for models that "
            "continue a text of input_ids. Count its calls with fxflops count, and --past."
        )


def _checkpointed(name: str) -> NamedModel:
    """The model that keeps the inputs of its blocks alone, and runs them again for gradients."""
    named = models.find(name)

    def build() -> nn.Module:
        model: Any = named.build()
        enable = getattr(model, "activation_checkpointing_enable", None)
        if enable is None:
            enable = model.gradient_checkpointing_enable
        enable()
        model.config.use_cache = False
        return cast("nn.Module", model)

    return replace(named, build=build)


def _whole(
    name: str | NamedModel,
    length: int,
    batch: int,
    dtype: str | None,
    *,
    past: int | None = None,
    train: bool | str = False,
    causal: Causal = "full",
) -> Analysis:
    """The analysis of a whole text that holds at its length: traced there where it must be.

    Raises DomainError, and SpecializationError for a model that runs through a long text in a loop.
    """

    def of(spec: str, traced: Mapping[str, int]) -> Analysis:
        analysis = analyze(
            name, spec, past=past, train=train, defaults=traced, dtype=dtype, causal=causal
        )
        analysis.values({"N": batch, "L": length} if spec is TEXT else {"N": batch})
        return analysis

    try:
        return of(TEXT, {})
    except DomainError as outside:
        try:
            with suppress(DomainError, SpecializationError):
                return of(TEXT, {"L": length})
            return of(f"input_ids: N {length} int64", {})
        except CaptureError:  # the text is longer than the model takes
            raise outside from None
    except SpecializationError:
        if length > LONGEST_LOOP:
            raise
        return of(f"input_ids: N {length} int64", {})


def _stretches(
    name: str, first: int, last: int, batch: int, dtype: str | None
) -> Iterator[Stretch]:
    """The calls after ``first`` to ``last`` positions, by the formula that holds for them."""
    while first <= last:
        try:
            step = analyze(name, STEP, past="P", defaults={"P": first}, dtype=dtype)
            end = _end(step, first, last, batch)
        except SpecializationError:
            step, end = analyze(name, STEP, past=first, dtype=dtype), first + 1
        if end == first:
            step, end = analyze(name, STEP, past=first, dtype=dtype), first + 1
        past = next((s for s in step.domain.symbols if s.name == "P"), None)
        yield Stretch(
            first=first,
            last=end - 1,
            step=step.total,
            cache=_cache_bytes(step),
            past=past,
            uncounted=_uncounted(step),
        )
        first = end


def _end(step: Analysis, first: int, last: int, batch: int) -> int:
    """The position before ``last`` from which on the formula does not hold any more."""

    def is_outside(position: int) -> bool:
        try:
            step.values({"N": batch, "P": position})
        except DomainError:
            return True
        return False

    return bisect_left(range(first, last + 1), True, key=is_outside) + first


def _cache_bytes(step: Analysis) -> Dim:
    """The bytes of the keys, values and states that the model is called with."""
    held = (node.meta["val"] for node in step.graph.nodes if node.meta.get("past"))
    total: Dim = 0
    for tensor in held:
        if tensor.is_floating_point():
            total = total + tensor.element_size() * numel(map(read_symint, tensor.shape))
    return total


def _one_addition(trained: Analysis) -> Cost:
    """What adding the gradients of a step to those kept so far costs: each parameter's once."""
    *_, output = trained.graph.nodes
    _, gradients = output.args[0]
    tensors = [gradient.meta["val"] for gradient in gradients if gradient is not None]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return Cost(
        elementwise=sum(tensor.numel() for tensor in tensors),
        bytes_read=2 * size,
        bytes_written=size,
    )


def _uncounted(analysis: Analysis) -> frozenset[str]:
    return frozenset(str(node.op) for node in analysis.uncounted)


def integer(count: Dim) -> int:
    """A count at sizes, which is a number."""
    assert isinstance(count, int), "a cost at sizes is a number"
    return count


def _values(analysis: Analysis, batch: int, length: int) -> dict[Symbol, int]:
    """The symbols' values for texts of this length, which may be fixed."""
    sizes = {"N": batch, "L": length}
    return analysis.values({name: sizes[name] for name in analysis.domain.names})


class _Parts:
    """The products of a call: with weights, and of activations; and the experts not chosen."""

    def __init__(self, analysis: Analysis, batch: int, prompt: int) -> None:
        values = _values(analysis, batch, prompt)
        weights = _of_weights(analysis)
        self.of_weights = 0
        self.of_scores = 0
        self.idle_experts: int = 0
        for node in analysis.graph.nodes:
            cost = node.meta.get("cost")
            products = int(evaluate(cost.contraction, values)) if cost else 0
            if not products:
                continue
            with_weight = [n for n in node.all_input_nodes if n in weights and _is_real(n)]
            if not with_weight:
                self.of_scores += products
                continue
            self.of_weights += products
            if node.target.name().partition("::")[2] in GROUPED:
                experts, *_ = with_weight[0].meta["val"].shape
                rows = evaluate(read_symint(node.all_input_nodes[0].meta["val"].shape[0]), values)
                chosen = rows // (batch * prompt)
                of_one = with_weight[0].meta["val"].numel() // int(experts)
                self.idle_experts += of_one * (int(experts) - chosen)


def _of_weights(analysis: Analysis) -> set[Node]:
    """The nodes whose values depend on parameters alone."""
    found: set[Node] = set()
    for node in analysis.graph.nodes:
        kind, inputs = node.meta.get("kind"), node.all_input_nodes
        if kind == "parameter" or (kind == "operator" and inputs and found.issuperset(inputs)):
            found.add(node)
    return found


def _is_real(node: Node) -> bool:
    value = node.meta["val"]
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _by_power(count: Dim, past: Symbol) -> Mapping[int, Dim] | None:
    """The coefficients of the powers of ``past``; None where it is inside a floor or extremum."""
    found: dict[int, Dim] = {}
    for monomial, coefficient in terms_of(count).items():
        power = 0
        rest: Dim = coefficient
        for atom, exponent in monomial:
            if atom == past:
                power = exponent
            elif past in symbols_of(from_atom(atom)):
                return None
            else:
                rest = rest * from_atom(atom) ** exponent
        found[power] = found.get(power, 0) + rest
    return found if max(found, default=0) < len(SUMS) else None


SUMS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (1, (0, 1)),
    (2, (0, -1, 1)),
    (6, (0, 1, -3, 2)),
)
"""Of the powers 0, 1 and 2 of 0, 1, … n - 1: a denominator, and the coefficients of n's powers."""


def _summed(by_power: Mapping[int, Dim], past: Symbol, first: Dim, end: Dim) -> Dim:
    """The sum over all positions from ``first`` to before ``end``, by Faulhaber's formula.

    ``by_power`` are coefficients of the symbol's powers, which is the position and its offset.
    """
    denominator = SUMS[max(by_power, default=0)][0]
    total: Dim = 0
    for power, coefficient in by_power.items():
        below, numbers = SUMS[power]
        for n, sign in ((end + past.offset, 1), (first + past.offset, -1)):
            of_n = reduce(add, (c * n**k for k, c in enumerate(numbers)), 0)
            total = total + sign * coefficient * of_n * (denominator // below)
    return floor_divide(total, denominator)
