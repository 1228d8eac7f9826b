"""What the nodes of sizes, truths and ratios have in common, and what PyTorch asks of each.

PyTorch computes shapes with ``torch.SymInt``, which hands every operation to its *node*. A node of
ours answers with exact polynomial arithmetic, so that PyTorch's own kernels propagate our sizes.
A comparison is answered by structure or by lower bounds where they decide it. Otherwise the answer
is a guard, which is recorded: what holds if no size is 1, where that decides it, or else what the
*hint* says, the number that the size has in this capture. Where a size must become a Python
integer, the hint is given and an equation recorded, which the domain then refuses as a
specialization.

Private: ``torch.fx.experimental.sym_node.SymNode`` is the type that ``torch.SymInt`` accepts; its
methods, here and in the files beside this one, are those that torch calls.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol

from torch.fx.experimental.sym_node import SymNode

from fxflops.algebra.polynomial import Dim, Symbol


class DataDecideError(RuntimeError):
    """The model goes on with a number that data decide."""


class Env(Protocol):
    """What a node asks of the environment of its capture (`environment.SizeEnv`)."""

    hints: dict[Symbol, int]
    record_guard: Callable[[Dim, Any], None]
    text: Callable[[Any], str]

    @property
    def true(self) -> Node:
        """The node of True."""

    @property
    def false(self) -> Node:
        """The node of False."""

    def int_node(self, value: Dim) -> Node:
        """The one node of this value."""

    def float_node(self, numerator: Dim, denominator: Dim) -> Node:
        """A node of this ratio."""

    def compare(self, value: Dim, sign: str) -> Node:
        """The truth of ``value sign 0``."""

    def known(self, value: Dim, sign: str) -> bool | None:
        """That truth where it is known without an assumption."""

    def maximum(self, left: Dim, right: Dim) -> Dim:
        """The larger one."""

    def truth(self, value: bool) -> Node:
        """The node of a truth that is known."""


class Expression:
    """What torch sees as a node's sympy expression."""

    free_symbols: frozenset[object] = frozenset()
    is_Boolean = False
    is_symbol = False

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def is_number(self) -> bool:
        return self.node.constant is not None

    is_Number = is_number

    def __int__(self) -> int:
        return int(self.node.constant)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.node is other.node

    def __hash__(self) -> int:
        return id(self.node)

    def __repr__(self) -> str:
        return repr(self.node)


class Node(SymNode):
    """What the three kinds of node have in common."""

    __slots__ = ("_constant", "_hint", "env")

    _optimized_summation = False
    fx_node = None

    def __init__(self, env: Env, constant: int | float | bool | None) -> None:
        self.env = env
        self._constant = constant
        self._hint: Any = constant

    @property
    def constant(self) -> Any:
        """The value where it is known; PyTorch then goes on with a plain number."""
        return self._constant

    @property
    def hint(self) -> Any:
        """The value in this capture."""
        if self._hint is None:
            self._hint = self._compute_hint()
        return self._hint

    @property
    def shape_env(self) -> Env:
        return self.env

    @property
    def expr(self) -> Expression:
        return Expression(self)

    _expr = expr

    def has_hint(self) -> bool:
        return True

    def is_int(self) -> bool:
        return self.pytype is int

    def is_float(self) -> bool:
        return self.pytype is float

    def is_bool(self) -> bool:
        return self.pytype is bool

    def is_nested_int(self) -> bool:
        return False

    def nested_int(self) -> None:
        return None

    def is_symbolic(self) -> bool:
        return self._constant is None

    def is_constant(self) -> bool:
        return False

    def clone(self) -> Node:
        return self

    def maybe_as_int(self) -> int | None:
        return self._constant if self.is_int() else None

    def maybe_as_float(self) -> float | None:
        return self._constant if self.is_float() else None

    def maybe_as_bool(self) -> bool | None:
        return self._constant if self.is_bool() else None

    def _value_eq(self, other: object) -> bool:
        return self is other

    def _value_hash(self) -> int:
        return id(self)

    def str(self) -> str:
        return self.env.text(self)

    __str__ = _graph_repr = str

    def wrap_int(self, number: int) -> Node:
        return self.env.int_node(number)

    def wrap_bool(self, truth: bool) -> Node:
        return self.env.truth(truth)

    def wrap_float(self, number: float) -> Node:
        ratio = Fraction(number)
        return self.env.float_node(ratio.numerator, ratio.denominator)

    def evaluate(self, size_oblivious: bool = False) -> Any:
        """The value, now; an assumption where it is not known."""
        if self._constant is None:
            self._assume_hint()
        return self.hint

    def _guarded(self, file: str, line: int) -> Any:
        return self.evaluate()

    guard_int = guard_float = guard_bool = expect_true = guard_size_oblivious = _guarded
    guard_or_false = guard_or_true = _guarded

    def expect_size(self, file: str, line: int) -> bool:
        """Asked by torch 2.9: whether the value may be a size."""
        return True

    def require_hint(self, fallback: object = None) -> Any:
        """Asked by torch 2.9."""
        return self.hint

    def statically_known_true(self, file: str, line: int) -> bool:
        return self._constant is True

    def int_(self) -> int:
        return int(self.evaluate())

    def bool_(self) -> bool:
        return bool(self.evaluate())

    def _compute_hint(self) -> Any:
        raise NotImplementedError

    def _assume_hint(self) -> None:
        raise NotImplementedError
