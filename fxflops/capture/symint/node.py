"""Our sizes as PyTorch sees them: ``torch.SymInt`` around a polynomial.

PyTorch computes shapes with ``torch.SymInt``, which hands every operation to its *node*. A node of
ours answers with exact polynomial arithmetic, so that PyTorch's own kernels propagate our sizes.
A comparison is answered by structure or by lower bounds where they decide it. Otherwise the answer
is an assumption, which is recorded: what holds if no size is 1, where that decides it, or else what
the *hint* says, the number that the size has in this capture. Where a size must become a Python
integer, the hint is given and an equation recorded, which the domain then refuses as a size that
was fixed.

The whole private surface of PyTorch that this rests on is in this file:
``torch.fx.experimental.sym_node.SymNode`` is the type that ``torch.SymInt`` accepts; its methods
below are those that torch calls; ``shape_env`` and ``expr`` are asked for a handful of attributes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch.fx.experimental import sym_node
from torch.fx.experimental.sym_node import SymNode

from fxflops.algebra.bounds import lower_bound
from fxflops.algebra.evaluate import beyond_one, evaluate
from fxflops.algebra.extremum import maximum, minimum
from fxflops.algebra.polynomial import Dim, Symbol
from fxflops.algebra.quotient import floor_divide
from fxflops.errors import CaptureError

GuardRecorder = Callable[[Dim, Any], None]
"""Told that ``value sign 0`` was assumed, with sign one of ``== != >=``."""


class SizeEnv:
    """The sizes of one capture: their hints, and who is told of assumptions about them.

    Stands in for torch's ``ShapeEnv``, of which torch asks only what is below.
    """

    prefer_deferred_runtime_asserts_over_guards = False
    _translation_validation_enabled = False
    _replacements_version_counter = 0

    def __init__(self, hints: Mapping[Symbol, int], record_guard: GuardRecorder) -> None:
        self.hints = dict(hints)
        self.record_guard = record_guard
        self._ints: dict[Dim, IntNode] = {}
        self.true = BoolNode(self, True)
        self.false = BoolNode(self, False)

    def size(self, value: Dim) -> int | torch.SymInt:
        """``value`` as a size for PyTorch."""
        return value if isinstance(value, int) else torch.SymInt(self.int_node(value))

    def int_node(self, value: Dim) -> IntNode:
        """The one node of this value."""
        node = self._ints.get(value)
        if node is None:
            node = self._ints[value] = IntNode(self, value)
        return node

    def compare(self, value: Dim, sign: str) -> BoolNode:
        """The truth of ``value sign 0``, where sign is ``==`` or ``>=``."""
        known = decided(value, sign)
        if known is None:
            known = decided(beyond_one(value), sign)
            node = BoolNode(self, None, value, sign)
            if known is None:
                return node
            assumed = node if known else node.sym_not()
            self.record_guard(assumed.value, assumed.sign)
        return self.truth(known)

    def truth(self, value: bool) -> BoolNode:
        """The node of a truth that is known."""
        return self.true if value else self.false

    def evaluate_sym_node(self, node: Node, *_: object, **__: object) -> Any:
        """Asked by torch: the node's value now."""
        return node.evaluate()

    def _maybe_evaluate_static(self, expr: Expression, **_: object) -> Any:
        """Asked by torch: the value if it is known without assumptions."""
        return expr.node.constant

    def simplify(self, expr: Expression) -> Expression:
        """Asked by torch: nothing to do."""
        return expr

    replace = simplify


def decided(value: Dim, sign: str) -> bool | None:
    """The truth of ``value sign 0`` for all sizes, where bounds tell it."""
    if isinstance(value, int):
        return value == 0 if sign == "==" else value >= 0
    low = lower_bound(value)
    if low is not None and (low > 0 or (low == 0 and sign == ">=")):
        return sign == ">="
    high = lower_bound(-value)
    return False if high is not None and high > 0 else None


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

    __slots__ = ("_constant", "_hint", "space")

    _optimized_summation = False
    fx_node = None

    def __init__(self, space: SizeEnv, constant: int | float | bool | None) -> None:
        self.space = space
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
    def shape_env(self) -> SizeEnv:
        return self.space

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
        return repr(self)

    __str__ = _graph_repr = str

    def wrap_int(self, number: int) -> IntNode:
        return self.space.int_node(number)

    def wrap_bool(self, truth: bool) -> BoolNode:
        return self.space.truth(truth)

    def wrap_float(self, number: float) -> FloatNode:
        ratio = Fraction(number)
        return FloatNode(self.space, ratio.numerator, ratio.denominator)

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


def is_binary(denominator: Dim) -> bool:
    """Whether ratios with this denominator are computed in float64 without rounding.

    That is a power of two which leaves 32 bits for the numerator.
    """
    return isinstance(denominator, int) and denominator <= 2**20 and denominator.bit_count() == 1


