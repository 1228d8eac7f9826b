"""The grammar: random modules, each statement tried at two sets of sizes before it is kept.

A size that is the same at both is one that the module fixes; the others are free, so that no
statement takes a free size for a number. A statement that does not run is drawn again.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tests.fuzz.program import Program, Step, namespace

SIZES = ({"N": 5, "L": 7, "K": 9, "H": 11, "W": 13}, {"N": 6, "L": 10, "K": 14, "H": 17, "W": 19})
"""Two sizes for each free axis, all different, and none a number that the grammar writes."""

INPUTS = (
    "v01: N L 4",
    "v01: N L 4",
    "v01: N 4 H W",
    "v01: N 4 H W",
    "v01: N 4 L",
    "v01: N 4",
    "v01: N L 4; v02: N L 4",
    "v01: N L 4; v02: N K 4",
    "v01: N 4 H W; v02: N 4",
    "v01: N 4 H W; v02: N 4 H W",
    "v01: N L int64",
    "v01: N L int64; v02: N L 4",
    "v01: N L K",
    "v01: L; v02: N L",
    "v01: N 2 L 4; v02: N 2 K 4",
    "v01: N 1 L; v02: N K 1",
)
MOST_ELEMENTS = 4000

Draw = Callable[["Scope"], str | None]
PRODUCTIONS: list[tuple[str, int, Draw]] = []


def production(kind: str, weight: int = 3) -> Callable[[Draw], Draw]:
    """Register what draws a statement, with ``=`` for the value that it makes."""

    def register(draw: Draw) -> Draw:
        PRODUCTIONS.append((kind, weight, draw))
        return draw

    return register


@dataclass
class Scope:
    """What is known where a statement is drawn: the values so far, at both sets of sizes."""

    rng: random.Random
    values: tuple[dict[str, Any], dict[str, Any]]
    module: nn.Module
    used: set[str] = field(default_factory=set)
    setup: list[str] = field(default_factory=list)
    shared: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @property
    def names(self) -> list[str]:
        return list(self.values[0])

    def shape(self, name: str) -> tuple[int | None, ...]:
        """The fixed sizes, None for those that are free."""
        one, other = (v[name].shape for v in self.values)
        return tuple(a if a == b else None for a, b in zip(one, other, strict=True))

    def tensor(self, name: str) -> Tensor:
        found: Tensor = self.values[0][name]
        return found

    def pick(
        self, *, rank: int | None = None, least: int = 0, floating: bool | None = True
    ) -> str | None:
        """A value with these properties, rather one of the last ones."""
        found = [
            name
            for name in self.names
            if (rank is None or self.tensor(name).dim() == rank)
            and self.tensor(name).dim() >= least
            and (floating is None or self.tensor(name).is_floating_point() == floating)
            and not self.tensor(name).is_complex()
        ]
        if not found:
            return None
        recent = found[-3:] if self.rng.random() < 0.7 else found
        return self.use(self.rng.choice(recent))

    def use(self, name: str) -> str:
        self.used.add(name)
        return name

    def axis(self, name: str, *, fixed: bool | None = None) -> int | None:
        """An axis of a value, with a size that is fixed or free."""
        sizes = self.shape(name)
        found = [
            axis for axis, size in enumerate(sizes) if fixed is None or (size is not None) == fixed
        ]
        return self.rng.choice(found) if found else None

    def alike(self, name: str) -> str:
        """A value of the same shape, maybe itself."""
        mine = [v[name].shape for v in self.values]
        found = [
            other
            for other in self.names
            if [v[other].shape for v in self.values] == mine
            and self.tensor(other).is_floating_point()
        ]
        return self.use(self.rng.choice(found or [name]))

    def attribute(self, text: str) -> str:
        """A new attribute of the module, made by ``text``."""
        self.count += 1
        name = f"m{self.count}"
        self.setup.append(f"self.{name} = {text}")
        return f"self.{name}"

    def layer(self, text: str) -> str:
        """A module made by ``text``: sometimes one that is there already."""
        if text in self.shared and self.rng.random() < 0.5:
            return self.shared[text]
        self.shared[text] = self.attribute(text)
        return self.shared[text]

    def buffer(self, text: str) -> str:
        self.count += 1
        name = f"b{self.count}"
        self.setup.append(f'self.register_buffer("{name}", {text})')
        return f"self.{name}"


def program(seed: int, *, most: int = 8) -> Program:
    """The module of this seed."""
    rng = random.Random(seed)
    inputs = rng.choice(INPUTS)
    values = tuple(_inputs(inputs, sizes) for sizes in SIZES)
    scope = Scope(rng, (values[0], values[1]), nn.Module())
    names = tuple(scope.names)
    steps: list[Step] = []
    wanted = rng.randint(1, most)
    kinds, weights, draws = zip(*PRODUCTIONS, strict=True)
    del kinds
    for _ in range(40 * wanted):
        if len(steps) == wanted:
            break
        [draw] = rng.choices(draws, weights)
        step = _tried(scope, draw)
        if step is not None:
            steps.append(step)
    made = [name for step in steps for name in step.makes if name in scope.names] or [*names]
    unused = [n for n in made if not any(n in step.uses for step in steps)]
    returns = [made[-1]]
    returns += [name for name in unused[:-1] if rng.random() < 0.5]
    return Program(inputs, names, tuple(steps), tuple(dict.fromkeys(returns)))


def _inputs(spec: str, sizes: dict[str, int]) -> dict[str, Any]:
    made = {}
    for tensor in spec.split(";"):
        name, _, axes = tensor.strip().partition(": ")
        dtype = torch.int64 if axes.endswith(" int64") else torch.float32
        shape = [sizes[a] if a in sizes else int(a) for a in axes.removesuffix(" int64").split()]
        made[name] = torch.empty(shape, dtype=dtype, device="meta")
    return made


def _tried(scope: Scope, draw: Draw) -> Step | None:
    """The step drawn, if it runs at both sets of sizes; then its values are in the scope."""
    scope.used, scope.setup = set(), []
    shared = dict(scope.shared)
    text = draw(scope)
    if text is None:
        return None
    new = f"v{len(scope.names) + 1:02}"
    other = f"v{len(scope.names) + 2:02}"
    text = text.replace("=>", f"{new}, {other} =", 1) if "=>" in text else text.replace("$", new)
    used = tuple(sorted(name for name in scope.used if name in text))
    setup = tuple(line for line in scope.setup if _attribute(line) in text)
    unused = {_attribute(line) for line in scope.setup} - {_attribute(line) for line in setup}
    scope.shared = {k: name for k, name in scope.shared.items() if name not in unused}
    shared = {k: name for k, name in shared.items() if name not in unused}
    step = Step(text, used, _made(text, new, other), setup)
    results = []
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for line in step.setup:
                exec(line, {**namespace(), "self": scope.module})
            for values in scope.values:
                space = {**namespace(), "self": scope.module, **values}
                with torch.inference_mode():
                    exec(text, space)
                results.append({name: space[name] for name in step.makes})
    except Exception:
        scope.shared = shared
        return None
    tensors = [value for result in results for value in result.values()]
    if any(not isinstance(t, Tensor) or t.numel() > MOST_ELEMENTS for t in tensors):
        scope.shared = shared
        return None
    for values, result in zip(scope.values, results, strict=True):
        values |= result
    return step


def _attribute(line: str) -> str:
    """The attribute that a line of setup makes, as ``forward`` writes it."""
    if line.startswith("self.register_buffer"):
        return "self." + line.split('"')[1]
    return line.partition(" = ")[0]


def _made(text: str, new: str, other: str) -> tuple[str, ...]:
    return tuple(name for name in (new, other) if f"{name} =" in text or f"{name}, " in text)


def letters(rank: int) -> str:
    return "abcdefg"[:rank]


def every() -> Iterator[str]:
    """The kinds of statements."""
    yield from dict.fromkeys(kind for kind, _, _ in PRODUCTIONS)


# Views and slices.


@production("views", 4)
def view(s: Scope) -> str | None:
    v = s.pick(least=1, floating=None)
    if v is None:
        return None
    a, b = s.axis(v), s.axis(v)
    rank = s.tensor(v).dim()
    order = list(range(rank))
    s.rng.shuffle(order)
    expanded = ", ".join("3" if axis == a else "-1" for axis in range(rank + 1))
    return s.rng.choice(
        [
            f"$ = {v}.transpose({a}, {b})",
            f"$ = {v}.permute({', '.join(map(str, order))})",
            f"$ = {v}.flatten({min(a, b)}, {max(a, b)})",
            f"$ = {v}.unsqueeze({a})",
            f"$ = {v}[..., None]",
            f"$ = {v}.reshape({v}.shape[0], -1)",
            f"$ = {v}.transpose({a}, {b}).reshape({v}.shape[0], -1)",
            f"$ = {v}.transpose({a}, {b}).contiguous()",
            f"$ = {v}.unsqueeze({a}).expand({expanded})",
            f"$ = {v}.movedim({a}, {b})",
            f"$ = {v}.flip({a})",
            f"$ = {v}.roll(1, {a})",
            f"$ = {v}.repeat({', '.join('2' if i == a else '1' for i in range(rank))})",
            f"$ = {v}.repeat_interleave(2, {a})",
            f"$ = {v}.select({a}, 0)",
            f"$ = {v}.select({a}, -1)",
            f"$ = {v}.unfold({a}, 2, 1)",
            f"$ = {v}.squeeze()",
            f"$ = {v}.squeeze({a})",
            f"$ = {v}.view({v}.shape[0], -1)",
            f"$ = {v}.clone()",
            f"$ = {v}.detach()",
            f"$ = {v}.diagonal(0, {a}, {b})",
            f"$ = {v}.broadcast_to((2, *{v}.shape))",
            f"$ = {v}.expand_as({v}.unsqueeze(0))",
            f"$ = {v}.unflatten({a}, (2, -1))",
            f"$ = {v}.new_zeros({v}.shape)",
            f"$ = torch.ones_like({v})",
        ]
    )


@production("views", 2)
def parts(s: Scope) -> str | None:
    v = s.pick(least=1, floating=None)
    if v is None:
        return None
    a = s.axis(v)
    return s.rng.choice(
        [
            f"=> {v}.chunk(2, {a})",
            f"=> {v}.tensor_split(2, {a})",
            f"=> {v}.split([1, {v}.shape[{a}] - 1], {a})",
            f"=> {v}.split({v}.shape[{a}] - 1, {a})",
        ]
    )


@production("slices", 5)
def slices(s: Scope) -> str | None:
    v = s.pick(least=1, floating=None)
    if v is None:
        return None
    a = s.axis(v)
    n = f"{v}.shape[{a}]"
    cut = s.rng.choice(
        [
            "1:",
            ":-1",
            ":0",
            "::2",
            "1::2",
            "-2:",
            ":1",
            "-1:",
            "2:",
            "3:",
            ":3",
            "0:5",
            "5:",
            ":5",
            f": {n} // 2",
            f"{n} // 2 :",
            f": {n} - 1",
            f"{n} - 1 :",
            "1:-1",
            ":-2",
            "-3:-1",
            "::3",
            f": {n} + 1",
            f"{n} :",
            "0:0",
            "2:1",
        ]
    )
    return f"$ = {v}[{':, ' * a}{cut}]"


@production("joining", 2)
def joined(s: Scope) -> str | None:
    v = s.pick(least=1, floating=None)
    if v is None:
        return None
    a = s.axis(v)
    w = s.rng.choice([s.alike(v), s.pick(rank=s.tensor(v).dim(), floating=None) or v])
    end = "" if a is None else ":, " * a
    return s.rng.choice(
        [
            f"$ = torch.cat([{v}, {w}], {a})",
            f"$ = torch.stack([{v}, {w}], {a})",
            f"$ = torch.cat([{v}[{end}1:], {v}[{end}:1]], {a})",
            f"$ = torch.cat([{v}, {v}[{end}:0], {v}], {a})",
        ]
    )


# Arithmetic and dtypes.

_UNARY = """
relu sigmoid tanh exp log sqrt rsqrt abs neg sin cos square reciprocal sign erf expm1 log1p
floor round trunc frac isnan isfinite logical_not nan_to_num lgamma sinc
"""
UNARY = _UNARY.split()
_ACTIVATIONS = """
gelu silu mish softplus hardswish hardsigmoid relu6 elu selu celu leaky_relu softsign tanhshrink
softshrink hardshrink logsigmoid hardtanh
"""
ACTIVATIONS = _ACTIVATIONS.split()


@production("pointwise", 4)
def unary(s: Scope) -> str | None:
    v = s.pick()
    return v and s.rng.choice(
        [f"$ = {v}.{s.rng.choice(UNARY)}()", f"$ = F.{s.rng.choice(ACTIVATIONS)}({v})"]
    )


@production("pointwise", 3)
def with_numbers(s: Scope) -> str | None:
    v = s.pick(floating=None if s.rng.random() < 0.3 else True)
    return v and s.rng.choice(
        [
            *(f"$ = {v} + 1", f"$ = 1 - {v}", f"$ = {v} * 2", f"$ = 2 / {v}", f"$ = {v} / 3"),
            *(f"$ = {v} ** 2", f"$ = {v} ** 3", f"$ = {v} ** 0.5", f"$ = 2**{v}", f"$ = -{v}"),
            *(f"$ = {v} // 2", f"$ = {v} % 3", f"$ = {v}.clamp(-1, 1)", f"$ = {v}.clamp(min=0)"),
            *(f"$ = {v} > 0", f"$ = {v} == 1", f"$ = {v} * {v}.shape[0]", f"$ = {v} + 0.5"),
            f"$ = {v} / max({v}.shape[0], 3)",
            f"$ = {v}.masked_fill({v} > 0, 0.5)",
            f"$ = torch.where({v} > 0, {v}, 0.0)",
        ]
    )


@production("broadcasting", 6)
def binary(s: Scope) -> str | None:
    v = s.pick(floating=None if s.rng.random() < 0.3 else True)
    w = s.pick(floating=None if s.rng.random() < 0.3 else True)
    if v is None or w is None:
        return None
    if s.rng.random() < 0.5 and s.tensor(v).dim():
        a = s.axis(v)
        w = s.rng.choice(
            [
                f"{v}[{':, ' * a}:1]",
                f"{v}.mean({a}, keepdim=True)",
                f"{v}.amax({a}, keepdim=True)",
                f"{v}.flatten()[0]",
                f"{v}.new_ones({v}.shape[{a}:])",
                f"torch.arange({v}.shape[-1])",
                f"{v}.shape[{a}]",
                f"{v}.unsqueeze(0)",
            ]
        )
    operator = s.rng.choice(["+", "-", "*", "/", ">", "<=", "==", "**"])
    called = s.rng.choice(["maximum", "minimum", "hypot", "atan2", "logaddexp", "fmod"])
    return s.rng.choice(
        [
            f"$ = {v} {operator} {w}",
            f"$ = {w} {operator} {v}",
            f"$ = torch.{called}({v}, {w})",
            f"$ = torch.add({v}, {w}, alpha=2)",
            f"$ = torch.sub({v}, {w}, alpha=3)",
            f"$ = torch.where({v} > {w}, {v}, {w})",
            f"$ = torch.lerp({v}, {w}, 0.5)",
            f"$ = torch.addcmul({v}, {v}, {w}, value=2)",
            f"$ = torch.addcdiv({v}, {v}, {w})",
        ]
    )


@production("dtypes", 3)
def dtype(s: Scope) -> str | None:
    v = s.pick(floating=None)
    return v and s.rng.choice(
        [
            *(f"$ = {v}.double()", f"$ = {v}.half()", f"$ = {v}.bfloat16()", f"$ = {v}.long()"),
            *(f"$ = {v}.int()", f"$ = {v}.bool()", f"$ = {v}.float()", f"$ = {v}.to(torch.int8)"),
            f"$ = ({v} > 0).float()",
            f"$ = {v} * ({v} > 0)",
            f"$ = {v} + torch.arange({v}.shape[-1])",
            f"$ = {v} + torch.linspace(0, 1, {v}.shape[-1])",
            f"$ = {v}.type_as({s.pick(floating=None)})",
            f"$ = {v} + {v}.double()",
            f"$ = {v}.float() * {v}.half()",
        ]
    )


# State, in place, branches.


@production("in place", 5)
def in_place(s: Scope) -> str | None:
    v = s.pick(least=1)
    if v is None:
        return None
    a, w = s.axis(v), s.alike(v)
    part = ":, " * a
    change = s.rng.choice(
        [
            *("$.add_(1)", "$.mul_(2)", "$.relu_()", "$.clamp_(min=0)", "$.zero_()", "$.exp_()"),
            *("$.fill_(0.5)", f"$.add_({w}, alpha=2)", f"$.copy_({w})", "$.div_(3)", "$.neg_()"),
            f"$[{part}1:] = 0",
            f"$[{part}:1] += 1",
            f"$[{part}::2] *= 2",
            f"$[{part}1:] = {w}[{part}:-1]",
            f"$[{part}0] = {w}[{part}-1]",
            f"$ += {w}.mean({a}, keepdim=True)",
            f"$.masked_fill_({w} > 0, 1.0)",
            f"$[{part}:0].add_(1)",
            f"$.sub_({w}[{part}:1])",
            "F.relu($, inplace=True)",
            "$.lerp_($, 0.5)",
            f"$.addcmul_({w}, {w})",
            "$[$ > 0] = 0.0",
            f"$.select({a}, 0).add_(1)",
            "torch.add($, 1, out=$)",
            "$.transpose(0, -1).mul_(2)",
            "$.sigmoid_()",
            f"$.cumsum_({a})",
        ]
    )
    source = s.rng.choice([f"{v}.clone()", f"{v} * 1", f"{v}.contiguous().clone()"])
    return f"$ = {source}\n{change}"


@production("branches", 3)
def branch(s: Scope) -> str | None:
    v = s.pick(least=1)
    if v is None:
        return None
    a = s.axis(v)
    n = f"{v}.shape[{a}]"
    condition = s.rng.choice(
        [
            f"{n} > 3",
            f"{n} == 1",
            f"{n} % 2 == 0",
            f"{v}.numel() > 40",
            f"{n} >= 2",
            f"{n} != 4",
            f"{n} < 20",
            f"len({v}) > 1",
            f"{n} == {v}.shape[0]",
            f"{n} // 2 > 1",
            "self.training",
            f"{v}.is_contiguous()",
            f"isinstance({n}, int)",
            f"min({v}.shape) > 1",
            f"{v}.dtype == torch.float32",
            f"{v}.requires_grad",
        ]
    )
    first, second = s.rng.sample(
        [f"{v}.relu()", f"{v} * 2", f"{v}.softmax({a})", f"{v} + 1", f"{v}.clone()", f"{v}.exp()"],
        2,
    )
    return s.rng.choice(
        [
            f"$ = {first} if {condition} else {second}",
            f"if {condition}:\n    $ = {first}\nelse:\n    $ = {second}",
            f"$ = {v}[{':, ' * a}: min({n}, 4)]",
            f"$ = {v}.new_zeros(max({n}, 3), 2)",
            f"$ = {v}\nfor i in range(2):\n    $ = $ * {v}.shape[i - 1] + 1",
            f"$ = F.pad({v}, (0, -{v}.shape[-1] % 4))",
            f"$ = {v} * int({n})",
            f"$ = {v} / {n} ** 0.5",
        ]
    )


@production("state", 3)
def state(s: Scope) -> str | None:
    v = s.pick(least=1)
    if v is None:
        return None
    size = s.shape(v)[-1]
    if size is None:
        b = s.buffer("torch.zeros(())")
        update = s.rng.choice([f"{b} += 1", f"{b}.add_({v}.mean())", f"{b}.copy_({v}.sum())"])
    else:
        b = s.buffer(f"torch.ones({size})")
        mean = f"{v}.flatten(0, -2).mean(0)" if len(s.shape(v)) > 1 else v
        update = s.rng.choice(
            [
                f"{b}.mul_(0.9).add_({mean}.detach(), alpha=0.1)",
                f"{b} += 1",
                f"{b}[:2] = 0",
                f"{b} = {b} * 0.5 + 1",
                f"{b}.copy_({mean}.detach())",
            ]
        )
    order = [update, f"$ = {v} * {b}"]
    return "\n".join(order if s.rng.random() < 0.6 else order[::-1])


@production("state", 2)
def weight(s: Scope) -> str | None:
    v = s.pick(least=1)
    if v is None or s.shape(v)[-1] is None:
        return None
    p = s.attribute(f"nn.Parameter(torch.ones({s.shape(v)[-1]}))")
    return s.rng.choice(
        [
            f"$ = {v} * {p}",
            f"$ = {v} + {p}",
            f"$ = {v} * {p}.softmax(0)",
            f"$ = {v} - {p}.exp() * {p}",
            f"$ = F.prelu({v}.transpose(1, -1), {p})",
        ]
    )


# Reductions.


@production("reductions", 7)
def reduction(s: Scope) -> str | None:
    v = s.pick(least=1, floating=None if s.rng.random() < 0.2 else True)
    if v is None:
        return None
    a, b = s.axis(v), s.axis(v)
    name = s.rng.choice(
        [
            "sum",
            "mean",
            "amax",
            "amin",
            "argmax",
            "var",
            "std",
            "prod",
            "norm",
            "logsumexp",
            "any",
            "all",
            "nansum",
            "count_nonzero",
            "argmin",
            "nanmean",
        ]
    )
    rows = s.rng.choice([f"{a}", f"{a}, keepdim=True", f"({a}, {b})", "", "-1, keepdim=True"])
    return s.rng.choice(
        [
            f"$ = {v}.{name}({rows})",
            f"$ = {v}.{name}({rows})",
            f"$ = {v}.max({a}).values",
            f"$ = {v}.min({a}, keepdim=True)[0]",
            f"$ = {v}.max()",
            f"=> {v}.aminmax(dim={a})",
            f"$ = {v}.cumsum({a})",
            f"$ = {v}.cumprod({a})",
            f"$ = {v}.cummax({a}).values",
            f"$ = {v}.logcumsumexp({a})",
            f"$ = {v}.norm(dim={a})",
            f"$ = {v}.norm(p=1, dim={a}, keepdim=True)",
            f"$ = torch.linalg.vector_norm({v}, ord=3, dim={a})",
            f"$ = torch.linalg.vector_norm({v}, ord=float('inf'))",
            f"=> torch.var_mean({v}, {a})",
            f"=> torch.std_mean({v}, dim={a}, keepdim=True)",
            f"$ = torch.diff({v}, dim={a})",
            f"$ = {v}.var({a}, unbiased=False)",
            f"$ = {v}.trace()",
            f"$ = torch.cdist({v}, {s.alike(v)})",
        ]
    )


# Products.


@production("products", 4)
def linear(s: Scope) -> str | None:
    v = s.pick(least=1)
    if v is None or s.shape(v)[-1] in (None, 0):
        return None
    bias = s.rng.choice(["", ", bias=False"])
    return f"$ = {s.layer(f'nn.Linear({s.shape(v)[-1]}, {s.rng.choice([1, 3, 4, 6])}{bias})')}({v})"


@production("products", 5)
def matmul(s: Scope) -> str | None:
    v = s.pick(least=1)
    w = s.pick(least=1)
    if v is None or w is None:
        return None
    return s.rng.choice(
        [
            f"$ = {v} @ {w}",
            f"$ = {v} @ {w}.transpose(-1, -2)",
            f"$ = {v}.transpose(-1, -2) @ {w}",
            f"$ = torch.bmm({v}, {w}.transpose(1, 2))",
            f"$ = torch.baddbmm({v}, {v}, {w}, beta=2)",
            f"$ = torch.addmm({v}, {v}, {w}, alpha=2)",
            f"$ = torch.einsum('abc,abd->acd', {v}, {w})",
            f"$ = torch.einsum('abc,adc->abd', {v}, {w})",
            f"$ = torch.einsum('abc,abc->ab', {v}, {w})",
            f"$ = torch.einsum('ab,ab->', {v}, {w})",
            f"$ = torch.einsum('abcd,acef->abdef', {v}, {w})",
            f"$ = torch.einsum('a...c,...c->a...', {v}, {w})",
            f"$ = torch.outer({v}, {w})",
            f"$ = torch.mv({v}, {w})",
            f"$ = torch.dot({v}, {w})",
            f"$ = torch.tensordot({v}, {w}, 1)",
            f"$ = torch.inner({v}, {w})",
            f"$ = {v}.flatten(1) @ {v}.flatten(1).T",
            f"$ = {v} @ {v}.mT",
            f"$ = {v}.mT @ {v}",
            f"$ = {v}[..., :1, :] @ {v}.mT",
            f"$ = {v} @ {v}.new_ones({v}.shape[-1], 3)",
            f"$ = {v} @ {v}.new_ones({v}.shape[-1])",
        ]
    )


@production("products", 4)
def convolution(s: Scope) -> str | None:
    v = s.pick(least=3)
    if v is None:
        return None
    rank = s.tensor(v).dim() - 2
    channels = s.shape(v)[1]
    if channels in (None, 0) or rank > 2:
        return None
    kernel = s.rng.choice(
        ["1", "2", "3", "3, padding=1", "3, stride=2, padding=1", "3, dilation=2"]
    )
    kernel += s.rng.choice(["", ", bias=False", f", groups={channels}"])
    text = f"nn.Conv{rank}d({channels}, {channels * s.rng.choice([1, 2])}, {kernel})"
    if s.rng.random() < 0.25:
        kernel = s.rng.choice(["2, 2", "3, 2, 1", "3, 2, 1, 1", "2, bias=False"])
        text = f"nn.ConvTranspose{rank}d({channels}, 3, {kernel})"
    if s.rng.random() < 0.1:
        text = f'nn.Conv{rank}d({channels}, 3, 3, padding="same")'
    return f"$ = {s.layer(text)}({v})"


# Layers.


@production("norms", 5)
def norm(s: Scope) -> str | None:
    v = s.pick(least=2)
    if v is None:
        return None
    shape, rank = s.shape(v), s.tensor(v).dim()
    a = s.axis(v)
    options = [f"F.normalize({v}, dim={a})", f"{v}.softmax({a})", f"{v}.log_softmax({a})"]
    options += [f"F.softmin({v}, {a})", f"F.cosine_similarity({v}, {s.alike(v)}, dim={a})"]
    options += [f"F.pairwise_distance({v}, {s.alike(v)})", f"F.layer_norm({v}, {v}.shape[{a}:])"]
    options += [f"F.glu({v}, {a})", f"F.instance_norm({v})", f"F.rms_norm({v}, ({v}.shape[-1],))"]
    if shape[-1]:
        options += [f"{s.layer(f'nn.LayerNorm({shape[-1]})')}({v})"]
        options += [f"{s.layer(f'nn.RMSNorm({shape[-1]})')}({v})"]
    if shape[1] and rank <= 4:
        d = max(rank - 2, 1)
        options += [f"{s.layer(f'nn.BatchNorm{d}d({shape[1]})')}({v})"] * 2
        options += [f"{s.layer(f'nn.GroupNorm(1, {shape[1]})')}({v})"]
        options += [f"{s.layer(f'nn.InstanceNorm{d}d({shape[1]}, affine=True)')}({v})"]
        options += [f"F.local_response_norm({v}, 3)"]
    return f"$ = {s.rng.choice(options)}"


@production("attention", 3)
def attention(s: Scope) -> str | None:
    v = s.pick(least=3)
    if v is None:
        return None
    w = s.pick(rank=s.tensor(v).dim()) or v
    width = s.shape(v)[-1]
    options = [
        f"F.scaled_dot_product_attention({v}, {w}, {w})",
        f"F.scaled_dot_product_attention({v}, {v}, {v}, is_causal=True)",
        f"F.scaled_dot_product_attention({v}, {v}, {v}, scale=0.5)",
        f"F.scaled_dot_product_attention({v}, {v}, {v}, ({v} @ {v}.mT) > 0)",
        f"F.scaled_dot_product_attention({v}, {v}[..., 1:, :], {v}[..., 1:, :])",
        f"({v} @ {w}.mT / 2).softmax(-1) @ {w}",
        f"({v} @ {v}.mT).tril() @ {v}",
    ]
    if width == 4 and s.tensor(v).dim() == 3:
        attend = s.layer("nn.MultiheadAttention(4, 2, batch_first=True)")
        options += [
            f"{attend}({v}, {w}, {w})[0]",
            f"{attend}({v}, {v}, {v}, need_weights=False)[0]",
        ]
        options += [f"{attend}({v}, {v}, {v})[1]"]
        layer = s.layer("nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, dropout=0.0)")
        options += [f"{layer}({v})"]
    return f"$ = {s.rng.choice(options)}"


@production("recurrent", 1)
def recurrent(s: Scope) -> str | None:
    v = s.pick(rank=3)
    if v is None or s.shape(v)[-1] in (None, 0):
        return None
    kind = s.rng.choice(["GRU", "LSTM", "RNN"])
    more = s.rng.choice(["", ", bidirectional=True", ", num_layers=2", ", bias=False"])
    layer = s.layer(f"nn.{kind}({s.shape(v)[-1]}, 3, batch_first=True{more})")
    return f"$ = {layer}({v})[0]"


# Sampling, indexing, resizing.


@production("sampling", 3)
def sampling(s: Scope) -> str | None:
    v = s.pick(least=1)
    if v is None:
        return None
    options = [
        f"F.dropout({v}, 0.5, self.training)",
        f"{s.layer('nn.Dropout(0.2)')}({v})",
        f"{v} * torch.rand_like({v})",
        f"{v} + torch.randn({v}.shape)",
        f"{v} * torch.bernoulli(torch.full_like({v}, 0.5))",
        f"F.alpha_dropout({v}, 0.5, self.training)",
        f"F.dropout1d({v}, 0.5, self.training)",
    ]
    if s.tensor(v).dim() == 4:
        grid = f"F.affine_grid({v}.new_ones({v}.shape[0], 2, 3), {v}.shape, align_corners=False)"
        mode = s.rng.choice(["bilinear", "nearest"])
        options += [f"F.grid_sample({v}, {grid}, mode='{mode}', align_corners=False)"] * 3
    return f"$ = {s.rng.choice(options)}"


@production("indexing", 5)
def indexing(s: Scope) -> str | None:
    v = s.pick(least=1)
    if v is None:
        return None
    a = s.axis(v)
    n, part = f"{v}.shape[{a}]", ":, " * a
    every = f"torch.arange({n})"
    options = [
        f"{v}.index_select({a}, {every})",
        f"{v}[{part}{every}]",
        f"{v}[{part}{every} // 2]",
        f"{v}[{part}torch.tensor([0, 0, 0])]",
        f"{v}[{part}[0, 0]]",
        f"{v}.gather({a}, torch.zeros_like({v}, dtype=torch.int64))",
        f"{v}.scatter_add({a}, torch.zeros_like({v}, dtype=torch.int64), {v})",
        f"{v}.index_add({a}, {every}, {s.alike(v)})",
        f"{v}.index_copy({a}, {every}, {s.alike(v)})",
        f"torch.take_along_dim({v}, {v}.argsort({a}), {a})",
        f"{v}.topk(1, {a}).values",
        f"{v}.sort({a}).values",
        f"{v}.tril()",
        f"{v}.triu(1)",
        f"torch.where({v} > 0, {v}, {s.alike(v)})",
        f"{v}[{every.replace(str(a), '0', 1)}, 0]" if s.tensor(v).dim() > 1 else f"{v}[0]",
        f"{v}.masked_fill(torch.ones({n}, dtype=torch.bool), 0.0)",
        f"{v}.index_fill({a}, {every}, 1.0)",
        f"{v}.scatter({a}, torch.zeros_like({v}, dtype=torch.int64), 1.0)",
        f"{v}[{part}{every}.flip(0)]",
        f"{s.layer('nn.Embedding(64, 4)')}({every})",
        f"{s.layer('nn.Embedding(8, 4)')}({every}.clamp(max=7))",
        f"torch.meshgrid({every}, {every}, indexing='ij')[0] * 1.0",
    ]
    return f"$ = {s.rng.choice(options)}"


@production("indexing", 4)
def of_integers(s: Scope) -> str | None:
    v = s.pick(floating=False)
    return v and s.rng.choice(
        [
            f"$ = {s.layer('nn.Embedding(50, 4)')}({v})",
            f"$ = {v}.float()",
            f"$ = {v} + 1",
            f"$ = {v}.sum()",
            f"$ = {v}.cumsum(0)",
            f"$ = ({v} > 0) & ({v} < 5)",
            f"$ = {v} / 2",
            f"$ = {s.layer('nn.Embedding(50, 3, padding_idx=0)')}({v}.long()) * 0.5",
        ]
    )


@production("resizing", 4)
def resizing(s: Scope) -> str | None:
    v = s.pick(least=3)
    if v is None or s.tensor(v).dim() > 4:
        return None
    rank = s.tensor(v).dim() - 2
    smooth = {1: "linear", 2: "bilinear"}[rank]
    size = f"({', '.join(f'{v}.shape[{i + 2}] * 2' for i in range(rank))},)"
    window = s.rng.choice(["2", "3, 1, 1", "3, 2", "2, 1"])
    options = [
        f"F.interpolate({v}, scale_factor=2)",
        f"F.interpolate({v}, scale_factor=2, mode='{smooth}')",
        f"F.interpolate({v}, size={size}, mode='{smooth}', align_corners=True)",
        f"F.interpolate({v}, size={(5,) * rank}, mode='{smooth}')",
        f"F.interpolate({v}, scale_factor=0.5, mode='{smooth}')",
        f"F.interpolate({v}, size={v}.shape[2:])",
        f"F.interpolate({v}, scale_factor=1.5, mode='{smooth}', recompute_scale_factor=True)",
        f"F.adaptive_avg_pool{rank}d({v}, 1)",
        f"F.adaptive_avg_pool{rank}d({v}, 3)",
        f"F.adaptive_max_pool{rank}d({v}, 1)",
        f"F.max_pool{rank}d({v}, {window})",
        f"F.avg_pool{rank}d({v}, {window})",
        f"F.avg_pool{rank}d({v}, 2, ceil_mode=True)",
        f"F.max_pool{rank}d({v}, 3, 2, ceil_mode=True)",
        f"F.pad({v}, (1, 1))",
        f"F.pad({v}, (1, 0), mode='reflect')",
        f"F.pad({v}, (1, 2), mode='replicate')",
        f"F.pad({v}, (-1, 0))",
        f"F.pad({v}, (1, 1), mode='circular')",
        f"F.lp_pool{rank}d({v}, 2, 2)",
    ]
    if rank == 2:
        options += [
            f"F.interpolate({v}, scale_factor=2, mode='bicubic')",
            f"F.pixel_shuffle({v}, 2)",
            f"F.pixel_unshuffle({v}, 2)",
            f"F.unfold({v}, 2)",
            f"F.interpolate({v}, size=(4, 6), mode='bilinear', antialias=True)",
            f"F.channel_shuffle({v}, 2)",
        ]
    return f"$ = {s.rng.choice(options)}"


@production("losses", 2)
def loss(s: Scope) -> str | None:
    v = s.pick(least=1)
    if v is None:
        return None
    w = s.alike(v)
    reduced = s.rng.choice(["", ", reduction='sum'", ", reduction='none'"])
    classes = f"torch.zeros({v}.shape[0], dtype=torch.int64)"
    return "$ = " + s.rng.choice(
        [
            f"F.mse_loss({v}, {w}{reduced})",
            f"F.l1_loss({v}, {w}{reduced})",
            f"F.smooth_l1_loss({v}, {w}{reduced})",
            f"F.huber_loss({v}, {w}{reduced})",
            f"F.binary_cross_entropy_with_logits({v}, {w}{reduced})",
            f"F.kl_div({v}, {w}, reduction='batchmean')",
            f"F.cross_entropy({v}, {classes}{reduced})",
            f"F.cross_entropy({v}, {w}.softmax(1){reduced})",
            f"F.cross_entropy({v}, {classes}, label_smoothing=0.1)",
            f"F.nll_loss({v}, {classes}{reduced})",
            f"F.cosine_embedding_loss({v}, {w}, {v}.new_ones({v}.shape[0]))",
            f"F.triplet_margin_loss({v}, {w}, {v})",
            f"F.soft_margin_loss({v}, {w}{reduced})",
            f"F.poisson_nll_loss({v}, {w})",
        ]
    )
