"""What a row of a case table is, and how it is run.

A plain tuple among a case's arguments is a float tensor of that shape; `ints`, `booleans` and
`complexes` are tensors of other types; a list is a list of such things, or of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import torch
import torchvision  # it registers its operators, and so their family is loaded; so do the next two
from torch._ops import OpOverload
from torch.ao.quantization.fx import _decomposed
from transformers.integrations import moe

from fxflops import formulas
from fxflops.algebra import Symbol, evaluate
from fxflops.capture.calls import bind
from fxflops.cost import COUNTERS, Cost
from fxflops.registry import cost_of

assert torchvision
assert _decomposed
assert moe
vision = torch.ops.torchvision
experts = torch.ops.transformers
formulas.load()


@dataclass(frozen=True)
class Typed:
    """A tensor that is not of floats."""

    dtype: torch.dtype
    shape: tuple[int, ...]


def ints(*shape: int) -> Typed:
    return Typed(torch.int64, shape)


def booleans(*shape: int) -> Typed:
    return Typed(torch.bool, shape)


def complexes(*shape: int) -> Typed:
    return Typed(torch.complex64, shape)


@dataclass(frozen=True)
class Case:
    """One call of an operator, and what it costs by hand.

    ``aliases`` cost the same for the same arguments. ``out`` stands for the result of operators
    that no meta kernel runs. ``torch`` is what PyTorch's flop counter says where it differs, with
    the reason beside it. ``unsized`` cases have no closed form in symbols; ``is_complex`` ones have
    a complex tensor.
    """

    name: str
    op: OpOverload
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    _: KW_ONLY
    contraction: int = 0
    elementwise: int = 0
    transcendental: int = 0
    comparison: int = 0
    aliases: tuple[OpOverload, ...] = ()
    out: Any = None
    device: str = "meta"
    torch: int | None = None
    unsized: bool = False
    is_complex: bool = False

    @property
    def by_hand(self) -> Cost:
        return Cost(**{counter: getattr(self, counter) for counter in COUNTERS})

    def __str__(self) -> str:
        return f"{self.name}: {self.op}"

    def run(self) -> Any:
        """The result of the call."""
        args, kwargs = self.operands(lambda t: tensor(t, self.device))
        return self.op(*args, **kwargs)

    def operands(self, of_tensor: Callable[[Any], Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments, with ``of_tensor`` in the place of each tensor."""
        kwargs = {name: _replaced(value, of_tensor) for name, value in self.kwargs.items()}
        return [_replaced(value, of_tensor) for value in self.args], kwargs

    def results(self, size: Callable[[int], Any]) -> Any:
        """The shapes of the result, with ``size`` applied to each size."""
        return _shapes(self.run() if self.out is None else self.out, size)

    def cost(self, size: Callable[[int], Any] = lambda n: n) -> Cost | None:
        """The cost by the registered formulas, with ``size`` applied to each size."""
        args, kwargs = self.operands(lambda t: _shapes(t, size))
        arguments = bind(self.op, _tuples(args), _tuples(kwargs))
        return cost_of(self.op, arguments, self.results(size), is_complex=self.is_complex)

    def symbolic_cost(self) -> Cost | None:
        """The cost with a symbol for each size above 1, then the sizes put in their place."""
        symbols: dict[int, Symbol] = {}

        def size(n: int) -> Any:
            return n if n < 2 else symbols.setdefault(n, Symbol(f"size_{n}")).size

        cost = self.cost(size)
        values = {symbol: n for n, symbol in symbols.items()}
        return cost and cost.map(lambda count: evaluate(count, values))


def every(cases: Iterable[Case]) -> Iterator[Case]:
    """The cases, and one for each of their aliases."""
    for case in cases:
        for op in (case.op, *case.aliases):
            yield replace(case, op=op, aliases=())


def tensor(of: Any, device: str) -> torch.Tensor:
    """A tensor of the shape and type that a row writes; ones on a device that has data."""
    dtype, shape = (of.dtype, of.shape) if isinstance(of, Typed) else (torch.float32, of)
    make = torch.empty if device == "meta" else torch.ones
    return make(shape, dtype=dtype, device=device)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (tuple, Typed))


def _replaced(value: Any, of_tensor: Callable[[Any], Any]) -> Any:
    if _is_tensor(value):
        return of_tensor(value)
    return [_replaced(item, of_tensor) for item in value] if isinstance(value, list) else value


def _shapes(value: Any, size: Callable[[int], Any]) -> Any:
    """Shapes in the place of tensors; a result that is a tuple or list of tensors is a tuple."""
    if isinstance(value, torch.Tensor):
        return tuple(map(size, value.shape))
    if isinstance(value, Typed):
        return tuple(map(size, value.shape))
    if isinstance(value, tuple) and all(type(item) is int for item in value):
        return tuple(map(size, value))
    if isinstance(value, (list, tuple)):
        return tuple(_shapes(item, size) for item in value)
    return value


def _tuples(value: Any) -> Any:
    """Lists become tuples, as `fxflops.analysis.count.shaped` gives them."""
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(_tuples, value))
    return value