class IntNode(Node):
    """A polynomial; one node per value, so that equal sizes are the same object."""

    __slots__ = ("_known", "value")

    pytype = int

    def __init__(self, space: SizeEnv, value: Dim) -> None:
        super().__init__(space, value if isinstance(value, int) else None)
        self.value = value
        self._known: dict[tuple[object, Node], Any] = {}

    def __repr__(self) -> str:
        return str(self.value)

    def _compute_hint(self) -> int:
        return int(evaluate(self.value, self.space.hints))

    def _assume_hint(self) -> None:
        self.space.record_guard(self.value - self.hint, "==")

    def _int(self, combine: Callable[[Dim, Dim], Dim], other: IntNode) -> IntNode:
        """The node of ``combine`` of both values, computed once."""
        known = self._known.get((combine, other))
        if known is None:
            known = self.space.int_node(combine(self.value, other.value))
            self._known[combine, other] = known
        return known  # type: ignore[no-any-return]

    def _at_least(self, other: IntNode) -> BoolNode:
        known = self._known.get((">=", other))
        if known is None:
            known = self._known[">=", other] = self.space.compare(self.value - other.value, ">=")
        return known  # type: ignore[no-any-return]

    # Arithmetic

    def add(self, other: IntNode) -> IntNode:
        return self._int(operator.add, other)

    def sub(self, other: IntNode) -> IntNode:
        return self._int(operator.sub, other)

    def mul(self, other: IntNode) -> IntNode:
        return self._int(operator.mul, other)

    def int_floordiv(self, other: IntNode) -> IntNode:
        return self._int(floor_divide, other)

    floordiv = int_floordiv

    def mod(self, other: IntNode) -> IntNode:
        return self._int(operator.mod, other)

    def sym_max(self, other: IntNode) -> IntNode:
        return self._int(maximum, other)

    def sym_min(self, other: IntNode) -> IntNode:
        return self._int(minimum, other)

    def neg(self) -> IntNode:
        return self.space.int_node(-self.value)

    def abs(self) -> IntNode:
        return self if self.ge(self.space.int_node(0)).evaluate() else self.neg()

    def pow_by_natural(self, other: IntNode) -> IntNode:
        return self.space.int_node(self.value ** other.int_())

    pow = pow_by_natural

    def lshift(self, other: IntNode) -> IntNode:
        return self.space.int_node(self.value * 2 ** other.int_())

    def rshift(self, other: IntNode) -> IntNode:
        return self.space.int_node(self.value // 2 ** other.int_())

    def bitwise_and(self, other: IntNode) -> IntNode:
        return self.space.int_node(self.int_() & other.int_())

    def sym_sum(self, args: Iterable[IntNode]) -> IntNode:
        total: Dim = 0
        for node in args:
            total = total + node.value
        return self.space.int_node(total)

    def int_truediv(self, other: IntNode) -> FloatNode:
        return self.sym_float().float_truediv(other.sym_float())

    truediv = float_truediv = int_truediv

    def sym_float(self) -> FloatNode:
        return FloatNode(self.space, self.value, 1)

    def float_pow(self, other: FloatNode) -> FloatNode:
        return self.sym_float().float_pow(other)

    def sym_int(self) -> IntNode:
        return self

    floor = ceil = trunc = pos = sym_int

    def round(self, ndigits: int | None = None) -> IntNode:
        return self

    # Comparison

    def eq(self, other: IntNode) -> BoolNode:
        if self is other:
            return self.space.true
        known = self._known.get(("==", other))
        if known is None:
            known = self._known["==", other] = self.space.compare(self.value - other.value, "==")
        return known  # type: ignore[no-any-return]

    def ne(self, other: IntNode) -> BoolNode:
        return self.eq(other).sym_not()

    def ge(self, other: IntNode) -> BoolNode:
        return self._at_least(other)

    def le(self, other: IntNode) -> BoolNode:
        return other._at_least(self)

    def gt(self, other: IntNode) -> BoolNode:
        return other._at_least(self).sym_not()

    def lt(self, other: IntNode) -> BoolNode:
        return self._at_least(other).sym_not()

    # Memory layout, asked of any one node of a tensor's sizes and strides

    def is_contiguous(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode], order: Sequence[int] = ()
    ) -> BoolNode:
        """Whether each stride is the product of the sizes inside it; ``order`` from the inside."""
        expected = self.space.int_node(1)
        one = expected
        for d in order or range(len(sizes) - 1, -1, -1):
            if sizes[d].constant == 0:
                return self.space.true
            if strides[d] is not expected and not sizes[d].eq(one).evaluate():
                return self.space.false
            expected = expected.mul(sizes[d])
        return self.space.true

    def is_channels_last_contiguous_2d(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> BoolNode:
        if len(sizes) != 4:
            return self.space.false
        return self.is_contiguous(sizes, strides, (1, 3, 2, 0))

    def is_channels_last_contiguous_3d(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> BoolNode:
        if len(sizes) != 5:
            return self.space.false
        return self.is_contiguous(sizes, strides, (1, 4, 3, 2, 0))

    def is_channels_last_strides_2d(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> BoolNode:
        return self._strides_like(sym_node.is_channels_last_strides_2d, 4, sizes, strides)

    def is_channels_last_strides_3d(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> BoolNode:
        return self._strides_like(sym_node.is_channels_last_strides_3d, 5, sizes, strides)

    def _strides_like(
        self,
        test: Callable[[list[int], list[int]], bool],
        rank: int,
        sizes: Sequence[IntNode],
        strides: Sequence[IntNode],
    ) -> BoolNode:
        """PyTorch's own test at the hints: it chooses a memory format, which changes no count."""
        hints = [node.hint for node in sizes], [node.hint for node in strides]
        return self.space.truth(len(sizes) == rank and bool(test(*hints)))

    def is_non_overlapping_and_dense(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> BoolNode:
        pairs = [(s, z) for z, s in zip(sizes, strides, strict=True) if z.constant != 1]
        expected = self.space.int_node(1)
        for stride, size in sorted(pairs, key=lambda pair: (pair[0].hint, pair[1].hint)):
            if stride is not expected:
                return self.space.false
            expected = expected.mul(size)
        return self.space.true

    def is_non_overlapping_and_dense_indicator(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> IntNode:
        dense = self.is_non_overlapping_and_dense(sizes, strides)
        return self.space.int_node(int(dense.constant))


class BoolNode(Node):
    """A truth: known, or that of ``value sign 0``."""

    __slots__ = ("sign", "value")

    pytype = bool

    def __init__(
        self, space: SizeEnv, constant: bool | None, value: Dim = 0, sign: str = ""
    ) -> None:
        super().__init__(space, constant)
        self.value = value
        self.sign = sign

    def __repr__(self) -> str:
        return str(self._constant) if self.sign == "" else f"{self.value!r} {self.sign} 0"

    def _compute_hint(self) -> bool:
        value = evaluate(self.value, self.space.hints)
        return bool({"==": value == 0, "!=": value != 0, ">=": value >= 0}[self.sign])

    def _assume_hint(self) -> None:
        assumed = self if self.hint else self.sym_not()
        self.space.record_guard(assumed.value, assumed.sign)

    def sym_not(self) -> BoolNode:
        if self._constant is not None:
            return self.space.truth(not self._constant)
        if self.sign == ">=":
            return BoolNode(self.space, None, -self.value - 1, ">=")
        return BoolNode(self.space, None, self.value, "!=" if self.sign == "==" else "==")

    def sym_and(self, other: BoolNode) -> BoolNode:
        """As Python's ``and``: the second is the answer if the first holds."""
        if other._constant is not None:
            return self if other._constant else other
        return other if self.evaluate() else self.space.false

    def sym_or(self, other: BoolNode) -> BoolNode:
        if other._constant is not None:
            return other if other._constant else self
        return self.space.true if self.evaluate() else other

    and_ = bitwise_and = sym_and
    or_ = bitwise_or = sym_or

    def eq(self, other: BoolNode) -> BoolNode:
        return self.space.truth(self.evaluate() == other.evaluate())

    def ne(self, other: BoolNode) -> BoolNode:
        return self.space.truth(self.evaluate() != other.evaluate())

    def sym_ite(self, then: Node, otherwise: Node) -> Node:
        return then if self.evaluate() else otherwise

    def sym_int(self) -> IntNode:
        return self.space.int_node(int(self.evaluate()))

    def sym_float(self) -> FloatNode:
        return self.sym_int().sym_float()


class FloatNode(Node):
    """A ratio of sizes, with a positive denominator, that the model computes in floating point.

    The two agree where nothing is rounded, that is for denominators which are a small power of two,
    and to the last bit in the quotient of two sizes. After other arithmetic, such as a size times
    0.7, a floor may fall on either side of a whole number: then rounding and comparing are refused.
    """

    __slots__ = ("denominator", "is_exact", "numerator")

    pytype = float

    def __init__(
        self, space: SizeEnv, numerator: Dim, denominator: Dim, *, is_exact: bool = False
    ) -> None:
        known = isinstance(numerator, int) and isinstance(denominator, int)
        super().__init__(space, numerator / denominator if known else None)
        self.numerator = numerator
        self.denominator = denominator
        self.is_exact = is_exact or is_binary(denominator)

    def _require_exact(self) -> None:
        if not self.is_exact:
            raise CaptureError(
                f"the size {self!r} is rounded after floating-point arithmetic, which is not "
                "exact; fix its axis in the input spec"
            )

    def __repr__(self) -> str:
        return f"({self.numerator}) / ({self.denominator})"

    def _compute_hint(self) -> float:
        hints = self.space.hints
        return float(Fraction(evaluate(self.numerator, hints), evaluate(self.denominator, hints)))

    def _assume_hint(self) -> None:
        hints = self.space.hints
        here = Fraction(evaluate(self.numerator, hints), evaluate(self.denominator, hints))
        fixed = self.numerator * here.denominator - self.denominator * here.numerator
        self.space.record_guard(fixed, "==")

    def add(self, other: FloatNode) -> FloatNode:
        above = self.numerator * other.denominator + other.numerator * self.denominator
        return FloatNode(self.space, above, self.denominator * other.denominator)

    def neg(self) -> FloatNode:
        return FloatNode(self.space, -self.numerator, self.denominator)

    def sub(self, other: FloatNode) -> FloatNode:
        return self.add(other.neg())

    def mul(self, other: FloatNode) -> FloatNode:
        return FloatNode(
            self.space, self.numerator * other.numerator, self.denominator * other.denominator
        )

    def float_truediv(self, other: FloatNode) -> FloatNode:
        above, below = self.numerator * other.denominator, self.denominator * other.numerator
        positive = self.space.compare(below - 1, ">=").evaluate()
        return FloatNode(
            self.space,
            above if positive else -above,
            below if positive else -below,
            is_exact=self.denominator == 1 and other.denominator == 1,
        )

    truediv = int_truediv = float_truediv

    def float_pow(self, other: FloatNode) -> FloatNode:
        exponent = other.evaluate()
        if exponent != int(exponent) or exponent < 0:
            return self._opaque(lambda x: x**exponent)
        power = int(exponent)
        return FloatNode(self.space, self.numerator**power, self.denominator**power)

    pow = float_pow

    def sym_float(self) -> FloatNode:
        return self

    def floor(self) -> IntNode:
        self._require_exact()
        return self.space.int_node(self.numerator // self.denominator)

    def ceil(self) -> IntNode:
        self._require_exact()
        return self.space.int_node(-(-self.numerator // self.denominator))

    def trunc(self) -> IntNode:
        return self.floor() if self.space.compare(self.numerator, ">=").evaluate() else self.ceil()

    sym_int = trunc

    def round(self, ndigits: int | None = None) -> IntNode | FloatNode:
        """To the nearest integer; that it is no tie becomes an assumption."""
        if ndigits:
            return self._opaque(lambda x: round(x, ndigits))
        self._require_exact()
        doubled, twice = 2 * self.numerator + self.denominator, 2 * self.denominator
        if self.space.compare(doubled % twice, "==").evaluate():
            return self.space.int_node(round(self.evaluate()))
        return self.space.int_node(doubled // twice)

    def is_integer(self) -> BoolNode:
        self._require_exact()
        return self.space.compare(self.numerator % self.denominator, "==")

    def _excess(self, other: FloatNode) -> Dim:
        self._require_exact()
        other._require_exact()
        return self.numerator * other.denominator - other.numerator * self.denominator

    def eq(self, other: FloatNode) -> BoolNode:
        return self.space.compare(self._excess(other), "==")

    def ne(self, other: FloatNode) -> BoolNode:
        return self.eq(other).sym_not()

    def ge(self, other: FloatNode) -> BoolNode:
        return self.space.compare(self._excess(other), ">=")

    def le(self, other: FloatNode) -> BoolNode:
        return other.ge(self)

    def gt(self, other: FloatNode) -> BoolNode:
        return other.ge(self).sym_not()

    def lt(self, other: FloatNode) -> BoolNode:
        return self.ge(other).sym_not()

    def sym_max(self, other: FloatNode) -> FloatNode:
        return self if self.ge(other).evaluate() else other

    def sym_min(self, other: FloatNode) -> FloatNode:
        return other if self.ge(other).evaluate() else self

    def abs(self) -> FloatNode:
        return self if self.space.compare(self.numerator, ">=").evaluate() else self.neg()

    def _opaque(self, function: Callable[[float], float]) -> FloatNode:
        """A function without a closed form: its argument is fixed at the hint."""
        return self.wrap_float(function(self.evaluate()))

    def sym_sqrt(self) -> FloatNode:
        return self._opaque(math.sqrt)

    def sym_log2(self) -> FloatNode:
        return self._opaque(math.log2)

    def sym_cos(self) -> FloatNode:
        return self._opaque(math.cos)

    def sym_sin(self) -> FloatNode:
        return self._opaque(math.sin)
