"""A size: a polynomial, as the node of a ``torch.SymInt``."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch.fx.experimental import sym_node

from fxflops.algebra.evaluate import evaluate, symbols_of
from fxflops.algebra.minmax import minimum
from fxflops.algebra.polynomial import Dim, floor_divide
from fxflops.capture.symint.node import DataDecideError, Env, Node

LARGEST = 2**63 - 1
"""The largest size that PyTorch can have, which stands for the end of a slice without one."""


class IntNode(Node):
    """A polynomial; one node per value, so that equal sizes are the same object."""

    __slots__ = ("_known", "value")

    pytype = int

    def __init__(self, env: Env, value: Dim) -> None:
        super().__init__(env, value if isinstance(value, int) else None)
        self.value = value
        self._known: dict[tuple[object, Node], Any] = {}

    def __repr__(self) -> str:
        return str(self.value)

    def _compute_hint(self) -> int:
        return int(evaluate(self.value, self.env.hints))

    def _assume_hint(self) -> None:
        if any(symbol.is_data for symbol in symbols_of(self.value)):
            raise DataDecideError(f"the model goes on with the number {self}, which data decide")
        self.env.record_guard(self.value - self.hint, "==")

    def _int(self, combine: Callable[[Dim, Dim], Dim], other: IntNode) -> IntNode:
        """The node of ``combine`` of both values, computed once."""
        known = self._known.get((combine, other))
        if known is None:
            known = self.env.int_node(combine(self.value, other.value))
            self._known[combine, other] = known
        return known  # type: ignore[no-any-return]

    def _at_least(self, other: IntNode) -> Node:
        if self._constant == LARGEST:
            return self.env.true
        known = self._known.get((">=", other))
        if known is None:
            known = self._known[">=", other] = self.env.compare(self.value - other.value, ">=")
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
        return self._int(self.env.maximum, other)

    def sym_min(self, other: IntNode) -> IntNode:
        return self._int(minimum, other)

    def neg(self) -> IntNode:
        return self.env.int_node(-self.value)

    def abs(self) -> IntNode:
        return self if self.ge(self.env.int_node(0)).evaluate() else self.neg()

    def pow_by_natural(self, other: IntNode) -> IntNode:
        return self.env.int_node(self.value ** other.int_())

    pow = pow_by_natural

    def lshift(self, other: IntNode) -> IntNode:
        return self.env.int_node(self.value * 2 ** other.int_())

    def rshift(self, other: IntNode) -> IntNode:
        return self.env.int_node(self.value // 2 ** other.int_())

    def bitwise_and(self, other: IntNode) -> IntNode:
        return self.env.int_node(self.int_() & other.int_())

    def sym_sum(self, args: Iterable[IntNode]) -> IntNode:
        total: Dim = 0
        for node in args:
            total = total + node.value
        return self.env.int_node(total)

    def int_truediv(self, other: IntNode) -> Node:
        return self.sym_float().float_truediv(other.sym_float())

    truediv = float_truediv = int_truediv

    def sym_float(self) -> Node:
        return self.env.float_node(self.value, 1)

    def float_pow(self, other: Node) -> Node:
        return self.sym_float().float_pow(other)

    def sym_int(self) -> IntNode:
        return self

    floor = ceil = trunc = pos = sym_int

    def round(self, ndigits: int | None = None) -> IntNode:
        return self

    # Comparison

    def eq(self, other: IntNode) -> Node:
        if self is other:
            return self.env.true
        known = self._known.get(("==", other))
        if known is None:
            known = self._known["==", other] = self.env.compare(self.value - other.value, "==")
        return known  # type: ignore[no-any-return]

    def ne(self, other: IntNode) -> Node:
        return self.eq(other).sym_not()

    def ge(self, other: IntNode) -> Node:
        return self._at_least(other)

    def le(self, other: IntNode) -> Node:
        return other._at_least(self)

    def gt(self, other: IntNode) -> Node:
        return other._at_least(self).sym_not()

    def lt(self, other: IntNode) -> Node:
        return self._at_least(other).sym_not()

    # Memory layout, asked of any one node of a tensor's sizes and strides

    def is_contiguous(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode], order: Sequence[int] = ()
    ) -> Node:
        """Whether each stride is the product of the sizes inside it; ``order`` from the inside."""
        expected = self.env.int_node(1)
        one = expected
        for d in order or range(len(sizes) - 1, -1, -1):
            if sizes[d].constant == 0:
                return self.env.true
            if strides[d] is not expected and not sizes[d].eq(one).evaluate():
                return self.env.false
            expected = expected.mul(sizes[d])
        return self.env.true

    def is_channels_last_contiguous_2d(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> Node:
        if len(sizes) != 4:
            return self.env.false
        return self.is_contiguous(sizes, strides, (1, 3, 2, 0))

    def is_channels_last_contiguous_3d(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> Node:
        if len(sizes) != 5:
            return self.env.false
        return self.is_contiguous(sizes, strides, (1, 4, 3, 2, 0))

    def is_channels_last_strides_2d(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> Node:
        return self._strides_like(sym_node.is_channels_last_strides_2d, 4, sizes, strides)

    def is_channels_last_strides_3d(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> Node:
        return self._strides_like(sym_node.is_channels_last_strides_3d, 5, sizes, strides)

    def _strides_like(
        self,
        test: Callable[[list[int], list[int]], bool],
        rank: int,
        sizes: Sequence[IntNode],
        strides: Sequence[IntNode],
    ) -> Node:
        """PyTorch's own test at the hints: it chooses a memory format, which changes no count."""
        hints = [node.hint for node in sizes], [node.hint for node in strides]
        return self.env.truth(len(sizes) == rank and bool(test(*hints)))

    def is_non_overlapping_and_dense(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> Node:
        pairs = [(s, z) for z, s in zip(sizes, strides, strict=True) if z.constant != 1]
        expected = self.env.int_node(1)
        for stride, size in sorted(pairs, key=lambda pair: (pair[0].hint, pair[1].hint)):
            if stride is not expected:
                return self.env.false
            expected = expected.mul(size)
        return self.env.true

    def is_non_overlapping_and_dense_indicator(
        self, sizes: Sequence[IntNode], strides: Sequence[IntNode]
    ) -> IntNode:
        dense = self.is_non_overlapping_and_dense(sizes, strides)
        return self.env.int_node(int(dense.constant))
